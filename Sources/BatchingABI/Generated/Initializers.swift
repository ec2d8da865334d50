// Generated from include/batching.h by `make generate`: change that, not this.
// swift-format-ignore-file
import Batching
import CBatching

extension batching_requests: VersionedStruct {
    static let argument: StaticString = "requests"
}

@implementation @_cdecl("batching_requests_init")
public func batching_requests_init(
    _ requests: UnsafeMutablePointer<batching_requests>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_requests.initialize(requests, size: struct_size) }
}

extension batching_results: VersionedStruct {
    static let argument: StaticString = "results"
}

@implementation @_cdecl("batching_results_init")
public func batching_results_init(
    _ results: UnsafeMutablePointer<batching_results>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_results.initialize(results, size: struct_size) }
}

extension batching_summary: VersionedStruct {
    static let argument: StaticString = "summary"
}

@implementation @_cdecl("batching_summary_init")
public func batching_summary_init(
    _ summary: UnsafeMutablePointer<batching_summary>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_summary.initialize(summary, size: struct_size) }
}

extension batching_comparison: VersionedStruct {
    static let argument: StaticString = "comparison"
}

@implementation @_cdecl("batching_comparison_init")
public func batching_comparison_init(
    _ comparison: UnsafeMutablePointer<batching_comparison>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_comparison.initialize(comparison, size: struct_size) }
}

extension batching_completed: VersionedStruct {
    static let argument: StaticString = "completed"
}

@implementation @_cdecl("batching_completed_init")
public func batching_completed_init(
    _ completed: UnsafeMutablePointer<batching_completed>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_completed.initialize(completed, size: struct_size) }
}

extension batching_latencies: VersionedStruct {
    static let argument: StaticString = "latencies"
}

@implementation @_cdecl("batching_latencies_init")
public func batching_latencies_init(
    _ latencies: UnsafeMutablePointer<batching_latencies>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_latencies.initialize(latencies, size: struct_size) }
}

extension batching_batch_metrics: VersionedStruct {
    static let argument: StaticString = "metrics"
}

@implementation @_cdecl("batching_batch_metrics_init")
public func batching_batch_metrics_init(
    _ metrics: UnsafeMutablePointer<batching_batch_metrics>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_batch_metrics.initialize(metrics, size: struct_size) }
}

extension batching_workload: VersionedStruct {
    static let argument: StaticString = "workload"
}

@implementation @_cdecl("batching_workload_init")
public func batching_workload_init(
    _ workload: UnsafeMutablePointer<batching_workload>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in
        try batching_workload.initialize(workload, size: struct_size)
        batching_workload.initial.write(to: workload)
    }
}

extension batching_recorded: VersionedStruct {
    static let argument: StaticString = "recorded"
}

@implementation @_cdecl("batching_recorded_init")
public func batching_recorded_init(
    _ recorded: UnsafeMutablePointer<batching_recorded>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_recorded.initialize(recorded, size: struct_size) }
}

extension batching_distribution: VersionedStruct {
    static let argument: StaticString = "distribution"
}

@implementation @_cdecl("batching_distribution_init")
public func batching_distribution_init(
    _ distribution: UnsafeMutablePointer<batching_distribution>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_distribution.initialize(distribution, size: struct_size) }
}

extension batching_serving_metrics_config: VersionedStruct {
    static let argument: StaticString = "config"
}

@implementation @_cdecl("batching_serving_metrics_config_init")
public func batching_serving_metrics_config_init(
    _ config: UnsafeMutablePointer<batching_serving_metrics_config>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_serving_metrics_config.initialize(config, size: struct_size) }
}

extension batching_serving_metrics: VersionedStruct {
    static let argument: StaticString = "metrics"
}

@implementation @_cdecl("batching_serving_metrics_init")
public func batching_serving_metrics_init(
    _ metrics: UnsafeMutablePointer<batching_serving_metrics>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_serving_metrics.initialize(metrics, size: struct_size) }
}

extension batching_load_config: VersionedStruct {
    static let argument: StaticString = "config"
}

@implementation @_cdecl("batching_load_config_init")
public func batching_load_config_init(
    _ config: UnsafeMutablePointer<batching_load_config>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_load_config.initialize(config, size: struct_size) }
}

