import Batching
import CBatching

@implementation @_cdecl("batching_latencies_calculate")
public func batching_latencies_calculate(
    _ completed: UnsafePointer<batching_completed>!, _ latencies: UnsafePointer<batching_latencies>!
) -> batching_status {
    status { () throws(BatchingError) in
        let (columns, count) = try batching_completed.columns(completed)
        let latencyColumns = try batching_latencies.columns(latencies, holding: count)
        try Latencies.calculate(columns, into: latencyColumns)
    }
}

@implementation @_cdecl("batching_batch_metrics_calculate")
public func batching_batch_metrics_calculate(
    _ completed: UnsafePointer<batching_completed>!, _ total_time: Double,
    _ metrics: UnsafeMutablePointer<batching_batch_metrics>!
) -> batching_status {
    status { () throws(BatchingError) in
        let (columns, _) = try batching_completed.columns(completed)
        _ = try batching_batch_metrics.read(metrics)
        let result = try BatchMetrics(columns, totalTime: total_time)
        batching_batch_metrics(result).write(to: metrics)
    }
}

@implementation @_cdecl("batching_remaining_tokens_calculate")
public func batching_remaining_tokens_calculate(
    _ count: Int64, _ output_length: UnsafePointer<Int32>!, _ tokens_generated: UnsafePointer<Int32>!,
    _ remaining_tokens: UnsafeMutablePointer<Int32>!
) -> batching_status {
    status { () throws(BatchingError) in
        if count == 0 { return }
        try RemainingTokens.calculate(
            count: Int(count),
            outputLength: try required(output_length, "output_length"),
            tokensGenerated: try required(tokens_generated, "tokens_generated"),
            into: try required(remaining_tokens, "remaining_tokens"))
    }
}
