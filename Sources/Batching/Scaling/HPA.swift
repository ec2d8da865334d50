/// Kubernetes' HorizontalPodAutoscaler with one metric per pod (pkg/controller/podautoscaler: replica_calculator.go,
/// horizontal.go). Replicas that start are pods that are not ready; a missing value is a pod without metrics.
struct HPA: ScalingRule, ~Copyable {
    static var interval: Double { 15 }

    private let metric: ScaledMetric
    private var behavior: ScalingBehavior

    init(_ configuration: AutoscalerConfig) throws(BatchingError) {
        let behavior = try ScalingBehavior(
            configuration.hpa, minReplicas: configuration.minReplicas, maxReplicas: configuration.maxReplicas)
        metric = ScaledMetric(configuration.hpa)
        self.behavior = behavior
    }

    init(copying other: borrowing HPA, _ copy: inout DeepCopy) {
        metric = other.metric
        behavior = ScalingBehavior(copying: other.behavior, &copy)
    }

    func check(_ readings: ScalingReadings) throws(BatchingError) { try metric.check(readings) }

    mutating func decide(_ readings: ScalingReadings, at time: Nanoseconds) -> Int {
        // Without replicas it is off.
        if readings.current == 0 { return 0 }
        return behavior.decide(current: readings.current, wanted: wanted(readings), at: time)
    }

    /// nil: no replica has a value.
    private func wanted(_ readings: ScalingReadings) -> Int? {
        var (count, sum) = metric.measure(readings)
        if count == 0 { return nil }
        let current = readings.current
        let missing = readings.count &- count
        let ratio = metric.ratio(mean(sum, count))
        let countsStarting = readings.starting > 0 && ratio > 1
        if !countsStarting, missing == 0 {
            if metric.isWithinTolerance(ratio) { return current }
            return ScaledMetric.whole((ratio * Double(count)).rounded(.up))
        }
        // Those without a value are at the target if it would go down, and idle if it would go up.
        if missing > 0, ratio != 1 {
            count &+= missing
            if ratio < 1 { sum &+= UInt128(metric.targetThousandths) &* UInt128(UInt64(missing)) }
        }
        if countsStarting { count &+= readings.starting }
        let corrected = metric.ratio(mean(sum, count))
        if metric.isWithinTolerance(corrected) || (ratio < 1 && corrected > 1) || (ratio > 1 && corrected < 1) {
            return current
        }
        let wanted = ScaledMetric.whole((corrected * Double(count)).rounded(.up))
        // The correction must not turn it round.
        if (corrected < 1 && wanted > current) || (corrected > 1 && wanted < current) { return current }
        return wanted
    }

    /// Whole thousandths.
    private func mean(_ sum: UInt128, _ count: Int) -> Double { Double(sum / UInt128(UInt64(count))) }
}
