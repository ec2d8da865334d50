/// How many replicas there should be, as a real autoscaler decides: see "Autoscalers" in the C header.
public struct Autoscaler: ~Copyable {
    private let rules: ScalingRules
    let minReplicas: Int
    let maxReplicas: Int
    /// Whether none stays none, whatever the least is.
    private let isOffAtZero: Bool
    private var last: Nanoseconds
    /// The time between decisions of a fleet. Other callers decide when they want.
    public let interval: Nanoseconds

    /// - Parameter configuration: its rule; copied.
    public init(_ configuration: AutoscalerConfig) throws(BatchingError) {
        try configuration.check()
        let seconds = configuration.interval ?? ScalingRules.interval(of: configuration.autoscaler)
        let rules = try ScalingRules(configuration)
        self.rules = rules
        // A shorter one would not let time go on.
        interval = max(Nanoseconds(validSeconds: seconds), Nanoseconds(1))
        minReplicas = configuration.minReplicas
        maxReplicas = configuration.maxReplicas
        isOffAtZero = configuration.autoscaler == .hpa
        last = .zero
    }

    init(copying other: borrowing Autoscaler, _ copy: inout DeepCopy) throws(BatchingError) {
        rules = try ScalingRules(copying: other.rules, &copy)
        (minReplicas, maxReplicas, isOffAtZero) = (other.minReplicas, other.maxReplicas, other.isOffAtZero)
        (last, interval) = (other.last, other.interval)
    }

    deinit {
        rules.destroy()
    }

    /// Decides how many replicas there should be.
    /// - Returns: their number; `count` + `starting` of the readings: no change.
    /// - Complexity: O(`count`), of llmD O(`count` log `count`). It allocates nothing.
    public mutating func decide(_ readings: ScalingReadings) throws(BatchingError) -> Int {
        try readings.check()
        let time = Nanoseconds(validSeconds: readings.time)
        guard time >= last else {
            throw .invalid(
                "time", readings.time, "must not be before that of the decision before, which is \(last.seconds)")
        }
        try rules.check(readings)
        last = time
        let wanted = rules.decide(readings, at: time)
        if isOffAtZero, readings.current == 0 { return 0 }
        return min(max(wanted, minReplicas), maxReplicas)
    }
}
