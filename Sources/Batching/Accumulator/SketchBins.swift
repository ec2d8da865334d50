/// The bins of a latency sketch: whole nanoseconds up to 1,023, then 512 equal bins for each power of two.
///
/// As DDSketch (Masson et al., VLDB 2019), with a bound on the relative error of what is read back, but with bins that are
/// linear within a power of two (as HdrHistogram's), so that the bin is a count of leading zeros and a shift, and the same
/// on every machine. The middle of a bin is within 2^-10 (0.098%) of every value in it.
enum SketchBins {
    /// The values up to this many are also kept as they are.
    static let exactCount = 1024
    static let rowBits = 9
    static let rowSize = 1 << rowBits
    static let rows = 55
    static let count = rows * rowSize

    /// - Parameter nanoseconds: below 2^63.
    @inline(__always)
    static func index(_ nanoseconds: UInt64) -> Int {
        let shift = UInt64(54 &- (nanoseconds | 512).leadingZeroBitCount)
        return Int(truncatingIfNeeded: shift &<< 9 &+ nanoseconds &>> shift)
    }

    /// What stands for the values of a bin, in nanoseconds.
    /// - Parameter isWhole: the values are whole nanoseconds.
    static func middle(_ index: Int, isWhole: Bool) -> Double {
        if index < 2 * rowSize { return isWhole ? Double(index) : Double(index) + 0.5 }
        let shift = index >> rowBits - 1
        let lowest = UInt64(rowSize + index & (rowSize - 1)) << UInt64(shift)
        return Double(lowest) + Double(UInt64(1) << UInt64(shift)) / 2
    }
}
