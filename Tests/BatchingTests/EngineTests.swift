import Testing

@testable import Batching

/// Small cases, worked out by hand from the rules of "Engine" in the C header. Whether the engine decides what the real
/// scheduler decides is shown by the recordings, and on random cases by a slow engine, in the tests of the Python package.
@Suite struct EngineTests {
    @Test func `a prompt longer than the budget is computed in chunks, beside those that decode`() throws {
        var engine = EngineCase(prompts: [3, 10], outputs: [5, 2], arrivals: [0, 0])
        engine.configuration.maxNumSeqs = 4
        engine.configuration.maxNumBatchedTokens = 4
        engine.configuration.iterationTime = .constant(1)
        let run = try engine.run()
        // Budgets of 4: 3 + 1, then 1 + 3, 1 + 3, 1 + 3, and the last decode of the first beside the second's.
        #expect(
            run.events == [
                .init(0, 0, .admitted), .init(0, 0, .scheduled, 3), .init(0, 1, .admitted),
                .init(0, 1, .scheduled, 1), .init(1, 0, .scheduled, 1), .init(1, 1, .scheduled, 3),
                .init(2, 0, .scheduled, 1), .init(2, 1, .scheduled, 3), .init(3, 0, .scheduled, 1),
                .init(3, 1, .scheduled, 3), .init(4, 0, .scheduled, 1), .init(4, 1, .scheduled, 1),
                .init(4, 0, .finished, 5), .init(4, 1, .finished, 2),
            ])
        #expect(run.outcome.firstToken == [1, 4])
        #expect(run.outcome.end == [5, 5])
        #expect(run.summary.prefillTokens == 13)
        #expect(run.summary.decodeTokens == 5)
    }

    @Test func `when blocks run out the last admitted is preempted, and computes its tokens again`() throws {
        // Four blocks of 2: two prompts of 3 take two each, both full up with the fourth token; at the fifth token the
        // first needs a third block, so the second loses its two. It has 3 prompt and 2 generated tokens then.
        var engine = EngineCase(prompts: [3, 3], outputs: [4, 4], arrivals: [0, 0])
        engine.configuration.numGPUBlocks = 5
        engine.configuration.blockSize = 2
        engine.configuration.iterationTime = .constant(1)
        let run = try engine.run()
        #expect(run.events.contains(.init(2, 1, .preempted)))
        // The first has 3 blocks until it ends with iteration 3; the second needs 3 for its five known tokens.
        #expect(run.events.contains(.init(4, 1, .resumed)))
        #expect(run.events.contains(.init(4, 1, .scheduled, 5)))
        #expect(run.outcome.end == [4, 6])
        #expect(run.outcome.preemptions == [0, 1])
        #expect(run.summary.recomputedTokens == 4)
        #expect(run.summary.peakKVUse == 1)
    }

    @Test func `orca reserves prompt and output, and preempts no request`() throws {
        var engine = EngineCase(prompts: [3, 3], outputs: [4, 4], arrivals: [0, 0])
        engine.configuration.policy = .orca
        engine.configuration.numGPUBlocks = 5
        engine.configuration.blockSize = 2
        engine.configuration.iterationTime = .constant(1)
        let run = try engine.run()
        // 7 tokens are 4 blocks: one at a time.
        #expect(run.outcome.start == [0, 4])
        #expect(run.outcome.end == [4, 8])
        #expect(run.summary.preemptions == 0)
    }

    @Test func `a dynamic batch starts when it is full, or its oldest member has waited long enough`() throws {
        var engine = EngineCase(prompts: [1, 1, 1], outputs: [1, 2, 1], arrivals: [0, 0.5, 5])
        engine.configuration.policy = .dynamic
        engine.configuration.maxNumSeqs = 2
        engine.configuration.maxQueueDelay = 3
        engine.configuration.iterationTime = .constant(1)
        let run = try engine.run()
        #expect(run.outcome.start == [0.5, 0.5, 8])
        #expect(run.outcome.end == [2.5, 2.5, 9])
    }

    @Test func `the default budget has a token for each request that may run, and at least 2048`() throws {
        var config = EngineConfig()
        #expect(config.maxNumBatchedTokens == 2048)
        config.maxNumSeqs = 3000
        #expect(config.maxNumBatchedTokens == 3000)
        config.maxNumBatchedTokens = 4000
        config.maxNumSeqs = 5000
        #expect(config.maxNumBatchedTokens == 4000)
        #expect(throws: BatchingError.self) { try config.check() }
    }

    @Test func `with a constant time of 0 only the wait for arrivals takes time`() throws {
        var engine = EngineCase(prompts: [1, 1], outputs: [3, 2], arrivals: [0, 1.5])
        engine.configuration.iterationTime = .constant(0)
        let run = try engine.run()
        #expect(run.outcome.firstToken == [0, 1.5])
        #expect(run.outcome.end == [0, 1.5])
        #expect(run.summary.iterations == 5)
    }

    @Test func `asynchronously a slot is free one iteration later`() throws {
        var engine = EngineCase(prompts: [1, 1], outputs: [1, 1], arrivals: [0, 0])
        engine.configuration.maxNumSeqs = 1
        engine.configuration.isAsynchronous = true
        engine.configuration.iterationTime = .constant(1)
        let run = try engine.run()
        // Iteration 1 is scheduled while 0 runs, and finds the slot taken: it is empty. The output of 0 frees the slot.
        #expect(run.outcome.start == [0, 1])
        #expect(run.outcome.end == [1, 2])
        #expect(run.summary.iterations == 4)
        #expect(run.summary.busyTime == 2)
    }

    @Test(arguments: [false, true])
    func `an answer that ends before what was asked for is in one batch more, asynchronously`(isAhead: Bool) throws {
        var engine = EngineCase(prompts: [4], outputs: [3], arrivals: [0])
        engine.configuration.isAsynchronous = isAhead
        engine.configuration.iterationTime = .constant(1)
        engine.maxTokens = [100]
        let run = try engine.run()
        // The prompt gives the first token, two decodes the others. The batch behind the last was scheduled before that
        // was known, if any was.
        #expect(run.outcome.end == [3])
        #expect(run.outcome.tokens == [3])
        #expect(run.summary.decodeTokens == (isAhead ? 3 : 2))
        engine.maxTokens = [3]
        #expect(try engine.run().summary.decodeTokens == 2)
    }

    @Test(arguments: [PolicyName.vllm, .continuous, .orca, .static, .dynamic])
    func `a client that leaves has the tokens of the iterations that were over`(policy: PolicyName) throws {
        // Iteration 2, from 2.0 to 3.0, is under way when the first client leaves: its token is lost.
        var engine = EngineCase(prompts: [1, 1], outputs: [4, 4], arrivals: [0, 0])
        engine.configuration.policy = policy
        engine.configuration.iterationTime = .constant(1)
        engine.abortTimes = [2.5, .nan]
        let run = try engine.run()
        #expect(run.outcome.status == [RequestStatus.aborted, .finished].map(\.rawValue))
        #expect(run.outcome.tokens == [2, 4])
        #expect(run.outcome.end == [3, 4])
        #expect(run.outcome.completionOrder == [1, -1])
        #expect(run.events.filter { $0.event == .aborted } == [.init(2, 0, .aborted, 2)])
        #expect(run.summary.aborted == 1)
        #expect(run.summary.finished == 1)
        #expect(run.summary.unfinished == 0)
    }

    @Test func `a request that waits has the slot of one whose client left`() throws {
        var engine = EngineCase(prompts: [1, 1], outputs: [10, 2], arrivals: [0, 0])
        engine.configuration.maxNumSeqs = 1
        engine.configuration.iterationTime = .constant(1)
        engine.abortTimes = [2.5, .nan]
        let run = try engine.run()
        #expect(run.outcome.start == [0, 3])
        #expect(run.outcome.end == [3, 5])
    }

    @Test func `an end of an answer that cannot be is named`() throws {
        var engine = EngineCase(prompts: [1, 1], outputs: [3, 5], arrivals: [0, 1])
        engine.maxTokens = [3, 4]
        var error = #expect(throws: BatchingError.self) { try engine.run() }
        #expect(error?.message == "max_tokens[1] is 4: must be at least output_length[1], which is 5")
        engine.maxTokens = nil
        engine.abortTimes = [.nan, 0.5]
        error = #expect(throws: BatchingError.self) { try engine.run() }
        #expect(error?.message == "abort_time[1] is 0.5: must not be before arrival_time[1], which is 1.0")
    }

    @Test func `a request that can never fit is rejected, or waits for ever if it is forced`() throws {
        var engine = EngineCase(prompts: [9, 2], outputs: [1, 1], arrivals: [0, 0])
        engine.configuration.numGPUBlocks = 5
        engine.configuration.blockSize = 2
        let rejecting = try engine.run()
        #expect(rejecting.outcome.status == [RequestStatus.rejectedForMemory, .finished].map(\.rawValue))
        #expect(rejecting.outcome.start[0].isNaN && rejecting.outcome.end[0].isNaN)
        #expect(rejecting.summary.endReason == .completed)

        engine.configuration.admitsOversized = true
        let forcing = try engine.run()
        #expect(forcing.outcome.status == [RequestStatus.stuck.rawValue, RequestStatus.stuck.rawValue])
        #expect(forcing.summary.endReason == .stuck)
    }

    @Test func `limits end a run, and what was not reached is marked`() throws {
        var engine = EngineCase(prompts: [1, 1], outputs: [5, 1], arrivals: [0, 100])
        engine.configuration.iterationTime = .constant(1)
        engine.configuration.iterationLimit = 3
        let run = try engine.run()
        #expect(run.outcome.status == [RequestStatus.unfinished.rawValue, RequestStatus.unfinished.rawValue])
        #expect(run.outcome.tokens == [3, 0])
        #expect(run.outcome.firstToken[0] == 1 && run.outcome.firstToken[1].isNaN)
        #expect(run.outcome.end[0].isNaN && run.outcome.start[1].isNaN)
        #expect(run.outcome.completionOrder == [-1, -1])
        #expect(run.summary.endReason == .iterationLimit)

        engine.configuration.iterationLimit = nil
        engine.configuration.timeLimit = 50
        let timed = try engine.run()
        #expect(timed.outcome.status == [RequestStatus.finished.rawValue, RequestStatus.unfinished.rawValue])
        #expect(timed.summary.endReason == .timeLimit)
        #expect(timed.summary.duration == 5)
    }

    @Test func `an output longer than the reach of the due lists ends in its iteration`() throws {
        var engine = EngineCase(prompts: [1, 1], outputs: [40_000, 20_000], arrivals: [0, 0])
        engine.configuration.iterationTime = .constant(1)
        // The log of decisions has too few rows for this, and counts them all the same.
        let run = try EngineCaseWithoutLog(engine).run()
        #expect(run.end == [40_000, 20_000])
        #expect(run.iterations == 40_000)
    }

    @Test func `a run that would pass the end of the clock leaves the columns as they are`() throws {
        var engine = EngineCase(prompts: [1], outputs: [3], arrivals: [0])
        engine.configuration.iterationTime = .constant(4e9)
        var end = [-7.0]
        _ = engine.outputs.withUnsafeBufferPointer { outputs in
            end.withUnsafeMutableBufferPointer { end in
                #expect(throws: BatchingError.self) {
                    try Engine.simulate(
                        RequestColumns(count: 1, outputLength: outputs.baseAddress),
                        configuration: engine.configuration, results: ResultColumns(endTime: end.baseAddress))
                }
            }
        }
        #expect(end == [-7])
    }
}

/// A run that is neither logged nor, therefore, looked at iteration by iteration.
private struct EngineCaseWithoutLog {
    let engine: EngineCase

    init(_ engine: EngineCase) { self.engine = engine }

    func run() throws -> (end: [Double], iterations: Int64) {
        var end = [Double](repeating: -1, count: engine.outputs.count)
        let summary = try engine.outputs.withUnsafeBufferPointer { outputs in
            try end.withUnsafeMutableBufferPointer { end in
                try Engine.simulate(
                    RequestColumns(count: outputs.count, outputLength: outputs.baseAddress),
                    configuration: engine.configuration, results: ResultColumns(endTime: end.baseAddress))
            }
        }
        return (end, summary.iterations)
    }
}
