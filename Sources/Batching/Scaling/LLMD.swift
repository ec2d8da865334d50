/// llm-d's workload variant autoscaler, saturation V2, with one variant (internal/engines: analyzers/saturation_v2/analyzer.go,
/// pipeline/cost_aware_optimizer.go).
struct LLMD: ScalingRule, ~Copyable {
    static var interval: Double { 30 }

    /// Observations of which the mean is kept.
    private static var window: Int { 10 }

    private let configuration: LLMDConfig
    private let maxKVTokens: Int64
    /// What the replicas can hold, for their median.
    private let capacities: ScratchBuffer<Int64>
    /// KV tokens in use of replicas whose queues were long.
    private let observed: ScratchBuffer<Double>
    private var observations: Int
    private var nextPlace: Int
    /// Of a replica, when there was one last. 0: there was none.
    private var lastCapacity: Int64

    init(_ configuration: AutoscalerConfig) throws(BatchingError) {
        let capacities = try ScratchBuffer<Int64>(uninitialized: AutoscalerConfig.mostReplicas)
        let observed = try ScratchBuffer<Double>(count: Self.window, repeating: 0)
        self.capacities = capacities
        self.observed = observed
        self.configuration = configuration.llmD
        maxKVTokens = configuration.maxKVTokens
        (observations, nextPlace, lastCapacity) = (0, 0, 0)
    }

    init(copying other: borrowing LLMD, _ copy: inout DeepCopy) {
        (configuration, maxKVTokens) = (other.configuration, other.maxKVTokens)
        capacities = ScratchBuffer(copying: other.capacities, &copy)
        observed = ScratchBuffer(copying: other.observed, &copy)
        (observations, nextPlace, lastCapacity) = (other.observations, other.nextPlace, other.lastCapacity)
    }

    func check(_ readings: ScalingReadings) throws(BatchingError) {
        try readings.require(readings.waiting, "waiting")
        if readings.scheduledKVTokens == nil { try readings.require(readings.kvUsage, "kv_usage") }
    }

    mutating func decide(_ readings: ScalingReadings, at time: Nanoseconds) -> Int {
        // What waits where: in front of all replicas nothing of a prompt is cached or computed, nor of its output.
        let queued = Double(readings.queuedRequests)
        var demand = queued * readings.meanPromptLength + queued * readings.meanOutputLength
        for replica in 0..<readings.count {
            let tokens = tokensInUse(readings, replica)
            let waiting = readings.waiting?[replica] ?? 0
            demand += Double(tokens) + Double(waiting) * readings.meanPromptLength.rounded(.down)
            capacities.elements[replica] = capacity(readings, tokens: tokens, waiting: waiting)
        }
        let current = readings.current
        let capacity = Double(medianCapacity(readings))
        if capacity <= 0 { return current }
        let lacking = demand / configuration.upThreshold - Double(current) * capacity
        if lacking > 0 { return current &+ ScaledMetric.whole((lacking / capacity).rounded(.up)) }
        let spare = Double(readings.count) * capacity - demand / configuration.downBoundary
        if spare <= 0 { return current }
        return max(current &- ScaledMetric.whole((spare / capacity).rounded(.down)), min(current, 1))
    }

    private func tokensInUse(_ readings: ScalingReadings, _ replica: Int) -> Int64 {
        if let tokens = readings.scheduledKVTokens { return tokens[replica] }
        return Int64((readings.kvUsage?[replica] ?? 0) * Double(maxKVTokens))
    }

    /// What a replica can hold: what its memory allows, or less, what it held when its queue was long.
    private mutating func capacity(_ readings: ScalingReadings, tokens: Int64, waiting: Int64) -> Int64 {
        if Double(waiting) >= configuration.queueThreshold.rounded(.down), tokens > 0 {
            observed.elements[nextPlace] = Double(tokens)
            nextPlace = nextPlace &+ 1 == Self.window ? 0 : nextPlace &+ 1
            observations = min(observations &+ 1, Self.window)
            return min(memoryCapacity, tokens)
        }
        let mean = meanObserved
        if mean > 0 { return min(memoryCapacity, mean) }
        return estimatedCapacity(readings)
    }

    private var memoryCapacity: Int64 { Int64(Double(maxKVTokens) * configuration.kvThreshold) }

    private var meanObserved: Int64 {
        if observations == 0 { return 0 }
        var sum = 0.0
        // The oldest first.
        let start = observations < Self.window ? 0 : nextPlace
        for offset in 0..<observations {
            let place = start &+ offset
            sum += observed.elements[place < Self.window ? place : place &- Self.window]
        }
        return Int64(sum / Double(observations))
    }

    /// From the limits of the scheduler: the sequences that run if each iteration computes as many prompt tokens as it can.
    private func estimatedCapacity(_ readings: ScalingReadings) -> Int64 {
        let (prompt, output) = (readings.meanPromptLength, readings.meanOutputLength)
        guard configuration.maxNumBatchedTokens > 0, output > 0 else { return memoryCapacity }
        let running = min(
            Double(configuration.maxNumBatchedTokens) * output / (prompt + output), Double(configuration.maxNumSeqs))
        let tokens = min(running * (prompt + output / 2), Double(memoryCapacity))
        return tokens >= 1 ? Int64(tokens) : memoryCapacity
    }

    /// Of those that are ready; without any, of the last, or what is estimated.
    private mutating func medianCapacity(_ readings: ScalingReadings) -> Int64 {
        let count = readings.count
        if count == 0 { return lastCapacity > 0 ? lastCapacity : estimatedCapacity(readings) }
        let elements = capacities.elements
        Heap.sort(elements, count: count) { $0 < $1 }
        let upper = elements[count / 2]
        // Each is at most 2^40.
        lastCapacity = count % 2 == 1 ? upper : (elements[count / 2 &- 1] &+ upper) / 2
        return lastCapacity
    }
}
