/// base + a x prefill tokens + b x decoding sequences + c x context tokens + d x sum over prefill chunks of tokens x
/// context + e x prefill chunks, and a term if there is any: weights are read once, every token is computed, every decode
/// reads its context, every chunk attends to its, and to prefill at all costs something.
public struct AffineTime: BitwiseCopyable, Equatable, Sendable {
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
    /// Seconds of each iteration that has a prefill chunk.
    public var perPrefillIteration = 0.0
    /// Seconds a prefill chunk.
    public var perPrefillChunk = 0.0
    /// Seconds that the first iteration of a run takes longer: as kernels are loaded, say.
    public var startup = 0.0

    /// The coefficients, in seconds; each finite and at least 0.
    public init(
        base: Double = 0, perPrefillToken: Double = 0, perDecodeToken: Double = 0, perContextToken: Double = 0,
        perPrefillContext: Double = 0, perPrefillIteration: Double = 0, perPrefillChunk: Double = 0,
        startup: Double = 0
    ) {
        self.base = base
        self.perPrefillToken = perPrefillToken
        self.perDecodeToken = perDecodeToken
        self.perContextToken = perContextToken
        self.perPrefillContext = perPrefillContext
        self.perPrefillIteration = perPrefillIteration
        self.perPrefillChunk = perPrefillChunk
        self.startup = startup
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
        _ = try Nanoseconds(seconds: perPrefillIteration, argument: "time_per_prefill_iteration")
        _ = try Nanoseconds(seconds: perPrefillChunk, argument: "time_per_prefill_chunk")
        _ = try Nanoseconds(seconds: startup, argument: "time_startup")
    }

    /// Writes it, or reads it.
    mutating func code(_ coder: inout some ByteCoder) throws(BatchingError) {
        try coder.code(bits: &base)
        try coder.code(bits: &perPrefillToken)
        try coder.code(bits: &perDecodeToken)
        try coder.code(bits: &perContextToken)
        try coder.code(bits: &perPrefillContext)
        guard coder.has(version: 4) else { return }
        try coder.code(bits: &perPrefillIteration)
        try coder.code(bits: &perPrefillChunk)
        try coder.code(bits: &startup)
    }
}

extension AffineTime {
    /// From an object that has its terms.
    init(_ object: JSONReader, _ decimals: DecimalReader) throws(BatchingError) {
        self.init()
        var members = JSONObject(object, "iteration_time.", decimals)
        while var member = try members.next() {
            _ = member.take("model")
            try member.take("base", &base)
            try member.take("per_prefill_token", &perPrefillToken)
            try member.take("per_decode_token", &perDecodeToken)
            try member.take("per_context_token", &perContextToken)
            try member.take("per_prefill_context", &perPrefillContext)
            try member.take("per_prefill_iteration", &perPrefillIteration)
            try member.take("per_prefill_chunk", &perPrefillChunk)
            try member.take("startup", &startup)
            try members.end(member)
        }
    }
}

struct AffineTimeFormula: BitwiseCopyable {
    let coefficients: AffineTime

    /// In `Double`, in this order, and rounded once. It does not throw, so that it is inlined: what is beyond the clock
    /// still is when it is added to it.
    @inline(__always)
    func duration(of work: IterationWork) -> Nanoseconds {
        var seconds =
            coefficients.base + coefficients.perPrefillToken * Double(work.prefillTokens)
            + coefficients.perDecodeToken * Double(work.decodeTokens)
            + coefficients.perContextToken * Double(work.contextTokens)
            + coefficients.perPrefillContext * work.prefillContext
        seconds += coefficients.perPrefillChunk * Double(work.prefillChunks)
        seconds += work.prefillTokens > 0 ? coefficients.perPrefillIteration : 0
        if _slowPath(work.number == 0) { seconds += coefficients.startup }
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
