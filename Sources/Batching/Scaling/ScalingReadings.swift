/// What an autoscaler is told: see batching_scaling_readings in the C header. Columns have an element for each replica that is
/// ready.
public struct ScalingReadings {
    /// Seconds; not before that of the decision before.
    public var time = 0.0
    /// Replicas that are ready.
    public var count = 0
    /// Replicas that are not yet.
    public var starting = 0
    /// Requests that wait.
    public var waiting: UnsafePointer<Int64>?
    /// Requests that run.
    public var running: UnsafePointer<Int64>?
    /// Prompt tokens of waiting requests.
    public var queuedPrefillTokens: UnsafePointer<Int64>?
    /// KV tokens of running requests.
    public var scheduledKVTokens: UnsafePointer<Int64>?
    /// KV tokens that waiting requests will need.
    public var queuedKVTokens: UnsafePointer<Int64>?
    /// The share of KV blocks in use.
    public var kvUsage: UnsafePointer<Double>?
    /// Seconds of a next request; NaN: unknown.
    public var estimatedTTFT: UnsafePointer<Double>?
    /// Seconds; NaN: unknown.
    public var estimatedITL: UnsafePointer<Double>?
    /// Seconds, were there one replica less; NaN: unknown.
    public var mergedTTFT: UnsafePointer<Double>?
    /// What of `mergedTTFT` it would take without a queue.
    public var ownTTFT: UnsafePointer<Double>?
    /// Seconds, were there one replica less; NaN: unknown.
    public var mergedITL: UnsafePointer<Double>?
    /// What the caller measures; NaN: missing.
    public var metric: UnsafePointer<Double>?
    /// Requests that wait for no replica yet.
    public var queuedRequests: Int64 = 0
    /// What no ready replica has of `metric`.
    public var metricOutside = 0.0
    /// Tokens of a request; 0: unknown.
    public var meanPromptLength = 0.0
    /// Tokens of a request; 0: unknown.
    public var meanOutputLength = 0.0
    /// Requests a second that are predicted.
    public var demand = 0.0
    /// Requests a second that a replica can serve; 0: unknown.
    public var capacity = 0.0

    /// Of no replicas.
    public init() {}

    /// Replicas that are ready, and those that will be.
    var current: Int { count &+ starting }

    static var mostCount: Int64 { 1 << 50 }

    func check() throws(BatchingError) {
        guard Nanoseconds.holds(time) else { throw .invalid("time", time, Nanoseconds.requirement) }
        let most = AutoscalerConfig.mostReplicas
        guard count >= 0, count <= most else { throw .invalid("count", Int64(count), "must be in 0..\(most)") }
        guard starting >= 0, starting <= most &- count else {
            throw .invalid(
                "starting", Int64(starting), "must be in 0..\(most &- count), as there are \(count) ready ones")
        }
        try checkCounts()
        try checkNumbers()
        guard queuedRequests >= 0, queuedRequests <= Self.mostCount else {
            throw .invalid("queued_requests", queuedRequests, "must be in 0..2^50")
        }
        try Self.check(number: metricOutside, "metric_outside")
        try Self.check(number: meanPromptLength, "mean_prompt_length")
        try Self.check(number: meanOutputLength, "mean_output_length")
        try Self.check(number: demand, "demand")
        try Self.check(number: capacity, "capacity")
    }

    private func checkCounts() throws(BatchingError) {
        try check(counts: waiting, "waiting")
        try check(counts: running, "running")
        try check(counts: queuedPrefillTokens, "queued_prefill_tokens")
        try check(counts: scheduledKVTokens, "scheduled_kv_tokens")
        try check(counts: queuedKVTokens, "queued_kv_tokens")
    }

    private func checkNumbers() throws(BatchingError) {
        if let kvUsage {
            for replica in 0..<count where !(kvUsage[replica] >= 0 && kvUsage[replica] <= 1) {
                throw .invalid("kv_usage", replica, kvUsage[replica], "must be in 0..1")
            }
        }
        try check(numbers: estimatedTTFT, "estimated_ttft")
        try check(numbers: estimatedITL, "estimated_itl")
        try check(numbers: mergedTTFT, "merged_ttft")
        try check(numbers: ownTTFT, "own_ttft")
        try check(numbers: mergedITL, "merged_itl")
        try check(numbers: metric, "metric")
    }

    private func check(counts column: UnsafePointer<Int64>?, _ argument: ErrorText) throws(BatchingError) {
        guard let column else { return }
        for replica in 0..<count where column[replica] < 0 || column[replica] > Self.mostCount {
            throw .invalid(argument, replica, column[replica], "must be in 0..2^50")
        }
    }

    private func check(numbers column: UnsafePointer<Double>?, _ argument: ErrorText) throws(BatchingError) {
        guard let column else { return }
        for replica in 0..<count where !(column[replica].isNaN || (column[replica] >= 0 && column[replica] <= 1e15)) {
            throw .invalid(argument, replica, column[replica], "must be in 0..1e15, or NaN")
        }
    }

    private static func check(number: Double, _ argument: ErrorText) throws(BatchingError) {
        guard number >= 0, number <= 1e15 else { throw .invalid(argument, number, "must be in 0..1e15") }
    }

    /// A column that the rule looks at must be there, unless it would have no elements.
    func require<Element>(_ column: UnsafePointer<Element>?, _ argument: ErrorText) throws(BatchingError) {
        guard count == 0 || column != nil else {
            throw BatchingError(.nullPointer, "\(argument) is NULL: it is required where count is \(count)")
        }
    }
}
