/// What a rule looks at of requests in flight.
struct RouterNeeds {
    var ends = true
    var firstTokens = false
    var metrics = false
}

/// The rule of a router, with what it remembers. One a file.
///
/// A call that may throw changes nothing if it does; what `book` and those after it need has been reserved before.
protocol RouterRule: ~Copyable {
    /// Whether it compares characters where there are any.
    static var readsText: Bool { get }
    /// What it must be told of requests in flight for its decisions.
    static var needs: RouterNeeds { get }

    init(_ configuration: RouterConfig) throws(BatchingError)
    init(copying other: borrowing Self, _ copy: inout DeepCopy)

    /// Sets the candidates and scores of a request: the workers that it may go to, all of which are up. At least one is up.
    /// Where scores are not wanted, a rule whose `choose` looks at no candidates need set neither.
    mutating func decide(_ question: RoutingQuestion, _ state: inout RoutingState) throws(BatchingError)

    /// Which of the candidates it goes to, of which there is at least one.
    mutating func choose(_ state: inout RoutingState) -> Int

    /// Makes room for what `book` will remember, also of a request that waits first.
    mutating func reserve(_ question: RoutingQuestion, _ state: inout RoutingState) throws(BatchingError)

    /// A request has gone to a worker, where the state counts it. It may not have been decided before: its host may have chosen.
    mutating func book(_ question: RoutingQuestion, slot: Int, worker: Int, _ state: inout RoutingState)

    mutating func firstToken(_ slot: Int, _ state: inout RoutingState)
    mutating func outputBlock(_ slot: Int, weight: Double, _ state: inout RoutingState) throws(BatchingError)
    /// It leaves: it is still counted by the state.
    mutating func finished(_ slot: Int, _ state: inout RoutingState)
    /// The state counts it no more.
    mutating func hasLeft(_ worker: Int, _ state: inout RoutingState)

    /// A worker comes or goes; the state knows it already.
    mutating func workerChanged(_ worker: Int, _ state: inout RoutingState)
    /// Metrics have been told; the state has them already.
    mutating func observed(_ state: inout RoutingState)

    mutating func stored(_ worker: Int, _ hashIds: UnsafePointer<UInt64>, count: Int, first: Int) throws(BatchingError)
    mutating func removed(_ worker: Int, _ hashIds: UnsafePointer<UInt64>, count: Int) throws(BatchingError)
    mutating func evict(most: Int64) throws(BatchingError)

    /// Whether a request must wait.
    mutating func mustWait(_ question: RoutingQuestion, _ state: inout RoutingState) throws(BatchingError) -> Bool
    /// It waits from now on; there is room.
    mutating func wait(_ question: RoutingQuestion, slot: Int, _ state: inout RoutingState)
    /// The slot of the next that need not wait any more; it has been sent and booked. nil: there is none.
    mutating func release(_ state: inout RoutingState) throws(BatchingError) -> Int?
    var waitingCount: Int { get }
}

// What most rules do not look at.
extension RouterRule where Self: ~Copyable {
    static var readsText: Bool { false }
    static var needs: RouterNeeds { RouterNeeds() }

    mutating func choose(_ state: inout RoutingState) -> Int { state.anyCandidate() }

    mutating func reserve(_ question: RoutingQuestion, _ state: inout RoutingState) throws(BatchingError) {}
    mutating func book(_ question: RoutingQuestion, slot: Int, worker: Int, _ state: inout RoutingState) {}
    mutating func firstToken(_ slot: Int, _ state: inout RoutingState) {}
    mutating func outputBlock(_ slot: Int, weight: Double, _ state: inout RoutingState) throws(BatchingError) {}
    mutating func finished(_ slot: Int, _ state: inout RoutingState) {}
    mutating func hasLeft(_ worker: Int, _ state: inout RoutingState) {}
    mutating func workerChanged(_ worker: Int, _ state: inout RoutingState) {}
    mutating func observed(_ state: inout RoutingState) {}
    mutating func stored(
        _ worker: Int, _ hashIds: UnsafePointer<UInt64>, count: Int, first: Int
    ) throws(BatchingError) {}
    mutating func removed(_ worker: Int, _ hashIds: UnsafePointer<UInt64>, count: Int) throws(BatchingError) {}
    mutating func evict(most: Int64) throws(BatchingError) {}
    mutating func mustWait(
        _ question: RoutingQuestion, _ state: inout RoutingState
    ) throws(BatchingError) -> Bool { false }
    mutating func wait(_ question: RoutingQuestion, slot: Int, _ state: inout RoutingState) {}
    mutating func release(_ state: inout RoutingState) throws(BatchingError) -> Int? { nil }
    var waitingCount: Int { 0 }
}
