/// Integers in memory.
private struct StoredIntegers: IntegerColumn {
    let values: UnsafeMutablePointer<Int64>

    @inline(__always)
    subscript(index: Int) -> Int64 { values[index] }

    @inline(__always)
    func values(_ rows: Range<Int>, _ space: UnsafeMutablePointer<Int64>) -> UnsafePointer<Int64> {
        UnsafePointer(values + rows.lowerBound)
    }
}

/// Exact order statistics of a column without sorting or copying it: selection by counting.
///
/// Each round counts, for every rank still sought, how the values within its interval spread over a few thousand bins,
/// and narrows the interval to the bin in which the rank lies, until it is a single value. For latencies that span
/// minutes that is three passes over the column, with the memory of the bins alone.
///
/// - Complexity: O(count) time for each 13 bits of the range, times the logarithm of the ranks; 32 KiB a rank.
struct OrderStatistics: ~Copyable {
    private static let binBits = 13
    private static let bins = 1 << binBits
    /// Values that are looked at together.
    private static let blockSize = 512

    /// Where the values are that may have a rank: lowest...lowest + 2^bits - 1.
    struct Interval: BitwiseCopyable, Equatable {
        var lowest: Int64
        /// Bits that are not known yet.
        var bits: Int
        /// Values below `lowest`.
        var before: Int

        @inline(__always)
        var shift: Int { max(bits - OrderStatistics.binBits, 0) }
    }

    private let ranks: ScratchBuffer<Int>
    private let intervals: ScratchBuffer<Interval>
    /// The intervals of the ranks without repetition.
    private let distinct: ScratchBuffer<Interval>
    private let counts: ScratchBuffer<UInt32>
    /// For each bin of the first round 1 if a rank lies in it, else 0.
    private let wanted: ScratchBuffer<UInt8>
    private let block: ScratchBuffer<Int64>
    private let rankCount: Int

    /// - Parameter sought: ranks from 0, that of the smallest value, in any order.
    init(ranks sought: some Collection<Int>) throws(BatchingError) {
        let ranks = try ScratchBuffer<Int>(uninitialized: sought.count)
        var count = 0
        for rank in sought { OrderStatistics.insert(rank, ranks.elements, &count) }
        let whole = Interval(lowest: 0, bits: 0, before: 0)
        let intervals = try ScratchBuffer(count: count, repeating: whole)
        let distinct = try ScratchBuffer(count: count, repeating: whole)
        let counts = try ScratchBuffer<UInt32>(uninitialized: count * OrderStatistics.bins)
        let wanted = try ScratchBuffer<UInt8>(count: OrderStatistics.bins, repeating: 0)
        let block = try ScratchBuffer<Int64>(uninitialized: OrderStatistics.blockSize)
        self.ranks = ranks
        self.intervals = intervals
        self.distinct = distinct
        self.counts = counts
        self.wanted = wanted
        self.block = block
        rankCount = count
    }

    init(_ positions: some Collection<RankPosition>) throws(BatchingError) {
        let ranks = try ScratchBuffer<Int>(uninitialized: 2 * positions.count)
        var count = 0
        for position in positions {
            ranks.elements[count] = position.lower
            ranks.elements[count + 1] = position.upper
            count += 2
        }
        try self.init(ranks: UnsafeBufferPointer(start: ranks.elements, count: count))
    }

    /// Puts a rank in its place among those that ascend, unless it is there. Ranks mostly come in order, so that there is
    /// nothing to move.
    private static func insert(_ rank: Int, _ ranks: UnsafeMutablePointer<Int>, _ count: inout Int) {
        var place = count
        while place > 0, ranks[place - 1] > rank { place -= 1 }
        if place > 0, ranks[place - 1] == rank { return }
        for moved in stride(from: count, to: place, by: -1) { ranks[moved] = ranks[moved - 1] }
        ranks[place] = rank
        count += 1
    }

    /// The value with one of the ranks, once they have been selected.
    func value(rank: Int) -> Int64 {
        var number = 0
        while number < rankCount - 1, ranks.elements[number] < rank { number += 1 }
        return intervals.elements[number].lowest
    }

    /// What lies at one of the positions.
    func value(_ position: RankPosition) -> Double {
        position.between(Double(value(rank: position.lower)), Double(value(rank: position.upper)))
    }

    /// Finds the value of every rank.
    /// - Parameters:
    ///   - column: `count` values, all within `smallest...largest`; count is more than every rank, at most `UInt32.max`.
    func select(_ column: some IntegerColumn, count: Int, smallest: Int64, largest: Int64) throws(BatchingError) {
        var bits = begin(smallest: smallest, largest: largest)
        while bits > 0 { bits = try advance(column, count: count, bits: bits) }
    }

    /// The same for values that may be overwritten: those in no interval are dropped after each round.
    /// - Parameter values: `count` values, all within `smallest...largest`; count is more than every rank, at most
    ///   `UInt32.max`.
    func select(
        consuming values: UnsafeMutablePointer<Int64>, count: Int, smallest: Int64, largest: Int64
    ) throws(BatchingError) {
        var bits = begin(smallest: smallest, largest: largest)
        // All values lie in it; and in the later rounds not all in one of theirs, since bins are dropped between them.
        var alone: Interval? = rankCount > 0 ? intervals.elements[0] : nil
        var left = count
        while bits > 0 {
            bits = try advance(StoredIntegers(values: values), count: left, bits: bits)
            if bits > 0 { left = try drop(values, count: left, findDistinct(), alone: alone) }
            alone = nil
        }
    }

