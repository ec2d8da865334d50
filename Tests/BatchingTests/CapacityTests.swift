import Testing

@testable import Batching

@Suite struct CapacityTests {
    @Test func `arithmetic intensity is proportional to the batch, whatever the model`() throws {
        #expect(try calculateArithmeticIntensityWithBatch(batchSize: 1, modelMemoryBytes: 14e9) == 2.0)
        #expect(try calculateArithmeticIntensityWithBatch(batchSize: 64, modelMemoryBytes: 1, flopsPerToken: 3) == 192)
    }

    @Test func `whole numbers of bytes are decided as integers`() throws {
        var stream = RandomStream(seed: 11, purpose: .arrivals)
        for _ in 0..<500 {
            let model = Int(stream.integer(in: 0...1_000_000))
            let perToken = Int(stream.integer(in: 1...1000))
            let length = Int(stream.integer(in: 1...1000))
            let fitting = Int(stream.integer(in: 0...10_000))
            let need = model + fitting * length * perToken
            // Exactly at the boundary, and one byte on either side of it.
            for (spare, expected) in [(0, fitting), (length * perToken - 1, fitting), (-1, max(fitting - 1, 0))]
            where need + spare >= 0 {
                #expect(
                    try optimalBatchSize(
                        memoryBudget: Double(need + spare), modelMemory: Double(model),
                        kvCachePerToken: Double(perToken),
                        maxSequenceLength: length) == expected)
            }
        }
    }

    @Test func `fractions of a byte are decided without rounding`() throws {
        // 0.1 is a little more than a tenth as a double, so three times ten of them are a little more than 3.
        #expect(try optimalBatchSize(memoryBudget: 3, modelMemory: 0, kvCachePerToken: 0.1, maxSequenceLength: 10) == 2)
        #expect(
            try optimalBatchSize(memoryBudget: 3.0.nextUp, modelMemory: 0, kvCachePerToken: 0.1, maxSequenceLength: 10)
                == 3)
        let least = Double.leastNonzeroMagnitude
        #expect(
            try optimalBatchSize(
                memoryBudget: 7 * least, modelMemory: least, kvCachePerToken: least, maxSequenceLength: 2)
                == 3)
        let greatest = Double.greatestFiniteMagnitude
        #expect(
            try optimalBatchSize(
                memoryBudget: greatest, modelMemory: 0, kvCachePerToken: greatest, maxSequenceLength: 1) == 1)
        #expect(
            try optimalBatchSize(
                memoryBudget: greatest, modelMemory: 1, kvCachePerToken: greatest, maxSequenceLength: 1) == 0)
    }

    @Test func `a model that does not fit leaves no room`() throws {
        #expect(try optimalBatchSize(memoryBudget: 1, modelMemory: 2, kvCachePerToken: 1, maxSequenceLength: 1) == 0)
    }

    @Test func `as many sequences as an integer counts are not an error`() throws {
        #expect(
            try optimalBatchSize(memoryBudget: 0x1p63, modelMemory: 1, kvCachePerToken: 1, maxSequenceLength: 1) == .max
        )
    }

    @Test func `more sequences than an integer counts are an error`() {
        let error = #expect(throws: BatchingError.self) {
            try optimalBatchSize(memoryBudget: 1e300, modelMemory: 0, kvCachePerToken: 1, maxSequenceLength: 1)
        }
        #expect(error?.kind == .overflow)
    }

    @Test(arguments: [Double.nan, .infinity, -1])
    func `bad numbers are errors that name the argument`(bad: Double) {
        func message(_ body: () throws -> Void) -> String? {
            #expect(throws: BatchingError.self) { try body() }?.message
        }
        #expect(
            message {
                _ = try optimalBatchSize(memoryBudget: bad, modelMemory: 0, kvCachePerToken: 1, maxSequenceLength: 1)
            }?.hasPrefix("memory_budget is \(bad)") == true)
        #expect(
            message {
                _ = try optimalBatchSize(memoryBudget: 1, modelMemory: bad, kvCachePerToken: 1, maxSequenceLength: 1)
            }?.hasPrefix("model_memory is \(bad)") == true)
        #expect(
            message {
                _ = try optimalBatchSize(memoryBudget: 1, modelMemory: 0, kvCachePerToken: bad, maxSequenceLength: 1)
            }?.hasPrefix("kv_cache_per_token is \(bad)") == true)
        #expect(
            message { _ = try calculateArithmeticIntensityWithBatch(batchSize: 1, modelMemoryBytes: bad) }?
                .hasPrefix("model_memory_bytes is \(bad)") == true)
    }
}
