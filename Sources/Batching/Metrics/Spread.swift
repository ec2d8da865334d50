/// The sums behind a mean and a standard deviation. They go in blocks and lanes, in an order that is the same everywhere;
/// the blocks are added with what each addition loses, so that the error of a long sum is that of a block.

private typealias Lanes = SIMD8<Double>

/// A sum of doubles and, besides, what the additions lost (Neumaier 1974).
struct CompensatedSum {
    private var sum = 0.0
    private var lost = 0.0

    @inline(__always)
    mutating func add(_ value: Double) {
        let next = sum + value
        lost += sum.magnitude >= value.magnitude ? (sum - next) + value : (value - next) + sum
        sum = next
    }

    /// Not finite where a part of the sum is beyond a double.
    var value: Double { sum + lost }
}

/// The sum and the extremes of values.
struct Extent {
    /// Not finite where a part of it is beyond a double.
    let sum: Double
    let smallest: Double
    let largest: Double

    /// - Parameter values: at least one.
    init(_ values: UnsafePointer<Double>, _ count: Int) throws(BatchingError) {
        var low = Lanes(repeating: values[0])
        var high = low
        var total = CompensatedSum()
        try forEachBlock(values, count) { block in
            var lanes = Lanes.zero
            var rest = 0.0
            block.forEach { values in
                low.replace(with: values, where: values .< low)
                high.replace(with: values, where: values .> high)
                lanes += values
            } single: { value in
                low.replace(with: value, where: Lanes(repeating: value) .< low)
                high.replace(with: value, where: Lanes(repeating: value) .> high)
                rest += value
            }
            total.add(lanes.sum())
            total.add(rest)
        }
        sum = total.value
        smallest = low.min()
        largest = high.max()
    }
}

/// The sum, the mean and the standard deviation of values, by a second pass over their differences from a center.
///
/// For nearly equal values the differences are exact, and the center need not be the mean: the sum of the differences tells
/// how far it is off (Chan, Golub and LeVeque, "Algorithms for computing the sample variance", 1983, the corrected two-pass
/// algorithm). The differences are scaled by a power of two, so that no square is beyond a double, or below.
struct Spread {
    /// Infinite where it is beyond a double.
    let sum: Double
    let mean: Double
    /// Of the population.
    let standardDeviation: Double

    init(_ values: UnsafePointer<Double>, _ count: Int, _ extent: Extent) throws(BatchingError) {
        let (smallest, largest) = (extent.smallest, extent.largest)
        let number = Double(count)
        guard smallest.isFinite, largest.isFinite else {
            sum = smallest == -largest ? .nan : smallest + largest
            mean = sum
            standardDeviation = .nan
            return
        }
        // Equal values have no differences to scale by.
        guard smallest < largest else {
            sum = extent.sum.isFinite ? extent.sum : smallest * number
            mean = smallest
            standardDeviation = 0
            return
        }
        let scale = Spread.scale(smallest, largest)
        // Rounding may carry a mean beyond the values.
        func within(_ value: Double) -> Double { min(max(value, smallest), largest) }
        var center = extent.sum.isFinite ? within(extent.sum / number) : smallest / 2 + largest / 2
        var differences = try Differences(values, count, from: center, scale)
        if !extent.sum.isFinite {
            // The middle may be far from the mean.
            center = within((center * scale + differences.sum / number) / scale)
            differences = try Differences(values, count, from: center, scale)
        }
        let off = differences.sum / number
        mean = within((center * scale + off) / scale)
        sum = extent.sum.isFinite ? extent.sum : mean * number
        standardDeviation = max(0, differences.squares / number - off * off).squareRoot() / scale
    }

    /// The power of two that brings the range of the values near 1.
    private static func scale(_ smallest: Double, _ largest: Double) -> Double {
        // Half the range, since the range may be beyond a double; of the least doubles it may be 0.
        let range = largest / 2 - smallest / 2
        let exponent = range == 0 ? -1000 : max(-1000, min(Int(range.exponent), 1000))
        return Double(sign: .plus, exponent: -exponent, significand: 1)
    }
}

/// The sums of the scaled differences of values from a center, and of their squares.
private struct Differences {
    let sum: Double
    let squares: Double

    init(
        _ values: UnsafePointer<Double>, _ count: Int, from unscaledCenter: Double, _ scale: Double
    ) throws(BatchingError) {
        let center = unscaledCenter * scale
        var (sum, squares) = (CompensatedSum(), CompensatedSum())
        try forEachBlock(values, count) { block in
            var (sums, sumsOfSquares) = (Lanes.zero, Lanes.zero)
            var (rest, restOfSquares) = (0.0, 0.0)
            block.forEach { values in
                let differences = values * scale - center
                sums += differences
                sumsOfSquares += differences * differences
            } single: { value in
                let difference = value * scale - center
                rest += difference
                restOfSquares += difference * difference
            }
            sum.add(sums.sum())
            sum.add(rest)
            squares.add(sumsOfSquares.sum())
            squares.add(restOfSquares)
        }
        self.sum = sum.value
        self.squares = squares.value
    }
}

/// Up to 4096 values.
private struct Block {
    let values: UnsafePointer<Double>
    let count: Int

    @inline(__always)
    func forEach(_ eight: (Lanes) -> Void, single: (Double) -> Void) {
        var index = 0
        while index &+ 8 <= count {
            eight(UnsafeRawPointer(values + index).loadUnaligned(as: Lanes.self))
            index &+= 8
        }
        while index < count {
            single(values[index])
            index &+= 1
        }
    }
}

@inline(__always)
private func forEachBlock(
    _ values: UnsafePointer<Double>, _ count: Int, _ body: (Block) -> Void
) throws(BatchingError) {
    var start = 0
    while start < count {
        let size = min(4096, count &- start)
        body(Block(values: values + start, count: size))
        try Work.done(Int64(size))
        start &+= size
    }
}
