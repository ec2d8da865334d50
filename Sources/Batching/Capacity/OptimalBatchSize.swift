/// How many sequences fit beside a model.
public enum OptimalBatchSize {
    /// The largest number of sequences whose KV cache fits beside the model: the largest n with
    /// `modelMemory + n * maxSequenceLength * kvCachePerToken <= memoryBudget`, without rounding. 0 if none fits.
    /// - Parameters:
    ///   - memoryBudget: bytes; finite, at least 0.
    ///   - modelMemory: bytes; finite, at least 0.
    ///   - kvCachePerToken: bytes; finite, above 0.
    ///   - maxSequenceLength: tokens, prompt and output together; at least 1.
    /// - Complexity: a binary search over 63 bits.
    public static func calculate(
        memoryBudget: Double, modelMemory: Double, kvCachePerToken: Double, maxSequenceLength: Int64
    ) throws(BatchingError) -> Int64 {
        func check(_ bytes: Double, _ name: StaticString) throws(BatchingError) {
            guard bytes >= 0, bytes.isFinite else {
                throw .invalid("\(name)", bytes, "must be finite and at least 0")
            }
        }
        try check(memoryBudget, "memory_budget")
        try check(modelMemory, "model_memory")
        guard kvCachePerToken > 0, kvCachePerToken.isFinite else {
            throw .invalid("kv_cache_per_token", kvCachePerToken, "must be finite and greater than 0")
        }
        guard maxSequenceLength >= 1 else {
            throw .invalid("max_seq_len", maxSequenceLength, "must be at least 1")
        }

        let budget = ExactNumber(memoryBudget)
        let model = ExactNumber(modelMemory)
        let sequence = ExactNumber(kvCachePerToken).multiplied(by: UInt64(maxSequenceLength))
        func fits(_ sequences: UInt64) -> Bool {
            sequence.multiplied(by: sequences).adding(model).isAtMost(budget)
        }

        let beyond = UInt64(Int64.max) + 1
        if fits(beyond) {
            throw BatchingError(
                .overflow, "kv_cache_per_token is \(kvCachePerToken): more than \(Int64.max) sequences fit")
        }
        guard fits(0) else { return 0 }
        var fitting: UInt64 = 0
        var tooMany = beyond
        while tooMany - fitting > 1 {
            let middle = fitting + (tooMany - fitting) / 2
            if fits(middle) { fitting = middle } else { tooMany = middle }
        }
        return Int64(fitting)
    }
}
