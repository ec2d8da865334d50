/// What a fleet that runs on holds.
public struct LiveFleetState: Equatable, Sendable {
    /// Seconds.
    public var clock = 0.0
    /// Requests ever submitted: the sum of `pending`, `inFlight`, `finished`, `rejected` and `aborted`.
    public var submitted: Int64 = 0
    /// Requests that have not arrived yet.
    public var pending: Int64 = 0
    /// Of those in flight, those that wait at the router.
    public var queued: Int64 = 0
    /// Requests that have arrived and not ended.
    public var inFlight: Int64 = 0
    /// Requests that have finished.
    public var finished: Int64 = 0
    /// Requests that were rejected.
    public var rejected: Int64 = 0
    /// Requests that were aborted, lost, or late.
    public var aborted: Int64 = 0
    /// Events that have not been polled.
    public var events: Int64 = 0
    /// Replicas.
    public var replicas = 0
}

/// Columns for what happened, each of `capacity` elements. nil: not wanted.
public struct LiveFleetEventColumns {
    /// Elements of each.
    public var capacity: Int
    /// Seconds.
    public var time: UnsafeMutablePointer<Double>?
    /// What the caller calls the request.
    public var request: UnsafeMutablePointer<Int64>?
    /// The raw value of a `LiveEngineEvent`, or `FleetEventKind.routed`.
    public var event: UnsafeMutablePointer<Int32>?
    /// As of an engine.
    public var tokens: UnsafeMutablePointer<Int32>?
    /// The replica; -1: none.
    public var replica: UnsafeMutablePointer<Int32>?
    /// What became of a request, in the row of the event that ends it; in any other row as of one to which nothing happened.
    public var results = ResultColumns()
    /// The same, of what only a fleet tells.
    public var columns = FleetColumns()

    /// - Parameter capacity: at least 0.
    public init(capacity: Int) { self.capacity = capacity }
}

/// Columns for what each replica holds. nil: not wanted.
public struct LiveFleetReplicaColumns {
    /// Requests that wait there.
    public var waiting: UnsafeMutablePointer<Int64>?
    /// Requests that run there.
    public var running: UnsafeMutablePointer<Int64>?
    /// Share of its KV blocks in use; 0 without a limit.
    public var kvUse: UnsafeMutablePointer<Double>?
    /// Requests that its router counts there.
    public var inFlight: UnsafeMutablePointer<Int64>?
    /// Prompt tokens of those of them without a first token, as its router counts them.
    public var queuedTokens: UnsafeMutablePointer<Int64>?
    /// 1: its router may send requests there.
    public var isUp: UnsafeMutablePointer<Int32>?

    /// None.
    public init() {}
}

extension FleetRun {
    /// Requests that wait at the router.
    mutating func queued() throws(BatchingError) -> Int64 { Int64(try router.waiting() &+ operations.queue.count) }

    mutating func observe(_ columns: LiveFleetReplicaColumns) throws(BatchingError) {
        let replicas = replicas
        try Work.done(Int64(replicaCount))
        for replica in 0..<replicaCount {
            let load = replicas[replica].load()
            columns.waiting?[replica] = load.waiting
            columns.running?[replica] = load.running
            columns.kvUse?[replica] = load.kvUse
            let worker = Int(split.worker.elements[replica])
            if split.isUsed, !split.isSource.elements[replica] {
                columns.inFlight?[replica] = split.router.requests(worker)
                columns.queuedTokens?[replica] = split.router.prefillTokens(worker)
                columns.isUp?[replica] = split.router.isUp(worker) ? 1 : 0
            } else {
                columns.inFlight?[replica] = router.requests(worker)
                columns.queuedTokens?[replica] = router.prefillTokens(worker)
                columns.isUp?[replica] = router.isUp(worker) ? 1 : 0
            }
        }
    }
}
