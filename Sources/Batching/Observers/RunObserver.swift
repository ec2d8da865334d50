/// Whether anything is told of a run while it goes on. The engine is compiled once for each answer, so that a run of which
/// nothing is wanted but its results pays for no more.
protocol ObservationChoice {
    static var isAny: Bool { get }
}

enum Unobserved: ObservationChoice {
    static var isAny: Bool {
        @inline(__always) get { false }
    }
}

enum Observed: ObservationChoice {
    static var isAny: Bool {
        @inline(__always) get { true }
    }
}

/// What is told of a run while it goes on: the parts of each request's time, logs, events. Each of them is wanted or not.
struct RunObserver: ~Copyable {
    var ledger: AttributionLedger
    let attributes: Bool
    var iterationLog: IterationLog?
    var decisionLog: DecisionLog?
    /// Whether there is one of each: the loop asks.
    private(set) var logsIterations = false
    private(set) var logsDecisions = false
    var events: RunEvents
    /// Requests that have ended since this was emptied, for an engine whose requests have rows that are used again.
    var ended: GrowableBuffer<UInt32>
    var endedCount = 0
    let keepsEnded: Bool

    /// For a whole run.
    init(
        attribution: AttributionColumns?, count: Int, iterationLog: IterationLog?, decisionLog: DecisionLog?
    ) throws(BatchingError) {
        try self.init(attribution: attribution, count: count, keepsEvents: false, keepsEnded: false)
        setLogs(iterationLog, decisionLog)
    }

    /// For an engine that runs on.
    init(keepsEvents: Bool, attributes: Bool) throws(BatchingError) {
        // Where the columns are is told later, and again whenever they move.
        try self.init(
            attribution: attributes ? AttributionColumns() : nil, count: 0, keepsEvents: keepsEvents, keepsEnded: true)
    }

    private init(
        attribution: AttributionColumns?, count: Int, keepsEvents: Bool, keepsEnded: Bool
    ) throws(BatchingError) {
        let ledger = try AttributionLedger(attribution, count: count, isLive: keepsEnded)
        let events = try RunEvents(isWanted: keepsEvents, keepsParts: keepsEvents && attribution != nil)
        let ended = try GrowableBuffer<UInt32>(capacity: 0)
        self.ledger = ledger
        attributes = attribution != nil
        self.events = events
        self.ended = ended
        self.keepsEnded = keepsEnded
    }

    /// From here on they are filled, or, if nil, not.
    mutating func setLogs(_ iterationLog: IterationLog?, _ decisionLog: DecisionLog?) {
        self.iterationLog = iterationLog
        self.decisionLog = decisionLog
        logsIterations = iterationLog != nil
        logsDecisions = decisionLog != nil
    }

    /// The rows of logs that are filled are the caller's.
    mutating func finishLogs() throws(BatchingError) {
        try iterationLog?.rows.finish()
        try decisionLog?.rows.finish()
    }

    /// Whether the caller has stopped the run as it was handed rows, in the middle of an iteration.
    var logsFailed: Bool {
        (iterationLog?.rows.hasFailed ?? false) || (decisionLog?.rows.hasFailed ?? false)
    }

    /// For an event that ends a request, which then takes no memory any more.
    mutating func makeRoom() throws(BatchingError) {
        try events.makeRoom()
        if keepsEnded { try ended.reserve(endedCount &+ 1) }
    }

    /// Tells that a request has ended, whose parts are known.
    @inline(__always)
    mutating func tellEnd(
        _ event: LiveEngineEvent, _ request: Int, id: Int64, at time: Nanoseconds, tokens: Int32 = 0
    ) throws(BatchingError) {
        try events.append(event, id, at: time, tokens: tokens)
        if events.keepsParts { try events.append(ledger.parts(request)) }
    }

    /// A request has finished, was rejected, or has left.
    @inline(__always)
    mutating func noteEnd(_ request: Int) throws(BatchingError) {
        guard keepsEnded else { return }
        try ended.reserve(endedCount &+ 1)
        ended.elements[endedCount] = UInt32(truncatingIfNeeded: request)
        endedCount &+= 1
    }
}
