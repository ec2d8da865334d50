/// Percentiles by linear interpolation between the two closest ranks (NumPy's default; Hyndman and Fan 1996, type 7).
struct Percentiles: ~Copyable {
    private let quantiles: [Double]
    private let count: Int
    /// Ascending: the two closest ranks of each quantile.
    private let ranks: [Int]
    private let statistics: OrderStatistics

    /// - Parameters:
    ///   - quantiles: ascending, each in 0...1.
    ///   - column: `count` values, at least one, all within `smallest...largest`.
    init(
        _ quantiles: [Double], of column: some IntegerColumn, count: Int, smallest: Int64, largest: Int64
    ) throws(BatchingError) {
        var ranks: [Int] = []
        for quantile in quantiles {
            let lower = Percentiles.lowerRank(quantile, count)
            ranks.append(lower)
            ranks.append(min(lower + 1, count - 1))
        }
        // The upper rank of one quantile may be beyond the lower rank of the next.
        ranks.sort()
        statistics = try OrderStatistics(ranks: ranks)
        statistics.select(column, count: count, smallest: smallest, largest: largest)
        self.ranks = ranks
        self.quantiles = quantiles
        self.count = count
    }

    /// The percentile for the `number`th of the quantiles.
    func value(_ number: Int) -> Double {
        let position = Double(count - 1) * quantiles[number]
        let lower = Percentiles.lowerRank(quantiles[number], count)
        let fraction = position - Double(lower)
        let below = valueWithRank(lower)
        let above = valueWithRank(min(lower + 1, count - 1))
        let distance = above - below
        // From the nearer end, so that a fraction of 1 gives exactly the upper value.
        return fraction < 0.5 ? below + distance * fraction : above - distance * (1 - fraction)
    }

    private static func lowerRank(_ quantile: Double, _ count: Int) -> Int {
        min(Int(Double(count - 1) * quantile), count - 1)
    }

    private func valueWithRank(_ rank: Int) -> Double {
        Double(statistics.value(ranks.firstIndex(of: rank) ?? 0))
    }
}
