/// What happened to a request of an engine that runs on.
struct RunEvent: BitwiseCopyable {
    var time = Nanoseconds.zero
    var id: Int64 = 0
    var event: Int32 = 0
    var tokens: Int32 = 0

    /// Whether there is no more to be told of the request.
    var isEnd: Bool {
        event == LiveEngineEvent.finished.rawValue || event == LiveEngineEvent.aborted.rawValue
            || event == LiveEngineEvent.rejected.rawValue
    }
}

/// What happened since it was last asked, in order of time.
struct RunEvents: ~Copyable {
    private var events: PendingRows<RunEvent>
    /// Of each event that ends a request; only if that is wanted.
    private var parts: PendingRows<RequestParts>
    /// Whether anything is kept.
    let isWanted: Bool
    let keepsParts: Bool

    var count: Int { events.count }

    init(isWanted: Bool, keepsParts: Bool) throws(BatchingError) {
        let events = try PendingRows<RunEvent>(capacity: isWanted ? 64 : 0)
        let parts = try PendingRows<RequestParts>(capacity: keepsParts ? 64 : 0)
        self.events = events
        self.parts = parts
        self.isWanted = isWanted
        self.keepsParts = keepsParts
    }

    @inline(__always)
    mutating func append(
        _ event: LiveEngineEvent, _ id: Int64, at time: Nanoseconds, tokens: Int32 = 0
    ) throws(BatchingError) {
        if isWanted {
            try events.append(RunEvent(time: time, id: id, event: event.rawValue, tokens: tokens))
        }
    }

    /// Of the request that the last event ended.
    mutating func append(_ parts: RequestParts) throws(BatchingError) { try self.parts.append(parts) }

    /// - Parameter parts: of one that ends a request, if they are kept.
    mutating func push(_ event: RunEvent, _ parts: RequestParts?) throws(BatchingError) {
        try makeRoom()
        try events.append(event)
        if let parts { try self.parts.append(parts) }
    }

    /// For one event, which then takes no memory any more.
    mutating func makeRoom() throws(BatchingError) {
        if isWanted { try events.makeRoom() }
        if keepsParts { try parts.makeRoom() }
    }

    /// Calls `body` with the first of those that have not been taken, each with the parts of the request that it ends.
    /// - Returns: of how many there were parts.
    @discardableResult
    func forEach(
        of count: Int, _ body: (Int, RunEvent, RequestParts?) throws(BatchingError) -> Void
    ) throws(BatchingError) -> Int {
        var ends = 0
        for position in 0..<count {
            try Work.row(position)
            let event = events[position]
            if keepsParts, event.isEnd {
                try body(position, event, parts[ends])
                ends &+= 1
            } else {
                try body(position, event, nil)
            }
        }
        return ends
    }

    /// All, but for their parts: they are forgotten, but stay where they are until the next one comes.
    mutating func takeAll() -> UnsafeBufferPointer<RunEvent> {
        let all = events.all
        events.removeFirst(all.count)
        return all
    }

    /// The parts of all requests that ended, in the order of their events, the same.
    mutating func takeAllParts() -> UnsafeBufferPointer<RequestParts> {
        let all = parts.all
        parts.removeFirst(all.count)
        return all
    }

    /// Hands over the first, and forgets them.
    /// - Parameter tellParts: is handed the parts of the request of each, if they are kept.
    mutating func take(
        atMost capacity: Int, _ tell: (Int, RunEvent) -> Void, tellParts: (Int, RequestParts?) -> Void
    ) throws(BatchingError) -> Int {
        let taken = min(capacity, count)
        for position in 0..<taken {
            try Work.row(position)
            tell(position, events[position])
        }
        var ends = 0
        if keepsParts {
            ends = try forEach(of: taken) { (position, _, parts) throws(BatchingError) in tellParts(position, parts) }
        }
        events.removeFirst(taken)
        parts.removeFirst(ends)
        return taken
    }
}

/// Rows that come at the end, and are taken from the front.
struct PendingRows<Row: BitwiseCopyable>: ~Copyable {
    private var rows: GrowableBuffer<Row>
    private var first = 0
    private var end = 0

    var count: Int { end &- first }

    init(capacity: Int) throws(BatchingError) {
        rows = try GrowableBuffer<Row>(capacity: capacity)
    }

    @inline(__always)
    mutating func append(_ row: Row) throws(BatchingError) {
        try makeRoom()
        rows.elements[end] = row
        end &+= 1
    }

    /// For one row, which then takes no memory any more.
    @inline(__always)
    mutating func makeRoom() throws(BatchingError) {
        if end == rows.capacity { try grow() }
    }

    @inline(never)
    private mutating func grow() throws(BatchingError) {
        // Those that were taken are gone: if they are many, there is room.
        if first > end / 2 {
            rows.elements.update(from: rows.elements + first, count: count)
            end &-= first
            first = 0
        } else {
            try rows.reserve(end &+ 1)
        }
    }

    /// One of those that have not been taken.
    subscript(position: Int) -> Row { rows.elements[first &+ position] }

    /// Those that have not been taken; valid until the next one comes.
    var all: UnsafeBufferPointer<Row> { UnsafeBufferPointer(start: rows.elements + first, count: count) }

    mutating func removeFirst(_ count: Int) {
        first &+= count
        if first == end {
            first = 0
            end = 0
        }
    }
}

/// What happened. The raw values are those of the C header.
public enum LiveEngineEvent: Int32, CaseIterable, Sendable {
    /// It was rejected on arrival; tokens: the raw value of its `RequestStatus`.
    case rejected = 100
    /// It lost its KV blocks, and waits again.
    case preempted = 200
    /// It joins the running for the first time; tokens: found in the prefix cache.
    case admitted = 300
    /// It joins the running again after a preemption; tokens: found in the prefix cache.
    case resumed = 310
    /// Its first token is there.
    case firstToken = 450
    /// It has its last token.
    case finished = 600
    /// It was aborted.
    case aborted = 610
}
