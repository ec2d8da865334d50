import Testing

@testable import Batching

/// The logs of a live engine, however its clock is moved, are those of a run of all at once.
@Suite struct LiveLogTests {
    /// Columns for both logs, and the rows that were taken from them.
    private struct Logs: ~Copyable {
        private static let capacity = 512
        private let numbers: ScratchBuffer<Int64>
        private let choices: ScratchBuffer<Int32>
        private let times: ScratchBuffer<Double>
        var iterations: IterationLog?
        var decisions: DecisionLog?

        init() throws {
            let numbers = try ScratchBuffer<Int64>(count: 5 * Logs.capacity, repeating: -7)
            let choices = try ScratchBuffer<Int32>(count: 2 * Logs.capacity, repeating: -7)
            let times = try ScratchBuffer<Double>(count: 3 * Logs.capacity, repeating: -7)
            self.numbers = numbers
            self.choices = choices
            self.times = times
            begin()
        }

        private mutating func begin() {
            let rows = Logs.capacity
            var iterations = IterationLog(rows: LogRows(capacity: rows))
            iterations.time = times.elements
            iterations.startTime = times.elements + rows
            iterations.duration = times.elements + 2 * rows
            iterations.running = numbers.elements
            iterations.decodeTokens = numbers.elements + rows
            iterations.finished = numbers.elements + 2 * rows
            var decisions = DecisionLog(rows: LogRows(capacity: rows))
            decisions.iteration = numbers.elements + 3 * rows
            decisions.request = numbers.elements + 4 * rows
            decisions.event = choices.elements
            decisions.tokens = choices.elements + rows
            decisions.includesQueues = true
            (self.iterations, self.decisions) = (iterations, decisions)
        }

        /// Those of iterations, and those of decisions, each in order.
        mutating func take() throws -> (iterations: [String], decisions: [String]) {
            let (told, decided) = (try #require(iterations), try #require(decisions))
            let iterations = (0..<Int(told.rows.count)).map { row in
                let (time, start, duration) = (told.time?[row], told.startTime?[row], told.duration?[row])
                let counts = (told.running?[row], told.decodeTokens?[row], told.finished?[row])
                return "\(time ?? -1) \(start ?? -1) \(duration ?? -1) \(counts)"
            }
            let decisions = (0..<Int(decided.rows.count)).map { row in
                "\((decided.iteration?[row], decided.request?[row], decided.event?[row], decided.tokens?[row]))"
            }
            begin()
            return (iterations, decisions)
        }
    }

    @Test(arguments: [false, true])
    func `the rows of slices are those of one run`(isAsynchronous: Bool) throws {
        var configuration = EngineConfig()
        configuration.maxNumSeqs = 2
        configuration.isAsynchronous = isAsynchronous
        configuration.iterationTime = .affine(AffineTime(base: 0.25, perPrefillToken: 0.001))
        let prompts = try ScratchBuffer<Int32>(count: 5, repeating: 10)
        let outputs = try ScratchBuffer<Int32>(count: 5, repeating: 3)
        let arrivals = try ScratchBuffer(count: 5, repeating: 0.0)
        for request in 0..<5 {
            outputs.elements[request] = Int32(2 + 3 * request % 7)
            arrivals.elements[request] = 0.3 * Double(request)
        }
        let requests = RequestColumns(
            count: 5, promptLength: prompts.elements, outputLength: outputs.elements, arrivalTime: arrivals.elements)
        var whole = try Logs()
        _ = try Engine.simulate(
            requests, configuration: configuration, iterationLog: &whole.iterations, decisionLog: &whole.decisions)
        let expected = try whole.take()
        #expect(expected.iterations.count > 5)
        #expect(expected.decisions.count > 20)

        var engine = try LiveEngine(configuration)
        try engine.submit(requests)
        var logs = try Logs()
        var (iterations, decisions): ([String], [String]) = ([], [])
        for time in [0.1, 0.25, 0.3, 0.6, 0.61, 1.7, .infinity] {
            try engine.advance(to: time, iterationLog: &logs.iterations, decisionLog: &logs.decisions)
            let rows = try logs.take()
            iterations += rows.iterations
            decisions += rows.decisions
        }
        #expect(iterations == expected.iterations)
        #expect(decisions == expected.decisions)
    }
}
