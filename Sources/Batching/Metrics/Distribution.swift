/// How percentiles are taken between or at the values of a sample. The raw values are those of the C header.
public enum PercentileMethod: Int32, CaseIterable, Sendable {
    /// Linear interpolation between the two closest ranks: NumPy's default; Hyndman and Fan 1996, type 7.
    case linear = 0
    /// The smallest value with at least the share of the values at or below it: NumPy's "inverted_cdf"; type 1.
    case inverseCDF = 100
    /// The value whose rank is nearest to (count - 1) share, ties to even: NumPy's "nearest".
    case nearest = 110
}

/// What a sample of values looks like. All are 0 if there are no values.
public struct Distribution: BitwiseCopyable, Equatable, Sendable {
    /// Values.
    public var count: Int64 = 0
    /// Their mean.
    public var mean = 0.0
    /// Interpolated linearly, whatever the method of percentiles.
    public var median = 0.0
    /// Of the population: divided by count.
    public var standardDeviation = 0.0
    /// The least of them.
    public var minimum = 0.0
    /// The largest of them.
    public var maximum = 0.0
    /// All of them added up.
    public var sum = 0.0

    /// That of no values.
    public init() {}
}

/// Which percentiles are wanted, and where they go.
public struct PercentileColumns {
    /// How they are taken.
    public var method = PercentileMethod.linear
    /// `count` percentiles, each in 0...100, in any order.
    public var percentiles: UnsafePointer<Double>?
    /// How many are wanted, 0...1000.
    public var count = 0

    /// None.
    public init() {}

    func validate() throws(BatchingError) {
        guard count >= 0, count <= PercentileColumns.maximumCount else {
            throw .invalid("percentile_count", count, "must be between 0 and \(PercentileColumns.maximumCount)")
        }
        guard count > 0 else { return }
        guard let percentiles else { throw BatchingError(.nullPointer, "percentiles is NULL: it is required") }
        for index in 0..<count where !(percentiles[index] >= 0 && percentiles[index] <= 100) {
            throw .invalid("percentiles", index, percentiles[index], "must be between 0 and 100")
        }
    }

    static let maximumCount = 1000
}

extension Distribution {
    /// - Parameters:
    ///   - values: `count` values, none of them not-a-number; overwritten.
    ///   - divisor: what each figure is divided by: 1e9 makes seconds of nanoseconds.
    ///   - results: written: the percentiles in the order in which they are wanted.
    /// - Complexity: O(count). Memory: 64 KiB a percentile.
    init(
        of values: UnsafeMutablePointer<Double>, count: Int, dividedBy divisor: Double, _ wanted: PercentileColumns,
        into results: UnsafeMutablePointer<Double>?
    ) throws(BatchingError) {
        if count == 0 {
            results?.update(repeating: 0, count: wanted.count)
            return
        }
        // The median, then the percentiles.
        let positions = try ScratchBuffer(count: 1 + wanted.count, repeating: RankPosition(0.5, count, .linear))
        var sought = 1
        if let percentiles = wanted.percentiles, results != nil {
            for index in 0..<wanted.count {
                positions.elements[1 + index] = RankPosition(percentiles[index] / 100, count, wanted.method)
            }
            sought += wanted.count
        }
        let selection = try ValueSelection(UnsafeBufferPointer(start: positions.elements, count: sought))

        let extent = try Extent(values, count)
        let spread = try Spread(values, count, extent)
        self.count = Int64(count)
        mean = spread.mean / divisor
        standardDeviation = spread.standardDeviation / divisor
        sum = spread.sum / divisor
        minimum = extent.smallest / divisor
        maximum = extent.largest / divisor

        try selection.select(values, count: count, smallest: extent.smallest, largest: extent.largest)
        median = selection.value(positions.elements[0]) / divisor
        for index in 1..<sought { results?[index - 1] = selection.value(positions.elements[index]) / divisor }
    }

    /// The distribution of a column that stays as it is.
    /// - Parameter values: `count` values, none of them not-a-number.
    /// - Complexity: O(count). Memory: 8 bytes a value.
    public init(
        ofColumn values: UnsafePointer<Double>, count: Int, _ wanted: PercentileColumns,
        into results: UnsafeMutablePointer<Double>?
    ) throws(BatchingError) {
        try Validation.count(count, "count")
        try wanted.validate()
        for index in 0..<count {
            try Work.row(index)
            guard values[index].isNaN else { continue }
            throw .invalid("values", index, values[index], "must be a number")
        }
        let copy = try ScratchBuffer<Double>(uninitialized: count)
        try copy.elements.copy(values, count: count)
        try self.init(of: copy.elements, count: count, dividedBy: 1, wanted, into: results)
    }
}

/// Between which ranks a percentile lies.
struct RankPosition: BitwiseCopyable {
    let lower: Int
    let upper: Int
    /// From the lower to the upper, in 0..<1.
    let fraction: Double

    /// - Parameter share: in 0...1.
    init(_ share: Double, _ count: Int, _ method: PercentileMethod) {
        let last = count - 1
        switch method {
        case .linear:
            let position = Double(last) * share
            lower = min(Int(position), last)
            upper = min(lower + 1, last)
            fraction = position - Double(lower)
        case .inverseCDF:
            lower = min(max(Int((Double(count) * share).rounded(.up)) - 1, 0), last)
            upper = lower
            fraction = 0
        case .nearest:
            lower = min(Int((Double(last) * share).rounded(.toNearestOrEven)), last)
            upper = lower
            fraction = 0
        }
    }

    /// What lies at the position, from the values with the two ranks.
    @inline(__always)
    func between(_ below: Double, _ above: Double) -> Double {
        // Also where both are infinite.
        if fraction == 0 || below == above { return below }
        let distance = above - below
        // Beyond a double, or infinite.
        guard distance.isFinite else { return below * (1 - fraction) + above * fraction }
        // From the nearer end, so that a fraction near 1 gives nearly the upper value: as NumPy.
        return fraction < 0.5 ? below + distance * fraction : above - distance * (1 - fraction)
    }
}
