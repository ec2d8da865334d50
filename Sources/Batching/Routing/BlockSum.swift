/// A sum of weights of blocks that does not depend on their order: whole blocks, and 2^-64ths of one.
struct BlockSum: BitwiseCopyable {
    private(set) var whole: Int64 = 0
    private(set) var fraction: UInt64 = 0

    init() {}

    init(whole: Int64) { self.whole = whole }

    /// - Parameters:
    ///   - weight: in 0...1.
    ///   - count: blocks that weigh as much; below 2^31.
    init(weight: Double, count: Int64 = 1) {
        if weight >= 1 {
            whole = count
        } else {
            // Below 2^64: the largest weight below 1 is 1 - 2^-53.
            let each = UInt64(weight * 0x1p64)
            let (high, low) = each.multipliedFullWidth(by: UInt64(bitPattern: count))
            whole = Int64(truncatingIfNeeded: high)
            fraction = low
        }
    }

    @inline(__always)
    static func += (sum: inout BlockSum, other: BlockSum) {
        let (fraction, carries) = sum.fraction.addingReportingOverflow(other.fraction)
        sum.whole = sum.whole &+ other.whole &+ (carries ? 1 : 0)
        sum.fraction = fraction
    }

    @inline(__always)
    static func -= (sum: inout BlockSum, other: BlockSum) {
        let (fraction, borrows) = sum.fraction.subtractingReportingOverflow(other.fraction)
        sum.whole = sum.whole &- other.whole &- (borrows ? 1 : 0)
        sum.fraction = fraction
    }

    /// To whole blocks, halves up. What is nearest to a half in a Double is one.
    @inline(__always)
    var rounded: Int64 {
        if fraction == 0 { return whole }
        let value = Double(whole) + Double(fraction) * 0x1p-64
        return Int64((value + 0.5).rounded(.down))
    }
}
