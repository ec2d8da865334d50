/// The clock: whole nanoseconds in an `Int64`, seconds in a `Double` outside.
///
/// A time is rounded once, as it comes in; from there on only integers are added. So sums do not drift, ties are exact,
/// and 100 iterations of 0.01 s are exactly 1.0 s.
public struct Nanoseconds: BitwiseCopyable, Equatable, Comparable, Sendable {
    /// Nanoseconds.
    public var count: Int64

    @inline(__always)
    init(_ count: Int64) {
        self.count = count
    }

    static let zero = Nanoseconds(0)

    /// The longest time the clock holds, in seconds and in nanoseconds: about 292 years.
    static let maximumSeconds = 9_223_372_036.0
    static let maximum = Nanoseconds(9_223_372_036_000_000_000)

    /// Whether `seconds` is a time: finite, and in 0...maximumSeconds. Not-a-number fails both comparisons.
    @inline(__always)
    static func holds(_ seconds: Double) -> Bool {
        seconds >= 0 && seconds <= maximumSeconds
    }

    /// The nearest whole nanosecond, ties to even, of a time for which `holds` is true.
    @inline(__always)
    init(validSeconds seconds: Double) {
        self.init(cappedSeconds: seconds)
    }

    /// The same of any time that is not negative: what is beyond the clock becomes a time that still is.
    @inline(__always)
    init(cappedSeconds seconds: Double) {
        self = Nanoseconds(shortSeconds: seconds) ?? Nanoseconds(Nanoseconds.carefulCount(seconds))
    }

    /// The same where that is simple: of at most `longestShort`, and not close to a half. nil: it is not.
    @inline(__always)
    init?(shortSeconds seconds: Double) {
        // Adding 2^46 rounds to 64ths, which stand in the low bits. Below it (19 hours) that and the product are off by less
        // than a 64th together. So what does not become a half is on its own side of one.
        let sixtyFourths = (seconds * 1e9 + 0x1p46).bitPattern &- (0x1p46).bitPattern &+ 32
        if _slowPath(sixtyFourths & 63 == 0) || _slowPath(sixtyFourths >= 1 << 52) { return nil }
        count = Int64(bitPattern: sixtyFourths &>> 6)
    }

    static let longestShort = Nanoseconds(1 << 46)

    /// The same of times that are longer, or close to a half.
    @inline(never)
    private static func carefulCount(_ seconds: Double) -> Int64 {
        let scaled = seconds * 1e9
        // Adding 2^52 leaves no room for a fraction: the hardware rounds it to even, and the integer stands in the low 52
        // bits. Below 2^50 (13 days) all halves are doubles, so that the rounding of the product carries no time across a
        // half; but it may carry one onto it.
        let shifted = scaled + 0x1p52
        if scaled >= 0x1p50 || (scaled - (shifted - 0x1p52)).magnitude >= 0.5 {
            return exactCount(min(seconds, Nanoseconds.maximumSeconds + 0.5))
        }
        return Int64(bitPattern: shifted.bitPattern & 0xF_FFFF_FFFF_FFFF)
    }

    /// The same without a rounded product: significand * 10^9 / 2^shift.
    /// - Parameter seconds: at least 2^-31, which is half a nanosecond.
    private static func exactCount(_ seconds: Double) -> Int64 {
        let significand = seconds.significandBitPattern | 1 << 52
        // 52 - exponent: between 19 and 83, since seconds is between 2^-31 and 2^34.
        let shift = UInt128(1075 &- seconds.exponentBitPattern)
        let product = UInt128(significand) &* 1_000_000_000
        let whole = product &>> shift
        let rest = product & (1 &<< shift &- 1)
        let half: UInt128 = 1 &<< (shift &- 1)
        let roundsUp = rest > half || (rest == half && whole & 1 == 1)
        return Int64(truncatingIfNeeded: whole &+ (roundsUp ? 1 : 0))
    }

