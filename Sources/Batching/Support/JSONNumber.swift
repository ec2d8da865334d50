/// A number of a JSON text, as it stands there.
struct JSONNumber {
    let text: UnsafeBufferPointer<UInt8>
    /// Whether it has neither a fraction nor an exponent.
    let isInteger: Bool

    /// Its value; nil: it has a fraction or an exponent, or is beyond 64 bits.
    var integer: Int64? {
        guard isInteger else { return nil }
        let isNegative = text.first == UInt8(ascii: "-")
        var value: Int64 = 0
        for index in (isNegative ? 1 : 0)..<max(text.count, 1) {
            let digit = Int64(text[index] &- UInt8(ascii: "0"))
            // Downwards, where there is one more.
            let (tenfold, isTooMuch) = value.multipliedReportingOverflow(by: 10)
            let (next, isMore) = tenfold.subtractingReportingOverflow(digit)
            if isTooMuch || isMore { return nil }
            value = next
        }
        if isNegative { return value }
        return value == .min ? nil : 0 &- value
    }
}

/// The double nearest to a decimal number, ties to even, as IEEE 754 asks: by integers alone, so that it is the same in
/// whatever mode a thread rounds.
struct DecimalReader {
    /// Two integers of `limbCount` limbs.
    private let limbs: UnsafeMutablePointer<UInt64>

    /// Of the largest numbers that are divided: 801 digits, and 5^1131.
    private static var limbCount: Int { 44 }
    /// What it needs to work in.
    static var scratchCount: Int { 2 &* limbCount }
    /// Digits beyond so many can only say to which side of the middle of two doubles a number is: that has at most 767.
    private static var mostDigits: Int { 800 }

    /// - Parameter scratch: `scratchCount` numbers.
    init(_ scratch: UnsafeMutablePointer<UInt64>) {
        limbs = scratch
    }

    struct Result {
        /// Infinite, if the number is beyond the largest double.
        var value: Double
        /// Whether it is the number itself.
        var isExact: Bool
    }

    /// - Parameter number: as JSON writes numbers.
    func double(_ number: JSONNumber) -> Result {
        let digits = DecimalDigits(number.text)
        var result = magnitude(digits, number.text)
        if number.text.first == UInt8(ascii: "-") { result.value = -result.value }
        return result
    }

    private func magnitude(_ digits: DecimalDigits, _ text: UnsafeBufferPointer<UInt8>) -> Result {
        if digits.count == 0 { return Result(value: 0, isExact: true) }
        // It is below 10^top, and not below a tenth of that: the largest double is below 10^309, half of the smallest
        // above 10^-324.
        let top = digits.count &+ digits.exponent
        if top > 310 { return Result(value: .infinity, isExact: false) }
        if top < -330 { return Result(value: 0, isExact: false) }
        if digits.count <= 19, digits.exponent >= -27, digits.exponent <= 27 { return short(digits) }
        return long(digits, text)
    }

    /// 5^27 is the largest that has 63 bits.
    private static func power(ofFive exponent: Int) -> UInt64 {
        var power: UInt64 = 1
        for _ in 0..<max(exponent, 0) { power = power &* 5 }
        return power
    }

    private func short(_ digits: DecimalDigits) -> Result {
        let (value, exponent) = (digits.leading, digits.exponent)
        if exponent >= 0 {
            let product = UInt128(value) &* UInt128(DecimalReader.power(ofFive: exponent))
            return DecimalReader.rounded(product, exponent: exponent, hasMore: false)
        }
        let shift = 64 &+ value.leadingZeroBitCount
        let (quotient, rest) = (UInt128(value) &<< UInt128(shift)).quotientAndRemainder(
            dividingBy: UInt128(DecimalReader.power(ofFive: 0 &- exponent)))
        return DecimalReader.rounded(quotient, exponent: exponent &- shift, hasMore: rest != 0)
    }

