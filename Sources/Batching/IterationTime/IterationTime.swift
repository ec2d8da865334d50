/// How long an iteration takes. A new model is a case here, a formula in a file of its own, and its line in each switch of
/// this file.
public enum IterationTime {
    /// Seconds.
    case constant(Double)
    /// Affine in the tokens, sequences and contexts of the iteration.
    case affine(AffineTime)
    /// What a closure of the caller answers.
    case callback(TimeCallback)
}

extension IterationTime {
    /// Throws unless every value is in its range.
    func check() throws(BatchingError) {
        switch self {
        case .constant(let seconds): _ = try Nanoseconds(seconds: seconds, argument: "time_base")
        case .affine(let model): try model.check()
        case .callback: break
        }
    }

    /// Whether the caller is asked.
    var asksCaller: Bool {
        if case .callback = self { true } else { false }
    }

    /// About the longest that an iteration takes whose prompts and contexts have at most so many tokens, in seconds; nil:
    /// only the caller knows.
    func longest(tokens: Double) -> Double? {
        switch self {
        case .constant(let seconds): seconds
        case .affine(let model):
            model.base + model.perDecodeToken + model.perContextToken * tokens
                + (model.perPrefillToken + model.perPrefillContext * tokens) * tokens
        case .callback: nil
        }
    }

    /// Writes it; or reads it, with the callback that it has already.
    mutating func code(_ coder: inout some ByteCoder) throws(BatchingError) {
        var kind: UInt8 = 0
        var model = AffineTime()
        switch self {
        case .constant(let seconds): model.base = seconds
        case .affine(let coefficients): (kind, model) = (1, coefficients)
        case .callback: kind = 2
        }
        try coder.code(&kind, from: 0, to: 2)
        try coder.code(bits: &model.base)
        try coder.code(bits: &model.perPrefillToken)
        try coder.code(bits: &model.perDecodeToken)
        try coder.code(bits: &model.perContextToken)
        try coder.code(bits: &model.perPrefillContext)
        switch kind {
        case 0: self = .constant(model.base)
        case 1: self = .affine(model)
        default:
            guard asksCaller else { throw .missingCallback("time_callback") }
        }
    }
}

/// The model of a run, as the loop asks it. Not an enumeration: all of that would be copied at each switch.
struct IterationTimeModel {
    private enum Kind: UInt8 {
        case constant
        case affine
        case callback
    }

    private let kind: Kind
    private var step = Nanoseconds.zero
    private var affine = AffineTimeFormula(coefficients: AffineTime())
    private var callback: CallbackTime?

    init(_ time: IterationTime) {
        switch time {
        case .constant(let seconds):
            kind = .constant
            step = Nanoseconds(validSeconds: seconds)
        case .affine(let coefficients) where coefficients.isConstant:
            kind = .constant
            step = Nanoseconds(validSeconds: coefficients.base)
        case .affine(let coefficients):
            kind = .affine
            affine = AffineTimeFormula(coefficients: coefficients)
        case .callback(let callback):
            kind = .callback
            self.callback = CallbackTime(callback: callback)
        }
    }

    /// nil: only the caller knows.
    @inline(__always)
    func knownDuration(of work: IterationWork) -> Nanoseconds? {
        switch kind {
        case .constant: step
        case .affine: affine.duration(of: work)
        case .callback: nil
        }
    }

    /// The same, if need be asking the caller.
    @inline(never)
    func duration(of work: IterationWork) throws(BatchingError) -> Nanoseconds {
        if let callback { return try callback.duration(of: work) }
        return knownDuration(of: work) ?? .zero
    }

    /// How long iterations take in which so many sequences decode, and nothing else happens.
    @inline(__always)
    func decodeTime(_ sequences: Int64) -> DecodeTime {
        switch kind {
        case .constant: .even(step)
        case .affine: .linear(affine.decodeTime(sequences))
        case .callback: .asked
        }
    }

    /// Whether it asks the caller, which may not answer.
    var mayFail: Bool {
        @inline(__always) get { kind == .callback }
    }
}

/// How long iterations take in which the same sequences decode, and nothing else happens.
enum DecodeTime {
    /// Each the same.
    case even(Nanoseconds)
    /// It depends on the contexts alone.
    case linear(LinearTime)
    /// Only the caller knows.
    case asked
}

/// Base + a x context tokens.
struct LinearTime {
    /// Seconds, whatever the contexts.
    let base: Double
    /// Seconds a token that they attend to.
    let perContextToken: Double

    /// Of one of them.
    @inline(__always)
    func seconds(context: Int64) -> Double { base + perContextToken * Double(context) }
}
