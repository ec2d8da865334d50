/// A function of a caller in C: its address and its user data. Beside it stands a Swift function that captures nothing, and
/// is given it in each call. A closure that captured the two would be an object, and where there is no memory for one the
/// process ends.
package struct ForeignFunction: BitwiseCopyable {
    package let address: UnsafeRawPointer?
    package let userData: UnsafeMutableRawPointer?

    package init(_ address: UnsafeRawPointer?, userData: UnsafeMutableRawPointer?) {
        self.address = address
        self.userData = userData
    }

    /// A Swift function that captures what it needs has none.
    fileprivate static var none: ForeignFunction { ForeignFunction(nil, userData: nil) }
}

/// How long an iteration takes, in seconds.
public struct TimeCallback {
    package typealias Body = (IterationWork, ForeignFunction) throws(BatchingError) -> Double

    private let body: Body
    private let foreign: ForeignFunction

    package init(_ foreign: ForeignFunction, _ body: @escaping Body) {
        self.foreign = foreign
        self.body = body
    }

    @inline(__always)
    func callAsFunction(_ work: IterationWork) throws(BatchingError) -> Double { try body(work, foreign) }
}

extension IterationTime {
    /// - Parameter seconds: answers seconds; throws to stop the run.
    public static func callback(_ seconds: @escaping (IterationWork) throws(BatchingError) -> Double) -> IterationTime {
        .callback(TimeCallback(.none) { (work, _) throws(BatchingError) in try seconds(work) })
    }
}

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

/// Takes the rows of a log that are filled.
package struct FlushCallback {
    package typealias Body = (Int, ForeignFunction) throws(BatchingError) -> Void

    private let body: Body
    private let foreign: ForeignFunction

    package init(_ foreign: ForeignFunction, _ body: @escaping Body) {
        self.foreign = foreign
        self.body = body
    }

    init(_ flush: @escaping (Int) throws(BatchingError) -> Void) {
        self.init(.none) { (filled, _) throws(BatchingError) in try flush(filled) }
    }

    func callAsFunction(_ filled: Int) throws(BatchingError) { try body(filled, foreign) }
}