extension batching_load: VersionedStruct {
    static let argument: StaticString = "load"
}

@implementation @_cdecl("batching_load_init")
public func batching_load_init(
    _ load: UnsafeMutablePointer<batching_load>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_load.initialize(load, size: struct_size) }
}

extension batching_load_timeline: VersionedStruct {
    static let argument: StaticString = "timeline"
}

@implementation @_cdecl("batching_load_timeline_init")
public func batching_load_timeline_init(
    _ timeline: UnsafeMutablePointer<batching_load_timeline>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_load_timeline.initialize(timeline, size: struct_size) }
}

extension batching_engine_config: VersionedStruct {
    static let argument: StaticString = "config"
}

@implementation @_cdecl("batching_engine_config_init")
public func batching_engine_config_init(
    _ config: UnsafeMutablePointer<batching_engine_config>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_engine_config.initialize(config, size: struct_size) }
}

extension batching_roofline: VersionedStruct {
    static let argument: StaticString = "roofline"
}

@implementation @_cdecl("batching_roofline_init")
public func batching_roofline_init(
    _ roofline: UnsafeMutablePointer<batching_roofline>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_roofline.initialize(roofline, size: struct_size) }
}

extension batching_time_table: VersionedStruct {
    static let argument: StaticString = "table"
}

@implementation @_cdecl("batching_time_table_init")
public func batching_time_table_init(
    _ table: UnsafeMutablePointer<batching_time_table>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_time_table.initialize(table, size: struct_size) }
}

extension batching_iterations: VersionedStruct {
    static let argument: StaticString = "iterations"
}

@implementation @_cdecl("batching_iterations_init")
public func batching_iterations_init(
    _ iterations: UnsafeMutablePointer<batching_iterations>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_iterations.initialize(iterations, size: struct_size) }
}

extension batching_kv_offload: VersionedStruct {
    static let argument: StaticString = "offload"
}

@implementation @_cdecl("batching_kv_offload_init")
public func batching_kv_offload_init(
    _ offload: UnsafeMutablePointer<batching_kv_offload>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_kv_offload.initialize(offload, size: struct_size) }
}

extension batching_gpu: VersionedStruct {
    static let argument: StaticString = "gpu"
}

@implementation @_cdecl("batching_gpu_init")
public func batching_gpu_init(
    _ gpu: UnsafeMutablePointer<batching_gpu>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_gpu.initialize(gpu, size: struct_size) }
}

extension batching_model: VersionedStruct {
    static let argument: StaticString = "model"
}

@implementation @_cdecl("batching_model_init")
public func batching_model_init(
    _ model: UnsafeMutablePointer<batching_model>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_model.initialize(model, size: struct_size) }
}

extension batching_deployment: VersionedStruct {
    static let argument: StaticString = "deployment"
}

@implementation @_cdecl("batching_deployment_init")
public func batching_deployment_init(
    _ deployment: UnsafeMutablePointer<batching_deployment>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_deployment.initialize(deployment, size: struct_size) }
}

extension batching_deployment_memory: VersionedStruct {
    static let argument: StaticString = "memory"
}

@implementation @_cdecl("batching_deployment_memory_init")
public func batching_deployment_memory_init(
    _ memory: UnsafeMutablePointer<batching_deployment_memory>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_deployment_memory.initialize(memory, size: struct_size) }
}

extension batching_client: VersionedStruct {
    static let argument: StaticString = "client"
}

@implementation @_cdecl("batching_client_init")
public func batching_client_init(
    _ client: UnsafeMutablePointer<batching_client>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_client.initialize(client, size: struct_size) }
}

extension batching_calibration_config: VersionedStruct {
    static let argument: StaticString = "config"
}

@implementation @_cdecl("batching_calibration_config_init")
public func batching_calibration_config_init(
    _ config: UnsafeMutablePointer<batching_calibration_config>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_calibration_config.initialize(config, size: struct_size) }
}

extension batching_calibration: VersionedStruct {
    static let argument: StaticString = "calibration"
}

