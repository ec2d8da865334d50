/// The samples of one metric: what is kept of them, in memory of the accumulator.

/// How the samples of a metric are counted: in whole nanoseconds, or, for quotients, in 2^-24 of one.
enum SampleUnit {
    static let fractionBits: UInt128 = 24
    static let fraction = 0x1p24

    /// Above every sample, which is a time of the clock.
    static func bound(isWhole: Bool) -> UInt128 { 1 << (isWhole ? 63 : 63 + fractionBits) }

    /// What the standard library does in a generic, and slow, way.
    @inline(__always)
    static func double(_ value: UInt128) -> Double {
        Double(UInt64(truncatingIfNeeded: value >> 64)) * 0x1p64 + Double(UInt64(truncatingIfNeeded: value))
    }
}

/// Exact aggregates. Sums are integers, so that the order of adding does not matter.
struct Moments: BitwiseCopyable {
    var count: Int64 = 0
    var sum: UInt128 = 0
    /// The sum of the squares: low + high * 2^128.
    var squaresLow: UInt128 = 0
    var squaresHigh: UInt128 = 0
    /// Nanoseconds; meaningless while count is 0.
    var smallest = 0.0
    var largest = 0.0
    /// The rows of bins that are not empty, a bit each.
    var rows: UInt64 = 0

    /// - Parameter square: low and high half.
    @inline(__always)
    mutating func add(_ value: UInt128, square: (low: UInt128, high: UInt128), nanoseconds: Double) {
        smallest = count == 0 ? nanoseconds : min(smallest, nanoseconds)
        largest = count == 0 ? nanoseconds : max(largest, nanoseconds)
        count &+= 1
        sum &+= value
        addSquares(square)
    }

    mutating func add(_ other: Moments) {
        if other.count == 0 { return }
        smallest = count == 0 ? other.smallest : min(smallest, other.smallest)
        largest = count == 0 ? other.largest : max(largest, other.largest)
        count &+= other.count
        sum &+= other.sum
        addSquares((other.squaresLow, other.squaresHigh))
        rows |= other.rows
    }

    @inline(__always)
    private mutating func addSquares(_ square: (low: UInt128, high: UInt128)) {
        let (low, carries) = squaresLow.addingReportingOverflow(square.low)
        squaresLow = low
        squaresHigh = squaresHigh &+ square.high &+ (carries ? 1 : 0)
    }

    /// Whether there are samples with these sums: the mean of the squares is at least the square of the mean, and no sample
    /// is beyond `bound`. The sums of any two that hold, and their products, then stay within their types.
    func areSums(ofSamplesBelow bound: UInt128) -> Bool {
        let (number, sum) = (WideNumber(low: UInt128(UInt64(count))), WideNumber(low: sum))
        let squares = WideNumber(low: squaresLow, high: squaresHigh)
        return sum.isAtMost(number * WideNumber(low: bound)) && squares.isAtMost(sum * WideNumber(low: bound))
            && (sum * sum).isAtMost(number * squares)
    }

    /// In the unit of the samples.
    var mean: Double { count == 0 ? 0 : SampleUnit.double(sum) / Double(count) }

    /// Of the population, in the unit of the samples: sqrt(count * sum of squares - sum^2) / count, of which only the root
    /// and the quotient are rounded.
    var standardDeviation: Double {
        if count == 0 { return 0 }
        let number = WideNumber(low: UInt128(UInt64(count)))
        let sum = WideNumber(low: sum)
        let numerator = number * WideNumber(low: squaresLow, high: squaresHigh) - sum * sum
        return numerator.double.squareRoot() / Double(count)
    }
}

/// The samples of one metric in one slot, or before all slots. Counters of 32 bits suffice for a slot.
struct Samples<Counter: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>: BitwiseCopyable {
    let moments: UnsafeMutablePointer<Moments>
    /// The first `SketchBins.exactCount` samples, in nanoseconds.
    let exact: UnsafeMutablePointer<Double>
    let bins: UnsafeMutablePointer<Counter>

    /// Whole nanoseconds; at least 0.
    @inline(__always)
    func add(_ nanoseconds: Int64) {
        let value = UInt64(bitPattern: nanoseconds)
        let (high, low) = value.multipliedFullWidth(by: value)
        let asDouble = Double(nanoseconds)
        // The bin is that of the double, from which it is found again when bytes are read.
        keep(asDouble, bin: SketchBins.index(value < 1 << 53 ? value : UInt64(asDouble)))
        moments.pointee.add(
            UInt128(value), square: (UInt128(high) << 64 | UInt128(low), 0), nanoseconds: asDouble)
    }

    /// The nearest 2^-24 of a nanosecond to nanoseconds / divisor.
    func add(_ nanoseconds: Int64, dividedBy divisor: Int32) {
        let divisor = UInt128(UInt32(bitPattern: divisor))
        let value = (UInt128(UInt64(bitPattern: nanoseconds)) << SampleUnit.fractionBits + divisor / 2) / divisor
        let asDouble = SampleUnit.double(value) / SampleUnit.fraction
        let square = value.multipliedFullWidth(by: value)
        keep(asDouble, bin: SketchBins.index(UInt64(asDouble)))
        moments.pointee.add(value, square: (square.low, square.high), nanoseconds: asDouble)
    }

    @inline(__always)
    private func keep(_ nanoseconds: Double, bin: Int) {
        let count = Int(moments.pointee.count)
        if count < SketchBins.exactCount { exact[count] = nanoseconds }
        bins[bin] &+= 1
        moments.pointee.rows |= 1 &<< UInt64(bin &>> SketchBins.rowBits)
    }

    func add<Other>(_ other: Samples<Other>) {
        let (count, added) = (moments.pointee.count, other.moments.pointee.count)
        if added == 0 { return }
        if count <= Int64(SketchBins.exactCount) &- added {
            (exact + Int(count)).update(from: other.exact, count: Int(added))
        }
        other.addBins(to: bins)
        moments.pointee.add(other.moments.pointee)
    }

    /// Adds the counts of the bins to `total`.
    func addBins<Total: FixedWidthInteger>(to total: UnsafeMutablePointer<Total>) {
        var rows = moments.pointee.rows
        while rows != 0 {
            let first = rows.trailingZeroBitCount << SketchBins.rowBits
            for bin in first..<(first + SketchBins.rowSize) { total[bin] &+= Total(truncatingIfNeeded: bins[bin]) }
            rows &= rows &- 1
        }
    }

    func clear() {
        var rows = moments.pointee.rows
        while rows != 0 {
            (bins + rows.trailingZeroBitCount << SketchBins.rowBits).update(repeating: 0, count: SketchBins.rowSize)
            rows &= rows &- 1
        }
        moments.pointee = Moments()
    }
}
