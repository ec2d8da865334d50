/// Ranks 1...count in proportion to rank^-exponent, by rejection-inversion: Hörmann and Derflinger, "Rejection-Inversion
/// to Generate Variates from Monotone Discrete Distributions", ACM TOMACS 6(3), 1996. No table: O(1) for any count.
struct ZipfDistribution {
    private let count: Double
    private let exponent: Double
    /// The integral of the hat at the upper end of the first rank, less the first rank's own weight.
    private let lowest: Double
    /// The integral of the hat at the upper end of the last rank.
    private let highest: Double
    /// A draw that rounds to within this of its rank is accepted at once.
    private let shortcut: Double

    /// - Parameters:
    ///   - count: ranks; at least 1.
    ///   - exponent: in 0...64. 0: all alike.
    init(count: Int64, exponent: Double) {
        self.count = Double(count)
        self.exponent = exponent
        lowest = ZipfDistribution.integral(1.5, exponent) - 1
        highest = ZipfDistribution.integral(Double(count) + 0.5, exponent)
        shortcut =
            2
            - ZipfDistribution.inverse(
                ZipfDistribution.integral(2.5, exponent) - ZipfDistribution.weight(2, exponent), exponent)
    }

    func rank(_ stream: inout RandomStream) -> Int64 {
        while true {
            let u = highest + stream.uniform() * (lowest - highest)
            let x = ZipfDistribution.inverse(u, exponent)
            let rank = min(max((x + 0.5).rounded(.down), 1), count)
            if rank - x <= shortcut
                || u >= ZipfDistribution.integral(rank + 0.5, exponent) - ZipfDistribution.weight(rank, exponent)
            {
                return Int64(rank)
            }
        }
    }

    /// x^-exponent.
    private static func weight(_ x: Double, _ exponent: Double) -> Double {
        Exponential.natural(-exponent * Logarithm.natural(x))
    }

    /// (x^(1 - exponent) - 1) / (1 - exponent), which goes over into ln x at 1.
    private static func integral(_ x: Double, _ exponent: Double) -> Double {
        let logarithm = Logarithm.natural(x)
        return expm1Quotient((1 - exponent) * logarithm) * logarithm
    }

    /// The x of which `integral` is this.
    private static func inverse(_ integral: Double, _ exponent: Double) -> Double {
        // Rounding may pass the lower end of the range by a hair.
        let scaled = max((1 - exponent) * integral, -1)
        return Exponential.natural(log1pQuotient(scaled) * integral)
    }

    /// (e^x - 1) / x, by its series where the difference would cancel.
    private static func expm1Quotient(_ x: Double) -> Double {
        if abs(x) > 1e-3 { return (Exponential.natural(x) - 1) / x }
        return 1 + x / 2 * (1 + x / 3 * (1 + x / 4 * (1 + x / 5)))
    }

    /// ln(1 + x) / x, by its series where the sum would round.
    private static func log1pQuotient(_ x: Double) -> Double {
        if abs(x) > 1e-3 { return x > -1 ? Logarithm.natural(1 + x) / x : 708 }
        return 1 - x * (1.0 / 2 - x * (1.0 / 3 - x * (1.0 / 4 - x * (1.0 / 5 - x / 6))))
    }
}
