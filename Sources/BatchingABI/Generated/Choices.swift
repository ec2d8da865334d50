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
    /// `autoscaler` of batching_autoscaler_config.
    static let autoscaler: [Int32] = [
        BATCHING_AUTOSCALER_HPA,
        BATCHING_AUTOSCALER_QUEUE_LENGTH,
        BATCHING_AUTOSCALER_DYNAMO_PLANNER,
        BATCHING_AUTOSCALER_LLM_D,
    ]
    /// `scaling_metric` of batching_autoscaler_config.
    static let scalingMetric: [Int32] = [
        BATCHING_SCALING_METRIC_WAITING,
        BATCHING_SCALING_METRIC_RUNNING,
        BATCHING_SCALING_METRIC_IN_FLIGHT,
        BATCHING_SCALING_METRIC_KV_USAGE,
        BATCHING_SCALING_METRIC_QUEUED_TOKENS,
        BATCHING_SCALING_METRIC_GIVEN,
    ]
    /// `component` of batching_autoscaler_config.
    static let component: [Int32] = [
        BATCHING_COMPONENT_PREFILL,
        BATCHING_COMPONENT_DECODE,
        BATCHING_COMPONENT_AGGREGATED,
    ]
    /// `scaling_target` of batching_autoscaler_config.
    static let scalingTarget: [Int32] = [
        BATCHING_SCALING_TARGET_THROUGHPUT,
        BATCHING_SCALING_TARGET_LATENCY,
        BATCHING_SCALING_TARGET_LOAD,
        BATCHING_SCALING_TARGET_SLA,
    ]
    /// `role` of batching_fleet_config, `scaling_role` of batching_fleet_results.
    static let role: [Int32] = [
        BATCHING_ROLE_BOTH,
        BATCHING_ROLE_PREFILL,
        BATCHING_ROLE_DECODE,
    ]
    /// `preset` of batching_disaggregation_config.
    static let preset: [Int32] = [
        BATCHING_PRESET_DYNAMO,
        BATCHING_PRESET_VLLM_NIXL,
        BATCHING_PRESET_SGLANG_PD,
        BATCHING_PRESET_LLM_D,
    ]
    /// `decider` of batching_disaggregation_config.
    static let decider: [Int32] = [
        BATCHING_DECIDER_PRESET,
        BATCHING_DECIDER_ALWAYS,
        BATCHING_DECIDER_NEVER,
        BATCHING_DECIDER_PREFIX_THRESHOLD,
        BATCHING_DECIDER_DYNAMO_CONDITIONAL,
    ]
    /// `decode_choice` of batching_disaggregation_config.
    static let decodeChoice: [Int32] = [
        BATCHING_DECODE_CHOICE_PRESET,
        BATCHING_DECODE_CHOICE_AFTER_PREFILL,
        BATCHING_DECODE_CHOICE_AT_ARRIVAL,
    ]
    /// `transfer_tokens` of batching_disaggregation_config.
    static let transferTokens: [Int32] = [
        BATCHING_TRANSFER_TOKENS_PRESET,
        BATCHING_TRANSFER_TOKENS_FULL,
        BATCHING_TRANSFER_TOKENS_MISSING,
    ]
    /// `overlap` of batching_disaggregation_config.
    static let overlap: [Int32] = [
        BATCHING_OVERLAP_PRESET,
        BATCHING_OVERLAP_NONE,
        BATCHING_OVERLAP_CHUNK,
        BATCHING_OVERLAP_LAYER,
    ]
    /// `reserve` of batching_disaggregation_config.
    static let reserve: [Int32] = [
        BATCHING_RESERVE_PRESET,
        BATCHING_RESERVE_START,
        BATCHING_RESERVE_ADMISSION,
        BATCHING_RESERVE_PREFILL,
    ]
    /// `source_release` of batching_disaggregation_config.
    static let sourceRelease: [Int32] = [
        BATCHING_SOURCE_RELEASE_PRESET,
        BATCHING_SOURCE_RELEASE_ACTIVATION,
        BATCHING_SOURCE_RELEASE_READ_DONE,
    ]
    /// `first_token` of batching_disaggregation_config.
    static let firstToken: [Int32] = [
        BATCHING_FIRST_TOKEN_PRESET,
        BATCHING_FIRST_TOKEN_PREFILL,
        BATCHING_FIRST_TOKEN_DECODE,
    ]
    /// `sharing` of batching_disaggregation_config.
    static let sharing: [Int32] = [
        BATCHING_SHARING_NONE,
        BATCHING_SHARING_SOURCE,
        BATCHING_SHARING_PAIR,
    ]
    /// `bucket_cost` of batching_admission_config.
    static let bucketCost: [Int32] = [
        BATCHING_BUCKET_COST_REQUEST,
        BATCHING_BUCKET_COST_PROMPT_TOKENS,
    ]
    /// `fault_kind` of batching_fault_config.
    static let faultKind: [Int32] = [
        BATCHING_FAULT_KIND_DOWN,
        BATCHING_FAULT_KIND_UP,
        BATCHING_FAULT_KIND_SLOW,
    ]
    /// `chooser` of batching_fleet_config.
    static let chooser: [Int32] = [
        BATCHING_CHOOSER_ROUTER,
        BATCHING_CHOOSER_ESTIMATED_TTFT,
        BATCHING_CHOOSER_ESTIMATED_E2E,
        BATCHING_CHOOSER_CALLBACK,
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
