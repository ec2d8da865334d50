/// What workers tell of themselves, or what was scraped from them: see batching_worker_metrics in the C header.
public struct WorkerMetrics {
    /// Workers.
    public var count = 0
    /// Requests that wait.
    public var waiting: UnsafePointer<Int64>?
    /// Requests that run.
    public var running: UnsafePointer<Int64>?
    /// The share of KV blocks in use.
    public var kvUsage: UnsafePointer<Double>?
    /// Instead of the router's own count.
    public var inFlightRequests: UnsafePointer<Int64>?
    /// The same of tokens.
    public var inFlightTokens: UnsafePointer<Int64>?

    /// None.
    public init() {}

    func check(workers: Int) throws(BatchingError) {
        guard count == workers else {
            throw .invalid("metrics.count", Int64(count), "must be the workers of the router, which are \(workers)")
        }
        for worker in 0..<count {
            try Self.check(waiting, worker, "waiting")
            try Self.check(running, worker, "running")
            try Self.check(inFlightRequests, worker, "in_flight_requests")
            try Self.check(inFlightTokens, worker, "in_flight_tokens")
            if let kvUsage, !(kvUsage[worker] >= 0 && kvUsage[worker] <= 1) {
                throw .invalid("kv_usage", worker, kvUsage[worker], "must be in 0..1")
            }
        }
    }

    private static func check(
        _ column: UnsafePointer<Int64>?, _ worker: Int, _ argument: ErrorText
    ) throws(BatchingError) {
        if let column, column[worker] < 0 || column[worker] > 1 << 50 {
            throw .invalid(argument, worker, column[worker], "must be in 0..2^50")
        }
    }
}

extension RoutingState {
    mutating func note(_ metrics: WorkerMetrics) {
        if let column = metrics.waiting { waiting.elements.update(from: column, count: workers) }
        if let column = metrics.running { running.elements.update(from: column, count: workers) }
        if let column = metrics.kvUsage { kvUsage.elements.update(from: column, count: workers) }
        if let column = metrics.inFlightRequests { toldRequests.elements.update(from: column, count: workers) }
        if let column = metrics.inFlightTokens { toldTokens.elements.update(from: column, count: workers) }
    }
}
