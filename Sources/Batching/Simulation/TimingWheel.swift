/// Who is due at which iteration: a timing wheel (Varghese and Lauck, SOSP 1987) with one bucket an iteration.
///
/// Entries come out by iteration, and within one iteration in the order in which they went in. A bucket is a ring of
/// nodes, of which the last is known; a bit for each bucket says whether it has any, so that empty iterations are
/// skipped 64 at a time. What is due further ahead than the wheel reaches waits in a heap.
///
/// - Complexity: O(1) an entry within 16,383 iterations, O(log capacity) beyond.
struct TimingWheel: ~Copyable {
    private struct Node: BitwiseCopyable {
        var next: Int32
        var entry: UInt32
    }

    static let maximumBuckets = 1 << 14
    private static let none: Int32 = -1

    private let nodes: ScratchBuffer<Node>
    /// The last node of each bucket's ring.
    private let lastNodes: ScratchBuffer<Int32>
    private let occupied: ScratchBuffer<UInt64>
    private let mask: Int
    private var firstFree: Int32
    private var far: FarEntries
    private var nextDueInWheel = Int64.max

    /// Entries in the wheel.
    private(set) var count = 0
    /// The iteration of the entry that comes out next; `Int64.max` if there is none.
    private(set) var nextDue = Int64.max
    /// Everything due up to here has come out.
    private var current: Int64 = 0

    /// - Parameters:
    ///   - capacity: the most entries at a time; at most `Int32.max`.
    ///   - longestDelay: how far ahead an entry can be due.
    init(capacity: Int, longestDelay: Int64) throws(BatchingError) {
        var buckets = 64
        while buckets < TimingWheel.maximumBuckets, Int64(buckets) <= longestDelay { buckets <<= 1 }
        let far = try FarEntries(capacity: Int64(buckets) <= longestDelay ? capacity : 0)
        let nodes = try ScratchBuffer(count: capacity, repeating: Node(next: TimingWheel.none, entry: 0))
        let lastNodes = try ScratchBuffer(count: buckets, repeating: TimingWheel.none)
        let occupied = try ScratchBuffer<UInt64>(count: buckets / 64, repeating: 0)
        for node in 0..<max(capacity - 1, 0) { nodes.elements[node].next = Int32(truncatingIfNeeded: node + 1) }
        self.far = far
        self.nodes = nodes
        self.lastNodes = lastNodes
        self.occupied = occupied
        mask = buckets - 1
        firstFree = 0
    }

    /// - Parameters:
    ///   - entry: what comes out.
    ///   - due: an iteration after everything that has come out.
    @inline(__always)
    mutating func insert(_ entry: Int, due: Int64) {
        count &+= 1
        nextDue = min(nextDue, due)
        let entry = UInt32(truncatingIfNeeded: entry)
        guard due &- current <= Int64(mask) else {
            far.insert(entry, due: due)
            return
        }
        let node = firstFree
        firstFree = nodes.elements[Int(node)].next
        let bucket = Int(truncatingIfNeeded: due) & mask
        let last = lastNodes.elements[bucket]
        if last == TimingWheel.none {
            nodes.elements[Int(node)] = Node(next: node, entry: entry)
            occupied.elements[bucket >> 6] |= 1 << UInt64(bucket & 63)
        } else {
            nodes.elements[Int(node)] = Node(next: nodes.elements[Int(last)].next, entry: entry)
            nodes.elements[Int(last)].next = node
        }
        lastNodes.elements[bucket] = node
        nextDueInWheel = min(nextDueInWheel, due)
    }

    /// Takes out everything due up to and including `iteration`, which is not before any earlier one.
    @inline(__always)
    mutating func remove(through iteration: Int64, _ body: (Int) -> Void) {
        while nextDue <= iteration { removeNext(body) }
        current = iteration
    }

    /// Takes out everything, and counts iterations from 0 again.
    @inline(__always)
    mutating func removeAll(_ body: (Int) -> Void) {
        while count > 0 { removeNext(body) }
        current = 0
    }

    /// Takes out everything due at `nextDue`. What waited outside the wheel went in before what waited inside.
    @inline(__always)
    private mutating func removeNext(_ body: (Int) -> Void) {
        let due = nextDue
        while far.nextDue == due {
            body(Int(far.removeFirst()))
            count &-= 1
        }
        if nextDueInWheel == due {
            let bucket = Int(truncatingIfNeeded: due) & mask
            let last = lastNodes.elements[bucket]
            let first = nodes.elements[Int(last)].next
            var node = first
            while true {
                body(Int(nodes.elements[Int(node)].entry))
                count &-= 1
                if node == last { break }
                node = nodes.elements[Int(node)].next
            }
            // The whole ring becomes free at once.
            nodes.elements[Int(last)].next = firstFree
            firstFree = first
            lastNodes.elements[bucket] = TimingWheel.none
            occupied.elements[bucket >> 6] &= ~(1 << UInt64(bucket & 63))
            nextDueInWheel = nextOccupied(after: due)
        }
        nextDue = min(nextDueInWheel, far.nextDue)
    }

    /// The first iteration after `due` that has an entry in the wheel; `Int64.max` if there is none.
    @inline(__always)
    private func nextOccupied(after due: Int64) -> Int64 {
        let start = Int(truncatingIfNeeded: due &+ 1) & mask
        let words = (mask &+ 1) >> 6
        var word = start >> 6
        var bits = occupied.elements[word] & (UInt64.max << UInt64(start & 63))
        // One more word than there are: the first one's lower bits come last.
        for _ in 0...words {
            if bits != 0 {
                let bucket = word << 6 | bits.trailingZeroBitCount
                return due &+ 1 &+ Int64((bucket &- start) & mask)
            }
            word = word &+ 1 == words ? 0 : word &+ 1
            bits = occupied.elements[word]
        }
        return Int64.max
    }
}
