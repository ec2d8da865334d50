/// Continuous distributions. What they need of logarithms and exponentials is the library's own, so that the same seed
/// gives the same bytes on every platform; a square root is exact by IEEE 754.
extension RandomStream {
    /// Uniform in 2^-53...1.
    @inline(__always)
    mutating func uniform() -> Double {
        Double(next() >> 11 &+ 1) * 0x1p-53
    }

    /// Normal with mean 0 and deviation 1, by the polar method (Marsaglia and Bray, "A Convenient Method for Generating
    /// Normal Variables", 1964). The second deviate of a pair is not kept: a stream has no state beside its own.
    mutating func normal() -> Double {
        while true {
            let x = 2 * uniform() - 1
            let y = 2 * uniform() - 1
            let square = x * x + y * y
            if square < 1, square > 0 {
                return x * (-2 * Logarithm.natural(square) / square).squareRoot()
            }
        }
    }

    /// Gamma with this shape and scale 1 (Marsaglia and Tsang, "A Simple Method for Generating Gamma Variables", 2000).
    /// - Parameter shape: above 0 and finite.
    mutating func gamma(shape: Double) -> Double {
        if shape < 1 {
            // Gamma(shape) = Gamma(shape + 1) U^(1 / shape).
            let larger = gamma(shape: shape + 1)
            return larger * Exponential.natural(Logarithm.natural(uniform()) / shape)
        }
        let d = shape - 1.0 / 3
        let c = 1 / (9 * d).squareRoot()
        while true {
            let x = normal()
            let root = 1 + c * x
            if root <= 0 { continue }
            let v = root * root * root
            if Logarithm.natural(uniform()) < 0.5 * x * x + d * (1 - v + Logarithm.natural(v)) { return d * v }
        }
    }
}
