/// An unsigned integer of 384 bits, for the exact numerator of a variance. Used once a query, not once a sample.
struct WideNumber {
    /// The least significant first.
    private var limbs: InlineArray<6, UInt64>

    init(low: UInt128, high: UInt128 = 0) {
        limbs = [
            UInt64(truncatingIfNeeded: low), UInt64(truncatingIfNeeded: low >> 64), UInt64(truncatingIfNeeded: high),
            UInt64(truncatingIfNeeded: high >> 64), 0, 0,
        ]
    }

    /// The product, if it is below 2^384.
    static func * (left: WideNumber, right: WideNumber) -> WideNumber {
        var product = WideNumber(low: 0)
        for i in 0..<6 {
            var carry: UInt64 = 0
            for j in 0..<(6 - i) {
                let sum =
                    UInt128(left.limbs[i]) * UInt128(right.limbs[j]) + UInt128(product.limbs[i + j]) + UInt128(carry)
                product.limbs[i + j] = UInt64(truncatingIfNeeded: sum)
                carry = UInt64(truncatingIfNeeded: sum >> 64)
            }
        }
        return product
    }

    /// The difference, if `right` is not larger; else 0.
    static func - (left: WideNumber, right: WideNumber) -> WideNumber {
        var difference = left
        var borrow = false
        for i in 0..<6 {
            let (first, firstBorrows) = left.limbs[i].subtractingReportingOverflow(right.limbs[i])
            let (second, secondBorrows) = first.subtractingReportingOverflow(borrow ? 1 : 0)
            difference.limbs[i] = second
            borrow = firstBorrows || secondBorrows
        }
        return borrow ? WideNumber(low: 0) : difference
    }

    func isAtMost(_ other: WideNumber) -> Bool {
        for i in (0..<6).reversed() where limbs[i] != other.limbs[i] { return limbs[i] < other.limbs[i] }
        return true
    }

    var double: Double {
        var value = 0.0
        for i in (0..<6).reversed() { value = value * 0x1p64 + Double(limbs[i]) }
        return value
    }
}