@implementation @_cdecl("batching_calibration_init")
public func batching_calibration_init(
    _ calibration: UnsafeMutablePointer<batching_calibration>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_calibration.initialize(calibration, size: struct_size) }
}

extension batching_live_calibration_state: VersionedStruct {
    static let argument: StaticString = "state"
}

@implementation @_cdecl("batching_live_calibration_state_init")
public func batching_live_calibration_state_init(
    _ state: UnsafeMutablePointer<batching_live_calibration_state>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_live_calibration_state.initialize(state, size: struct_size) }
}

extension batching_live_calibration_log: VersionedStruct {
    static let argument: StaticString = "log"
}

@implementation @_cdecl("batching_live_calibration_log_init")
public func batching_live_calibration_log_init(
    _ log: UnsafeMutablePointer<batching_live_calibration_log>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_live_calibration_log.initialize(log, size: struct_size) }
}

extension batching_profile_facts: VersionedStruct {
    static let argument: StaticString = "facts"
}

@implementation @_cdecl("batching_profile_facts_init")
public func batching_profile_facts_init(
    _ facts: UnsafeMutablePointer<batching_profile_facts>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_profile_facts.initialize(facts, size: struct_size) }
}

extension batching_iteration_log: VersionedStruct {
    static let argument: StaticString = "iteration_log"
}

@implementation @_cdecl("batching_iteration_log_init")
public func batching_iteration_log_init(
    _ iteration_log: UnsafeMutablePointer<batching_iteration_log>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_iteration_log.initialize(iteration_log, size: struct_size) }
}

extension batching_decision_log: VersionedStruct {
    static let argument: StaticString = "decision_log"
}

@implementation @_cdecl("batching_decision_log_init")
public func batching_decision_log_init(
    _ decision_log: UnsafeMutablePointer<batching_decision_log>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_decision_log.initialize(decision_log, size: struct_size) }
}

extension batching_attribution: VersionedStruct {
    static let argument: StaticString = "attribution"
}

@implementation @_cdecl("batching_attribution_init")
public func batching_attribution_init(
    _ attribution: UnsafeMutablePointer<batching_attribution>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_attribution.initialize(attribution, size: struct_size) }
}

extension batching_attribution_bands: VersionedStruct {
    static let argument: StaticString = "bands"
}

@implementation @_cdecl("batching_attribution_bands_init")
public func batching_attribution_bands_init(
    _ bands: UnsafeMutablePointer<batching_attribution_bands>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_attribution_bands.initialize(bands, size: struct_size) }
}

extension batching_live_engine_events: VersionedStruct {
    static let argument: StaticString = "events"
}

@implementation @_cdecl("batching_live_engine_events_init")
public func batching_live_engine_events_init(
    _ events: UnsafeMutablePointer<batching_live_engine_events>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_live_engine_events.initialize(events, size: struct_size) }
}

extension batching_live_engine_state: VersionedStruct {
    static let argument: StaticString = "state"
}

@implementation @_cdecl("batching_live_engine_state_init")
public func batching_live_engine_state_init(
    _ state: UnsafeMutablePointer<batching_live_engine_state>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_live_engine_state.initialize(state, size: struct_size) }
}

extension batching_router_config: VersionedStruct {
    static let argument: StaticString = "config"
}

@implementation @_cdecl("batching_router_config_init")
public func batching_router_config_init(
    _ config: UnsafeMutablePointer<batching_router_config>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_router_config.initialize(config, size: struct_size) }
}

extension batching_routing_request: VersionedStruct {
    static let argument: StaticString = "request"
}

@implementation @_cdecl("batching_routing_request_init")
public func batching_routing_request_init(
    _ request: UnsafeMutablePointer<batching_routing_request>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_routing_request.initialize(request, size: struct_size) }
}

extension batching_worker_metrics: VersionedStruct {
    static let argument: StaticString = "metrics"
}

@implementation @_cdecl("batching_worker_metrics_init")
public func batching_worker_metrics_init(
    _ metrics: UnsafeMutablePointer<batching_worker_metrics>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_worker_metrics.initialize(metrics, size: struct_size) }
}

extension batching_autoscaler_config: VersionedStruct {
    static let argument: StaticString = "config"
}

