/// Seeded synthetic requests in order of arrival: a Poisson process of arrivals, lengths uniform over the integers of
/// their range.
public struct UniformWorkload: Equatable, Sendable {
    /// Tokens, both ends included.
    public var promptLengthMinimum: Int32
    public var promptLengthMaximum: Int32
    public var outputLengthMinimum: Int32
    public var outputLengthMaximum: Int32
    /// Requests per second, above 0. Infinity: all arrive at 0.0.
    public var arrivalRate: Double
    /// Same seed, same requests.
    public var seed: UInt64

    public init(
        promptLength: ClosedRange<Int32> = 50...200, outputLength: ClosedRange<Int32> = 20...500,
        arrivalRate: Double = 10.0, seed: UInt64 = 42
    ) {
        promptLengthMinimum = promptLength.lowerBound
        promptLengthMaximum = promptLength.upperBound
        outputLengthMinimum = outputLength.lowerBound
        outputLengthMaximum = outputLength.upperBound
        self.arrivalRate = arrivalRate
        self.seed = seed
    }

    /// The random streams. Fixed for ever: a workload is its seed.
    private enum Purpose: UInt64 {
        case arrivals = 1
        case promptLengths = 2
        case outputLengths = 3
    }

    /// Fills columns of `count` elements; nil is not wanted. Writes nothing if it throws.
    ///
    /// The first n requests are the same for every count, and whether one column is wanted changes no other.
    /// - Complexity: O(`count`).
    public func generate(
        count: Int, promptLength: UnsafeMutablePointer<Int32>?, outputLength: UnsafeMutablePointer<Int32>?,
        arrivalTime: UnsafeMutablePointer<Double>?
    ) throws(BatchingError) {
        try Validation.count(count, "count")
        let prompts = try UniformWorkload.range(
            promptLengthMinimum, promptLengthMaximum, atLeast: 0, "prompt_length")
        let outputs = try UniformWorkload.range(
            outputLengthMinimum, outputLengthMaximum, atLeast: 1, "output_length")
        guard arrivalRate > 0 else { throw .invalid("arrival_rate", arrivalRate, "must be greater than 0") }

        if let arrivalTime {
            let longestGap = RandomStream.longestExponential / arrivalRate
            if longestGap * Double(count) >= Nanoseconds.maximumSeconds / 2 {
                try forEachArrival(count) { _, _ in }
            }
            try forEachArrival(count) { index, arrival in arrivalTime[index] = arrival.seconds }
        }
        if let promptLength { fill(promptLength, count, prompts, .promptLengths) }
        if let outputLength { fill(outputLength, count, outputs, .outputLengths) }
    }

    private func forEachArrival(_ count: Int, _ body: (Int, Nanoseconds) -> Void) throws(BatchingError) {
        var stream = RandomStream(seed: seed, purpose: Purpose.arrivals.rawValue)
        var arrival = Nanoseconds.zero
        for index in 0..<count {
            let gap = stream.exponential() / arrivalRate
            guard Nanoseconds.holds(gap), let next = arrival.advanced(by: 1, of: Nanoseconds(validSeconds: gap)) else {
                throw BatchingError(
                    .overflow,
                    "arrival_rate is \(arrivalRate): request \(index) would arrive after 9223372036 seconds")
            }
            arrival = next
            body(index, arrival)
        }
    }

    private func fill(
        _ column: UnsafeMutablePointer<Int32>, _ count: Int, _ range: ClosedRange<Int32>, _ purpose: Purpose
    ) {
        var stream = RandomStream(seed: seed, purpose: purpose.rawValue)
        for index in 0..<count { column[index] = stream.integer(in: range) }
    }

    private static func range(
        _ minimum: Int32, _ maximum: Int32, atLeast lowest: Int32, _ name: String
    ) throws(BatchingError) -> ClosedRange<Int32> {
        guard minimum >= lowest else { throw .invalid("\(name)_min", minimum, "must be at least \(lowest)") }
        guard maximum >= minimum else {
            throw .invalid("\(name)_max", maximum, "must be at least \(name)_min, which is \(minimum)")
        }
        return minimum...maximum
    }
}
