import Batching
import CBatching

@implementation @_cdecl("batching_simulate")
public func batching_simulate(
    _ config: UnsafePointer<batching_engine_config>!, _ requests: UnsafePointer<batching_requests>!,
    _ results: UnsafePointer<batching_results>!, _ summary: UnsafeMutablePointer<batching_summary>!
) -> batching_status {
    status { () throws(BatchingError) in
        let config = config == nil ? batching_engine_config() : try batching_engine_config.read(config)
        let requests = try batching_requests.read(requests)
        let results = try batching_results.columns(results, holding: requests.count)
        if let summary { _ = try batching_summary.read(summary) }
        var iterationLog: IterationLog?
        var decisionLog: DecisionLog?
        if let log = config.iteration_log { iterationLog = try batching_iteration_log.read(log).log }
        if let log = config.decision_log { decisionLog = try batching_decision_log.read(log).log() }
        var attribution: AttributionColumns?
        if let wanted = config.attribution {
            attribution = try batching_attribution.read(wanted).columns(holding: requests.count)
        }
        let run = try Engine.simulate(
            requests.engineColumns(), client: requests.clientConfig(), configuration: config.configuration(),
            results: results,
            attribution: attribution, iterationLog: &iterationLog, decisionLog: &decisionLog)
        if let iterationLog { config.iteration_log.pointee.count = iterationLog.rows.count }
        if let decisionLog { config.decision_log.pointee.count = decisionLog.rows.count }
        if let summary { batching_summary(run).write(to: summary) }
    }
}
