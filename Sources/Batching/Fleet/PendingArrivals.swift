/// Requests of a fleet that runs on which have not arrived yet: a heap. Empty unless it does.
/// - Complexity: O(log n) each.
struct PendingArrivals: ~Copyable {
    struct Entry: BitwiseCopyable {
        var time: Nanoseconds
        /// Of those at one time the one submitted first comes first.
        var turn: Int64
        var request: Int32
    }

    let isUsed: Bool
    private var entries: GrowableBuffer<Entry>
    private(set) var count: Int

    init(isUsed: Bool) throws(BatchingError) {
        entries = try GrowableBuffer(capacity: 0)
        self.isUsed = isUsed
        count = 0
    }

    init(copying other: borrowing PendingArrivals, _ copy: inout DeepCopy) {
        (isUsed, count) = (other.isUsed, other.count)
        entries = GrowableBuffer(copying: other.entries, count: other.count, &copy)
    }

    /// `Int64.max` nanoseconds: there is none.
    var nextTime: Nanoseconds {
        @inline(__always) get { count > 0 ? entries.elements[0].time : RunGoal.forever }
    }

    /// Makes room for so many more.
    mutating func reserve(_ more: Int) throws(BatchingError) { try entries.reserve(count &+ more) }

    /// There is room.
    mutating func add(_ request: Int, turn: Int64, at time: Nanoseconds) {
        let entry = Entry(time: time, turn: turn, request: Int32(truncatingIfNeeded: request))
        Heap.siftUp(entry, from: count, entries.elements) { PendingArrivals.precedes($0, $1) }
        count &+= 1
    }

    /// There is one at least.
    mutating func takeNext() -> Int {
        let next = entries.elements[0]
        count &-= 1
        let last = entries.elements[count]
        if count > 0 {
            Heap.siftDown(last, from: 0, entries.elements, count: count) { PendingArrivals.precedes($0, $1) }
        }
        return Int(next.request)
    }

    private static func precedes(_ one: Entry, _ other: Entry) -> Bool {
        one.time == other.time ? one.turn < other.turn : one.time < other.time
    }
}
