/// Which request is due at which iteration: a timing wheel (Varghese and Lauck, SOSP 1987) with one bucket an iteration.
///
/// Entries come out by iteration, and within one iteration in the order in which they went in. A bucket is a list of
/// nodes that begins at a node of its own, so that adding to it takes no branch; a bit for each bucket says whether it
/// has any, so that empty iterations are skipped 64 at a time. What is due further ahead than the wheel reaches waits in
/// a heap.
///
/// - Complexity: O(1) an entry within 16,383 iterations, O(log capacity) beyond.
struct TimingWheel: ~Copyable {
    struct Node: BitwiseCopyable {
        var next: Int32
        var entry: UInt32
    }

    static let largestReach: Int64 = (1 << 14) - 1

    /// The first node of each bucket, which holds no entry, then those that do, then the first of the removed ones.
    private let nodes: ScratchBuffer<Node>
    /// The last node of each bucket; its own node if it is empty.
    private let lastNodes: ScratchBuffer<Int32>
    private let occupied: ScratchBuffer<UInt64>
    private let mask: Int
    /// The node before those that are being taken out.
    private let removed: Int32
    private var firstFree: Int32
    private var far: FarEntries

    /// Entries that have not come out.
    private(set) var count = 0
    /// Everything due up to here has come out.
    private var current: Int64 = 0

    /// - Parameters:
    ///   - capacity: the most entries at a time; at most `RequestColumns.maximumCount`.
    ///   - longestDelay: how far after the last `remove(through:)` an entry can be due.
    init(capacity: Int, longestDelay: Int64) throws(BatchingError) {
        var buckets = 64
        while buckets <= TimingWheel.largestReach, buckets <= longestDelay { buckets <<= 1 }
        let far = try FarEntries(capacity: longestDelay > TimingWheel.largestReach ? capacity : 0)
        let nodes = try ScratchBuffer(count: buckets + capacity + 1, repeating: Node(next: 0, entry: 0))
        let lastNodes = try ScratchBuffer<Int32>(count: buckets, repeating: 0)
        let occupied = try ScratchBuffer<UInt64>(count: buckets / 64, repeating: 0)
        for bucket in 0..<buckets { lastNodes.elements[bucket] = Int32(truncatingIfNeeded: bucket) }
        for node in buckets..<buckets + capacity { nodes.elements[node].next = Int32(truncatingIfNeeded: node + 1) }
        self.far = far
        self.nodes = nodes
        self.lastNodes = lastNodes
        self.occupied = occupied
        mask = buckets - 1
        removed = Int32(truncatingIfNeeded: buckets + capacity)
        firstFree = Int32(truncatingIfNeeded: buckets)
    }

    /// Whether an entry due at this iteration has a bucket, or waits in the heap.
    @inline(__always)
    func reaches(_ due: Int64) -> Bool { due &- current <= Int64(mask) }

    /// - Parameters:
    ///   - entry: what comes out.
    ///   - due: an iteration after everything that has come out. Beyond the reach of the wheel only right after a
    ///     `remove(through:)`: what waits in the heap must have gone in before what is due with it in the wheel.
    @inline(__always)
    mutating func insert(_ entry: Int, due: Int64) {
        count &+= 1
        let entry = UInt32(truncatingIfNeeded: entry)
        guard reaches(due) else {
            far.insert(entry, due: due)
            return
        }
        let node = firstFree
        firstFree = nodes.elements[Int(node)].next
        nodes.elements[Int(node)].entry = entry
        let bucket = Int(truncatingIfNeeded: due) & mask
        nodes.elements[Int(lastNodes.elements[bucket])].next = node
        lastNodes.elements[bucket] = node
        occupied.elements[bucket >> 6] |= 1 &<< UInt64(truncatingIfNeeded: bucket)
    }

    /// The iteration of the entry that comes out next; `Int64.max` if there is none.
    @inline(__always)
    var nextDue: Int64 { min(nextOccupied, far.nextDue) }

    /// Takes out everything due up to and including `iteration`, which is not before any earlier one.
    @inline(__always)
    mutating func remove<Failure>(
        through iteration: Int64, _ body: (Int) throws(Failure) -> Void
    ) throws(Failure) {
        if far.nextDue <= iteration { try removeFar(through: iteration, body) }
        try removeFromWheel(through: iteration, body)
    }

    /// Takes out what waits in the heap, each right before what is due with it in the wheel, where it went in later.
    @inline(never)
    private mutating func removeFar<Failure>(
        through iteration: Int64, _ body: (Int) throws(Failure) -> Void
    ) throws(Failure) {
        while far.nextDue <= iteration {
            try removeFromWheel(through: far.nextDue &- 1, body)
            try body(Int(far.removeFirst()))
            count &-= 1
        }
    }

    @inline(__always)
    private mutating func removeFromWheel<Failure>(
        through iteration: Int64, _ body: (Int) throws(Failure) -> Void
    ) throws(Failure) {
        // The lists of all buckets become one, so that there is one loop over entries and not one for each bucket.
        var last = removed
        var next = current &+ 1
        // Nothing in the wheel is due later than one turn from now.
        let lastDue = min(iteration, next &+ Int64(mask))
        while next <= lastDue {
            // The iterations that share a word of bits with the next one: all 64, or fewer at either end.
            let lastInWord = min(next | 63, lastDue)
            let word = (Int(truncatingIfNeeded: next) & mask) >> 6
            let reached = UInt64.max &<< UInt64(truncatingIfNeeded: next)
            let notBeyond = UInt64.max &>> UInt64(truncatingIfNeeded: 63 &- lastInWord)
            var bits = occupied.elements[word] & reached & notBeyond
            occupied.elements[word] ^= bits
            while bits != 0 {
                let bucket = word &<< 6 | bits.trailingZeroBitCount
                nodes.elements[Int(last)].next = nodes.elements[bucket].next
                last = lastNodes.elements[bucket]
                lastNodes.elements[bucket] = Int32(truncatingIfNeeded: bucket)
                bits &= bits &- 1
            }
            next = lastInWord &+ 1
        }
        current = iteration
        if last != removed { try empty(through: last, body) }
    }

    /// Takes out the entries of the list of removed nodes, and makes all of them free at once.
    @inline(__always)
    private mutating func empty<Failure>(
        through last: Int32, _ body: (Int) throws(Failure) -> Void
    ) throws(Failure) {
        let first = nodes.elements[Int(removed)].next
        var node = first
        while true {
            try body(Int(nodes.elements[Int(node)].entry))
            count &-= 1
            if node == last { break }
            node = nodes.elements[Int(node)].next
        }
        nodes.elements[Int(last)].next = firstFree
        firstFree = first
    }

    /// The first iteration after `current` that has an entry in the wheel; `Int64.max` if there is none.
    @inline(__always)
    private var nextOccupied: Int64 {
        let start = Int(truncatingIfNeeded: current &+ 1) & mask
        let lastWord = mask >> 6
        var word = start >> 6
        var bits = occupied.elements[word] & (UInt64.max &<< UInt64(truncatingIfNeeded: start))
        var visited = 0
        while bits == 0 {
            // One more word than there are: the first one's lower bits come last.
            if visited > lastWord { return Int64.max }
            visited &+= 1
            word = word == lastWord ? 0 : word &+ 1
            bits = occupied.elements[word]
        }
        let bucket = word &<< 6 | bits.trailingZeroBitCount
        return current &+ 1 &+ Int64((bucket &- start) & mask)
    }
}
