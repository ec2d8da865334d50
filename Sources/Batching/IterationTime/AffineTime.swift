/// base + a x prefill tokens + b x decoding sequences + c x context tokens + d x sum over prefill chunks of tokens x
/// context: weights are read once, every token is computed, every decode reads its context, every chunk attends to its.
public struct AffineTime: Equatable, Sendable {
    /// Seconds of each iteration.
    public var base = 0.0
    /// Seconds a token of a prefill chunk.
    public var perPrefillToken = 0.0
    /// Seconds a sequence that decodes.
    public var perDecodeToken = 0.0
    /// Seconds a token that those attend to.
    public var perContextToken = 0.0
    /// Seconds x the sum over chunks of tokens x context.
    public var perPrefillContext = 0.0

    /// The coefficients, in seconds; each finite and at least 0.
    public init(
        base: Double = 0, perPrefillToken: Double = 0, perDecodeToken: Double = 0, perContextToken: Double = 0,
        perPrefillContext: Double = 0
    ) {
        self.base = base
        self.perPrefillToken = perPrefillToken
        self.perDecodeToken = perDecodeToken
        self.perContextToken = perContextToken
        self.perPrefillContext = perPrefillContext
    }

    /// Whether nothing but `base` counts.
    var isConstant: Bool { self == AffineTime(base: base) }

    /// Throws unless every coefficient is finite and at least 0.
    func check() throws(BatchingError) {
        _ = try Nanoseconds(seconds: base, argument: "time_base")
        _ = try Nanoseconds(seconds: perPrefillToken, argument: "time_per_prefill_token")
        _ = try Nanoseconds(seconds: perDecodeToken, argument: "time_per_decode_token")
        _ = try Nanoseconds(seconds: perContextToken, argument: "time_per_context_token")
        _ = try Nanoseconds(seconds: perPrefillContext, argument: "time_per_prefill_context")
    }
}

struct AffineTimeFormula {
    let coefficients: AffineTime

    /// In `Double`, in this order, and rounded once. It does not throw, so that it is inlined: what is beyond the clock
    /// still is when it is added to it.
    @inline(__always)
    func duration(of work: IterationWork) -> Nanoseconds {
        let seconds =
            coefficients.base + coefficients.perPrefillToken * Double(work.prefillTokens)
            + coefficients.perDecodeToken * Double(work.decodeTokens)
            + coefficients.perContextToken * Double(work.contextTokens)
            + coefficients.perPrefillContext * work.prefillContext
        return Nanoseconds(cappedSeconds: seconds)
    }
    /// The same where nothing but so many sequences decode: the terms of prefill are 0.
    @inline(__always)
    func decodeTime(_ sequences: Int64) -> LinearTime {
        LinearTime(
            base: coefficients.base + coefficients.perDecodeToken * Double(sequences),
            perContextToken: coefficients.perContextToken)
    }
}
