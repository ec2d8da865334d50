import Testing

@testable import Batching

/// The engine over a list of requests. Two prompts of three tokens, four to generate for each; a second an iteration.
@Suite struct EngineSimulationTests {
    let requests = (0..<2).map { Request(id: 10 + $0, promptLength: 3, outputLength: 4, arrivalTime: 0) }
    var configuration: EngineConfig {
        var configuration = EngineConfig()
        configuration.iterationTime = .constant(1)
        return configuration
    }

    @Test func `the requests come back with what the engine made of them`() throws {
        // Four blocks of 2: the first needs its third in iteration 2 and ends with iteration 3; the second is preempted
        // for it, computes its five known tokens again in iteration 4, and has its last token in 5.
        var fourBlocks = configuration
        fourBlocks.numGPUBlocks = 5
        fourBlocks.blockSize = 2
        let run = try Engine.simulate(requests, configuration: fourBlocks)
        #expect(run.requests.map(\.id) == [10, 11])
        #expect(run.requests.map(\.promptLength) == [3, 3])
        #expect(run.requests.map(\.startTime) == [0, 0])
        #expect(run.requests.map(\.firstTokenTime) == [1, 1])
        #expect(run.requests.map(\.endTime) == [4, 6])
        #expect(run.requests.map(\.isComplete) == [true, true])
        #expect(run.statuses == [.finished, .finished])
        #expect(run.preemptions == [0, 1])
        #expect(run.summary.preemptions == 1)
        #expect(run.summary.iterations == 6)
        // Latencies 4 and 6.
        #expect(try calculateBatchMetrics(run.completedRequests, totalTime: run.summary.totalTime).averageLatency == 5)
    }

    @Test func `completed requests come in order of completion`() throws {
        var requests = requests
        requests[1].outputLength = 2
        let run = try Engine.simulate(requests, configuration: configuration)
        #expect(run.completionOrder == [1, 0])
        #expect(run.completedRequests.map(\.id) == [11, 10])
        #expect(run.completedRequests.map(\.endTime) == [2, 4])
    }

    @Test func `what was not reached is nil`() throws {
        var requests = requests
        requests[1].arrivalTime = 100
        var limited = configuration
        limited.iterationLimit = 2
        let run = try Engine.simulate(requests, configuration: limited)
        #expect(run.statuses == [.unfinished, .unfinished])
        #expect(run.requests.map(\.startTime) == [0, nil])
        #expect(run.requests.map(\.firstTokenTime) == [1, nil])
        #expect(run.requests.map(\.endTime) == [nil, nil])
        #expect(run.requests.map(\.tokensGenerated) == [2, 0])
        #expect(run.completedRequests.isEmpty)
    }

    @Test func `no requests give an empty run`() throws {
        let run = try Engine.simulate([Request]())
        #expect(
            run
                == EngineResult(
                    requests: [], statuses: [], sentTimes: [], preemptions: [], completionOrder: [],
                    summary: EngineSummary()))
    }

    @Test func `errors name the index in the list`() throws {
        var requests = requests
        requests[1].outputLength = 0
        var error = #expect(throws: BatchingError.self) { try Engine.simulate(requests) }
        #expect(error?.message == "output_length[1] is 0: must be at least 1")
        requests[1].outputLength = 3_000_000_000
        error = #expect(throws: BatchingError.self) { try Engine.simulate(requests) }
        #expect(error?.message == "output_length[1] is 3000000000: must be at most 2147483647")
    }

    @Test func `a callback stops the run with an error of its own`() throws {
        var stopped = configuration
        stopped.iterationTime = .callback { (work: IterationWork) throws(BatchingError) -> Double in
            if work.number == 2 { throw .cancelled("two iterations are enough") }
            return 1
        }
        let error = #expect(throws: BatchingError.self) { try Engine.simulate(requests, configuration: stopped) }
        #expect(error == BatchingError.cancelled("two iterations are enough"))
        #expect(error?.kind == .cancelled)
    }
}
