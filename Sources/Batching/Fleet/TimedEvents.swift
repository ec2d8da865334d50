/// What happens in a fleet at a time that is known: a heap.
/// - Complexity: O(log n) each.
struct TimedEvents: ~Copyable {
    enum Kind: UInt8 {
        /// The KV of a hand-over is where it is needed.
        case landing
        /// The transfers on a link are looked at.
        case link
        /// The lease of what a replica holds for a hand-over is over.
        case lease
        /// A request that was lost is sent again.
        case retry
        /// A request has had no first token in time, or has not ended.
        case ttftTimeout
        case e2eTimeout
        /// A request has waited for too long until it is taken.
        case queueTimeout
        /// The client of a request leaves.
        case departure
        /// There may be room for requests that wait until they are taken.
        case admission
        /// A fault that was given.
        case fault
        /// A replica fails by itself, or comes back.
        case failure
        case recovery
        /// The router learns that a replica has failed, or is back.
        case noticeDown
        case noticeUp
        /// A circuit breaker was open for long enough.
        case halfOpen
        /// A replica that was started is ready.
        case ready
        /// The autoscaler decides.
        case scale
    }

    struct Event: BitwiseCopyable {
        var time: Nanoseconds
        /// Of those at one time the first comes first.
        var number: Int64
        var kind: Kind
        /// What it is about, and to tell it from another that has been there before.
        var index: Int32
        var mark: Int64
    }

    private var events: GrowableBuffer<Event>
    private var count: Int
    private var added: Int64

    init() throws(BatchingError) {
        events = try GrowableBuffer(capacity: 0)
        (count, added) = (0, 0)
    }

    init(copying other: borrowing TimedEvents, _ copy: inout DeepCopy) {
        events = GrowableBuffer(copying: other.events, count: other.count, &copy)
        (count, added) = (other.count, other.added)
    }

    /// `Int64.max` nanoseconds: there is none.
    var nextTime: Nanoseconds {
        @inline(__always) get { count > 0 ? events.elements[0].time : Nanoseconds(.max) }
    }

    mutating func add(_ kind: Kind, _ index: Int, mark: Int64 = 0, at time: Nanoseconds) throws(BatchingError) {
        try events.reserve(count &+ 1)
        let event = Event(
            time: time, number: added, kind: kind, index: Int32(truncatingIfNeeded: index), mark: mark)
        added &+= 1
        Heap.siftUp(event, from: count, events.elements) { TimedEvents.precedes($0, $1) }
        count &+= 1
    }

    /// There is one at least.
    mutating func takeNext() -> Event {
        let next = events.elements[0]
        count &-= 1
        let last = events.elements[count]
        if count > 0 { Heap.siftDown(last, from: 0, events.elements, count: count) { TimedEvents.precedes($0, $1) } }
        return next
    }

    private static func precedes(_ one: Event, _ other: Event) -> Bool {
        one.time == other.time ? one.number < other.number : one.time < other.time
    }
}
