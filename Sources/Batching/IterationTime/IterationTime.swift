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

/// How long one forward pass takes.
protocol IterationTimeFormula {
    func duration(of work: IterationWork) throws(BatchingError) -> Nanoseconds
}

/// The model of a run, as the loop asks it.
enum IterationTimeModel {
    case constant(Nanoseconds)
    case affine(AffineTimeFormula)
    case callback(CallbackTime)

    init(_ time: IterationTime) {
        switch time {
        case .constant(let seconds): self = .constant(Nanoseconds(validSeconds: seconds))
        case .affine(let coefficients) where coefficients.isConstant:
            self = .constant(Nanoseconds(validSeconds: coefficients.base))
        case .affine(let coefficients): self = .affine(AffineTimeFormula(coefficients: coefficients))
        case .callback(let callback): self = .callback(CallbackTime(callback: callback))
        }
    }

    @inline(__always)
    func duration(of work: IterationWork) throws(BatchingError) -> Nanoseconds {
        switch self {
        case .constant(let step): return step
        case .affine(let formula): return formula.duration(of: work)
        case .callback(let formula): return try formula.duration(of: work)
        }
    }

    /// Whether it asks the caller, who may not answer.
    var mayFail: Bool {
        @inline(__always) get { if case .callback = self { true } else { false } }
    }
}
