/// Static against continuous batching on the same requests. Each is 0 if there are no requests.
public struct StrategyComparison: Equatable, Sendable {
    /// Tokens per second.
    public var staticThroughput = 0.0
    /// Tokens per second.
    public var continuousThroughput = 0.0
    /// Seconds: mean of end - arrival.
    public var staticAverageLatency = 0.0
    /// Seconds: mean of end - arrival.
    public var continuousAverageLatency = 0.0
    /// continuousThroughput / staticThroughput.
    public var throughputImprovement = 0.0
    /// staticAverageLatency / continuousAverageLatency.
    public var latencyImprovement = 0.0
}
