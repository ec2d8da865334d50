// Generated from include/batching.h by `make generate`: change that, not this.
// swift-format-ignore-file
import CBatching

/// Which constants a caller may choose from.
enum Choices {
    /// `arrivals` of batching_workload.
    static let arrivals: [Int32] = [
        BATCHING_ARRIVALS_POISSON,
        BATCHING_ARRIVALS_GAMMA,
        BATCHING_ARRIVALS_CONSTANT,
    ]
    /// `ramp` of batching_workload.
    static let ramp: [Int32] = [
        BATCHING_RAMP_NONE,
        BATCHING_RAMP_LINEAR,
        BATCHING_RAMP_EXPONENTIAL,
    ]
    /// `prompt_lengths` of batching_workload, `output_lengths` of batching_workload.
    static let lengths: [Int32] = [
        BATCHING_LENGTHS_UNIFORM,
        BATCHING_LENGTHS_LOGNORMAL,
        BATCHING_LENGTHS_ZIPF,
        BATCHING_LENGTHS_EMPIRICAL,
    ]
    /// `convention` of batching_serving_metrics_config.
    static let convention: [Int32] = [
        BATCHING_CONVENTION_VLLM,
        BATCHING_CONVENTION_SGLANG,
        BATCHING_CONVENTION_AIPERF,
    ]
    /// `percentile_method` of batching_serving_metrics_config.
    static let percentileMethod: [Int32] = [
        BATCHING_PERCENTILE_LINEAR,
        BATCHING_PERCENTILE_INVERSE_CDF,
        BATCHING_PERCENTILE_NEAREST,
    ]
    /// `policy` of batching_engine_config.
    static let policy: [Int32] = [
        BATCHING_POLICY_VLLM,
        BATCHING_POLICY_STATIC,
        BATCHING_POLICY_DYNAMIC,
        BATCHING_POLICY_CONTINUOUS,
        BATCHING_POLICY_ORCA,
        BATCHING_POLICY_CUSTOM,
    ]
    /// `queue_order` of batching_engine_config.
    static let queueOrder: [Int32] = [
        BATCHING_QUEUE_ARRIVAL,
        BATCHING_QUEUE_PRIORITY,
        BATCHING_QUEUE_SHORTEST_OUTPUT,
    ]
    /// `time_model` of batching_engine_config.
    static let timeModel: [Int32] = [
        BATCHING_TIME_DEFAULT,
        BATCHING_TIME_CONSTANT,
        BATCHING_TIME_AFFINE,
        BATCHING_TIME_ROOFLINE,
        BATCHING_TIME_TABLE,
        BATCHING_TIME_CALLBACK,
    ]
    /// `weight_dtype` of batching_deployment, `kv_dtype` of batching_deployment.
    static let dtype: [Int32] = [
        BATCHING_DTYPE_BF16,
        BATCHING_DTYPE_FP8,
        BATCHING_DTYPE_INT8,
        BATCHING_DTYPE_FP4,
        BATCHING_DTYPE_INT4,
    ]
    /// `think_times` of batching_workload, `think_times` of batching_client.
    static let thinkTimes: [Int32] = [
        BATCHING_THINK_TIMES_EXPONENTIAL,
        BATCHING_THINK_TIMES_CONSTANT,
        BATCHING_THINK_TIMES_LOGNORMAL,
    ]
    /// `scheduling` of batching_calibration_config.
    static let scheduling: [Int32] = [
        BATCHING_SCHEDULING_BOTH,
        BATCHING_SCHEDULING_GIVEN,
    ]
    /// `router` of batching_router_config.
    static let router: [Int32] = [
        BATCHING_ROUTER_ROUND_ROBIN,
        BATCHING_ROUTER_RANDOM,
        BATCHING_ROUTER_POWER_OF_TWO,
        BATCHING_ROUTER_LEAST_REQUESTS,
        BATCHING_ROUTER_LEAST_TOKENS,
        BATCHING_ROUTER_SESSION,
        BATCHING_ROUTER_DYNAMO_KV,
        BATCHING_ROUTER_VLLM_DP,
        BATCHING_ROUTER_CACHE_AWARE,
        BATCHING_ROUTER_BUCKET,
        BATCHING_ROUTER_PREFIX_TRIE,
        BATCHING_ROUTER_RAY_PREFIX,
        BATCHING_ROUTER_SCORERS,
        BATCHING_ROUTER_AIBRIX_PREFIX,
        BATCHING_ROUTER_VTC,
    ]
    /// `ties` of batching_router_config.
    static let ties: [Int32] = [
        BATCHING_TIES_FIRST,
        BATCHING_TIES_RANDOM,
        BATCHING_TIES_NGINX,
        BATCHING_TIES_HAPROXY,
    ]
    /// `round_robin_rule` of batching_router_config.
    static let roundRobinRule: [Int32] = [
        BATCHING_ROUND_ROBIN_RULE_COUNTER,
        BATCHING_ROUND_ROBIN_RULE_SETS,
        BATCHING_ROUND_ROBIN_RULE_SMOOTH,
    ]
    /// `vllm_dp_rule` of batching_router_config.
    static let vllmDpRule: [Int32] = [
        BATCHING_VLLM_DP_RULE_FROM_0_27,
        BATCHING_VLLM_DP_RULE_UNTIL_0_26,
    ]
    /// `cache_aware_rule` of batching_router_config.
    static let cacheAwareRule: [Int32] = [
        BATCHING_CACHE_AWARE_RULE_SGLANG,
        BATCHING_CACHE_AWARE_RULE_VLLM,
        BATCHING_CACHE_AWARE_RULE_SMG,
    ]
    /// `waiting_order` of batching_router_config.
    static let waitingOrder: [Int32] = [
        BATCHING_WAITING_ORDER_FCFS,
        BATCHING_WAITING_ORDER_LCFS,
        BATCHING_WAITING_ORDER_WSPT,
    ]
    /// `scorer` of batching_router_config.
    static let scorer: [Int32] = [
        BATCHING_SCORER_QUEUE,
        BATCHING_SCORER_RUNNING,
        BATCHING_SCORER_KV_USAGE,
        BATCHING_SCORER_LOAD_AWARE,
        BATCHING_SCORER_ACTIVE,
        BATCHING_SCORER_TOKEN_LOAD,
        BATCHING_SCORER_PREFIX,
        BATCHING_SCORER_PRECISE_PREFIX,
    ]
    /// `reason` of batching_accumulator_finished.
    static let finishedReason: [Int32] = [
        BATCHING_FINISHED_STOP,
        BATCHING_FINISHED_LENGTH,
    ]
    /// `reason` of batching_accumulator_failed.
    static let failedReason: [Int32] = [
        BATCHING_FAILED_ERROR,
        BATCHING_FAILED_ABORT,
    ]
    /// `event` of batching_accumulator_events.
    static let accumulatorEvent: [Int32] = [
        BATCHING_ACCUMULATOR_ARRIVED,
        BATCHING_ACCUMULATOR_STARTED,
        BATCHING_ACCUMULATOR_TOKENS,
        BATCHING_ACCUMULATOR_FINISHED,
        BATCHING_ACCUMULATOR_FAILED,
    ]
    /// `scope` of batching_accumulator_measure.
    static let accumulatorScope: [Int32] = [
        BATCHING_ACCUMULATOR_START,
        BATCHING_ACCUMULATOR_WINDOW,
    ]
}
