/// Where a completed request's time went.
///
/// The time to first token is firstTokenTime - arrivalTime where it is known, else queueTime + processingTime /
/// tokensGenerated: equal steps from start to end.
/// - Throws: if the request has no start or end, or its times are out of range or order.
public func calculateRequestLatency(_ request: Request) throws(BatchingError) -> RequestLatency {
    try [request].withCompletedColumns { (completed) throws(BatchingError) in
        RequestLatency(try completed.request(0))
    }
}

/// The metrics of completed requests: see `BatchMetrics`.
/// - Parameter totalTime: seconds; above 0 if there are requests.
public func calculateBatchMetrics(
    _ completedRequests: [Request], totalTime: Double
) throws(BatchingError) -> BatchMetrics {
    try completedRequests.withCompletedColumns { (completed) throws(BatchingError) in
        try BatchMetrics(completed, totalTime: totalTime)
    }
}

/// Floating-point operations per byte of weights read: see `ArithmeticIntensity.calculate`.
public func calculateArithmeticIntensityWithBatch(
    batchSize: Int, modelMemoryBytes: Double, flopsPerToken: Double = 2.0
) throws(BatchingError) -> Double {
    try ArithmeticIntensity.calculate(
        batchSize: Int64(batchSize), modelMemoryBytes: modelMemoryBytes, flopsPerToken: flopsPerToken)
}

/// The largest number of sequences whose KV cache fits beside the model: see `OptimalBatchSize.calculate`.
public func optimalBatchSize(
    memoryBudget: Double, modelMemory: Double, kvCachePerToken: Double, maxSequenceLength: Int
) throws(BatchingError) -> Int {
    Int(
        try OptimalBatchSize.calculate(
            memoryBudget: memoryBudget, modelMemory: modelMemory, kvCachePerToken: kvCachePerToken,
            maxSequenceLength: Int64(maxSequenceLength)))
}
