/// A run whose requests come as its host's time goes by: rows for the requests in flight, and a goal. What is decided, and
/// what is told of it, is the engine's.
struct LiveReplica<Memory: LiveMemory & ~Copyable>: ~Copyable {
    let configuration: EngineConfig
    /// What it does of a request.
    private let role: ReplicaRole
    /// What its model of time points to.
    private let tables: TableStorage
    var run: EngineRun<Memory, Observed>
    var rows: LiveRows
    /// The rows in order of arrival: those that wait and never ran, then those that have not arrived; between them some of
    /// those that have left. In front of them, and behind `positions`, nothing that matters.
    var order: GrowableBuffer<UInt32>
    var positions = 0
    /// The first position of those that have not arrived by the clock; and how many from there on have left.
    var firstPending = 0
    var gapsPending = 0
    /// Rows of requests that have just been submitted, before they take their places.
    var newcomers: GrowableBuffer<UInt32>
    /// Rows of requests that left before they ran, or were rejected: they are not used again before `order` is packed.
    var vacated: GrowableBuffer<UInt32>
    var vacatedCount = 0
    /// Why it cannot be used any more.
    var failure: BatchingError?
    /// Whether the replica has the columns where they are, and these are all that it has to be told of a request.
    var isConnected = false
    /// Only for a fleet: what has come since all that ran decoded.
    var newest = NewestRequests()

    /// The copy in which estimates run, made when the first is asked for.
    var twin: UnsafeMutablePointer<LiveReplica<Memory>>?
    /// With a prefix cache: the copy in which they go on once blocks need only be counted.
    var countedTwin: UnsafeMutablePointer<LiveReplica<CountedBlocks>>?

    /// - Parameters:
    ///   - keepsEvents: whether what happened will be asked for.
    ///   - attributes: whether the parts of each request's time will be asked for.
    ///   - ownsBlocks: whether it has a cache of its own from the start.
    ///   - keepsIds: whether requests will be found by their ids.
    ///   - role: what it does of a request.
    init(
        _ configuration: EngineConfig, keepsEvents: Bool, attributes: Bool = false, ownsBlocks: Bool = true,
        keepsIds: Bool = true, role: ReplicaRole = .both
    ) throws(BatchingError) {
        var configuration = configuration
        let tables = try TableStorage.copying(&configuration.iterationTime)
        let policy = configuration.policy.policy
        let memory = try Memory(
            configuration, requests: RequestColumns(count: 0),
            reservesBlocks: policy.traits.reservesBlocks, ownsBlocks: ownsBlocks)
        let rows = try LiveRows(
            keepsParts: attributes, keepsHashes: Memory.findsPrefixes, keepsIds: keepsIds,
            keepsHeldSlots: role == .decode)
        let order = try GrowableBuffer<UInt32>(capacity: 64)
        let newcomers = try GrowableBuffer<UInt32>(capacity: 0)
        let vacated = try GrowableBuffer<UInt32>(capacity: 0)
        // The wheel is small, so that it is soon copied; a request that is due beyond it is passed over.
        let survey = RequestSurvey(
            totalTokens: 0, longestPrompt: 0, longestOutput: 1000, lastArrival: .zero, isInOrderOfArrival: true)
        var replica = try Replica<Memory, Observed>(
            RequestColumns(count: 0), results: ResultColumns(), settings: ReplicaSettings(configuration, policy.traits),
            queueOrder: configuration.queueOrder, queueKey: policy.queueKey(configuration.queueOrder),
            arrivalOrder: nil, survey: survey, memory: memory,
            observer: RunObserver(keepsEvents: keepsEvents, attributes: attributes), loop: ClosedLoop(), isLive: true)
        replica.mayReject = false
        if role == .prefill {
            replica.holdsFinished = true
            try replica.lastChunks.reserve(replica.histories.capacity)
        }
        try replica.keepPolicyRows(configuration)
        run = try EngineRun(replica, configuration)
        self.configuration = configuration
        self.role = role
        self.tables = tables
        self.rows = rows
        self.order = order
        self.newcomers = newcomers
        self.vacated = vacated
        connect()
    }

    deinit {
        deallocate(twin)
        deallocate(countedTwin)
    }

