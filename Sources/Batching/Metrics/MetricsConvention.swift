/// Which tool's definitions hold where tools differ. The raw values are those of the C header.
public enum MetricsConvention: Int32, CaseIterable, Sendable {
    /// vLLM's `bench serve` (vllm/benchmarks/serve.py).
    case vllm = 0
    /// SGLang's `bench_serving` (sglang/benchmark/serving.py, goodput.py).
    case sglang = 100
    /// NVIDIA's AIPerf (its metric classes).
    case aiperf = 200

    /// Output tokens of a request that was answered but reports none: without a tokenizer vLLM counts one.
    @inline(__always)
    func outputTokens(_ reported: Int32) -> Int64 { self == .vllm && reported == 0 ? 1 : Int64(reported) }

    /// Whether a request without a second token, which has no TPOT, keeps an SLO on it.
    var singleTokenKeepsTPOT: Bool { self != .aiperf }

    /// Whether the duration is from the first arrival to the last end of the answered requests alone.
    var durationIsOfAnswered: Bool { self == .aiperf }
}

/// Service-level objectives: the longest times that are still good. nil: none.
public struct SLO: Equatable, Sendable {
    /// Seconds: the longest TTFT that is good.
    public var ttft: Double?
    /// Seconds: the longest TPOT that is good.
    public var tpot: Double?
    /// Seconds: the longest gap between a request's tokens that is good.
    public var itl: Double?
    /// Seconds: the longest E2E latency that is good.
    public var e2e: Double?

    /// No objective.
    public init() {}
}
