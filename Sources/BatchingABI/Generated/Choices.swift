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
