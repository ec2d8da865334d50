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
        let new = Entry(due: due, entry: entry)
        var hole = count
        count &+= 1
        while hole > 0 {
            let parent = (hole &- 1) / 2
            if !new.precedes(heap.elements[parent]) { break }
            heap.elements[hole] = heap.elements[parent]
            hole = parent
        }
        heap.elements[hole] = new
        nextDue = heap.elements[0].due
    }

    /// Takes out the first entry. There must be one.
    @inline(never)
    mutating func removeFirst() -> UInt32 {
        let first = heap.elements[0].entry
        count &-= 1
        let moved = heap.elements[count]
        var hole = 0
        while true {
            var child = 2 &* hole &+ 1
            if child >= count { break }
            if child &+ 1 < count, heap.elements[child &+ 1].precedes(heap.elements[child]) { child &+= 1 }
            if !heap.elements[child].precedes(moved) { break }
            heap.elements[hole] = heap.elements[child]
            hole = child
        }
        heap.elements[hole] = moved
        nextDue = count > 0 ? heap.elements[0].due : Int64.max
        return first
    }
}