    /// All ranks are sought in all values. Returns the bits that are not known yet.
    private func begin(smallest: Int64, largest: Int64) -> Int {
        let range = UInt64(bitPattern: largest &- smallest)
        let whole = Interval(lowest: smallest, bits: 64 - range.leadingZeroBitCount, before: 0)
        intervals.elements.update(repeating: whole, count: rankCount)
        return whole.bits
    }

    /// One round. Returns the bits that are not known then.
    private func advance(_ column: some IntegerColumn, count: Int, bits: Int) throws(BatchingError) -> Int {
        let distinctCount = findDistinct()
        try tally(column, count: count, distinctCount: distinctCount)
        narrow(distinctCount: distinctCount)
        return max(bits - OrderStatistics.binBits, 0)
    }

    /// Keeps the values that lie in an interval, in their order.
    /// - Parameter alone: the interval of the round before, if all values lie in it.
    private func drop(
        _ values: UnsafeMutablePointer<Int64>, count: Int, _ distinctCount: Int, alone: Interval?
    ) throws(BatchingError) -> Int {
        var kept = 0
        if let alone {
            // The intervals are bins of the one before, so that a table tells.
            wanted.elements.update(repeating: 0, count: OrderStatistics.bins)
            for number in 0..<distinctCount {
                let offset = UInt64(bitPattern: distinct.elements[number].lowest &- alone.lowest)
                wanted.elements[Int(truncatingIfNeeded: offset >> UInt64(alone.shift))] = 1
            }
            try Work.rows(of: count) { index in
                let value = values[index]
                let offset = UInt64(bitPattern: value &- alone.lowest)
                values[kept] = value
                kept &+= Int(wanted.elements[Int(truncatingIfNeeded: offset >> UInt64(alone.shift))])
            }
            return kept
        }
        try Work.rows(of: count) { index in
            let value = values[index]
            values[kept] = value
            kept &+= interval(of: value, distinctCount) == nil ? 0 : 1
        }
        return kept
    }

    /// The number of the distinct interval in which a value lies: they ascend, and do not overlap.
    @inline(__always)
    private func interval(of value: Int64, _ distinctCount: Int) -> Int? {
        var (low, end) = (0, distinctCount)
        while end &- low > 1 {
            let middle = (low &+ end) / 2
            if distinct.elements[middle].lowest <= value { low = middle } else { end = middle }
        }
        let found = distinct.elements[low]
        // An offset below `lowest` wraps to one beyond every interval; one of 64 bits covers everything.
        return UInt64(bitPattern: value &- found.lowest) >> UInt64(found.bits) == 0 ? low : nil
    }

    private func findDistinct() -> Int {
        var found = 0
        // Equal intervals are neighbours: the ranks are ascending.
        for number in 0..<rankCount {
            let interval = intervals.elements[number]
            if found == 0 || distinct.elements[found - 1] != interval {
                distinct.elements[found] = interval
                found += 1
            }
        }
        return found
    }

    private func tally(_ column: some IntegerColumn, count: Int, distinctCount: Int) throws(BatchingError) {
        counts.elements.update(repeating: 0, count: distinctCount << OrderStatistics.binBits)
        // The first round, and any in which one is left, without a search.
        if distinctCount == 1 {
            try tally(column, count: count) { value in interval(of: value, 1) }
        } else {
            try tally(column, count: count) { value in interval(of: value, distinctCount) }
        }
    }

    @inline(__always)
    private func tally(_ column: some IntegerColumn, count: Int, _ interval: (Int64) -> Int?) throws(BatchingError) {
        try Work.inPieces(of: count) { piece in
            var first = piece.lowerBound
            while first < piece.upperBound {
                let rows = first..<min(first &+ OrderStatistics.blockSize, piece.upperBound)
                let values = column.values(rows, block.elements)
                for place in 0..<rows.count {
                    let value = values[place]
                    guard let number = interval(value) else { continue }
                    let found = distinct.elements[number]
                    let offset = UInt64(bitPattern: value &- found.lowest)
                    let bin = Int(truncatingIfNeeded: offset >> UInt64(found.shift))
                    counts.elements[number << OrderStatistics.binBits | bin] &+= 1
                }
                first = rows.upperBound
            }
        }
    }

    private func narrow(distinctCount: Int) {
        var current = 0
        for number in 0..<rankCount {
            var interval = intervals.elements[number]
            if current < distinctCount - 1, distinct.elements[current] != interval { current += 1 }
            let bins = counts.elements + current << OrderStatistics.binBits
            let shift = interval.shift
            var bin = 0
            while bin < OrderStatistics.bins - 1, interval.before + Int(bins[bin]) <= ranks.elements[number] {
                interval.before += Int(bins[bin])
                bin += 1
            }
            interval.lowest = interval.lowest &+ Int64(bin) << Int64(shift)
            interval.bits = shift
            intervals.elements[number] = interval
        }
    }
}
