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
public struct ServiceLevels: Equatable, Sendable {
    public var ttft: Double?
    public var tpot: Double?
    public var itl: Double?
    public var e2e: Double?

    public init() {}
}

/// Service-level objectives in nanoseconds: comparisons are exact, and equality keeps an objective.
struct ServiceLimits {
    let ttft: Int64?
    let tpot: Int64?
    let itl: Int64?
    let e2e: Int64?

    init(_ levels: ServiceLevels) throws(BatchingError) {
        func limit(_ seconds: Double?, _ name: String) throws(BatchingError) -> Int64? {
            guard let seconds else { return nil }
            return try Nanoseconds(seconds: seconds, argument: name).count
        }
        ttft = try limit(levels.ttft, "slo_ttft")
        tpot = try limit(levels.tpot, "slo_tpot")
        itl = try limit(levels.itl, "slo_itl")
        e2e = try limit(levels.e2e, "slo_e2e")
    }

    var areNone: Bool { ttft == nil && tpot == nil && itl == nil && e2e == nil }
}
