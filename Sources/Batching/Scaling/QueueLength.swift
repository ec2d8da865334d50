/// KEDA: between 0 and 1 replica by itself, from there on by an HPA with the total as an external metric of which each replica
/// shall have the target (AverageValue).
struct QueueLength: ScalingRule, ~Copyable {
    static var interval: Double { 30 }

    private let metric: ScaledMetric
    private let minReplicas: Int
    private let activation: Double
    private let cooldown: Int64
    private var behavior: ScalingBehavior
    /// When there was something last. nil: never.
    private var lastActive: Nanoseconds?

    init(_ configuration: AutoscalerConfig) throws(BatchingError) {
        let behavior = try ScalingBehavior(
            configuration.hpa, minReplicas: max(1, configuration.minReplicas), maxReplicas: configuration.maxReplicas)
        metric = ScaledMetric(configuration.hpa)
        minReplicas = configuration.minReplicas
        activation = (configuration.queueLength.activation * 1000).rounded()
        cooldown = Nanoseconds(validSeconds: configuration.queueLength.cooldown).count
        self.behavior = behavior
    }

    init(copying other: borrowing QueueLength, _ copy: inout DeepCopy) {
        (metric, minReplicas, activation, cooldown) = (
            other.metric, other.minReplicas, other.activation, other.cooldown
        )
        behavior = ScalingBehavior(copying: other.behavior, &copy)
        lastActive = other.lastActive
    }

    func check(_ readings: ScalingReadings) throws(BatchingError) { try metric.check(readings) }

    mutating func decide(_ readings: ScalingReadings, at time: Nanoseconds) -> Int {
        let total = metric.total(readings)
        let isActive = total > activation
        let current = readings.current
        let isOver = lastActive.map { time.count &- $0.count > cooldown } ?? true
        if isActive { lastActive = time }
        if current == 0 { return isActive ? max(1, minReplicas) : minReplicas }
        if !isActive, minReplicas == 0, isOver { return 0 }
        let ratio = metric.ratio(total, replicas: current)
        let wanted = metric.isWithinTolerance(ratio) ? current : metric.replicas(total)
        return behavior.decide(current: current, wanted: wanted, at: time)
    }
}
