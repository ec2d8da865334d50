/// What an engine that runs on holds, as of its clock.
public struct LiveEngineState: Equatable, Sendable {
    /// Seconds.
    public var clock = 0.0
    /// Requests ever submitted: the sum of the next six.
    public var submitted: Int64 = 0
    /// Requests that have not arrived yet.
    public var pending: Int64 = 0
    /// Requests that wait, those preempted included.
    public var waiting: Int64 = 0
    /// Requests that run.
    public var running: Int64 = 0
    /// Requests that have finished.
    public var finished: Int64 = 0
    /// Requests that were rejected.
    public var rejected: Int64 = 0
    /// Requests that were aborted.
    public var aborted: Int64 = 0
    /// Tokens of the running whose KV is there, the iteration under way not counted.
    public var tokensInFlight: Int64 = 0
    /// KV blocks in use, those given for the iteration under way included.
    public var usedBlocks: Int64 = 0
    /// KV blocks in all; -1: no limit.
    public var usableBlocks: Int64 = 0
    /// Iterations that have begun.
    public var iterations: Int64 = 0
    /// Preemptions so far.
    public var preemptions: Int64 = 0
    /// Seconds at which the iteration under way ends; not-a-number if none is.
    public var nextIterationEnd = Double.nan
    /// Whether nothing goes on, though there are requests, until one comes or leaves.
    public var isStuck = false
    /// Events that have not been polled.
    public var events: Int64 = 0
    /// Whether the event that ends a request tells the parts of its time.
    public var keepsAttribution = false
    /// KV blocks in host memory, those that are being written included.
    public var hostBlocks: Int64 = 0
    /// KV blocks on disk, the same.
    public var diskBlocks: Int64 = 0
    /// What was loaded from these tiers, and written there.
    public var kvOffload = KVOffloadTotals()
}

extension LiveEngineState {
    init<Memory: LiveMemory & ~Copyable>(_ engine: inout LiveReplica<Memory>) {
        clock = engine.run.clock.seconds
        submitted = engine.rows.submitted
        pending = Int64(engine.pending)
        running = Int64(engine.run.replica.runningCount)
        waiting = Int64(engine.rows.count) - running - pending
        finished = Int64(engine.run.replica.totals.finished)
        rejected = Int64(engine.run.replica.totals.rejected)
        aborted = Int64(engine.run.replica.totals.aborted)
        tokensInFlight = engine.run.replica.decodingContext
        engine.run.replica.forEachCatchingUp { tokensInFlight += $0.computed }
        if engine.run.underWay == nil, !engine.isBetweenIterations, engine.run.replica.decoding > 0 {
            tokensInFlight -= Int64(engine.run.replica.decoding)
        }
        let isLimited = engine.run.replica.memory.isLimited
        usedBlocks = Int64(engine.run.replica.memory.usable - engine.run.replica.memory.free)
        usableBlocks = isLimited ? Int64(engine.run.replica.memory.usable) : -1
        iterations = engine.run.replica.iteration + (engine.run.underWay == nil ? 0 : 1)
        preemptions = engine.run.replica.totals.preemptions
        // Where nothing happens but tokens, an iteration has been run before the clock is at its end; asynchronously another
        // one is in flight behind it. A stuck engine leaves its last batch, which was empty, in flight.
        if engine.run.replica.now > engine.run.clock {
            nextIterationEnd = engine.run.replica.now.seconds
        } else if engine.run.flight.isFlying, engine.run.flight.end >= engine.run.clock {
            nextIterationEnd = engine.run.flight.end.seconds
        } else if let end = engine.run.underWay?.timing?.end {
            nextIterationEnd = end.seconds
        }
        isStuck = engine.run.isStuck
        events = Int64(engine.run.replica.observer.events.count)
        keepsAttribution = engine.configuration.keepsAttribution
        let tiers = engine.run.replica.memory.tierBlocks
        (hostBlocks, diskBlocks) = (Int64(tiers.host), Int64(tiers.disk))
        kvOffload = engine.run.replica.memory.offloadTotals
    }
}

/// Columns for what happened, each of `capacity` elements. nil: not wanted.
public struct LiveEngineEventColumns {
    let capacity: Int
    let time: UnsafeMutablePointer<Double>?
    let request: UnsafeMutablePointer<Int64>?
    let event: UnsafeMutablePointer<Int32>?
    let tokens: UnsafeMutablePointer<Int32>?
    let attribution: AttributionColumns?

    /// - Parameters:
    ///   - time: seconds.
    ///   - request: what the caller calls it.
    ///   - event: the raw value of a `LiveEngineEvent`.
    ///   - tokens: of one that was admitted or resumed: found in the prefix cache; of one that was rejected: the raw value of
    ///     its `RequestStatus`; otherwise: those that it has.
    ///   - attribution: of one that has finished or was aborted: the parts of its time; otherwise not-a-number. Only for an
    ///     engine that keeps them.
    public init(
        capacity: Int, time: UnsafeMutablePointer<Double>? = nil, request: UnsafeMutablePointer<Int64>? = nil,
        event: UnsafeMutablePointer<Int32>? = nil, tokens: UnsafeMutablePointer<Int32>? = nil,
        attribution: AttributionColumns? = nil
    ) {
        self.capacity = capacity
        self.time = time
        self.request = request
        self.event = event
        self.tokens = tokens
        self.attribution = attribution
    }
}

extension RunEvents {
    mutating func take(into columns: LiveEngineEventColumns) throws(BatchingError) -> Int {
        guard columns.attribution == nil || keepsParts else {
            throw BatchingError(
                .invalidArgument, "events.attribution is given: must be NULL for an engine without keep_attribution")
        }
        return try take(atMost: columns.capacity) { (position, event) in
            columns.time?[position] = event.time.seconds
            columns.request?[position] = event.id
            columns.event?[position] = event.event
            columns.tokens?[position] = event.tokens
        } tellParts: { (position, parts) in
            columns.attribution?.write(parts ?? RequestParts(), position)
        }
    }
}
