/// Seeded synthetic requests in order of arrival: see `Workload`.
/// - Parameters:
///   - promptLengthRange: tokens; at least 0.
///   - outputLengthRange: tokens; at least 1.
///   - arrivalRate: requests per second, above 0.
///   - seed: same seed, same workload, on every platform.
public func simulateWorkload(
    requestCount: Int, promptLengthRange: ClosedRange<Int32> = 50...200,
    outputLengthRange: ClosedRange<Int32> = 20...500,
    arrivalRate: Double = 10.0, seed: UInt64 = 42
) throws(BatchingError) -> [Request] {
    try Validation.count(requestCount, "count")
    let promptLength = try ScratchBuffer<Int32>(count: requestCount, repeating: 0)
    let outputLength = try ScratchBuffer<Int32>(count: requestCount, repeating: 0)
    let arrivalTime = try ScratchBuffer(count: requestCount, repeating: 0.0)
    var workload = Workload()
    workload.seed = seed
    workload.promptLength = LengthDistribution(promptLengthRange)
    workload.outputLength = LengthDistribution(outputLengthRange)
    workload.arrivals.rate = arrivalRate
    try workload.generate(
        count: requestCount, promptLength: promptLength.elements, outputLength: outputLength.elements,
        arrivalTime: arrivalTime.elements)
    return (0..<requestCount).map { index in
        Request(
            id: index, promptLength: Int(promptLength.elements[index]), outputLength: Int(outputLength.elements[index]),
            arrivalTime: arrivalTime.elements[index])
    }
}
