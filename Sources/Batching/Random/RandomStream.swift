/// A stream of random numbers for one purpose: xoshiro256++ (Blackman and Vigna, "Scrambled Linear Pseudorandom Number
/// Generators", 2019), its state filled by SplitMix64 (Steele et al., OOPSLA 2014).
///
/// A seed gives as many streams as there are purposes, so that a draw in one never shifts another.
struct RandomStream {
    /// The random streams. They never change: a workload is its seed.
    enum Purpose: UInt64 {
        case arrivals = 1
        case promptLengths = 2
        case outputLengths = 3
        case samples = 4
        case groups = 5
        case turns = 6
        case thinkTimes = 7
        /// Of samples of requests: not part of a workload.
        case selection = 8
        /// Of the steps of a calibration.
        case calibration = 9
        /// Of a router's choices among equals.
        case routing = 10
        /// Of when requests of a fleet are sent again.
        case retries = 11
        /// Of when its replicas fail.
        case faults = 12
    }

    private var state: (UInt64, UInt64, UInt64, UInt64)

    init(seed: UInt64, purpose: Purpose) {
        // The seed is mixed before the purpose is added, lest neighbouring seeds share streams.
        var mixer = SplitMix64(state: seed)
        var filler = SplitMix64(state: mixer.next() ^ purpose.rawValue)
        self.init(state: (filler.next(), filler.next(), filler.next(), filler.next()))
    }

    /// - Parameter state: not all 0.
    init(state: (UInt64, UInt64, UInt64, UInt64)) {
        self.state = state
    }

    mutating func next() -> UInt64 {
        let result = RandomStream.rotate(state.0 &+ state.3, 23) &+ state.0
        let shifted = state.1 << 17
        state.2 ^= state.0
        state.3 ^= state.1
        state.1 ^= state.2
        state.0 ^= state.3
        state.2 ^= shifted
        state.3 = RandomStream.rotate(state.3, 45)
        return result
    }

    /// Uniform over `range`, without bias (Lemire, "Fast Random Integer Generation in an Interval", 2019).
    mutating func integer(in range: ClosedRange<Int32>) -> Int32 {
        let width = UInt64(Int64(range.upperBound) - Int64(range.lowerBound)) + 1
        var (high, low) = next().multipliedFullWidth(by: width)
        if low < width {
            let threshold = (0 &- width) % width
            while low < threshold { (high, low) = next().multipliedFullWidth(by: width) }
        }
        return Int32(truncatingIfNeeded: Int64(range.lowerBound) + Int64(high))
    }

    /// Exponential with mean 1: the gaps of a Poisson process. At most 53 ln 2.
    mutating func exponential() -> Double {
        // In 2^-53...1: the logarithm of 0 is never asked for.
        let uniform = Double(next() >> 11 &+ 1) * 0x1p-53
        return -Logarithm.natural(uniform)
    }

    static let longestExponential = 36.8

    private static func rotate(_ value: UInt64, _ bits: UInt64) -> UInt64 {
        value << bits | value >> (64 - bits)
    }
}

struct SplitMix64 {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