    private func long(_ digits: DecimalDigits, _ text: UnsafeBufferPointer<UInt8>) -> Result {
        var number = WholeNumber(limbs)
        var exponent = digits.exponent &+ digits.read(text, most: DecimalReader.mostDigits, into: &number)
        if exponent >= 0 {
            let fives = exponent
            number.multiply(powerOfFive: fives)
            let (leading, shift, hasMore) = number.leading
            return DecimalReader.rounded(leading, exponent: exponent &+ shift, hasMore: hasMore)
        }
        var divisor = WholeNumber(limbs + DecimalReader.limbCount)
        divisor.multiplyAndAdd(0, 1)
        divisor.multiply(powerOfFive: 0 &- exponent)
        let shift = divisor.bitCount &- number.bitCount
        if shift >= 0 { number.shift(by: shift) } else { divisor.shift(by: 0 &- shift) }
        exponent = exponent &- shift
        // Now the quotient is above a half and below 2: its first 66 bits.
        var quotient: UInt128 = 0
        for _ in 0..<66 {
            quotient = quotient &<< 1
            if number.subtract(divisor) { quotient |= 1 }
            number.shift(by: 1)
        }
        return DecimalReader.rounded(quotient, exponent: exponent &- 65, hasMore: !number.isZero)
    }

    /// value x 2^exponent, and if there is more than that, less than one more.
    /// - Parameter value: above 0; if there is more, at least 2^54.
    private static func rounded(_ value: UInt128, exponent: Int, hasMore: Bool) -> Result {
        let bits = 128 &- value.leadingZeroBitCount
        // Of its first bit.
        let top = exponent &+ bits &- 1
        if top > 1023 { return Result(value: .infinity, isExact: false) }
        if top < -1075 { return Result(value: 0, isExact: false) }
        // Below 2^-1022 doubles are as far apart as there.
        let dropped = bits &- min(53, 1075 &+ top)
        var kept = dropped > 0 ? value >> UInt128(dropped) : value << UInt128(0 &- dropped)
        var isExact = !hasMore
        if dropped > 0 {
            let rest = value &- (kept << UInt128(dropped))
            let half: UInt128 = 1 << UInt128(dropped &- 1)
            isExact = rest == 0 && !hasMore
            if rest > half || (rest == half && (hasMore || kept & 1 == 1)) { kept = kept &+ 1 }
        }
        // The sum carries into the exponent as it should: to the next power of two, and from the largest to infinity.
        let place = UInt64(max(top &+ 1022, 0)) &<< 52
        return Result(value: Double(bitPattern: place &+ UInt64(truncatingIfNeeded: kept)), isExact: isExact)
    }
}

/// The digits of a decimal number: as an integer x 10^exponent.
private struct DecimalDigits {
    /// From the first that is not 0 on.
    var count = 0
    var exponent = 0
    /// The first 19.
    var leading: UInt64 = 0

    init(_ text: UnsafeBufferPointer<UInt8>) {
        var isFraction = false
        for index in 0..<text.count {
            let byte = text[index]
            if byte == UInt8(ascii: ".") { isFraction = true }
            if byte | 0x20 == UInt8(ascii: "e") {
                exponent = exponent &+ DecimalDigits.exponent(text, from: index &+ 1)
                return
            }
            guard JSONReader.isDigit(byte) else { continue }
            if isFraction { exponent &-= 1 }
            if count == 0, byte == UInt8(ascii: "0") { continue }
            if count < 19 { leading = leading &* 10 &+ UInt64(byte &- UInt8(ascii: "0")) }
            count &+= 1
        }
    }

    /// What is beyond all doubles is only that.
    private static func exponent(_ text: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
        var value = 0
        for index in start..<max(text.count, start) where JSONReader.isDigit(text[index]) {
            value = min(value &* 10 &+ Int(text[index] &- UInt8(ascii: "0")), 1 << 50)
        }
        return start < text.count && text[start] == UInt8(ascii: "-") ? 0 &- value : value
    }

    /// The first of the digits as one number, and if any of the others is not 0, a 1 after them.
    /// - Returns: how many digits are not in it.
    func read(_ text: UnsafeBufferPointer<UInt8>, most: Int, into number: inout WholeNumber) -> Int {
        var (seen, hasMore) = (0, false)
        for index in 0..<text.count {
            let byte = text[index]
            if byte | 0x20 == UInt8(ascii: "e") { break }
            guard JSONReader.isDigit(byte), seen > 0 || byte != UInt8(ascii: "0") else { continue }
            seen &+= 1
            if seen <= most {
                number.multiplyAndAdd(10, UInt64(byte &- UInt8(ascii: "0")))
            } else if byte != UInt8(ascii: "0") {
                hasMore = true
            }
        }
        if hasMore { number.multiplyAndAdd(10, 1) }
        return max(count &- most, 0) &- (hasMore ? 1 : 0)
    }
}
