extension StrategyComparison {
    /// Runs both simulators. Keeps no columns: the latencies are added up as they come.
    /// - Parameters:
    ///   - requests: in any order.
    ///   - batchSize: the batch of the one, the slots of the other; at least 1.
    ///   - timePerToken: seconds an iteration takes, rounded to whole nanoseconds, at least one.
    /// - Complexity: O(count).
    public init(_ requests: RequestColumns, batchSize: Int64, timePerToken: Double) throws(BatchingError) {
        let run = try TextbookRun(
            requests, batchSize: batchSize, batchSizeName: "batch_size", timePerToken: timePerToken)
        if requests.count == 0 { return }
        (staticThroughput, staticAverageLatency) = try run.throughputAndLatency(StaticBatching.self)
        (continuousThroughput, continuousAverageLatency) = try run.throughputAndLatency(ContinuousBatching.self)
        throughputImprovement = continuousThroughput / staticThroughput
        latencyImprovement = staticAverageLatency / continuousAverageLatency
    }
}

extension TextbookRun {
    fileprivate func throughputAndLatency<Simulator: TextbookSimulator>(
        _ simulator: Simulator.Type
    ) throws(BatchingError) -> (throughput: Double, averageLatency: Double) {
        var sink = LatencySumSink(requests: requests)
        let summary = try run(simulator, into: &sink)
        return (summary.throughput, Double(sink.sum) / Double(requests.count) / 1e9)
    }
}
