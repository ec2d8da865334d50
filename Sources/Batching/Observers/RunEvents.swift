/// What happened to a request of an engine that runs on.
struct RunEvent: BitwiseCopyable {
    var time = Nanoseconds.zero
    var id: Int64 = 0
    var event: Int32 = 0
    var tokens: Int32 = 0
}

/// What happened since it was last asked, in order of time.
struct RunEvents: ~Copyable {
    private var events: GrowableBuffer<RunEvent>
    private var first = 0
    private var end = 0
    /// Whether anything is kept.
    let isWanted: Bool

    var count: Int { end - first }

    init(isWanted: Bool) throws(BatchingError) {
        events = try GrowableBuffer(capacity: isWanted ? 64 : 0, repeating: RunEvent())
        self.isWanted = isWanted
    }

    @inline(__always)
    mutating func append(
        _ event: LiveEngineEvent, _ id: Int64, at time: Nanoseconds, tokens: Int32 = 0
    ) throws(BatchingError) {
        if isWanted {
            try push(RunEvent(time: time, id: id, event: event.rawValue, tokens: tokens))
        }
    }

    mutating func push(_ event: RunEvent) throws(BatchingError) {
        try makeRoom()
        events.elements[end] = event
        end += 1
    }

    /// For one event, which then takes no memory any more.
    mutating func makeRoom() throws(BatchingError) {
        if isWanted, end == events.capacity {
            // Those that were told are gone: if they are many, there is room.
            if first > end / 2 {
                events.elements.update(from: events.elements + first, count: count)
                end -= first
                first = 0
            } else {
                try events.reserve(end + 1)
            }
        }
    }

    /// One of those that have not been taken.
    subscript(position: Int) -> RunEvent { events.elements[first + position] }

    /// Hands over the first, and forgets them.
    mutating func take(
        atMost capacity: Int, _ body: (Int, RunEvent) -> Void
    ) throws(BatchingError) -> Int {
        let taken = min(capacity, count)
        for position in 0..<taken {
            try Work.row(position)
            body(position, events.elements[first + position])
        }
        first += taken
        if first == end {
            first = 0
            end = 0
        }
        return taken
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
