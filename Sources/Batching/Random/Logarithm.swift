/// The natural logarithm from additions, multiplications and one division, which every platform rounds alike. The C
/// library's differs in the last bit from one platform to the next, and with it every workload would.
enum Logarithm {
    /// ln 2, cut into a part whose product with an exponent is exact, and the rest.
    private static let ln2High = 0x1.62E42FEFA38p-1
    private static let ln2Low = 0x1.EF35793C7673p-45

    /// - Parameter value: positive, finite and normal. The error is below 2 units in the last place.
    static func natural(_ value: Double) -> Double {
        // value = significand * 2^exponent with the significand in sqrt(1/2)...sqrt(2).
        var significand = value.significand
        var exponent = Double(value.exponent)
        if significand > 0x1.6A09E667F3BCDp0 {
            significand /= 2
            exponent += 1
        }
        // ln(significand) = 2 artanh(s) = 2 (s + s^3/3 + s^5/5 + ...), with |s| below 0.172: eleven terms reach 2^-55.
        let s = (significand - 1) / (significand + 1)
        let square = s * s
        var series = 0.0
        var odd = 21.0
        while odd >= 3 {
            series = (series + 1 / odd) * square
            odd -= 2
        }
        return exponent * ln2High + (2 * s + (2 * s * series + exponent * ln2Low))
    }
}