    /// Nanoseconds from the times of one column to those of another.
    /// - Parameters:
    ///   - starts: `count` times for which `holds` is true. nil: all 0.
    ///   - ends: the same. Where a start or an end is not-a-number, the span is any number.
    static func spans(
        from starts: UnsafePointer<Double>?, to ends: UnsafePointer<Double>, count: Int,
        into spans: UnsafeMutablePointer<Int64>
    ) {
        // Two rows at once by the short way, without looking whether it is right before all have been gone.
        var areRight = SIMDMask<SIMD2<Int64>>(repeating: true)
        var row = 0
        while row &+ 2 <= count {
            let start = rounded(starts.map { SIMD2($0[row], $0[row &+ 1]) } ?? .zero)
            let end = rounded(SIMD2(ends[row], ends[row &+ 1]))
            let span = end.bits &- start.bits
            spans[row] = span[0]
            spans[row &+ 1] = span[1]
            areRight .&= start.areRight .& end.areRight
            row &+= 2
        }
        if !all(areRight) { row = 0 }
        while row < count {
            let start = starts.map { Nanoseconds(validSeconds: $0[row]) } ?? .zero
            spans[row] = Nanoseconds(validSeconds: ends[row]).count &- start.count
            row &+= 1
        }
    }

    /// Two times rounded as in `carefulCount`, where that needs no other way. The bits count nanoseconds from
    /// where those of 2^52 are.
    @inline(__always)
    private static func rounded(
        _ seconds: SIMD2<Double>
    ) -> (bits: SIMD2<Int64>, areRight: SIMDMask<SIMD2<Int64>>) {
        let scaled = seconds * 1e9
        let shifted = scaled + 0x1p52
        let rest = scaled - (shifted - 0x1p52)
        // The rest is at most a half.
        return (unsafeBitCast(shifted, to: SIMD2<Int64>.self), (scaled .< 0x1p50) .& (rest * rest .< 0.25))
    }

    /// A time given by a caller. Throws unless it is finite and in range.
    init(seconds: Double, argument: StaticString) throws(BatchingError) {
        guard Nanoseconds.holds(seconds) else {
            throw .invalid("\(argument)", seconds, Nanoseconds.requirement)
        }
        self.init(validSeconds: seconds)
    }

    static var requirement: ErrorText { "must be between 0 and 9223372036 seconds" }

    /// The double nearest to this many nanoseconds. It never decreases as `count` grows, and `Nanoseconds` of it is this
    /// again wherever doubles are close enough together to tell one nanosecond from the next.
    @inline(__always)
    public var seconds: Double {
        count <= 1 << 53 ? Double(count) / 1e9 : Nanoseconds.seconds(long: count)
    }

    @inline(never)
    private static func seconds(long count: Int64) -> Double {
        let (whole, rest) = count.quotientAndRemainder(dividingBy: 1_000_000_000)
        return Double(whole) + Double(rest) / 1e9
    }

    /// Whether a time is before another.
    @inline(__always)
    public static func < (left: Nanoseconds, right: Nanoseconds) -> Bool { left.count < right.count }

    /// Both are on the clock, so neither the sum of two nor the difference of two can wrap 64 bits unnoticed: the caller
    /// of `+` has checked that the sum is on the clock too.
    @inline(__always)
    static func + (left: Nanoseconds, right: Nanoseconds) -> Nanoseconds { Nanoseconds(left.count &+ right.count) }

    @inline(__always)
    static func - (left: Nanoseconds, right: Nanoseconds) -> Nanoseconds { Nanoseconds(left.count &- right.count) }

    /// So many things for so long: their number times the nanoseconds. Neither is negative: one multiplication does.
    @inline(__always)
    func times(_ number: Int) -> UInt128 {
        UInt128(UInt64(truncatingIfNeeded: number)) &* UInt128(UInt64(bitPattern: count))
    }

    /// How many of the times `self`, `self + step`, `self + 2 * step`, … are before `end`; less than `Int64.max`.
    @inline(__always)
    func steps(of step: Nanoseconds, before end: Nanoseconds) -> Int64 {
        if self >= end { return 0 }
        return step == .zero ? Int64.max - 1 : min((end.count &- count &- 1) / step.count, Int64.max - 2) &+ 1
    }

    /// `self + iterations * step`, or nil if the clock would pass its maximum.
    @inline(__always)
    func advanced(by iterations: Int64, of step: Nanoseconds) -> Nanoseconds? {
        let (span, spanOverflows) = iterations.multipliedReportingOverflow(by: step.count)
        let (sum, sumOverflows) = count.addingReportingOverflow(span)
        if spanOverflows || sumOverflows || sum > Nanoseconds.maximum.count { return nil }
        return Nanoseconds(sum)
    }

    /// `self + duration`, or the clock's maximum where that is beyond it.
    @inline(__always)
    func later(by duration: Nanoseconds) -> Nanoseconds { advanced(by: 1, of: duration) ?? .maximum }
}
