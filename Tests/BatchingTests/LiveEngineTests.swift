import Testing

@testable import Batching

/// Live engines in Swift, by hand and beside a run of all at once. On random cases they are compared with a slow engine,
/// in the tests of the Python package.
@Suite struct LiveEngineTests {
    /// A row of what an engine tells.
    struct Told: Equatable {
        var time: Double
        var request: Int64
        var event: LiveEngineEvent
        var tokens: Int32

        init(_ time: Double, _ request: Int64, _ event: LiveEngineEvent, _ tokens: Int32 = 0) {
            self.time = time
            self.request = request
            self.event = event
            self.tokens = tokens
        }
    }

    /// Polls a few at a time.
    private func told(_ engine: inout LiveEngine, atMost capacity: Int = 3) -> [Told] {
        var rows: [Told] = []
        var time = [Double](repeating: -1, count: capacity)
        var request = [Int64](repeating: -1, count: capacity)
        var event = [Int32](repeating: -1, count: capacity)
        var tokens = [Int32](repeating: -1, count: capacity)
        while true {
            let count = time.withUnsafeMutableBufferPointer { time in
                request.withUnsafeMutableBufferPointer { request in
                    event.withUnsafeMutableBufferPointer { event in
                        tokens.withUnsafeMutableBufferPointer { tokens in
                            let columns = LiveEngineEventColumns(
                                capacity: capacity, time: time.baseAddress, request: request.baseAddress,
                                event: event.baseAddress, tokens: tokens.baseAddress)
                            // It throws only where a callback of the thread wants it to.
                            return (try? engine.poll(into: columns)) ?? 0
                        }
                    }
                }
            }
            for row in 0..<count {
                rows.append(Told(time[row], request[row], LiveEngineEvent(rawValue: event[row])!, tokens[row]))
            }
            if count < capacity { return rows }
        }
    }

    private func submit(
        _ engine: inout LiveEngine, prompts: [Int32], outputs: [Int32], arrivals: [Double]? = nil, ids: [Int64]? = nil
    ) throws(BatchingError) {
        try withColumns(prompts, outputs, arrivals ?? []) { (columns) throws(BatchingError) in
            let columns = RequestColumns(
                count: columns.count, promptLength: columns.promptLength, outputLength: columns.outputLength,
                arrivalTime: arrivals == nil ? nil : columns.arrivalTime)
            if let ids {
                var failure: BatchingError?
                ids.withUnsafeBufferPointer { ids in
                    do throws(BatchingError) {
                        try engine.submit(columns, ids: ids.baseAddress)
                    } catch {
                        failure = error
                    }
                }
                if let failure { throw failure }
            } else {
                try engine.submit(columns)
            }
        }
    }

    private func withColumns(
        _ prompts: [Int32], _ outputs: [Int32], _ arrivals: [Double],
        _ body: (RequestColumns) throws(BatchingError) -> Void
    ) throws(BatchingError) {
        var failure: BatchingError?
        prompts.withUnsafeBufferPointer { prompt in
            outputs.withUnsafeBufferPointer { output in
                arrivals.withUnsafeBufferPointer { arrival in
                    do throws(BatchingError) {
                        try body(
                            RequestColumns(
                                count: prompt.count, promptLength: prompt.baseAddress, outputLength: output.baseAddress,
                                arrivalTime: arrival.baseAddress))
                    } catch {
                        failure = error
                    }
                }
            }
        }
        if let failure { throw failure }
    }

    private static func twoSlots(_ time: IterationTime = .constant(0.25)) -> EngineConfig {
        var configuration = EngineConfig()
        configuration.maxNumSeqs = 2
        configuration.iterationTime = time
        return configuration
    }

    /// Three requests at 0.0, of 10, 4 and 5 tokens.
    private func lesson() throws -> LiveEngine {
        var engine = try LiveEngine(Self.twoSlots())
        try submit(&engine, prompts: [10, 10, 10], outputs: [10, 4, 5])
        return engine
    }

