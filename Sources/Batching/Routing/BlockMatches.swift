/// How many blocks of a prompt each worker holds.
struct BlockMatches: ~Copyable {
    /// By worker, of what was counted last.
    let counts: ScratchBuffer<Int32>
    /// Counters in bits: plane p has bit p of the counter of every worker, so that a block is counted for 64 at once.
    private let planes: ScratchBuffer<UInt64>
    /// Those that have held all blocks so far.
    private let steady: ScratchBuffer<UInt64>

    private static var mostPlanes: Int { 32 }

    init(workers: Int) throws(BatchingError) {
        let words = (workers &+ 63) / 64
        let counts = try ScratchBuffer<Int32>(count: workers, repeating: 0)
        let planes = try ScratchBuffer<UInt64>(count: Self.mostPlanes &* words, repeating: 0)
        let steady = try ScratchBuffer<UInt64>(count: words, repeating: 0)
        self.counts = counts
        self.planes = planes
        self.steady = steady
    }

    init(copying other: borrowing BlockMatches, _ copy: inout DeepCopy) {
        counts = ScratchBuffer(copying: other.counts, &copy)
        planes = ScratchBuffer(copying: other.planes, &copy)
        steady = ScratchBuffer(copying: other.steady, &copy)
    }

    /// Counts the blocks that each holds, up to the first that none holds. A gap of one worker does not end its count.
    mutating func countAll(
        _ ids: UnsafePointer<UInt64>, count: Int, _ holders: borrowing BlockHolders
    ) throws(BatchingError) {
        let (planes, words) = (planes.elements, holders.words)
        let planeCount = Int.bitWidth &- min(count, Int(Int32.max)).leadingZeroBitCount
        planes.update(repeating: 0, count: planeCount &* words)
        var walk = BlockHolders.Walk()
        for place in 0..<min(count, Int(Int32.max)) {
            try Work.row(place)
            let number = holders.number(of: ids[place], &walk)
            if number < 0 { break }
            let set = holders.holders(number)
            for word in 0..<words {
                var carry = set[word]
                var counter = planes + word
                while carry != 0 {
                    let bits = counter.pointee
                    counter.pointee = bits ^ carry
                    carry &= bits
                    counter += words
                }
            }
        }
        let counts = counts.elements
        for worker in 0..<holders.workers {
            var value: Int32 = 0
            for plane in 0..<planeCount {
                let bits = planes[plane &* words &+ worker / 64] &>> UInt64(truncatingIfNeeded: worker & 63)
                value |= Int32(truncatingIfNeeded: bits & 1) &<< Int32(truncatingIfNeeded: plane)
            }
            counts[worker] = value
        }
    }

    /// Counts the blocks that each holds, up to the first that it does not hold.
    /// - Parameter isGone: whether a block, by its number, counts as held by none.
    @inline(__always)
    mutating func countLeading(
        _ ids: UnsafePointer<UInt64>, count: Int, _ holders: borrowing BlockHolders,
        isGone: (Int) -> Bool = { _ in false }
    ) throws(BatchingError) {
        let (steady, counts, words) = (steady.elements, counts.elements, holders.words)
        steady.update(repeating: ~0, count: words)
        let beyond = words &* 64 &- holders.workers
        steady[words &- 1] = ~0 &>> UInt64(truncatingIfNeeded: beyond)
        var (place, areAny) = (0, true)
        var walk = BlockHolders.Walk()
        while place < min(count, Int(Int32.max)), areAny {
            try Work.row(place)
            let number = holders.number(of: ids[place], &walk)
            if number < 0 || isGone(number) { break }
            let set = holders.holders(number)
            areAny = false
            for word in 0..<words {
                let lost = steady[word] & ~set[word]
                if lost != 0 {
                    steady[word] &= ~lost
                    Self.set(counts + word &* 64, lost, place)
                }
                if steady[word] != 0 { areAny = true }
            }
            place &+= 1
        }
        for word in 0..<words { Self.set(counts + word &* 64, steady[word], place) }
    }

    private static func set(_ counts: UnsafeMutablePointer<Int32>, _ workers: UInt64, _ value: Int) {
        var left = workers
        while left != 0 {
            counts[left.trailingZeroBitCount] = Int32(truncatingIfNeeded: value)
            left &= left &- 1
        }
    }
}
