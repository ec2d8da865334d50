/// A replica whose requests come as its host's time goes by: it runs up to a time, and stops there in the middle of an
/// iteration if need be.
///
/// An iteration that ends after that time has been scheduled, and is under way. What its end brings (tokens, who finishes)
/// is told to nobody before the clock gets there, and what the host wants of the running meanwhile happens at its end.
struct LiveReplica<Memory: LiveMemory & ~Copyable>: ~Copyable {
    typealias UnderWay = LiveIteration
    typealias Departure = LiveDeparture

    let configuration: EngineConfig
    var replica: Replica<Memory, Unattributed>
    var rows: LiveRows
    var events: LiveEvents
    /// Up to here everything has happened.
    var clock = Nanoseconds.zero
    /// The rows in order of arrival: those who wait and never ran, then those who have not arrived; between them some of
    /// those who have left. In front of them, and behind `positions`, nothing that matters.
    var order: GrowableBuffer<UInt32>
    var positions = 0
    /// The first position of those who have not arrived by `clock`; and how many from there on have left.
    var firstPending = 0
    var gapsPending = 0
    /// Rows of those who have just been submitted, before they take their places.
    var newcomers: GrowableBuffer<UInt32>
    /// Rows of those who left before they ran, or were rejected: they are not used again before `order` is packed.
    var vacated: GrowableBuffer<UInt32>
    var vacatedCount = 0
    var underWay: UnderWay?
    /// Whose first token the iteration under way gives.
    var firstTokens: GrowableBuffer<LiveFirstToken>
    var firstTokenCount = 0
    /// Of asynchronous scheduling only.
    var flight: LiveFlight
    /// Running requests, by id, that leave once the iteration under way is over: as finished, or as aborted.
    var leaving: GrowableBuffer<Departure>
    var leavingCount = 0
    /// Nothing can go on before somebody comes or leaves.
    var isStuck = false
    /// Why it cannot be used any more.
    var failure: BatchingError?
    /// Whether any may be rejected on arrival.
    var mayReject = false
    var rejected: Int64 = 0
    var aborted: Int64 = 0
    /// The row whose end is waited for; -1: none.
    var watchedRow = -1
    /// Whether the wait is over, too, once blocks need only be counted.
    var endsOnceCountable = false

    /// The copy in which estimates run, made when the first is asked for.
    var twin: UnsafeMutablePointer<LiveReplica<Memory>>?
    /// With a prefix cache: the copy in which they go on once blocks need only be counted.
    var countedTwin: UnsafeMutablePointer<LiveReplica<CountedBlocks>>?

    /// - Parameters:
    ///   - keepsEvents: whether anybody will want to know what happened.
    ///   - ownsBlocks: whether it has a cache of its own from the start.
    init(
        _ configuration: EngineConfig, keepsEvents: Bool, ownsBlocks: Bool = true
    ) throws(BatchingError) {
        let policy = configuration.policy.policy
        let memory = try Memory(
            configuration, requests: RequestColumns(count: 0), reservesBlocks: policy.reservesBlocks,
            ownsBlocks: ownsBlocks)
        let rows = try LiveRows()
        let order = try GrowableBuffer<UInt32>(capacity: 64, repeating: 0)
        let newcomers = try GrowableBuffer<UInt32>(capacity: 0, repeating: 0)
        let vacated = try GrowableBuffer<UInt32>(capacity: 0, repeating: 0)
        let events = try LiveEvents(isWanted: keepsEvents)
        let firstTokens = try GrowableBuffer(capacity: 0, repeating: LiveFirstToken())
        let flight = try LiveFlight()
        let leaving = try GrowableBuffer(capacity: 0, repeating: Departure())
        // The wheel is small, so that it is soon copied; who is due beyond it is passed over.
        let survey = RequestSurvey(
            totalTokens: 0, longestPrompt: 0, longestOutput: 1000, lastArrival: .zero, isInOrderOfArrival: true)
        let settings = ReplicaSettings(
            configuration, reservesBlocks: policy.reservesBlocks, padsBatch: policy.padsBatch)
        var replica = try Replica<Memory, Unattributed>(
            RequestColumns(count: 0), results: ResultColumns(), settings: settings,
            queueOrder: configuration.queueOrder, arrivalOrder: nil, survey: survey, memory: memory, attribution: nil,
            iterationLog: nil, decisionLog: nil, isLive: true)
        // Those who can never be served are turned away before the replica sees them.
        replica.mayReject = false
        try replica.keepPolicyRows(configuration)
        self.replica = replica
        self.configuration = configuration
        self.rows = rows
        self.order = order
        self.newcomers = newcomers
        self.vacated = vacated
        self.events = events
        self.firstTokens = firstTokens
        self.flight = flight
        self.leaving = leaving
        connect()
    }

    deinit {
        deallocate(twin)
        deallocate(countedTwin)
    }

    /// Tells the replica where the columns are, which may have moved, and who comes next.
    mutating func connect() {
        let columns = rows.columns(count: positions)
        replica.requests = columns
        replica.results = rows.results
        replica.arrivalOrder = PermutedOrder(indices: UnsafePointer(order.elements))
        replica.waiting.replace(columns)
        replica.memory.replace(columns)
        replica.noteNextArrival()
        passPending()
    }

    /// Time has gone by.
    mutating func moveClock(to time: Nanoseconds) {
        clock = max(clock, time)
        passPending()
    }

    /// Whether no iteration is under way.
    var isBetweenIterations: Bool { underWay == nil && !flight.isFlying && replica.now <= clock }

    /// Throws if an error has left it unusable.
    func check() throws(BatchingError) {
        if let failure { throw failure }
    }

    /// Becomes equal to another replica of the same configuration, but for what that has still to tell, and for the KV
    /// blocks.
    mutating func assign<Other: ~Copyable>(_ other: borrowing LiveReplica<Other>) throws(BatchingError) {
        try rows.assign(other.rows, copiesHashIDs: Memory.findsPrefixes)
        try order.reserve(other.positions)
        let first = other.firstPosition
        (order.elements + first).update(from: other.order.elements + first, count: other.positions - first)
        positions = other.positions
        firstPending = other.firstPending
        gapsPending = other.gapsPending
        try vacated.assign(other.vacated, count: other.vacatedCount)
        vacatedCount = other.vacatedCount
        try replica.assign(other.replica)
        clock = other.clock
        underWay = other.underWay
        try firstTokens.assign(other.firstTokens, count: other.firstTokenCount)
        firstTokenCount = other.firstTokenCount
        try flight.assign(other.flight)
        try leaving.assign(other.leaving, count: other.leavingCount)
        leavingCount = other.leavingCount
        isStuck = other.isStuck
        failure = other.failure
        mayReject = other.mayReject
        rejected = other.rejected
        aborted = other.aborted
        connect()
    }
}

/// The iteration that is under way.
struct LiveIteration {
    var work = IterationWork()
    var duration = Nanoseconds.zero
    /// nil: how long it takes was asked, but not answered.
    var end: Nanoseconds?
}

/// A running request that leaves once the iteration under way is over.
struct LiveDeparture: BitwiseCopyable {
    var id: Int64 = 0
    /// As many tokens as it had to have to be finished; 0: it was aborted.
    var output: Int32 = 0
}
