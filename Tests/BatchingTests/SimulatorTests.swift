import Testing

@testable import Batching

/// Random requests whose arrivals cluster, tie and leave gaps, on a grid that often meets iteration boundaries.
private struct RandomCase: CustomStringConvertible {
    var arrivals: [Int64]
    var outputs: [Int64]
    var batchSize: Int
    var step: Int64

    init(number: UInt64, longestOutput: Int32) {
        var stream = RandomStream(seed: number, purpose: .arrivals)
        func draw(_ range: ClosedRange<Int32>) -> Int64 { Int64(stream.integer(in: range)) }
        let count = Int(draw(0...40))
        step = [1, 3, 10, 1000][Int(draw(0...3))]
        batchSize = Int(draw(1...12))
        let spread = [0, 5, 100, 2000][Int(draw(0...3))]
        let step = step
        arrivals = (0..<count).map { _ in draw(0...Int32(spread)) * (draw(0...1) == 0 ? 1 : step) }
        outputs = (0..<count).map { _ in draw(0...3) == 0 ? draw(1...longestOutput) : draw(1...30) }
        if draw(0...1) == 0 { arrivals.sort() }
    }

    var description: String { "arrivals \(arrivals), outputs \(outputs), batch \(batchSize), step \(step)" }

    func run(
        _ simulator: (RequestColumns, ResultColumns) throws(BatchingError) -> RunSummary
    ) throws -> (course: SlowCourse, firstTokens: [Int64], summary: RunSummary) {
        let count = arrivals.count
        let outputLength = outputs.map(Int32.init)
        let arrivalTime = arrivals.map { Nanoseconds($0).seconds }
        var start = [Double](repeating: -1, count: count)
        var firstToken = start
        var end = start
        var order = [Int64](repeating: -1, count: count)
        let summary = try outputLength.withUnsafeBufferPointer { outputLength in
            try arrivalTime.withUnsafeBufferPointer { arrivalTime in
                try start.withUnsafeMutableBufferPointer { start in
                    try firstToken.withUnsafeMutableBufferPointer { firstToken in
                        try end.withUnsafeMutableBufferPointer { end in
                            try order.withUnsafeMutableBufferPointer { order in
                                try simulator(
                                    RequestColumns(
                                        count: count, outputLength: outputLength.baseAddress,
                                        arrivalTime: arrivalTime.baseAddress),
                                    ResultColumns(
                                        startTime: start.baseAddress, firstTokenTime: firstToken.baseAddress,
                                        endTime: end.baseAddress, completionOrder: order.baseAddress))
                            }
                        }
                    }
                }
            }
        }
        func nanoseconds(_ times: [Double]) -> [Int64] { times.map { Nanoseconds(validSeconds: $0).count } }
        return (
            SlowCourse(start: nanoseconds(start), end: nanoseconds(end), completionOrder: order.map(Int.init)),
            nanoseconds(firstToken), summary
        )
    }
}

@Suite struct SimulatorTests {
    @Test(arguments: [UInt64(0), 1, 2, 3])
    func `static batching decides what the slow simulator decides`(block: UInt64) throws {
        for number in block * 500..<(block + 1) * 500 {
            let random = RandomCase(number: number, longestOutput: 300)
            let expected = slowStaticBatching(
                arrivals: random.arrivals, outputs: random.outputs, batchSize: random.batchSize, step: random.step)
            let seconds = Nanoseconds(random.step).seconds
            let actual = try random.run { (requests, results) throws(BatchingError) in
                try StaticBatching.simulate(
                    requests, batchSize: Int64(random.batchSize), timePerToken: seconds, results: results)
            }
            #expect(actual.course == expected, "\(random)")
            #expect(actual.firstTokens == expected.start.map { $0 + random.step }, "\(random)")
            #expect(actual.summary.totalTime == Nanoseconds(expected.end.max() ?? 0).seconds)
        }
    }

    // 20,000 is beyond what the timing wheel reaches: see the heap of far entries.
    @Test(arguments: [(block: UInt64(0), longest: Int32(300)), (1, 300), (2, 300), (3, 300), (4, 20_000)])
    func `continuous batching decides what the slow simulator decides`(block: UInt64, longest: Int32) throws {
        let cases: UInt64 = longest > 1000 ? 30 : 500
        for number in block * 500..<block * 500 + cases {
            let random = RandomCase(number: number, longestOutput: longest)
            let expected = slowContinuousBatching(
                arrivals: random.arrivals, outputs: random.outputs, slots: random.batchSize, step: random.step)
            let seconds = Nanoseconds(random.step).seconds
            let actual = try random.run { (requests, results) throws(BatchingError) in
                try ContinuousBatching.simulate(
                    requests, maxBatchSize: Int64(random.batchSize), timePerToken: seconds, results: results)
            }
            #expect(actual.course == expected, "\(random)")
            #expect(actual.firstTokens == expected.start.map { $0 + random.step }, "\(random)")
            #expect(actual.summary.totalTime == Nanoseconds(expected.end.max() ?? 0).seconds)
            let busy = (0..<random.arrivals.count).map { (expected.start[$0], expected.end[$0]) }
            #expect(actual.summary.busyTime == Nanoseconds(lengthOfUnion(busy)).seconds, "\(random)")
        }
    }

    @Test(arguments: ["static", "continuous"])
    func `a run that the clock cannot hold leaves the columns untouched`(policy: String) throws {
        let arrival = [0.0, 9_223_372_035.0]
        let output: [Int32] = [1, 1000]
        var end = [-1.0, -1.0]
        let error = #expect(throws: BatchingError.self) {
            try arrival.withUnsafeBufferPointer { arrival in
                try output.withUnsafeBufferPointer { output in
                    try end.withUnsafeMutableBufferPointer { end in
                        let requests = RequestColumns(
                            count: 2, outputLength: output.baseAddress, arrivalTime: arrival.baseAddress)
                        let results = ResultColumns(endTime: end.baseAddress)
                        if policy == "static" {
                            _ = try StaticBatching.simulate(requests, batchSize: 1, timePerToken: 1, results: results)
                        } else {
                            _ = try ContinuousBatching.simulate(
                                requests, maxBatchSize: 1, timePerToken: 1, results: results)
                        }
                    }
                }
            }
        }
        #expect(error?.kind == .overflow)
        #expect(error?.message.contains("request 1") == true)
        #expect(end == [-1.0, -1.0])
    }

    @Test func `a hundred iterations of a hundredth of a second are one second`() throws {
        let run = try continuousBatchSimulation(
            [Request(id: 0, promptLength: 0, outputLength: 100, arrivalTime: 0)], maxBatchSize: 1, timePerToken: 0.01)
        #expect(run.totalTime == 1.0)
        #expect(run.throughput == 100.0)
    }
}
