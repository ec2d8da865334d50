/// An autoscaler: its rule, and how many replicas there may be. See "Autoscalers" in the C header for what each field means;
/// here the defaults stand as they are.
public struct AutoscalerConfig: Sendable {
    /// Its rule.
    public var autoscaler = AutoscalerName.hpa
    /// At least so many replicas.
    public var minReplicas = 1
    /// At most so many.
    public var maxReplicas = AutoscalerConfig.mostReplicas
    /// Seconds between decisions. nil: the rule's own.
    public var interval: Double?

    /// hpa, queueLength.
    public var hpa = HPAConfig()
    /// queueLength.
    public var queueLength = QueueLengthConfig()
    /// Tokens that the KV cache of a replica holds; 0: unknown.
    public var maxKVTokens: Int64 = 0
    /// dynamoPlanner.
    public var planner = PlannerConfig()
    /// llmD.
    public var llmD = LLMDConfig()

    /// The defaults.
    public init() {}

    static var mostReplicas: Int { 65_536 }
}

/// What Kubernetes' HorizontalPodAutoscaler has: a metric, and how fast the number may change.
public struct HPAConfig: Sendable {
    /// What is measured.
    public var metric = ScalingMetric.waiting
    /// Of the metric, for each replica. Required.
    public var target = 0.0
    /// No change while mean / target is within 1 - and 1 + this.
    public var tolerance = 0.1
    /// Seconds: up to the lowest of what was wanted in the last.
    public var upWindow = 0.0
    /// Seconds: down to the highest of what was wanted in the last.
    public var downWindow = 300.0
    /// Up in a period.
    public var up = ScalingLimit(percent: 100, replicas: 4)
    /// Down in a period.
    public var down = ScalingLimit(percent: 100, replicas: 0)

    /// The defaults.
    public init() {}
}

/// By how much a number of replicas may change in a period: by the larger of the two.
public struct ScalingLimit: Sendable {
    /// Percent of the replicas at the start of the period.
    public var percent: Double
    /// Replicas.
    public var replicas: Int64
    /// Seconds.
    public var period: Double

    /// A limit.
    public init(percent: Double, replicas: Int64, period: Double = 15) {
        self.percent = percent
        self.replicas = replicas
        self.period = period
    }
}

/// What KEDA has beside an HPA.
public struct QueueLengthConfig: Sendable {
    /// Something is there if the total is more than this.
    public var activation = 0.0
    /// Seconds without anything until there are 0 replicas.
    public var cooldown = 300.0

    /// The defaults.
    public init() {}
}

/// What is Dynamo's own.
public struct PlannerConfig: Sendable {
    /// Which workers these are.
    public var component = ScalingComponent.prefill
    /// What its load step compares.
    public var target = ScalingTarget.throughput
    /// Whether there is a load step.
    public var hasLoadStep = true
    /// Whether the load step decides also while replicas start.
    public var whileStarting = false
    /// Tokens; 0: unknown.
    public var contextLength: Int64 = 0
    /// Its steps go down to so many.
    public var minEndpoint = 1
    /// load: queued tokens.
    public var prefillUpTokens: Int64 = 0
    /// load: queued tokens.
    public var prefillDownTokens: Int64 = 0
    /// load: percent of the KV tokens.
    public var decodeUpPercent = 0.0
    /// load: percent of the KV tokens.
    public var decodeDownPercent = 0.0
    /// Seconds.
    public var ttftSLA = 0.5
    /// Seconds.
    public var itlSLA = 0.05
    /// Down if what remains is below this share of the SLA.
    public var downSensitivity = 0.8
    /// Seconds between throughput steps.
    public var throughputInterval = 180.0
    /// Replicas by which a throughput step changes at most.
    public var throughputStep = 8
    /// GPUs of all replicas at most. nil: any number.
    public var gpuBudget: Int64? = 8
    /// GPUs of a replica.
    public var gpusPerReplica: Int64 = 1

    /// The defaults.
    public init() {}
}

/// What is llm-d's own.
public struct LLMDConfig: Sendable {
    /// The share of the KV tokens that counts as capacity.
    public var kvThreshold = 0.8
    /// So many waiting requests, and KV tokens in use are the capacity.
    public var queueThreshold = 5.0
    /// Up if demand is more than this share of the capacity.
    public var upThreshold = 0.85
    /// Down by what is beyond demand / this.
    public var downBoundary = 0.7
    /// Of a replica. 0: a capacity is not estimated from it.
    public var maxNumBatchedTokens: Int64 = 0
    /// Of a replica.
    public var maxNumSeqs: Int64 = 0

    /// The defaults.
    public init() {}
}
