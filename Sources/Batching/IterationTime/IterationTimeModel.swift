/// How long one forward pass takes. A model is a file of its own with a formula, and a case below.
protocol IterationTimeFormula {
    func duration(of work: IterationWork) throws(BatchingError) -> Nanoseconds
}

/// The model of a run: the one switch over those there are.
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
