/// What happens to a request of a fleet that runs on, beside what happens to one of an engine.
public enum FleetEventKind {
    /// It goes to a replica: the raw value of an event.
    public static let routed: Int32 = 420
}

/// What happened to a request of a fleet that runs on.
struct FleetEvent: BitwiseCopyable {
    var time = Nanoseconds.zero
    /// Of those at one time and of one replica the first comes first.
    var number: Int64 = 0
    /// The row of the request.
    var request: Int32 = 0
    /// -1: none.
    var replica: Int32 = -1
    var event: Int32 = 0
    var tokens: Int32 = 0

    /// Whether there is no more to be told of the request.
    var isEnd: Bool {
        event == LiveEngineEvent.finished.rawValue || event == LiveEngineEvent.aborted.rawValue
            || event == LiveEngineEvent.rejected.rawValue
    }

    /// In order of time; at one time by replica, and what no replica tells after those.
    fileprivate func precedes(_ other: FleetEvent) -> Bool {
        if time != other.time { return time < other.time }
        if replica != other.replica {
            return UInt32(bitPattern: replica) < UInt32(bitPattern: other.replica)
        }
        return number < other.number
    }
}

/// What happened since it was last asked. Empty unless it is wanted.
struct FleetEvents: ~Copyable {
    let isUsed: Bool
    private var events: GrowableBuffer<FleetEvent>
    /// Of those in memory: how many have been taken, and how many there are in all.
    private var taken: Int
    private var end: Int
    /// From where on they are not in order.
    private var sorted: Int
    private var made: Int64
    /// The row of a request whose end is waited for; -1: none. And whether it is there.
    var watched: Int
    private(set) var isWatchOver: Bool

    init(isUsed: Bool) throws(BatchingError) {
        events = try GrowableBuffer(capacity: 0)
        self.isUsed = isUsed
        (taken, end, sorted, made, watched, isWatchOver) = (0, 0, 0, 0, -1, false)
    }

    /// Those of a copy, which has nothing to tell yet.
    init(after other: borrowing FleetEvents, _ copy: inout DeepCopy) {
        events = GrowableBuffer(copying: other.events, count: 0, &copy)
        (isUsed, made) = (other.isUsed, other.made)
        (taken, end, sorted, watched, isWatchOver) = (0, 0, 0, -1, false)
    }

    var count: Int { end &- taken }

    @inline(__always)
    mutating func append(
        _ kind: LiveEngineEvent, _ request: Int, _ replica: Int, at time: Nanoseconds, tokens: Int32 = 0
    ) throws(BatchingError) {
        if isUsed { try append(event: kind.rawValue, request, replica, at: time, tokens: tokens) }
    }

    /// It goes to a replica.
    @inline(__always)
    mutating func appendRouted(_ request: Int, _ replica: Int, at time: Nanoseconds) throws(BatchingError) {
        if isUsed { try append(event: FleetEventKind.routed, request, replica, at: time, tokens: 0) }
    }

    /// It ends, and no replica tells.
    @inline(__always)
    mutating func append(
        end status: RequestStatus, _ request: Int, at time: Nanoseconds, tokens: Int32
    ) throws(BatchingError) {
        guard isUsed else { return }
        let kind = FleetEvents.kind(status)
        try append(
            event: kind.rawValue, request, -1, at: time, tokens: kind == .rejected ? status.rawValue : tokens)
    }

    private static func kind(_ status: RequestStatus) -> LiveEngineEvent {
        switch status {
        case .finished: .finished
        case .lost, .timedOut, .aborted: .aborted
        default: .rejected
        }
    }

    @inline(never)
    private mutating func append(
        event: Int32, _ request: Int, _ replica: Int, at time: Nanoseconds, tokens: Int32
    ) throws(BatchingError) {
        if end == events.capacity, taken > end / 2 { close() }
        try events.reserve(end &+ 1)
        let told = FleetEvent(
            time: time, number: made, request: Int32(truncatingIfNeeded: request),
            replica: Int32(truncatingIfNeeded: replica), event: event, tokens: tokens)
        events.elements[end] = told
        made &+= 1
        end &+= 1
        if request == watched, told.isEnd { isWatchOver = true }
    }

    /// The gap in front closes.
    private mutating func close() {
        events.elements.update(from: events.elements + taken, count: end &- taken)
        (end, sorted, taken) = (end &- taken, sorted &- taken, 0)
    }

    /// Puts those in order that came since the last call.
    /// - Returns: their positions, for `subscript`, until one is appended or taken.
    mutating func sort() throws(BatchingError) -> Range<Int> {
        let first = sorted
        try Heap.sort(events.elements + first, count: end &- first) { (step: Int) throws(BatchingError) in
            try Work.row(step)
        } by: {
            $0.precedes($1)
        }
        sorted = end
        return first..<end
    }

    subscript(position: Int) -> FleetEvent { events.elements[position] }

    func forEachKept(_ body: (FleetEvent) -> Void) {
        for position in taken..<end { body(events.elements[position]) }
    }

    /// The first that has not been taken; nil: there is none that is in order.
    mutating func takeNext() -> FleetEvent? {
        guard taken < sorted else { return nil }
        let next = events.elements[taken]
        taken &+= 1
        if taken == end { (taken, end, sorted) = (0, 0, 0) }
        return next
    }
}