@implementation @_cdecl("batching_autoscaler_config_init")
public func batching_autoscaler_config_init(
    _ config: UnsafeMutablePointer<batching_autoscaler_config>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_autoscaler_config.initialize(config, size: struct_size) }
}

extension batching_scaling_readings: VersionedStruct {
    static let argument: StaticString = "readings"
}

@implementation @_cdecl("batching_scaling_readings_init")
public func batching_scaling_readings_init(
    _ readings: UnsafeMutablePointer<batching_scaling_readings>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_scaling_readings.initialize(readings, size: struct_size) }
}

extension batching_disaggregation_config: VersionedStruct {
    static let argument: StaticString = "config"
}

@implementation @_cdecl("batching_disaggregation_config_init")
public func batching_disaggregation_config_init(
    _ config: UnsafeMutablePointer<batching_disaggregation_config>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_disaggregation_config.initialize(config, size: struct_size) }
}

extension batching_admission_config: VersionedStruct {
    static let argument: StaticString = "config"
}

@implementation @_cdecl("batching_admission_config_init")
public func batching_admission_config_init(
    _ config: UnsafeMutablePointer<batching_admission_config>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_admission_config.initialize(config, size: struct_size) }
}

extension batching_fault_config: VersionedStruct {
    static let argument: StaticString = "config"
}

@implementation @_cdecl("batching_fault_config_init")
public func batching_fault_config_init(
    _ config: UnsafeMutablePointer<batching_fault_config>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_fault_config.initialize(config, size: struct_size) }
}

extension batching_fleet_scaling_config: VersionedStruct {
    static let argument: StaticString = "config"
}

@implementation @_cdecl("batching_fleet_scaling_config_init")
public func batching_fleet_scaling_config_init(
    _ config: UnsafeMutablePointer<batching_fleet_scaling_config>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_fleet_scaling_config.initialize(config, size: struct_size) }
}

extension batching_fleet_config: VersionedStruct {
    static let argument: StaticString = "config"
}

@implementation @_cdecl("batching_fleet_config_init")
public func batching_fleet_config_init(
    _ config: UnsafeMutablePointer<batching_fleet_config>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_fleet_config.initialize(config, size: struct_size) }
}

extension batching_fleet_results: VersionedStruct {
    static let argument: StaticString = "results"
}

@implementation @_cdecl("batching_fleet_results_init")
public func batching_fleet_results_init(
    _ results: UnsafeMutablePointer<batching_fleet_results>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_fleet_results.initialize(results, size: struct_size) }
}

extension batching_fleet_events: VersionedStruct {
    static let argument: StaticString = "events"
}

@implementation @_cdecl("batching_fleet_events_init")
public func batching_fleet_events_init(
    _ events: UnsafeMutablePointer<batching_fleet_events>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_fleet_events.initialize(events, size: struct_size) }
}

extension batching_fleet_state: VersionedStruct {
    static let argument: StaticString = "state"
}

@implementation @_cdecl("batching_fleet_state_init")
public func batching_fleet_state_init(
    _ state: UnsafeMutablePointer<batching_fleet_state>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_fleet_state.initialize(state, size: struct_size) }
}

extension batching_accumulator_config: VersionedStruct {
    static let argument: StaticString = "config"
}

@implementation @_cdecl("batching_accumulator_config_init")
public func batching_accumulator_config_init(
    _ config: UnsafeMutablePointer<batching_accumulator_config>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_accumulator_config.initialize(config, size: struct_size) }
}

extension batching_accumulator_events: VersionedStruct {
    static let argument: StaticString = "events"
}

@implementation @_cdecl("batching_accumulator_events_init")
public func batching_accumulator_events_init(
    _ events: UnsafeMutablePointer<batching_accumulator_events>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_accumulator_events.initialize(events, size: struct_size) }
}

extension batching_accumulator_state: VersionedStruct {
    static let argument: StaticString = "state"
}

@implementation @_cdecl("batching_accumulator_state_init")
public func batching_accumulator_state_init(
    _ state: UnsafeMutablePointer<batching_accumulator_state>!, _ struct_size: UInt32
) -> batching_status {
    status { () throws(BatchingError) in try batching_accumulator_state.initialize(state, size: struct_size) }
}
