/// What an HPA measures, in whole thousandths, as Kubernetes counts.
struct ScaledMetric {
    let metric: ScalingMetric
    private let target: Double
    private let tolerance: Double

    init(_ configuration: HPAConfig) {
        metric = configuration.metric
        target = (configuration.target * 1000).rounded()
        tolerance = configuration.tolerance
    }

    func check(_ readings: ScalingReadings) throws(BatchingError) {
        switch metric {
        case .waiting: try readings.require(readings.waiting, "waiting")
        case .running: try readings.require(readings.running, "running")
        case .inFlight:
            try readings.require(readings.waiting, "waiting")
            try readings.require(readings.running, "running")
        case .kvUsage: try readings.require(readings.kvUsage, "kv_usage")
        case .queuedTokens: try readings.require(readings.queuedPrefillTokens, "queued_prefill_tokens")
        case .given: try readings.require(readings.metric, "metric")
        }
    }

    /// Of the replicas that have a value: how many they are, and the sum.
    func measure(_ readings: ScalingReadings) -> (count: Int, sum: UInt128) {
        var count = 0
        var sum: UInt128 = 0
        for replica in 0..<readings.count {
            guard let value = thousandths(readings, replica) else { continue }
            count &+= 1
            sum &+= UInt128(value)
        }
        return (count, sum)
    }

    /// What replicas have, and what has no replica yet.
    func total(_ readings: ScalingReadings) -> Double {
        var total = measure(readings).sum
        switch metric {
        case .waiting, .inFlight: total &+= UInt128(UInt64(readings.queuedRequests)) &* 1000
        case .given: total &+= UInt128(Self.thousandths(readings.metricOutside))
        case .running, .kvUsage, .queuedTokens: break
        }
        return Double(total)
    }

    /// What is measured, over the target.
    func ratio(_ thousandths: Double, replicas: Int = 1) -> Double { thousandths / (target * Double(replicas)) }

    /// So many replicas at the target have what there is in sum.
    func replicas(_ thousandths: Double) -> Int { Self.whole((thousandths / target).rounded(.up)) }

    func isWithinTolerance(_ ratio: Double) -> Bool { 1 - tolerance <= ratio && ratio <= 1 + tolerance }

    var targetThousandths: Double { target }

    /// A number of replicas, of which no more are wanted than there may be.
    static func whole(_ replicas: Double) -> Int { Int(min(replicas, Double(AutoscalerConfig.mostReplicas))) }

    private func thousandths(_ readings: ScalingReadings, _ replica: Int) -> UInt64? {
        switch metric {
        case .waiting: Self.thousandths(readings.waiting, replica)
        case .running: Self.thousandths(readings.running, replica)
        case .inFlight: Self.thousandths(readings.waiting, replica) &+ Self.thousandths(readings.running, replica)
        case .kvUsage: readings.kvUsage.map { Self.thousandths($0[replica]) }
        case .queuedTokens: Self.thousandths(readings.queuedPrefillTokens, replica)
        case .given:
            readings.metric.flatMap { $0[replica].isNaN ? nil : Self.thousandths($0[replica]) }
        }
    }

    private static func thousandths(_ column: UnsafePointer<Int64>?, _ replica: Int) -> UInt64 {
        column.map { UInt64(bitPattern: $0[replica]) &* 1000 } ?? 0
    }

    /// - Parameter number: in 0 and 1e15.
    private static func thousandths(_ number: Double) -> UInt64 { UInt64((number * 1000).rounded()) }
}
