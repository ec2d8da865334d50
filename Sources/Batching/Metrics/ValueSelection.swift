/// The order statistics of doubles by selection, not sorting: see `OrderStatistics`. Values that no rank needs any more
/// are dropped after each round, so that all rounds but the first two look at few.
struct ValueSelection: ~Copyable {
    private let statistics: OrderStatistics

    init(_ positions: some Collection<RankPosition>) throws(BatchingError) {
        statistics = try OrderStatistics(positions)
    }

    /// - Parameters:
    ///   - values: `count` values, at least one, none not-a-number, all within `smallest...largest`; overwritten.
    func select(
        _ values: UnsafeMutablePointer<Double>, count: Int, smallest: Double, largest: Double
    ) throws(BatchingError) {
        let keys = UnsafeMutableRawPointer(values).assumingMemoryBound(to: Int64.self)
        // The bits of doubles that are not negative are in order as they are. A 0 may be the negative one.
        if smallest <= 0 {
            try Work.inPieces(of: count) { piece in
                for index in piece { keys[index] = ValueSelection.key(keys[index]) }
            }
        }
        try statistics.select(
            consuming: keys, count: count, smallest: ValueSelection.key(smallest == 0 ? -0.0 : smallest),
            largest: ValueSelection.key(largest == 0 ? 0.0 : largest))
    }

    func value(_ position: RankPosition) -> Double {
        position.between(value(rank: position.lower), value(rank: position.upper))
    }

    private func value(rank: Int) -> Double {
        Double(bitPattern: UInt64(bitPattern: ValueSelection.key(statistics.value(rank: rank))))
    }

    /// An integer that is in order where the doubles of these bits are. It is its own inverse.
    @inline(__always)
    private static func key(_ bits: Int64) -> Int64 { bits ^ (bits >> 63 & Int64.max) }

    private static func key(_ value: Double) -> Int64 { key(Int64(bitPattern: value.bitPattern)) }
}
