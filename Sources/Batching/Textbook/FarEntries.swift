/// Entries that are due further ahead than a timing wheel reaches: a binary heap by iteration, then by entry.
struct FarEntries: ~Copyable {
    struct Entry: BitwiseCopyable {
        var due: Int64
        var entry: UInt32

        @inline(__always)
        func precedes(_ other: Entry) -> Bool {
            due != other.due ? due < other.due : entry < other.entry
        }
    }

    private let heap: ScratchBuffer<Entry>
    private var count = 0
    /// The iteration of the first entry; `Int64.max` if there is none.
    private(set) var nextDue = Int64.max

    init(capacity: Int) throws(BatchingError) {
        heap = try ScratchBuffer(count: capacity, repeating: Entry(due: 0, entry: 0))
    }

    @inline(never)
    mutating func insert(_ entry: UInt32, due: Int64) {
        Heap.siftUp(Entry(due: due, entry: entry), from: count, heap.elements) { $0.precedes($1) }
        count &+= 1
        nextDue = heap.elements[0].due
    }

    /// Takes out the first entry. There must be one.
    @inline(never)
    mutating func removeFirst() -> UInt32 {
        let first = heap.elements[0].entry
        count &-= 1
        Heap.siftDown(heap.elements[count], from: 0, heap.elements, count: count) { $0.precedes($1) }
        nextDue = count > 0 ? heap.elements[0].due : Int64.max
        return first
    }
}
