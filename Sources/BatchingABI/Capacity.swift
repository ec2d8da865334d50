import Batching
import CBatching

@implementation @_cdecl("batching_arithmetic_intensity_calculate")
public func batching_arithmetic_intensity_calculate(
    _ batch_size: Int64, _ model_memory_bytes: Double, _ flops_per_token: Double,
    _ arithmetic_intensity: UnsafeMutablePointer<Double>!
) -> batching_status {
    status { () throws(BatchingError) in
        let output = try required(arithmetic_intensity, "arithmetic_intensity")
        output.pointee = try ArithmeticIntensity.calculate(
            batchSize: batch_size, modelMemoryBytes: model_memory_bytes, flopsPerToken: flops_per_token)
    }
}

@implementation @_cdecl("batching_optimal_batch_size_calculate")
public func batching_optimal_batch_size_calculate(
    _ memory_budget: Double, _ model_memory: Double, _ kv_cache_per_token: Double, _ max_seq_len: Int64,
    _ batch_size: UnsafeMutablePointer<Int64>!
) -> batching_status {
    status { () throws(BatchingError) in
        let output = try required(batch_size, "batch_size")
        output.pointee = try OptimalBatchSize.calculate(
            memoryBudget: memory_budget, modelMemory: model_memory, kvCachePerToken: kv_cache_per_token,
            maxSequenceLength: max_seq_len)
    }
}
