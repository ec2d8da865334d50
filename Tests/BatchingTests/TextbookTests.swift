import Testing

@testable import Batching

@Suite struct TextbookTests {
    /// The four requests of a first lesson.
    let lesson = zip([50, 200, 30, 150], [0.0, 0.1, 0.2, 0.3]).enumerated().map { id, request in
        Request(id: id, promptLength: 100, outputLength: request.0, arrivalTime: request.1)
    }

    @Test func `static batching makes short requests wait for long ones`() throws {
        let run = try staticBatchSimulation(lesson, batchSize: 2)
        // Batch 1 waits for its second member (0.1) and runs 200 iterations; batch 2 runs 150 after it.
        #expect(run.completedRequests.map(\.id) == [0, 1, 2, 3])
        #expect(run.completedRequests.map(\.startTime) == [0.1, 0.1, 2.1, 2.1])
        #expect(run.completedRequests.map(\.firstTokenTime) == [0.11, 0.11, 2.11, 2.11])
        #expect(run.completedRequests.map(\.endTime) == [2.1, 2.1, 3.6, 3.6])
        #expect(run.completedRequests.map(\.isComplete) == [true, true, true, true])
        #expect(run.totalTime == 3.6)
        #expect(run.throughput == 430 / 3.6)
    }

    @Test func `continuous batching fills a slot as soon as it is free`() throws {
        let run = try continuousBatchSimulation(lesson, maxBatchSize: 2)
        // 0 ends at 0.5, then 2 takes its slot until 0.8, then 3 until 2.3; 1 runs from 0.1 to 2.1.
        #expect(run.completedRequests.map(\.id) == [0, 2, 1, 3])
        #expect(run.completedRequests.map(\.startTime) == [0.0, 0.5, 0.1, 0.8])
        #expect(run.completedRequests.map(\.endTime) == [0.5, 0.8, 2.1, 2.3])
        #expect(run.totalTime == 2.3)
        #expect(run.throughput == 430 / 2.3)
    }

    @Test func `comparison gives the ratios of the two runs`() throws {
        let comparison = try compareBatchingStrategies(lesson, batchSize: 2)
        // Latencies: static 2.1, 2.0, 3.4, 3.3; continuous 0.5, 2.0, 0.6, 2.0.
        #expect(comparison.staticAverageLatency == 2.7)
        #expect(comparison.continuousAverageLatency == 1.275)
        #expect(comparison.latencyImprovement == 2.7 / 1.275)
        #expect(comparison.throughputImprovement == (430 / 2.3) / (430 / 3.6))
    }

    @Test func `the requests of the caller are not modified, and those returned are the same but for the run`() throws {
        let before = lesson
        let run = try continuousBatchSimulation(lesson, maxBatchSize: 2)
        #expect(lesson == before)
        for completed in run.completedRequests {
            #expect(completed.arrivalTime == before[completed.id].arrivalTime)
            #expect(completed.outputLength == before[completed.id].outputLength)
        }
    }

    @Test func `no requests give zeros`() throws {
        #expect(
            try staticBatchSimulation([], batchSize: 4)
                == TextbookResult(completedRequests: [], totalTime: 0, throughput: 0))
        #expect(
            try continuousBatchSimulation([], maxBatchSize: 4)
                == TextbookResult(completedRequests: [], totalTime: 0, throughput: 0))
        #expect(try calculateBatchMetrics([], totalTime: 0) == BatchMetrics())
        #expect(try compareBatchingStrategies([], batchSize: 1) == StrategyComparison())
    }

    @Test func `latency of a request with a known first token`() throws {
        let request = Request(
            id: 1, promptLength: 1, outputLength: 4, arrivalTime: 1.0, startTime: 1.5, endTime: 3.5, tokensGenerated: 4,
            firstTokenTime: 2.25)
        let latency = try calculateRequestLatency(request)
        #expect(latency.queueTime == 0.5)
        #expect(latency.processingTime == 2.0)
        #expect(latency.totalLatency == 2.5)
        #expect(latency.timeToFirstToken == 1.25)
        #expect(latency.tokensGenerated == 4)
    }

    @Test func `latency of a request with an unknown first token assumes equal steps`() throws {
        let request = Request(
            id: 1, promptLength: 1, outputLength: 4, arrivalTime: 1.0, startTime: 1.5, endTime: 3.5, tokensGenerated: 4)
        #expect(try calculateRequestLatency(request).timeToFirstToken == 0.5 + 2.0 / 4)
    }

    @Test func `an unfinished request says what is missing`() throws {
        var request = Request(id: 7, promptLength: 1, outputLength: 4, arrivalTime: 1.0)
        var error = #expect(throws: BatchingError.self) { try calculateRequestLatency(request) }
        #expect(error?.message == "start_time[0] is missing: request 7 has not completed")
        request.startTime = 1.0
        error = #expect(throws: BatchingError.self) { try calculateRequestLatency(request) }
        #expect(error?.message == "end_time[0] is missing: request 7 has not completed")
    }

    @Test func `errors name the argument, the index and the value`() throws {
        var requests = lesson
        requests[2].outputLength = 0
        var error = #expect(throws: BatchingError.self) { try staticBatchSimulation(requests, batchSize: 2) }
        #expect(error?.message == "output_length[2] is 0: must be at least 1")
        requests[2].outputLength = 3_000_000_000
        error = #expect(throws: BatchingError.self) { try staticBatchSimulation(requests, batchSize: 2) }
        #expect(error?.message == "output_length[2] is 3000000000: must be at most 2147483647")
        requests = lesson
        requests[3].promptLength = -5
        error = #expect(throws: BatchingError.self) { try continuousBatchSimulation(requests, maxBatchSize: 2) }
        #expect(error?.message == "prompt_length[3] is -5: must be at least 0")
        requests = lesson
        requests[1].arrivalTime = .nan
        error = #expect(throws: BatchingError.self) { try continuousBatchSimulation(requests, maxBatchSize: 2) }
        #expect(error?.message == "arrival_time[1] is nan: must be between 0 and 9223372036 seconds")
        error = #expect(throws: BatchingError.self) { try continuousBatchSimulation(lesson, maxBatchSize: 0) }
        #expect(error?.message == "max_batch_size is 0: must be at least 1")
        error = #expect(throws: BatchingError.self) {
            try continuousBatchSimulation(lesson, maxBatchSize: 1, timePerToken: 1e-10)
        }
        #expect(error?.message.hasPrefix("time_per_token is 1e-10: must be at least 1 nanosecond") == true)
    }

    @Test func `remaining tokens are never negative`() {
        var request = Request(id: 0, promptLength: 0, outputLength: 5, arrivalTime: 0)
        #expect(request.remainingTokens == 5)
        #expect(!request.isComplete)
        request.tokensGenerated = 7
        #expect(request.remainingTokens == 0)
        #expect(request.isComplete)
        request.tokensGenerated = .min
        #expect(request.remainingTokens == .max)
        request.outputLength = .min
        request.tokensGenerated = .max
        #expect(request.remainingTokens == 0)
    }
}
