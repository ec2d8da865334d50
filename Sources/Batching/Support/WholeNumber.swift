/// A non-negative integer of many bits, in memory that its caller has, and has made large enough.
struct WholeNumber {
    /// The least significant first.
    private let limbs: UnsafeMutablePointer<UInt64>
    /// Those in use: the last is not 0.
    private var count = 0

    /// 0.
    init(_ limbs: UnsafeMutablePointer<UInt64>) {
        self.limbs = limbs
    }

    var isZero: Bool { count == 0 }

    var bitCount: Int { count == 0 ? 0 : 64 &* count &- limbs[count &- 1].leadingZeroBitCount }

    /// Becomes itself x `factor` + `term`.
    mutating func multiplyAndAdd(_ factor: UInt64, _ term: UInt64) {
        var carry = term
        for index in 0..<count {
            let product = limbs[index].multipliedFullWidth(by: factor)
            let (low, carries) = product.low.addingReportingOverflow(carry)
            limbs[index] = low
            carry = product.high &+ (carries ? 1 : 0)
        }
        push(carry)
    }

    mutating func multiply(powerOfFive exponent: Int) {
        var left = exponent
        while left > 0 {
            let step = min(left, 27)
            var power: UInt64 = 1
            for _ in 0..<step { power = power &* 5 }
            multiplyAndAdd(power, 0)
            left &-= step
        }
    }

    /// Becomes itself x 2^`bits`.
    mutating func shift(by bits: Int) {
        guard bits > 0, count > 0 else { return }
        let (whole, part) = (bits &>> 6, UInt64(bits & 63))
        var carry: UInt64 = 0
        if part > 0 {
            for index in 0..<count {
                let limb = limbs[index]
                limbs[index] = limb &<< part | carry
                carry = limb &>> (64 &- part)
            }
            push(carry)
        }
        guard whole > 0 else { return }
        var index = count
        while index > 0 {
            index &-= 1
            limbs[index &+ whole] = limbs[index]
        }
        for index in 0..<whole { limbs[index] = 0 }
        count &+= whole
    }

    /// Becomes itself - `other`; false: that is larger, and nothing is changed.
    mutating func subtract(_ other: WholeNumber) -> Bool {
        guard isAtLeast(other) else { return false }
        var borrow: UInt64 = 0
        for index in 0..<count {
            let (first, isBelow) = limbs[index].subtractingReportingOverflow(
                index < other.count ? other.limbs[index] : 0)
            let (second, isStillBelow) = first.subtractingReportingOverflow(borrow)
            limbs[index] = second
            borrow = isBelow || isStillBelow ? 1 : 0
        }
        while count > 0, limbs[count &- 1] == 0 { count &-= 1 }
        return true
    }

    /// Its first 64 bits or more, how many there are after them, and whether any of those is 1.
    var leading: (value: UInt128, shift: Int, hasMore: Bool) {
        guard count > 2 else {
            let (low, high) = (count > 0 ? limbs[0] : 0, count > 1 ? limbs[1] : 0)
            return (UInt128(high) &<< 64 | UInt128(low), 0, false)
        }
        var hasMore = false
        for index in 0..<(count &- 2) where limbs[index] != 0 { hasMore = true }
        return (UInt128(limbs[count &- 1]) &<< 64 | UInt128(limbs[count &- 2]), 64 &* (count &- 2), hasMore)
    }

    private func isAtLeast(_ other: WholeNumber) -> Bool {
        guard count == other.count else { return count > other.count }
        var index = count
        while index > 0 {
            index &-= 1
            if limbs[index] != other.limbs[index] { return limbs[index] > other.limbs[index] }
        }
        return true
    }

    private mutating func push(_ limb: UInt64) {
        guard limb != 0 else { return }
        limbs[count] = limb
        count &+= 1
    }
}
