/// What a textbook simulator returns.
public struct TextbookResult: Equatable, Sendable {
    /// New requests, in order of completion (ties: of admission), with their times filled in.
    public var completedRequests: [Request]
    /// Seconds: the end of the last completion, on a clock that starts at 0. 0.0 if there are none.
    public var totalTime: Double
    /// Tokens per second. 0.0 if there are none.
    public var throughput: Double
}

/// Static batching: see `StaticBatching.simulate`.
/// - Parameters:
///   - requests: in any order; they are taken in order of arrival, ties in the given order.
///   - batchSize: at least 1.
///   - timePerToken: seconds an iteration takes.
public func staticBatchSimulation(
    _ requests: [Request], batchSize: Int, timePerToken: Double = 0.01
) throws(BatchingError) -> TextbookResult {
    try simulation(of: requests) { (columns, results) throws(BatchingError) in
        try StaticBatching.simulate(
            columns, batchSize: Int64(batchSize), timePerToken: timePerToken, results: results)
    }
}

/// Continuous batching: see `ContinuousBatching.simulate`.
/// - Parameters:
///   - requests: in any order; they are taken in order of arrival, ties in the given order.
///   - maxBatchSize: slots; at least 1.
///   - timePerToken: seconds an iteration takes.
public func continuousBatchSimulation(
    _ requests: [Request], maxBatchSize: Int, timePerToken: Double = 0.01
) throws(BatchingError) -> TextbookResult {
    try simulation(of: requests) { (columns, results) throws(BatchingError) in
        try ContinuousBatching.simulate(
            columns, maxBatchSize: Int64(maxBatchSize), timePerToken: timePerToken, results: results)
    }
}

/// Both simulators on the same requests.
public func compareBatchingStrategies(
    _ requests: [Request], batchSize: Int, timePerToken: Double = 0.01
) throws(BatchingError) -> StrategyComparison {
    try requests.withRequestColumns { (columns) throws(BatchingError) in
        try StrategyComparison(columns, batchSize: Int64(batchSize), timePerToken: timePerToken)
    }
}

private func simulation(
    of requests: [Request], _ simulator: (RequestColumns, ResultColumns) throws(BatchingError) -> RunSummary
) throws(BatchingError) -> TextbookResult {
    let count = requests.count
    let startTime = try ScratchBuffer(count: count, repeating: 0.0)
    let firstTokenTime = try ScratchBuffer(count: count, repeating: 0.0)
    let endTime = try ScratchBuffer(count: count, repeating: 0.0)
    let completionOrder = try ScratchBuffer<Int64>(count: count, repeating: 0)
    let columns = ResultColumns(
        startTime: startTime.elements, firstTokenTime: firstTokenTime.elements, endTime: endTime.elements,
        completionOrder: completionOrder.elements)
    let summary = try requests.withRequestColumns { (requestColumns) throws(BatchingError) in
        try simulator(requestColumns, columns)
    }

    var completed: [Request] = []
    completed.reserveCapacity(count)
    for position in 0..<count {
        let index = Int(completionOrder.elements[position])
        var request = requests[index]
        request.startTime = startTime.elements[index]
        request.firstTokenTime = firstTokenTime.elements[index]
        request.endTime = endTime.elements[index]
        request.tokensGenerated = request.outputLength
        completed.append(request)
    }
    return TextbookResult(
        completedRequests: completed, totalTime: summary.totalTime, throughput: summary.throughput)
}
