/// An autoscaler of a fleet, or of those of its replicas that have one role.
struct FleetScaler: ~Copyable {
    let isUsed: Bool
    let startupTime: Nanoseconds
    private var autoscaler: Autoscaler
    private let callback: ScalingCallback?
    /// Requests that had arrived when it decided last.
    private var arrivalsBefore: Int64

    /// - Parameter configuration: nil: none is asked for.
    init(_ configuration: FleetScalingConfig?, replicas: Int) throws(BatchingError) {
        var own = AutoscalerConfig()
        own.hpa.target = 1
        if let configuration { own = configuration.autoscaler }
        own.maxReplicas = max(min(own.maxReplicas, replicas), 1)
        let autoscaler = try Autoscaler(own)
        isUsed = configuration != nil
        startupTime = Nanoseconds(validSeconds: configuration?.startupTime ?? 0)
        callback = configuration?.callback
        self.autoscaler = autoscaler
        arrivalsBefore = 0
    }

    init(copying other: borrowing FleetScaler, _ copy: inout DeepCopy) throws(BatchingError) {
        autoscaler = try Autoscaler(copying: other.autoscaler, &copy)
        (isUsed, startupTime, callback) = (other.isUsed, other.startupTime, other.callback)
        arrivalsBefore = other.arrivalsBefore
    }

    var interval: Nanoseconds { autoscaler.interval }

    /// Requests a second since it decided last.
    mutating func demand(arrivals: Int64) -> Double {
        defer { arrivalsBefore = arrivals }
        return Double(arrivals &- arrivalsBefore) / interval.seconds
    }

    /// How many replicas there are to be.
    mutating func decide(_ readings: ScalingReadings) throws(BatchingError) -> Int {
        guard let callback else { return try autoscaler.decide(readings) }
        let (least, most) = (autoscaler.minReplicas, autoscaler.maxReplicas)
        let answer = try callback(readings)
        guard answer >= Int64(least), answer <= Int64(most) else {
            throw .invalid("scaling_callback's answer", answer, "must be in \(least)..\(most)")
        }
        return Int(answer)
    }
}
