import Batching
import CBatching

@implementation @_cdecl("batching_iteration_times_calculate")
public func batching_iteration_times_calculate(
    _ config: UnsafePointer<batching_engine_config>!, _ iterations: UnsafePointer<batching_iterations>!,
    _ seconds: UnsafeMutablePointer<Double>!
) -> batching_status {
    status { () throws(BatchingError) in
        let config = try batching_engine_config.read(try required(config, "config"))
        let iterations = try batching_iterations.read(iterations)
        let column = try requiredColumn(seconds.map { UnsafePointer($0) }, "seconds", count: iterations.count)
        try config.iterationTime().seconds(of: iterations.columns, into: UnsafeMutablePointer(mutating: column))
    }
}

extension batching_iterations {
    static let firstSize = 56

    var columns: IterationColumns {
        var columns = IterationColumns(count: Int(clamping: count))
        columns.prefillTokens = prefill_tokens
        columns.prefillChunks = prefill_chunks
        columns.decodeTokens = decode_tokens
        columns.contextTokens = context_tokens
        columns.prefillContext = prefill_context
        return columns
    }
}
