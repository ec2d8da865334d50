/// What a custom policy decides.
package struct PolicyCallback {
    package typealias Body = (PolicyView, inout PolicyDecision, ForeignFunction) throws(BatchingError) -> Void

    private let body: Body
    private let foreign: ForeignFunction

    package init(_ foreign: ForeignFunction, _ body: @escaping Body) {
        self.foreign = foreign
        self.body = body
    }

    fileprivate init(_ scheduler: @escaping CustomScheduler) {
        self.init(.none) { (view, decision, _) throws(BatchingError) in try scheduler(view, &decision) }
    }

    @inline(__always)
    func callAsFunction(_ view: PolicyView, _ decision: inout PolicyDecision) throws(BatchingError) {
        try body(view, &decision, foreign)
    }
}

/// Is told how far a run has come.
package struct ProgressCallback {
    package typealias Body = (EngineProgress, ForeignFunction) throws(BatchingError) -> Void

    private let body: Body
    private let foreign: ForeignFunction

    package init(_ foreign: ForeignFunction, _ body: @escaping Body) {
        self.foreign = foreign
        self.body = body
    }

    fileprivate init(_ progress: @escaping (EngineProgress) throws(BatchingError) -> Void) {
        self.init(.none) { (state, _) throws(BatchingError) in try progress(state) }
    }

    func callAsFunction(_ progress: EngineProgress) throws(BatchingError) { try body(progress, foreign) }
}

extension EngineConfig {
    /// Asked in each iteration if the policy is `.custom`.
    public var customPolicy: CustomScheduler? {
        get {
            guard let policyCallback else { return nil }
            return { (view, decision) throws(BatchingError) in try policyCallback(view, &decision) }
        }
        set { policyCallback = newValue.map { PolicyCallback($0) } }
    }

    /// Called every `progressInterval` iterations; throws to stop the run.
    public var progress: ((EngineProgress) throws(BatchingError) -> Void)? {
        get {
            guard let progressCallback else { return nil }
            return { (state) throws(BatchingError) in try progressCallback(state) }
        }
        set { progressCallback = newValue.map { ProgressCallback($0) } }
    }
}
