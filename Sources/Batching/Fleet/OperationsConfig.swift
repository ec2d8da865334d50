/// What a request costs of a token bucket.
public enum BucketCost: Int32, Sendable {
    /// One.
    case request = 0
    /// Its prompt tokens.
    case promptTokens = 100
}

/// Which requests a fleet takes, how long they may take, and how often they are sent: see "Fleet" in the C header.
public struct AdmissionConfig: Sendable {
    /// Requests in the fleet. nil: no limit.
    public var maxInFlight: Int64?
    /// Prompt tokens of requests in the fleet that have no first token. nil: no limit.
    public var maxQueuedTokens: Int64?
    /// What the token bucket holds. nil: there is none.
    public var bucketCapacity: Double?
    /// What flows into it each second.
    public var bucketRate = 0.0
    /// What a request takes of it.
    public var bucketCost = BucketCost.request
    /// Requests with at least this priority are rejected while the fleet is saturated. nil: none is.
    public var shedPriority: Int64?
    /// It is, where the mean over replicas of the larger of waiting requests / this …
    public var saturationQueue = 5.0
    /// … and KV use / this is at least 1.
    public var saturationKV = 0.8
    /// Seconds from the arrival to the first token. nil: no limit.
    public var ttftTimeout: Double?
    /// Seconds from the arrival to the end. nil: no limit.
    public var e2eTimeout: Double?
    /// How often a request is sent again that was lost.
    public var retries: Int64 = 0
    /// Seconds before the first time, …
    public var retryBase = 0.05
    /// … by how much longer each time, …
    public var retryFactor = 1.5
    /// … and at most.
    public var retryCap = 30.0
    /// Part of it by which it differs at random, either way.
    public var retryJitter = 0.2
    /// Of the random draws.
    public var seed: UInt64 = 0
    /// Whether it is sent to another replica than that which lost it, if there is one.
    public var retriesElsewhere = false
    /// So many requests that a replica loses …
    /// nil: there are no circuit breakers.
    public var breakerFailures: Int64?
    /// … within so many seconds open its circuit breaker: no request is sent there …
    public var breakerWindow = 120.0
    /// … for so many seconds. Then it is half open: one more that is lost opens it again, …
    public var breakerOpenTime = 60.0
    /// … and so many that finish there close it.
    public var breakerSuccesses: Int64 = 3

    /// Requests that wait until there is room for them. nil: none does, and what is too much is rejected.
    public var maxQueuedRequests: Int64?
    /// Seconds for which they do at most. nil: no limit.
    public var queueTimeout: Double?

    /// The defaults.
    public init() {}

    /// What a request takes of the token bucket.
    func cost(of prompt: Int64) -> Double { bucketCost == .request ? 1 : Double(prompt) }

    func check() throws(BatchingError) {
        try Self.check(maxQueuedRequests, "max_queued_requests")
        if let queueTimeout { try Self.check(seconds: queueTimeout, "queue_timeout") }
        try Self.check(maxInFlight, "max_in_flight")
        try Self.check(maxQueuedTokens, "max_queued_tokens")
        if let bucketCapacity {
            try Self.check(positive: bucketCapacity, "bucket_capacity")
            try Self.check(positive: bucketRate, "bucket_rate")
        }
        try Self.check(positive: saturationQueue, "saturation_queue")
        try Self.check(positive: saturationKV, "saturation_kv")
        if let ttftTimeout { try Self.check(seconds: ttftTimeout, "ttft_timeout") }
        if let e2eTimeout { try Self.check(seconds: e2eTimeout, "e2e_timeout") }
        guard retries >= 0, retries <= 1000 else { throw .invalid("retries", retries, "must be in 0..1000") }
        _ = try Nanoseconds(seconds: retryBase, argument: "retry_base")
        guard retryFactor >= 1, retryFactor <= 1e6 else {
            throw .invalid("retry_factor", retryFactor, "must be in 1..1e6")
        }
        _ = try Nanoseconds(seconds: retryCap, argument: "retry_cap")
        guard retryJitter >= 0, retryJitter <= 1 else {
            throw .invalid("retry_jitter", retryJitter, "must be in 0..1")
        }
        if let breakerFailures {
            guard breakerFailures >= 1, breakerFailures <= 1000 else {
                throw .invalid("breaker_failures", breakerFailures, "must be in 1..1000")
            }
        }
        try Self.check(seconds: breakerWindow, "breaker_window")
        try Self.check(seconds: breakerOpenTime, "breaker_open_time")
        try Self.check(breakerSuccesses, "breaker_successes")
    }

    private static func check(_ count: Int64?, _ argument: ErrorText) throws(BatchingError) {
        guard let count else { return }
        guard count >= 1, count <= 1 << 50 else { throw .invalid(argument, count, "must be in 1..2^50") }
    }

    private static func check(positive number: Double, _ argument: ErrorText) throws(BatchingError) {
        guard number > 0, number <= 1e15 else { throw .invalid(argument, number, "must be above 0, and at most 1e15") }
    }

    private static func check(seconds: Double, _ argument: ErrorText) throws(BatchingError) {
        guard seconds > 0, Nanoseconds.holds(seconds), Nanoseconds(validSeconds: seconds) > .zero else {
            throw .invalid(argument, seconds, "must be at least a nanosecond, and a time")
        }
    }

    /// Whether anything is limited.
    var isUsed: Bool {
        maxInFlight != nil || maxQueuedTokens != nil || bucketCapacity != nil || shedPriority != nil
            || ttftTimeout != nil
            || e2eTimeout != nil || retries > 0 || breakerFailures != nil
    }
}

