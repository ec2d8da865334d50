/// The autoscalers. The raw values are those of the C header. A new one is a case here, its line in `ScalingRules`, and a file of
/// its own.
public enum AutoscalerName: Int32, CaseIterable, Sendable {
    /// Kubernetes' HorizontalPodAutoscaler.
    case hpa = 0
    /// KEDA, on a total.
    case queueLength = 100
    /// NVIDIA Dynamo's planner.
    case dynamoPlanner = 200
    /// llm-d's workload variant autoscaler.
    case llmD = 210
}

/// What hpa and queueLength measure. The raw values are those of the C header.
public enum ScalingMetric: Int32, CaseIterable, Sendable {
    /// Waiting requests.
    case waiting = 0
    /// Running requests.
    case running = 100
    /// Both.
    case inFlight = 110
    /// The share of KV blocks in use.
    case kvUsage = 120
    /// Prompt tokens of waiting requests.
    case queuedTokens = 130
    /// The column `metric` of the readings.
    case given = 140
}

/// Which workers a planner scales. The raw values are those of the C header.
public enum ScalingComponent: Int32, CaseIterable, Sendable {
    /// Prefill workers.
    case prefill = 0
    /// Decode workers.
    case decode = 100
    /// Workers that do both.
    case aggregated = 110
}

/// What a planner's load step compares. The raw values are those of the C header.
public enum ScalingTarget: Int32, CaseIterable, Sendable {
    /// Built-in thresholds for throughput.
    case throughput = 0
    /// Built-in thresholds for latency.
    case latency = 100
    /// Thresholds of the caller's.
    case load = 110
    /// Estimates of TTFT and ITL against what is agreed.
    case sla = 120
}
