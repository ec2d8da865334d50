/// A number that is not negative, held exactly: a multiple of 2^-1074, as every finite double is.
///
/// It is wide enough for a double times two 64-bit integers, plus another double: 1074 + 1024 + 128 bits and a carry.
struct ExactNumber {
    private static let limbCount = 36
    /// From the least significant; their unit is 2^-1074.
    private var limbs = InlineArray<36, UInt64>(repeating: 0)

    /// - Parameter value: finite, at least 0.
    init(_ value: Double) {
        // value = significand * 2^(shift - 1074), with a significand below 2^53.
        let exponent = Int(value.exponentBitPattern)
        let significand = exponent == 0 ? value.significandBitPattern : value.significandBitPattern | 1 << 52
        let shift = max(exponent - 1, 0)
        let (limb, bits) = shift.quotientAndRemainder(dividingBy: 64)
        limbs[limb] = significand << UInt64(bits)
        if bits > 0 { limbs[limb + 1] = significand >> UInt64(64 - bits) }
    }

    func multiplied(by factor: UInt64) -> ExactNumber {
        var product = self
        var carry: UInt64 = 0
        for limb in 0..<ExactNumber.limbCount {
            let (high, low) = limbs[limb].multipliedFullWidth(by: factor)
            let (sum, overflows) = low.addingReportingOverflow(carry)
            product.limbs[limb] = sum
            carry = high &+ (overflows ? 1 : 0)
        }
        return product
    }

    func adding(_ other: ExactNumber) -> ExactNumber {
        var sum = self
        var carry: UInt64 = 0
        for limb in 0..<ExactNumber.limbCount {
            let (partial, first) = limbs[limb].addingReportingOverflow(other.limbs[limb])
            let (total, second) = partial.addingReportingOverflow(carry)
            sum.limbs[limb] = total
            carry = first || second ? 1 : 0
        }
        return sum
    }

    func isAtMost(_ other: ExactNumber) -> Bool {
        for limb in (0..<ExactNumber.limbCount).reversed() where limbs[limb] != other.limbs[limb] {
            return limbs[limb] < other.limbs[limb]
        }
        return true
    }
}