    @Test func `a request joins as another leaves, an iteration at a time`() throws {
        var engine = try lesson()
        try engine.advance(to: 0.6)
        #expect(engine.observe().nextIterationEnd == 0.75)
        #expect(engine.observe().events == 4)
        #expect(
            told(&engine) == [
                Told(0, 0, .admitted), Told(0, 1, .admitted), Told(0.25, 0, .firstToken, 1),
                Told(0.25, 1, .firstToken, 1),
            ])
        try engine.advance(to: .infinity, iterations: 1)
        #expect(engine.observe().clock == 1)
        try engine.advance(to: .infinity)
        #expect(
            told(&engine) == [
                Told(1, 1, .finished, 4), Told(1, 2, .admitted), Told(1.25, 2, .firstToken, 1),
                Told(2.25, 2, .finished, 5), Told(2.5, 0, .finished, 10),
            ])
        #expect(engine.observe().finished == 3)
        #expect(engine.observe().nextIterationEnd.isNaN)
    }

    @Test func `requests leave, or end elsewhere than they were expected to`() throws {
        var engine = try lesson()
        try engine.advance(to: 0.6)
        _ = told(&engine)
        try engine.abort(0)
        try engine.setOutputLength(1, 6)
        try engine.advance(to: .infinity)
        // 0 leaves with the iteration under way, and 2 takes its slot for five; 1 has its sixth token at 1.5.
        #expect(
            told(&engine) == [
                Told(0.75, 0, .aborted, 2), Told(0.75, 2, .admitted), Told(1, 2, .firstToken, 1),
                Told(1.5, 1, .finished, 6), Told(2, 2, .finished, 5),
            ])
        #expect(throws: BatchingError.self) { try engine.abort(0) }
    }

    @Test func `a copy goes its own way`() throws {
        var engine = try lesson()
        try engine.advance(to: 0.6)
        let before = engine.observe()
        var copy = try engine.fork()
        try copy.abort(1)
        try copy.advance(to: 0.8)
        #expect(told(&copy) == [Told(0.75, 1, .aborted, 2), Told(0.75, 2, .admitted)])
        var after = engine.observe()
        #expect(after == before)
        try engine.advance(to: 1)
        after = engine.observe()
        #expect(after.aborted == 0)
        #expect(after.finished == 1)
    }

    @Test func `bytes are an engine that goes on`() throws {
        // The lesson: 1 is done at 1.0, 2 at 2.25 and 0 at 2.5.
        var engine = try lesson()
        try engine.advance(to: 0.6)
        _ = told(&engine)
        var bytes = try engine.saved()
        var copy = try LiveEngine.load(bytes)
        #expect(copy.observe() == engine.observe())
        try copy.advance(to: .infinity)
        #expect(
            told(&copy) == [
                Told(1.0, 1, .finished, 4), Told(1.0, 2, .admitted), Told(1.25, 2, .firstToken, 1),
                Told(2.25, 2, .finished, 5), Told(2.5, 0, .finished, 10),
            ])
        bytes[bytes.count / 2] ^= 4
        #expect(throws: BatchingError.self) { _ = try LiveEngine.load(bytes) }
        #expect(throws: BatchingError.self) { _ = try LiveEngine.load([]) }
    }

    @Test func `an estimate says what would be, and changes nothing`() throws {
        var engine = try lesson()
        try engine.advance(to: 0.6)
        let before = engine.observe()
        var start = [Double](repeating: -1, count: 2)
        var end = start
        try start.withUnsafeMutableBufferPointer { start in
            try end.withUnsafeMutableBufferPointer { end in
                let results = ResultColumns(startTime: start.baseAddress, endTime: end.baseAddress)
                try withColumns([10, 10], [2, 1], [0.6, 5]) { (columns) throws(BatchingError) in
                    try engine.estimate(columns, results: results)
                }
            }
        }
        // 2 has the slot of 1 from 1.0 to 2.25; at 5.0 no request is there.
        #expect(start == [2.25, 5])
        #expect(end == [2.75, 5.25])
        #expect(engine.observe() == before)
    }

    @Test func `what a closure throws comes out, and the engine goes on`() throws {
        var answers: [Double?] = [0.25, 0.25, nil, 0.5]
        var asked: [Int64] = []
        let configuration = Self.twoSlots(
            .callback { (work) throws(BatchingError) in
                asked.append(work.number)
                guard let answer = answers.removeFirst() else { throw .cancelled("not now") }
                return answer
            })
        var engine = try LiveEngine(configuration)
        try submit(&engine, prompts: [1], outputs: [3], ids: [.min])
        #expect(throws: BatchingError.cancelled("not now")) { try engine.advance(to: .infinity) }
        #expect(engine.observe().clock == 0.5)
        try engine.advance(to: .infinity)
        #expect(
            told(&engine) == [Told(0, .min, .admitted), Told(0.25, .min, .firstToken, 1), Told(1, .min, .finished, 3)])
        #expect(asked == [0, 1, 2, 2])
    }

    @Test func `an error in the middle of a run leaves the clock at the last that is told`() throws {
        var engine = try LiveEngine(Self.twoSlots(.constant(5e9)))
        try submit(&engine, prompts: [1], outputs: [3])
        #expect(throws: BatchingError.self) { try engine.advance(to: .infinity) }
        #expect(told(&engine) == [Told(0, 0, .admitted), Told(5e9, 0, .firstToken, 1)])
        #expect(engine.observe().clock == 5e9)
        #expect(throws: BatchingError.self) { try engine.abort(0) }
    }

    @Test func `requests come all or none`() throws {
        var engine = try lesson()
        let before = engine.observe()
        #expect {
            try submit(&engine, prompts: [1, 1, 1], outputs: [1, 1, 1], ids: [8, 9, 8])
        } throws: { error in
            "\(error)" == "ids[2] is 8: must not be the id of a request in flight"
        }
        // Nothing runs yet: the end of the iteration under way is NaN, which is not equal to itself.
        #expect(engine.observe().submitted == before.submitted)
        try submit(&engine, prompts: [1], outputs: [1], ids: [8])
        #expect(engine.observe().submitted == 4)
    }

    @Test(arguments: SchedulingChoice.allCases)
    func `slices of any size give what a run of all at once does`(choice: SchedulingChoice) throws {
        var random = SplitMix64(state: 11)
        var run = EngineCase(prompts: [], outputs: [], arrivals: [])
        var arrival = 0.0
        for _ in 0..<300 {
            arrival += Double(random.next() % 64) / 64
            run.prompts.append(Int32(1 + random.next() % 30))
            run.outputs.append(Int32(1 + random.next() % 20))
            run.arrivals.append(arrival)
        }
        run.configuration = choice.configuration
        let expected = try run.run().outcome
        #expect((expected.preemptions.reduce(0, +) > 0) == choice.preempts)
        for most in [1, 4, 50] {
            var engine = try LiveEngine(run.configuration)
            var start = [Double](repeating: .nan, count: 300)
            var firstToken = start
            var end = start
            var submitted = 0
            while submitted < 300 {
                let next = min(300, submitted + 1 + Int(random.next() % UInt64(most)))
                try submit(
                    &engine, prompts: Array(run.prompts[submitted..<next]),
                    outputs: Array(run.outputs[submitted..<next]),
                    arrivals: Array(run.arrivals[submitted..<next]))
                submitted = next
                // No request that is still to come arrives before the clock.
                let horizon = submitted < 300 ? run.arrivals[submitted] : .infinity
                try engine.advance(to: horizon, iterations: random.next() % 4 == 0 ? 3 : nil)
            }
            try engine.advance(to: .infinity)
            for row in told(&engine, atMost: 7) {
                switch row.event {
                case .admitted: start[Int(row.request)] = row.time
                case .firstToken: firstToken[Int(row.request)] = row.time
                case .finished: end[Int(row.request)] = row.time
                default: break
                }
            }
            #expect(start == expected.start)
            #expect(firstToken == expected.firstToken)
            #expect(end == expected.end)
        }
    }

    enum SchedulingChoice: CaseIterable, Sendable {
        case vllm, shortOfMemory, asynchronous, continuous, orca, custom

        var preempts: Bool { self == .shortOfMemory || self == .asynchronous || self == .custom }

        var configuration: EngineConfig {
            var configuration = EngineConfig()
            configuration.maxNumSeqs = 8
            configuration.maxNumBatchedTokens = 32
            configuration.iterationTime = .affine(AffineTime(base: 0.25, perPrefillToken: 0.01, perDecodeToken: 0.005))
            switch self {
            case .vllm: break
            case .shortOfMemory: configuration.numGPUBlocks = 12
            case .asynchronous:
                configuration.numGPUBlocks = 12
                configuration.isAsynchronous = true
            case .continuous: configuration.policy = .continuous
            case .orca:
                configuration.policy = .orca
                configuration.numGPUBlocks = 12
            case .custom:
                configuration.policy = .custom
                configuration.numGPUBlocks = 12
                configuration.customPolicy = { (view, decision) throws(BatchingError) in
                    LiveEngineTests.decide(view, &decision)
                }
            }
            return configuration
        }
    }

    /// First come, first served, the last of the running preempted if blocks run short; every fifth iteration begins at a
    /// multiple of an eighth of a second, or when a request arrives.
    private static func decide(_ view: PolicyView, _ decision: inout PolicyDecision) {
        let late = view.time.count % 125_000_000
        if view.iteration % 5 == 4, late > 0 {
            decision.waitUntil = Nanoseconds(view.time.count - late + 125_000_000).seconds
            return
        }
        var (kept, free, budget) = (view.runningCount, Int64(view.freeKVBlocks), view.maxNumBatchedTokens)
        while kept > 1, free < Int64(kept) * 4 {
            kept -= 1
            decision.preempt(kept)
            free += view.kvBlocks[kept]
        }
        let rows = decision.preemptedCount > 0 ? 0..<kept : 0..<view.count
        for row in rows {
            let tokens = min(view.uncomputedTokens(row), budget)
            let blocks = view.kvBlocksNeeded(row, tokens: tokens)
            if tokens == 0 || blocks > free || (row >= view.runningCount && kept == view.maxNumSeqs) { return }
            kept += row >= view.runningCount ? 1 : 0
            budget -= tokens
            free -= blocks
            decision.schedule(row, tokens: tokens)
        }
    }

    @Test func `a policy sees the ids, and what it throws or answers wrongly can be asked again`() throws {
        var seen: [[Int64]] = []
        var answers = ["all", "none", "twice", "all", "all"]
        var configuration = Self.twoSlots()
        configuration.policy = .custom
        configuration.customPolicy = { (view, decision) throws(BatchingError) in
            seen.append((0..<view.count).map { view.request[$0] })
            switch answers.removeFirst() {
            case "none": throw .cancelled("not now")
            case "twice":
                decision.preempt(0)
                decision.preempt(0)
            default:
                for row in 0..<view.count { decision.schedule(row, tokens: view.uncomputedTokens(row)) }
            }
        }
        var engine = try LiveEngine(configuration)
        try submit(&engine, prompts: [1, 1], outputs: [3, 9], ids: [.min, 7])
        #expect(throws: BatchingError.cancelled("not now")) { try engine.advance(to: 0.5) }
        #expect {
            try engine.advance(to: 0.5)
        } throws: { error in
            "\(error)" == "the policy's answer for iteration 1: preempted_row[1] is 0: that row is preempted already"
        }
        #expect(engine.observe().clock == 0.25)
        #expect(engine.observe().preemptions == 0)
        try engine.advance(to: 0.5)
        try engine.abort(7)
        try engine.advance(to: .infinity)
        #expect(seen == [[.min, 7], [.min, 7], [.min, 7], [.min, 7], [.min]])
        #expect(engine.observe().finished == 1)
        #expect(engine.observe().clock == 0.75)
    }
}
