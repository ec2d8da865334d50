import Batching
import CBatching

@implementation @_cdecl("batching_static_simulate")
public func batching_static_simulate(
    _ requests: UnsafePointer<batching_requests>!, _ batch_size: Int64, _ time_per_token: Double,
    _ results: UnsafePointer<batching_results>!, _ summary: UnsafeMutablePointer<batching_summary>!
) -> batching_status {
    simulate(requests, results, summary) { (columns, resultColumns) throws(BatchingError) in
        try StaticBatching.simulate(
            columns, batchSize: batch_size, timePerToken: time_per_token, results: resultColumns)
    }
}

@implementation @_cdecl("batching_continuous_simulate")
public func batching_continuous_simulate(
    _ requests: UnsafePointer<batching_requests>!, _ max_batch_size: Int64, _ time_per_token: Double,
    _ results: UnsafePointer<batching_results>!, _ summary: UnsafeMutablePointer<batching_summary>!
) -> batching_status {
    simulate(requests, results, summary) { (columns, resultColumns) throws(BatchingError) in
        try ContinuousBatching.simulate(
            columns, maxBatchSize: max_batch_size, timePerToken: time_per_token, results: resultColumns)
    }
}

private func simulate(
    _ requests: UnsafePointer<batching_requests>?, _ results: UnsafePointer<batching_results>?,
    _ summary: UnsafeMutablePointer<batching_summary>?,
    _ simulator: (RequestColumns, ResultColumns) throws(BatchingError) -> RunSummary
) -> batching_status {
    status { () throws(BatchingError) in
        let requests = try batching_requests.read(requests)
        let results = try batching_results.columns(results, holding: requests.count)
        if let summary { _ = try batching_summary.read(summary) }
        let run = try simulator(requests.columns, results)
        if let summary { batching_summary(run).write(to: summary) }
    }
}

@implementation @_cdecl("batching_strategies_compare")
public func batching_strategies_compare(
    _ requests: UnsafePointer<batching_requests>!, _ batch_size: Int64, _ time_per_token: Double,
    _ comparison: UnsafeMutablePointer<batching_comparison>!
) -> batching_status {
    status { () throws(BatchingError) in
        let requests = try batching_requests.read(requests)
        _ = try batching_comparison.read(comparison)
        let result = try StrategyComparison(
            requests.columns, batchSize: batch_size, timePerToken: time_per_token)
        batching_comparison(result).write(to: comparison)
    }
}
