/// How long synthetic prompts or outputs are.
public struct LengthDistribution: Equatable, Sendable {
    /// The raw values are those of the C header.
    public enum Kind: Int32, CaseIterable, Sendable {
        /// All integers of the range alike.
        case uniform = 0
        /// median e^(sigma z) with z standard normal, to the nearest integer.
        case lognormal = 100
        /// The k-th integer of the range in proportion to k^-exponent.
        case zipf = 200
        /// Those of a sample, drawn with replacement.
        case empirical = 300
    }

    /// How the lengths are distributed.
    public var kind = Kind.uniform
    /// The shortest, in tokens: every length is within, both ends included.
    public var minimum: Int32
    /// The longest, in tokens.
    public var maximum: Int32
    /// lognormal: tokens, in 0.001...2147483647.
    public var median = 0.0
    /// lognormal: in 0...100.
    public var sigma = 0.0
    /// zipf: above 0, at most 64.
    public var exponent = 0.0

    /// All lengths of a range alike.
    public init(_ range: ClosedRange<Int32>) {
        minimum = range.lowerBound
        maximum = range.upperBound
    }

    /// - Parameters:
    ///   - name: "prompt_length" or "output_length".
    ///   - lowest: what a length must be at least.
    func validate(_ name: StaticString, atLeast lowest: Int32) throws(BatchingError) {
        guard minimum >= lowest else { throw .invalid("\(name)_min", minimum, "must be at least \(lowest)") }
        guard maximum >= minimum else {
            throw .invalid("\(name)_max", maximum, "must be at least \(name)_min, which is \(minimum)")
        }
        switch kind {
        case .uniform, .empirical: break
        case .lognormal:
            guard (0.001...2_147_483_647).contains(median) else {
                throw .invalid("\(name)_median", median, "must be between 0.001 and 2147483647")
            }
            guard (0...100).contains(sigma) else { throw .invalid("\(name)_sigma", sigma, "must be between 0 and 100") }
        case .zipf:
            guard exponent > 0, exponent <= 64 else {
                throw .invalid("\(name)_exponent", exponent, "must be greater than 0 and at most 64")
            }
        }
    }
}

/// The lengths of a distribution that has been validated, one after the other.
struct LengthStream {
    private let distribution: LengthDistribution
    private var stream: RandomStream
    private let zipf: ZipfDistribution?
    private let logarithmOfMedian: Double
    private let sample: UnsafePointer<Int32>?
    private let sampleCount: Int

    /// - Parameters:
    ///   - sample: `sampleCount` lengths; required for an empirical distribution.
    init(
        _ distribution: LengthDistribution, _ stream: RandomStream, sample: UnsafePointer<Int32>?, sampleCount: Int
    ) {
        self.distribution = distribution
        self.stream = stream
        self.sample = sample
        self.sampleCount = sampleCount
        let width = Int64(distribution.maximum) - Int64(distribution.minimum) + 1
        zipf = distribution.kind == .zipf ? ZipfDistribution(count: width, exponent: distribution.exponent) : nil
        logarithmOfMedian = distribution.kind == .lognormal ? Logarithm.natural(distribution.median) : 0
    }

    @inline(__always)
    mutating func next() -> Int32 {
        switch distribution.kind {
        case .uniform: stream.integer(in: distribution.minimum...distribution.maximum)
        case .lognormal: clamped(Exponential.natural(logarithmOfMedian + distribution.sigma * stream.normal()))
        case .zipf: nextZipf()
        case .empirical: nextSample()
        }
    }

    private func clamped(_ length: Double) -> Int32 {
        Int32(min(max(length.rounded(), Double(distribution.minimum)), Double(distribution.maximum)))
    }

    private mutating func nextZipf() -> Int32 {
        guard let rank = zipf?.rank(&stream) else { return distribution.minimum }
        return Int32(truncatingIfNeeded: Int64(distribution.minimum) + rank - 1)
    }

    private mutating func nextSample() -> Int32 {
        guard let sample else { return distribution.minimum }
        let length = sample[Int(stream.integer(in: 0...Int32(truncatingIfNeeded: sampleCount - 1)))]
        return min(max(length, distribution.minimum), distribution.maximum)
    }
}