/// What happens to a replica.
public enum FaultKind: Int32, Sendable {
    /// It is lost, with its requests and its prefix cache.
    case down = 0
    /// It is back, empty.
    case up = 100
    /// Its iterations take longer by a factor from now on.
    case slow = 110
}

/// Which replicas fail, and when: see "Fleet" in the C header. Columns are borrowed.
public struct FaultConfig {
    /// Faults that are given.
    public var count = 0
    /// Seconds of each.
    public var time: UnsafePointer<Double>?
    /// Its replica.
    public var replica: UnsafePointer<Int32>?
    /// What happens. nil: all are lost.
    public var kind: UnsafePointer<Int32>?
    /// Of those that make slow.
    public var factor: UnsafePointer<Double>?
    /// Mean seconds that a replica is up, exponentially distributed. nil: it does not fail by itself.
    public var meanUpTime: Double?
    /// Mean seconds that it is down then.
    public var meanDownTime = 60.0
    /// Seconds until the router knows.
    public var noticeDelay = 0.0
    /// Of the random draws.
    public var seed: UInt64 = 0

    /// None.
    public init() {}

    var isUsed: Bool { count > 0 || meanUpTime != nil }

    func check(replicas: Int) throws(BatchingError) {
        guard count >= 0, count <= 1 << 24 else {
            throw .invalid("fault_count", Int64(count), "must be in 0..16777216")
        }
        _ = try Nanoseconds(seconds: noticeDelay, argument: "notice_delay")
        if let meanUpTime {
            guard meanUpTime > 0, Nanoseconds.holds(meanUpTime) else {
                throw .invalid("mean_up_time", meanUpTime, "must be above 0, and a time")
            }
        }
        _ = try Nanoseconds(seconds: meanDownTime, argument: "mean_down_time")
        if count == 0 { return }
        guard let time else {
            throw BatchingError(.nullPointer, "fault_time is NULL: it is required where there are faults")
        }
        guard let replica else {
            throw BatchingError(.nullPointer, "fault_replica is NULL: it is required where there are faults")
        }
        for index in 0..<count {
            try Work.row(index)
            guard Nanoseconds.holds(time[index]) else {
                throw .invalid("fault_time", index, time[index], Nanoseconds.requirement)
            }
            guard replica[index] >= 0, Int(replica[index]) < replicas else {
                throw .invalid("fault_replica", index, replica[index], "must be in 0..\(replicas &- 1)")
            }
            let own = kind?[index] ?? 0
            guard let own = FaultKind(rawValue: own) else {
                throw .invalid("fault_kind", index, own, "must be a BATCHING_FAULT_KIND_ constant")
            }
            if own == .slow {
                guard let factor else {
                    throw BatchingError(.nullPointer, "fault_factor is NULL: it is required where a fault makes slow")
                }
                guard factor[index] >= 1, factor[index] <= 1e6 else {
                    throw .invalid("fault_factor", index, factor[index], "must be in 1..1e6")
                }
            }
        }
    }
}

/// An autoscaler of the caller's.
package struct ScalingCallback {
    package typealias Body = (ScalingReadings, ForeignFunction) throws(BatchingError) -> Int64

    private let body: Body
    private let foreign: ForeignFunction

    package init(_ foreign: ForeignFunction, _ body: @escaping Body) {
        self.foreign = foreign
        self.body = body
    }

    func callAsFunction(_ readings: ScalingReadings) throws(BatchingError) -> Int64 { try body(readings, foreign) }
}

/// How many of the replicas there are at a time: see "Fleet" in the C header.
public struct FleetScalingConfig {
    /// Which decides.
    public var autoscaler: AutoscalerConfig
    /// Replicas that there are at first. nil: the least.
    public var initialReplicas: Int?
    /// Seconds until a new one is ready.
    public var startupTime = 0.0
    /// Asked instead of the rule, whose interval and numbers of replicas hold.
    package var callback: ScalingCallback?

    /// - Parameter autoscaler: which decides.
    public init(autoscaler: AutoscalerConfig) {
        self.autoscaler = autoscaler
    }

    func check(replicas: Int) throws(BatchingError) {
        try autoscaler.check()
        if callback != nil { return try checkReplicas(replicas) }
        let measures = autoscaler.autoscaler == .hpa || autoscaler.autoscaler == .queueLength
        if measures, autoscaler.hpa.metric == .given {
            throw .invalid("scaling_metric", Int64(ScalingMetric.given.rawValue), "must be one that a fleet gives")
        }
        if autoscaler.autoscaler == .dynamoPlanner, autoscaler.planner.hasLoadStep, autoscaler.planner.target == .sla {
            throw .invalid(
                "scaling_target", Int64(autoscaler.planner.target.rawValue),
                "must be one that a fleet gives: it estimates no times")
        }
        try checkReplicas(replicas)
    }

    private func checkReplicas(_ replicas: Int) throws(BatchingError) {
        _ = try Nanoseconds(seconds: startupTime, argument: "startup_time")
        guard autoscaler.minReplicas <= replicas else {
            throw .invalid(
                "min_replicas", Int64(autoscaler.minReplicas), "must be at most the replicas, which are \(replicas)")
        }
        if let initialReplicas, initialReplicas < 0 || initialReplicas > replicas {
            throw .invalid("initial_replicas", Int64(initialReplicas), "must be in 0..\(replicas)")
        }
    }
}
