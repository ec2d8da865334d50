/// The order statistics of doubles by selection, not sorting: see `OrderStatistics`. Values that no rank needs any more
/// are dropped after each round, so that all rounds but the first two look at few.
struct ValueSelection: ~Copyable {
    private let ranks: [Int]
    private let statistics: OrderStatistics

    /// - Parameters:
    ///   - values: `count` values, at least one, none not-a-number, all within `smallest...largest`; overwritten.
    init(
        _ values: UnsafeMutablePointer<Double>, count: Int, smallest: Double, largest: Double,
        _ positions: [RankPosition]
    ) throws(BatchingError) {
        var ranks: [Int] = []
        for position in positions {
            ranks.append(position.lower)
            ranks.append(position.upper)
        }
        ranks.sort()
        var distinct: [Int] = []
        for rank in ranks where distinct.last != rank { distinct.append(rank) }
        self.ranks = distinct
        statistics = try OrderStatistics(ranks: distinct)
        let keys = UnsafeMutableRawPointer(values).assumingMemoryBound(to: Int64.self)
        // The bits of doubles that are not negative are in order as they are.
        if smallest.sign == .minus || smallest == 0 {
            for index in 0..<count { keys[index] = ValueSelection.key(keys[index]) }
        }
        statistics.select(
            consuming: keys, count: count,
            smallest: smallest == 0 ? ValueSelection.key(-0.0) : ValueSelection.key(smallest),
            largest: ValueSelection.key(largest == 0 ? 0.0 : largest))
    }

    /// An integer that is in order where the doubles of these bits are. It is its own inverse.
    @inline(__always)
    private static func key(_ bits: Int64) -> Int64 { bits ^ (bits >> 63 & Int64.max) }

    private static func key(_ value: Double) -> Int64 { key(Int64(bitPattern: value.bitPattern)) }

    func value(_ position: RankPosition) -> Double {
        let below = value(rank: position.lower)
        let above = value(rank: position.upper)
        // Also where both are infinite.
        if position.fraction == 0 || below == above { return below }
        let distance = above - below
        // From the nearer end, so that a fraction near 1 gives nearly the upper value: as NumPy.
        return position.fraction < 0.5
            ? below + distance * position.fraction : above - distance * (1 - position.fraction)
    }

    private func value(rank: Int) -> Double {
        Double(bitPattern: UInt64(bitPattern: ValueSelection.key(statistics.value(ranks.firstIndex(of: rank) ?? 0))))
    }
}
