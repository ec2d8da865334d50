/// NVIDIA Dynamo's planner (1.6.1), one pool: planner/core/load_scaling.py and throughput_scaling.py.
struct DynamoPlanner: ScalingRule, ~Copyable {
    static var interval: Double { 5 }

    let configuration: PlannerConfig
    let maxKVTokens: Int64
    private let throughputInterval: Int64
    /// When there was a throughput step last. nil: never.
    private var lastStep: Nanoseconds?
    /// What it said.
    private var floor: Int

    init(_ configuration: AutoscalerConfig) throws(BatchingError) {
        self.configuration = configuration.planner
        maxKVTokens = configuration.maxKVTokens
        throughputInterval = Nanoseconds(validSeconds: configuration.planner.throughputInterval).count
        floor = 0
    }

    init(copying other: borrowing DynamoPlanner, _ copy: inout DeepCopy) {
        (configuration, maxKVTokens) = (other.configuration, other.maxKVTokens)
        (throughputInterval, lastStep, floor) = (other.throughputInterval, other.lastStep, other.floor)
    }

    func check(_ readings: ScalingReadings) throws(BatchingError) {
        guard configuration.hasLoadStep else { return }
        if configuration.target == .sla {
            if configuration.component != .decode { try readings.require(readings.estimatedTTFT, "estimated_ttft") }
            if configuration.component != .prefill { try readings.require(readings.estimatedITL, "estimated_itl") }
        } else if configuration.component == .prefill {
            try readings.require(readings.queuedPrefillTokens, "queued_prefill_tokens")
        } else {
            try readings.require(readings.scheduledKVTokens, "scheduled_kv_tokens")
        }
    }

    mutating func decide(_ readings: ScalingReadings, at time: Nanoseconds) -> Int {
        let steps = stepsThroughput(readings, at: time)
        if !configuration.hasLoadStep { return withinBudget(steps ? floor : readings.current) }
        // While a change is under way it only looks.
        if readings.starting > 0, !configuration.whileStarting { return readings.current }
        let desired = readings.count == 0 ? nil : loadStep(readings)
        return withinBudget(max(desired ?? readings.current, floor))
    }

    /// Whether it is time for a throughput step, which sets the floor.
    private mutating func stepsThroughput(_ readings: ScalingReadings, at time: Nanoseconds) -> Bool {
        guard readings.capacity > 0 else { return false }
        if let lastStep, time.count &- lastStep.count < throughputInterval { return false }
        lastStep = time
        let needed = ScaledMetric.whole((readings.demand / readings.capacity).rounded(.up))
        let wanted = max(needed, configuration.minEndpoint)
        let (current, step) = (readings.current, configuration.throughputStep)
        floor = min(max(wanted, current &- step), current &+ step)
        return true
    }

    private func withinBudget(_ desired: Int) -> Int {
        guard let budget = configuration.gpuBudget else { return desired }
        // At least one: that was checked.
        return min(desired, Int(budget / configuration.gpusPerReplica))
    }

    /// nil: no change.
    private func loadStep(_ readings: ScalingReadings) -> Int? {
        if configuration.target == .sla { return slaStep(readings) }
        let bounds = bounds
        var (most, isOver, areUnder) = (0.0, false, true)
        for replica in 0..<readings.count {
            let load = load(readings, replica)
            most = max(most, load)
            if load > bounds.up || (!bounds.isUpStrict && load == bounds.up) { isOver = true }
            if !(load < bounds.down || (!bounds.isDownStrict && load == bounds.down)) { areUnder = false }
        }
        let count = readings.count
        if isOver { return count &+ 1 }
        guard areUnder, count > 1 || readings.starting > 0 else { return nil }
        let desired = max(count &- 1, configuration.minEndpoint)
        // Not fewer if the busiest, with its share of what the others would take over, would ask for one more at once.
        if desired < count, most * Double(count) / Double(desired) >= bounds.up { return count }
        return desired
    }

    private var bounds: PlannerBounds {
        if configuration.component == .prefill {
            return switch configuration.target {
            case .load:
                PlannerBounds(
                    up: Double(configuration.prefillUpTokens), down: Double(configuration.prefillDownTokens),
                    isUpStrict: false, isDownStrict: false)
            case .latency: PlannerBounds(up: 0.1, down: 0, isUpStrict: false, isDownStrict: false)
            case .throughput, .sla: PlannerBounds(up: 1, down: 0.1, isUpStrict: false, isDownStrict: true)
            }
        }
        return switch configuration.target {
        case .load:
            PlannerBounds(
                up: configuration.decodeUpPercent / 100, down: configuration.decodeDownPercent / 100, isUpStrict: false,
                isDownStrict: false)
        case .latency: PlannerBounds(up: 0.4, down: 0.1, isUpStrict: true, isDownStrict: true)
        case .throughput, .sla: PlannerBounds(up: 1, down: 0.6, isUpStrict: true, isDownStrict: true)
        }
    }

    /// What is compared: a share, or tokens.
    private func load(_ readings: ScalingReadings, _ replica: Int) -> Double {
        if configuration.component == .prefill {
            let tokens = Double(readings.queuedPrefillTokens?[replica] ?? 0)
            return configuration.target == .load ? tokens : tokens / Double(configuration.contextLength)
        }
        return Double(kvTokens(readings, replica)) / Double(maxKVTokens)
    }

    /// KV tokens of all its requests, of which each is at most 2^50.
    func kvTokens(_ readings: ScalingReadings, _ replica: Int) -> Int64 {
        var tokens = (readings.scheduledKVTokens?[replica] ?? 0) &+ (readings.queuedKVTokens?[replica] ?? 0)
        if configuration.component == .aggregated { tokens &+= readings.queuedPrefillTokens?[replica] ?? 0 }
        return tokens
    }
}

/// From which load on it goes up, and down to which.
private struct PlannerBounds {
    var up: Double
    var down: Double
    /// Whether the bound itself is not over.
    var isUpStrict: Bool
    /// Whether the bound itself is not under.
    var isDownStrict: Bool
}
