/// Requests of a fleet that wait until there is room for them: a heap.
/// - Complexity: O(log n) each, O(n) for one that leaves before its turn.
struct AdmissionQueue: ~Copyable {
    struct Entry: BitwiseCopyable {
        /// The lowest first, of equals the one that came first.
        var priority: Int64
        var number: Int64
        var request: Int32
    }

    private var entries: GrowableBuffer<Entry>
    private(set) var count: Int
    private var added: Int64
    /// When it is looked at next, as far as that is known; `Int64.max` nanoseconds: it is not.
    var nextLook: Nanoseconds

    init() throws(BatchingError) {
        entries = try GrowableBuffer(capacity: 0)
        (count, added, nextLook) = (0, 0, Nanoseconds(.max))
    }

    init(copying other: borrowing AdmissionQueue, _ copy: inout DeepCopy) {
        entries = GrowableBuffer(copying: other.entries, count: other.count, &copy)
        (count, added, nextLook) = (other.count, other.added, other.nextLook)
    }

    /// There is one at least.
    var first: Int { Int(entries.elements[0].request) }

    /// Whether one of this priority goes ahead of all others.
    func isAhead(_ priority: Int64) -> Bool { count == 0 || priority < entries.elements[0].priority }

    mutating func add(_ request: Int, priority: Int64) throws(BatchingError) {
        try entries.reserve(count &+ 1)
        let entry = Entry(priority: priority, number: added, request: Int32(truncatingIfNeeded: request))
        added &+= 1
        Heap.siftUp(entry, from: count, entries.elements) { AdmissionQueue.precedes($0, $1) }
        count &+= 1
    }

    mutating func remove(_ request: Int) throws(BatchingError) {
        for position in 0..<count {
            try Work.row(position)
            if Int(entries.elements[position].request) == request { return remove(at: position) }
        }
    }

    mutating func removeFirst() { remove(at: 0) }

    private mutating func remove(at position: Int) {
        count &-= 1
        let last = entries.elements[count]
        guard position < count else { return }
        // To where it was, and from there up or down.
        Heap.siftUp(last, from: position, entries.elements) { AdmissionQueue.precedes($0, $1) }
        let settled = entries.elements[position]
        Heap.siftDown(settled, from: position, entries.elements, count: count) { AdmissionQueue.precedes($0, $1) }
    }

    private static func precedes(_ one: Entry, _ other: Entry) -> Bool {
        one.priority == other.priority ? one.number < other.number : one.priority < other.priority
    }
}
