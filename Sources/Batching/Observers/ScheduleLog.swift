/// Rows that a run writes into columns of the caller. Without `flush` those beyond `capacity` are counted but not kept;
/// with it, it is called with the number of filled rows whenever all are filled, and at the end.
public struct LogRows {
    let capacity: Int
    let flush: FlushCallback?
    private var filled = 0
    /// Whether `flush` has thrown.
    private(set) var hasFailed = false
    /// Rows of the whole run, kept or not.
    public private(set) var count: Int64 = 0

    package init(capacity: Int, flush: FlushCallback?) {
        self.capacity = capacity
        self.flush = flush
    }

    /// Rows for columns of `capacity` elements. With `flush`, `capacity` is at least 1.
    public init(capacity: Int, flush: ((Int) throws(BatchingError) -> Void)? = nil) {
        self.init(capacity: capacity, flush: flush.map { FlushCallback($0) })
    }

    /// The row to write; nil if it is only counted.
    mutating func next() throws(BatchingError) -> Int? {
        count &+= 1
        if filled == capacity {
            guard flush != nil, filled > 0 else { return nil }
            try finish()
        }
        filled &+= 1
        return filled &- 1
    }

    /// The rows that are filled are the caller's.
    mutating func finish() throws(BatchingError) {
        do throws(BatchingError) {
            if let flush, filled > 0 { try flush(filled) }
        } catch {
            hasFailed = true
            throw error
        }
        filled = 0
    }

    func check(_ name: StaticString) throws(BatchingError) {
        guard capacity >= 0 else { throw .invalid("\(name).capacity", capacity, "must be at least 0") }
        guard capacity > 0 || flush == nil else {
            throw .invalid("\(name).capacity", capacity, "must be at least 1 with a callback")
        }
    }
}

/// What happened in each iteration: one row an iteration. nil columns are not wanted.
public struct IterationLog {
    /// How many rows there are, and room for.
    public var rows: LogRows
    /// Seconds: when the iteration was scheduled.
    public var time: UnsafeMutablePointer<Double>?
    /// Seconds: when it began to run. The same, unless asynchronous.
    public var startTime: UnsafeMutablePointer<Double>?
    /// Seconds.
    public var duration: UnsafeMutablePointer<Double>?
    /// Requests running, those that get nothing in this iteration included.
    public var running: UnsafeMutablePointer<Int64>?
    /// Requests waiting after the scheduling.
    public var waiting: UnsafeMutablePointer<Int64>?
    /// Tokens of all prefill chunks.
    public var prefillTokens: UnsafeMutablePointer<Int64>?
    /// Sequences that decode.
    public var decodeTokens: UnsafeMutablePointer<Int64>?
    /// KV blocks in use after the scheduling.
    public var usedBlocks: UnsafeMutablePointer<Int64>?
    /// KV blocks in use after those that finished gave theirs back.
    public var keptBlocks: UnsafeMutablePointer<Int64>?
    /// Requests that it preempted.
    public var preemptions: UnsafeMutablePointer<Int64>?
    /// Requests whose last token it gave.
    public var finished: UnsafeMutablePointer<Int64>?

    /// A log without columns: set those that are wanted.
    public init(rows: LogRows) { self.rows = rows }

    mutating func append(_ iteration: CompletedIteration) throws(BatchingError) {
        guard let row = try rows.next() else { return }
        let work = iteration.work
        time?[row] = work.time.seconds
        startTime?[row] = iteration.start.seconds
        duration?[row] = iteration.duration.seconds
        running?[row] = Int64(work.running)
        waiting?[row] = Int64(work.waiting)
        prefillTokens?[row] = work.prefillTokens
        decodeTokens?[row] = work.decodeTokens
        usedBlocks?[row] = Int64(work.usedBlocks)
        keptBlocks?[row] = Int64(iteration.keptBlocks)
        preemptions?[row] = Int64(work.preemptions)
        finished?[row] = Int64(iteration.finished)
    }
}

/// One iteration, as its row in the log tells it.
struct CompletedIteration {
    var work = IterationWork()
    var start = Nanoseconds.zero
    var duration = Nanoseconds.zero
    var keptBlocks = 0
    var finished = 0
}

/// What happened to a request. The raw values are those of the C header.
public enum DecisionEvent: Int32, CaseIterable, Sendable {
    /// It was rejected on arrival; its status says why.
    case rejected = 100
    /// It lost its KV blocks, and waits again.
    case preempted = 200
    /// It joins the running for the first time; tokens: found in the prefix cache.
    case admitted = 300
    /// It joins the running again after a preemption; tokens: found in the prefix cache.
    case resumed = 310
    /// It is scheduled; tokens: how many it computes in this iteration.
    case scheduled = 400
    /// It is running, told with `includesQueues`: one row each, in the order of the running.
    case running = 500
    /// It is waiting, told with `includesQueues`: one row each, in the order in which they would be admitted.
    case waiting = 510
    /// It has its last token; tokens: how many it generated.
    case finished = 600
    /// Its client left; tokens: how many it generated.
    case aborted = 610
}

/// Which request got what: one row an event, in the order in which things happen. nil columns are not wanted.
public struct DecisionLog {
    /// How many rows there are, and room for.
    public var rows: LogRows
    /// The number of the iteration; of the next one for a rejection.
    public var iteration: UnsafeMutablePointer<Int64>?
    /// The index of the request.
    public var request: UnsafeMutablePointer<Int64>?
    /// The raw value of a `DecisionEvent`.
    public var event: UnsafeMutablePointer<Int32>?
    /// What `DecisionEvent` says of the event; 0 where it says nothing.
    public var tokens: UnsafeMutablePointer<Int32>?
    /// Whether to tell also which requests run and which wait, after each scheduling.
    public var includesQueues = false
    /// What the caller calls each request; nil: by its index.
    var ids: UnsafePointer<Int64>?
    /// Of a replica that was lost and is back: how many iterations came before.
    var firstIteration: Int64 = 0

    /// A log without columns: set those that are wanted.
    public init(rows: LogRows) { self.rows = rows }

    mutating func append(
        _ event: DecisionEvent, _ request: Int, iteration: Int64, tokens: Int64 = 0
    ) throws(BatchingError) {
        guard let row = try rows.next() else { return }
        self.iteration?[row] = firstIteration &+ iteration
        self.request?[row] = ids?[request] ?? Int64(request)
        self.event?[row] = event.rawValue
        self.tokens?[row] = Int32(clamping: tokens)
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