    /// Tells the replica where the columns are, which may have moved, and which request comes next.
    mutating func connect() {
        let columns = rows.columns(count: positions)
        run.replica.requests = columns
        run.replica.results = rows.results
        run.replica.arrivalOrder = PermutedOrder(indices: UnsafePointer(order.elements))
        run.replica.waiting.replace(columns)
        run.replica.memory.replace(columns)
        if run.replica.isAttributed { run.replica.observer.ledger.replace(rows.parts.columns) }
        if run.replica.logsDecisions { run.replica.observer.decisionLog?.ids = UnsafePointer(rows.id.elements) }
        run.replica.noteNextArrival()
        passPending()
        isConnected = !Memory.findsPrefixes && !run.replica.isAttributed
    }

    /// Time has gone by.
    mutating func moveClock(to time: Nanoseconds) {
        run.clock = max(run.clock, time)
        passPending()
    }

    /// Whether no iteration is under way.
    var isBetweenIterations: Bool {
        run.underWay == nil && !run.flight.isFlying && run.replica.now <= run.clock
    }

    /// Throws if an error has left it unusable.
    func check() throws(BatchingError) {
        if let failure { throw failure }
    }

    /// Becomes equal to another replica of the same configuration, but for what that has still to tell, and for the KV
    /// blocks.
    mutating func assign<Other: ~Copyable>(_ other: inout LiveReplica<Other>) throws(BatchingError) {
        isConnected = false
        try rows.assign(other.rows, copiesHashIDs: Memory.findsPrefixes)
        try order.reserve(other.positions)
        let first = other.firstPosition
        (order.elements + first).update(from: other.order.elements + first, count: other.positions - first)
        positions = other.positions
        firstPending = other.firstPending
        gapsPending = other.gapsPending
        try vacated.assign(other.vacated, count: other.vacatedCount)
        vacatedCount = other.vacatedCount
        try run.assign(&other.run)
        if run.replica.isAttributed {
            let slots = other.run.replica.slotCount
            try run.replica.observer.ledger.assign(other.run.replica.observer.ledger, slots: slots)
        } else if other.run.replica.isAttributed {
            run.replica.forgetHolds(&other.run.replica)
        }
        failure = other.failure
        newest = other.newest
        connect()
    }

    /// Another of the same configuration, without KV blocks of its own, in which nothing has happened.
    func fresh() throws(BatchingError) -> UnsafeMutablePointer<LiveReplica> {
        try allocated(
            try LiveReplica(
                configuration, keepsEvents: true, attributes: configuration.keepsAttribution, ownsBlocks: false,
                keepsIds: rows.keepsIds, role: role))
    }
}

// It runs on.
extension LiveReplica where Memory: ~Copyable {
    /// Runs on. If it throws for a callback, or for what that answers, nothing has been done of it, and it can be asked
    /// again; after anything else it is unusable.
    mutating func proceed(to goal: RunGoal) throws(BatchingError) {
        run.goal = goal
        run.limits.begin(
            until: goal, from: goal.begin ?? run.replica.iteration,
            submitted: Int(truncatingIfNeeded: rows.submitted), walked: run.replica.walked)
        run.replica.isOpen = goal.isOpen && goal.time != RunGoal.forever
        let hasStopped: Bool
        do throws(BatchingError) {
            _ = try run.proceed(configuration.policy)
            hasStopped = run.hasReachedEvent
            try releaseEnded()
        } catch {
            // Also of an engine that can only be looked at from now on: nothing that it tells is after its clock.
            moveClock(to: min(run.replica.now, goal.time))
            let isMidway = error.kind != .cancelled && error.kind != .invalidArgument
            if isMidway || run.replica.observer.logsFailed { failure = error }
            if failure == nil { try releaseEnded() }
            throw error
        }
        let stopsEarly = goal.time == RunGoal.forever || run.replica.iteration >= goal.iteration || hasStopped
        moveClock(to: stopsEarly ? min(run.replica.now, goal.time) : goal.time)
    }

    /// The rows of requests that have ended can be used again.
    mutating func releaseEnded() throws(BatchingError) {
        let ended = run.replica.observer.endedCount
        if ended == 0 { return }
        if ended == rows.count, rows.removeAll() {
            run.replica.observer.endedCount = 0
            forgetOrder()
            return connect()
        }
        var leftQueue = false
        for position in 0..<ended {
            try Work.row(position)
            let row = Int(run.replica.observer.ended.elements[position])
            if self.position(of: row) != nil {
                try vacate(row)
                leftQueue = true
            } else {
                rows.remove(row)
            }
        }
        run.replica.observer.endedCount = 0
        if leftQueue { connect() }
    }
}
