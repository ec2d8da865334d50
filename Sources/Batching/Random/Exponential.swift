/// The exponential function from additions and multiplications, which every platform rounds alike: see `Logarithm`.
enum Exponential {
    /// ln 2, cut into a part whose product with an exponent is exact, and the rest.
    private static let ln2High = 0x1.62E42FEFA38p-1
    private static let ln2Low = 0x1.EF35793C7673p-45
    private static let log2OfE = 0x1.71547652B82FEp0

    /// - Parameter value: not not-a-number. The error is below 2 units in the last place. Below -708 the result is 0, above
    ///   709 it is infinity.
    static func natural(_ value: Double) -> Double {
        if value < -708 { return 0 }
        if value > 709 { return .infinity }
        // e^value = 2^exponent e^rest, with |rest| at most half of ln 2.
        let exponent = (value * log2OfE).rounded(.toNearestOrEven)
        let rest = (value - exponent * ln2High) - exponent * ln2Low
        // The Taylor series, from its smallest term: 0.347^14 / 14! is below 2^-57.
        var series = 0.0
        var divisor = 14.0
        while divisor >= 1 {
            series = (series + 1) * rest / divisor
            divisor -= 1
        }
        return (1 + series) * Double(sign: .plus, exponent: Int(exponent), significand: 1)
    }
}
