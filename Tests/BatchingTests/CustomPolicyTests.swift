import Testing

@testable import Batching

/// A closure of the caller's that decides which requests compute how many tokens.
@Suite struct CustomPolicyTests {
    /// Two prompts of 3 tokens, 4 to generate for each, in four blocks of 2: they do not both fit to the end.
    private static let requests = (0..<2).map { Request(id: $0, promptLength: 3, outputLength: 4, arrivalTime: 0) }

    private static let answer = "the policy's answer for iteration 0: "

    private static func configuration(_ policy: @escaping CustomScheduler) -> EngineConfig {
        var configuration = EngineConfig()
        configuration.policy = .custom
        configuration.customPolicy = policy
        configuration.numGPUBlocks = 5
        configuration.blockSize = 2
        return configuration
    }

    /// All that run decode, the last preempted if blocks run short; prompts only while none runs.
    private static func makeRoom(_ view: PolicyView, _ decision: inout PolicyDecision) {
        let needed = view.runningRows.reduce(0) { $0 + view.kvBlocksNeeded($1, tokens: 1) }
        if needed > view.freeKVBlocks { decision.preempt(view.runningCount - 1) }
        if view.runningCount == 0 {
            for row in view.waitingRows { decision.schedule(row, tokens: view.uncomputedTokens(row)) }
        }
        decision.decodesRest = true
    }

    @Test func `a closure that decides as vllm does gives the same results`() throws {
        var vllm = Self.configuration(Self.makeRoom)
        vllm.policy = .vllm
        let expected = try Engine.simulate(Self.requests, configuration: vllm)
        #expect(expected.summary.preemptions == 1)
        #expect(try Engine.simulate(Self.requests, configuration: Self.configuration(Self.makeRoom)) == expected)
    }

    @Test(arguments: [false, true])
    func `a request that was preempted finds what it had computed`(isAsynchronous: Bool) throws {
        // A prompt of five tokens and the token that follows it fill three blocks of two; one token has to be computed.
        var found: [Int64] = []
        var unshared: [Int] = []
        var configuration = Self.configuration { (view, decision) throws(BatchingError) in
            guard view.count > 0 else { return }
            let hit = view.lookUp(0)
            found.append(hit.cachedTokens)
            unshared.append(hit.unsharedKVBlocks)
            if view.iteration == 1 {
                decision.preempt(0)
            } else if view.uncomputedTokens(0) > 0 {
                decision.schedule(0, tokens: view.uncomputedTokens(0) - hit.cachedTokens)
            }
            #expect(view.lookUp(-1) == (0, 0))
            #expect(view.lookUp(view.count) == (0, 0))
        }
        configuration.cachesPrefixes = true
        configuration.isAsynchronous = isAsynchronous
        let requests = [Request(id: 0, promptLength: 5, outputLength: 3, arrivalTime: 0)]
        let result = try Engine.simulate(requests, configuration: configuration)
        #expect(found.prefix(4) == [0, 0, 4, 0])
        #expect(unshared.prefix(4) == [0, 3, 2, 3])
        #expect(result.summary.prefillTokens == 5 + 2)
        #expect(result.summary.recomputedTokens == 1)
        #expect(result.summary.finished == 1)
    }

    @Test func `what a closure throws comes out of the run`() throws {
        let stopping = Self.configuration { (_, _) throws(BatchingError) in throw .cancelled("enough") }
        #expect(throws: BatchingError.cancelled("enough")) {
            try Engine.simulate(Self.requests, configuration: stopping)
        }
    }

    @Test func `more rows than there are make an invalid decision`() throws {
        let scheduling = Self.configuration { (_, decision) throws(BatchingError) in
            for _ in 0..<1000 { decision.schedule(0, tokens: 1) }
        }
        #expect {
            try Engine.simulate(Self.requests, configuration: scheduling)
        } throws: { error in
            "\(error)"
                == Self.answer + "scheduled_count is 1000: must be between 0 and the number of rows of the view, 2"
        }
        let preempting = Self.configuration { (_, decision) throws(BatchingError) in
            for _ in 0..<1000 { decision.preempt(.max) }
            decision.schedule(.min, tokens: .max)
        }
        #expect {
            try Engine.simulate(Self.requests, configuration: preempting)
        } throws: { error in
            "\(error)" == Self.answer + "preempted_count is 1000: must be between 0 and the number of rows that run, 0"
        }
    }

    @Test func `a policy that is missing is named`() throws {
        var configuration = EngineConfig()
        configuration.policy = .custom
        #expect {
            try Engine.simulate(Self.requests, configuration: configuration)
        } throws: { error in
            "\(error)" == "policy_callback is NULL: it is required by policy custom"
        }
    }

    @Test(arguments: [1, 3, 7, 16])
    func `the blocks of the rows are those that their tokens need`(blockSize: Int64) throws {
        var configuration = Self.configuration { (view, decision) throws(BatchingError) in
            for row in view.runningRows {
                let computed = view.computedTokens[row]
                #expect(view.kvBlocks[row] == (computed + blockSize - 1) / blockSize)
            }
            // Now all of it, and now a token.
            for row in 0..<view.count {
                decision.schedule(row, tokens: view.iteration % 3 == 0 ? 1 : view.uncomputedTokens(row))
            }
        }
        configuration.blockSize = blockSize
        configuration.numGPUBlocks = nil
        let requests = (0..<9).map { Request(id: $0, promptLength: 5 * $0, outputLength: 40 + $0, arrivalTime: 0) }
        #expect(try Engine.simulate(requests, configuration: configuration).summary.finished == 9)
    }
}
