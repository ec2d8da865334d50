/// How long users think between two requests.
public struct ThinkTimes: Equatable, Sendable {
    /// The raw values are those of the C header.
    public enum Kind: Int32, CaseIterable, Sendable {
        /// Memoryless.
        case exponential = 0
        /// All equal to their mean.
        case constant = 100
        /// mean e^(sigma z - sigma^2 / 2) with z standard normal: many short ones, few long ones.
        case lognormal = 200
    }

    /// How they are distributed.
    public var kind = Kind.exponential
    /// Mean, in seconds.
    public var mean = 0.0
    /// lognormal: standard deviation of the logarithm, in 0...64.
    public var sigma = 0.0

    /// All 0.
    public init() {}

    func validate() throws(BatchingError) {
        _ = try Nanoseconds(seconds: mean, argument: "think_time")
        guard kind != .lognormal || (0...64).contains(sigma) else {
            throw .invalid("think_time_sigma", sigma, "must be between 0 and 64")
        }
    }

    /// What a workload of this seed draws its think times from, and a client of this seed.
    static func stream(seed: UInt64) -> RandomStream {
        RandomStream(seed: seed, purpose: .thinkTimes)
    }

    /// The next think time of a distribution that has been validated, or nil if it is beyond the clock. Constant ones
    /// take nothing from the stream.
    @inline(__always)
    func draw(_ stream: inout RandomStream) -> Nanoseconds? {
        let seconds =
            switch kind {
            case .exponential: stream.exponential() * mean
            case .constant: mean
            case .lognormal: mean * Exponential.natural(sigma * stream.normal() - sigma * sigma / 2)
            }
        return Nanoseconds.holds(seconds) ? Nanoseconds(validSeconds: seconds) : nil
    }
}
