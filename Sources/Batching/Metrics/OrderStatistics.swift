/// A column of integers that can be read any number of times.
protocol IntegerColumn {
    subscript(index: Int) -> Int64 { get }
}

/// Integers in memory.
private struct StoredIntegers: IntegerColumn {
    let values: UnsafeMutablePointer<Int64>

    @inline(__always)
    subscript(index: Int) -> Int64 { values[index] }
}

/// Exact order statistics of a column without sorting or copying it: selection by counting.
///
/// Each round counts, for every rank still sought, how the values within its interval spread over a few thousand bins,
/// and narrows the interval to the bin in which the rank lies, until it is a single value. For latencies that span
/// minutes that is three passes over the column, with the memory of the bins alone.
///
/// - Complexity: O(count) time for each 13 bits of the range; 32 KiB a rank.
struct OrderStatistics: ~Copyable {
    private static let binBits = 13
    private static let bins = 1 << binBits

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
    private let rankCount: Int

    /// - Parameter ranks: ascending, each from 0; the rank of the smallest value is 0.
    init(ranks sought: [Int]) throws(BatchingError) {
        let whole = Interval(lowest: 0, bits: 0, before: 0)
        let ranks = try ScratchBuffer(count: sought.count, repeating: 0)
        let intervals = try ScratchBuffer(count: sought.count, repeating: whole)
        let distinct = try ScratchBuffer(count: sought.count, repeating: whole)
        let counts = try ScratchBuffer<UInt32>(count: sought.count * OrderStatistics.bins, repeating: 0)
        let wanted = try ScratchBuffer<UInt8>(count: OrderStatistics.bins, repeating: 0)
        for (number, rank) in sought.enumerated() { ranks.elements[number] = rank }
        self.ranks = ranks
        self.intervals = intervals
        self.distinct = distinct
        self.counts = counts
        self.wanted = wanted
        rankCount = sought.count
    }

    /// The value with the `number`th of the ranks, once they have been selected.
    func value(_ number: Int) -> Int64 { intervals.elements[number].lowest }

    /// Finds the value of every rank.
    /// - Parameters:
    ///   - column: `count` values, all within `smallest...largest`; count is more than every rank, at most `UInt32.max`.
    func select(_ column: some IntegerColumn, count: Int, smallest: Int64, largest: Int64) {
        let range = UInt64(bitPattern: largest &- smallest)
        let whole = Interval(lowest: smallest, bits: 64 - range.leadingZeroBitCount, before: 0)
        intervals.elements.update(repeating: whole, count: rankCount)
        var bits = whole.bits
        while bits > 0 {
            let distinctCount = findDistinct()
            tally(column, count: count, distinctCount: distinctCount)
            narrow(distinctCount: distinctCount)
            bits = max(bits - OrderStatistics.binBits, 0)
        }
    }

    /// The same for values that may be overwritten: those in no interval are dropped after each round.
    /// - Parameter values: `count` values, all within `smallest...largest`; count is more than every rank, at most
    ///   `UInt32.max`.
    func select(consuming values: UnsafeMutablePointer<Int64>, count: Int, smallest: Int64, largest: Int64) {
        let range = UInt64(bitPattern: largest &- smallest)
        let whole = Interval(lowest: smallest, bits: 64 - range.leadingZeroBitCount, before: 0)
        intervals.elements.update(repeating: whole, count: rankCount)
        var bits = whole.bits
        var left = count
        while bits > 0 {
            let distinctCount = findDistinct()
            // Only in the first round do all values lie within it for sure.
            let tallied = bits == whole.bits ? whole : nil
            tally(StoredIntegers(values: values), count: left, distinctCount: distinctCount)
            narrow(distinctCount: distinctCount)
            bits = max(bits - OrderStatistics.binBits, 0)
            if bits > 0 { left = drop(values, count: left, findDistinct(), tallied: tallied) }
        }
    }

    /// Keeps the values that lie in an interval, in their order.
    /// - Parameter tallied: the interval in which all values lay, if there was one alone in the round before.
    private func drop(
        _ values: UnsafeMutablePointer<Int64>, count: Int, _ distinctCount: Int, tallied: Interval?
    ) -> Int {
        var kept = 0
        if let tallied {
            // The intervals are bins of the one before, so that a table tells.
            wanted.elements.update(repeating: 0, count: OrderStatistics.bins)
            for number in 0..<distinctCount {
                let offset = UInt64(bitPattern: distinct.elements[number].lowest &- tallied.lowest)
                wanted.elements[Int(truncatingIfNeeded: offset >> UInt64(tallied.shift))] = 1
            }
            for index in 0..<count {
                let value = values[index]
                let offset = UInt64(bitPattern: value &- tallied.lowest)
                values[kept] = value
                kept &+= Int(wanted.elements[Int(truncatingIfNeeded: offset >> UInt64(tallied.shift))])
            }
            return kept
        }
        let width = UInt64(1) << UInt64(distinct.elements[0].bits)
        for index in 0..<count {
            let value = values[index]
            var isWithin = false
            for number in 0..<distinctCount {
                let offset = UInt64(bitPattern: value &- distinct.elements[number].lowest)
                isWithin = isWithin || offset < width
            }
            values[kept] = value
            kept &+= isWithin ? 1 : 0
        }
        return kept
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

    private func tally(_ column: some IntegerColumn, count: Int, distinctCount: Int) {
        counts.elements.update(repeating: 0, count: distinctCount << OrderStatistics.binBits)
        if distinctCount == 1 {
            // The first round, in which every value is within the interval, and any in which one is left.
            tally(column, count: count, 0..<1)
        } else {
            tally(column, count: count, 0..<distinctCount)
        }
    }

    @inline(__always)
    private func tally(_ column: some IntegerColumn, count: Int, _ numbers: Range<Int>) {
        for index in 0..<count {
            let value = column[index]
            for number in numbers {
                let interval = distinct.elements[number]
                let offset = UInt64(bitPattern: value &- interval.lowest)
                // An offset below `lowest` wraps to one beyond every interval; one of 64 bits covers everything.
                if offset >> UInt64(interval.bits) == 0 {
                    let bin = Int(truncatingIfNeeded: offset >> UInt64(interval.shift))
                    counts.elements[number << OrderStatistics.binBits | bin] &+= 1
                    break
                }
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
