@testable import Batching

/// Requests in arrays, and what the engine makes of them.
struct EngineCase {
    var prompts: [Int32]
    var outputs: [Int32]
    var arrivals: [Double]
    var maxTokens: [Int32]?
    var abortTimes: [Double]?
    var configuration = EngineConfig()

    struct Outcome: Equatable {
        var start: [Double]
        var firstToken: [Double]
        var end: [Double]
        var tokens: [Int32]
        var completionOrder: [Int64]
        var preemptions: [Int32]
        var status: [Int32]
    }

    func run() throws -> (outcome: Outcome, summary: EngineSummary, events: [Event]) {
        let count = prompts.count
        var outcome = Outcome(
            start: .init(repeating: -1, count: count), firstToken: .init(repeating: -1, count: count),
            end: .init(repeating: -1, count: count), tokens: .init(repeating: -1, count: count),
            completionOrder: .init(repeating: -2, count: count), preemptions: .init(repeating: -1, count: count),
            status: .init(repeating: -1, count: count))
        let capacity = 10_000
        let buffers = EventBuffers(capacity: capacity)
        defer { buffers.deallocate() }
        var decisionLog: DecisionLog? = DecisionLog(rows: LogRows(capacity: capacity))
        decisionLog?.iteration = buffers.iteration
        decisionLog?.request = buffers.request
        decisionLog?.event = buffers.event
        decisionLog?.tokens = buffers.tokens
        var iterationLog: IterationLog?
        let columns = ResultColumns(
            startTime: copy(outcome.start), firstTokenTime: copy(outcome.firstToken), endTime: copy(outcome.end),
            tokensGenerated: copy(outcome.tokens), completionOrder: copy(outcome.completionOrder),
            preemptions: copy(outcome.preemptions), status: copy(outcome.status))
        let maxTokens = self.maxTokens.map(copy)
        let abortTimes = self.abortTimes.map(copy)
        defer {
            maxTokens?.deallocate()
            abortTimes?.deallocate()
            for column in [columns.startTime, columns.firstTokenTime, columns.endTime] { column?.deallocate() }
            for column in [columns.tokensGenerated, columns.preemptions, columns.status] { column?.deallocate() }
            columns.completionOrder?.deallocate()
        }
        let summary = try prompts.withUnsafeBufferPointer { prompts in
            try outputs.withUnsafeBufferPointer { outputs in
                try arrivals.withUnsafeBufferPointer { arrivals in
                    try Engine.simulate(
                        RequestColumns(
                            count: count, promptLength: prompts.baseAddress, outputLength: outputs.baseAddress,
                            arrivalTime: arrivals.baseAddress, maxTokens: maxTokens, abortTime: abortTimes),
                        configuration: configuration, results: columns, iterationLog: &iterationLog,
                        decisionLog: &decisionLog)
                }
            }
        }
        outcome.start = taken(columns.startTime, count)
        outcome.firstToken = taken(columns.firstTokenTime, count)
        outcome.end = taken(columns.endTime, count)
        outcome.tokens = taken(columns.tokensGenerated, count)
        outcome.completionOrder = taken(columns.completionOrder, count)
        outcome.preemptions = taken(columns.preemptions, count)
        outcome.status = taken(columns.status, count)
        return (outcome, summary, buffers.events(Int(decisionLog?.rows.count ?? 0)))
    }

    private func copy<Element>(_ values: [Element]) -> UnsafeMutablePointer<Element> {
        let column = UnsafeMutablePointer<Element>.allocate(capacity: values.count)
        column.initialize(from: values, count: values.count)
        return column
    }

    private func taken<Element>(_ column: UnsafeMutablePointer<Element>?, _ count: Int) -> [Element] {
        Array(UnsafeBufferPointer(start: column, count: count))
    }

    struct Event: Equatable {
        var iteration: Int64
        var request: Int64
        var event: DecisionEvent
        var tokens: Int32

        init(_ iteration: Int64, _ request: Int64, _ event: DecisionEvent, _ tokens: Int32 = 0) {
            self.iteration = iteration
            self.request = request
            self.event = event
            self.tokens = tokens
        }
    }

    private struct EventBuffers {
        let iteration: UnsafeMutablePointer<Int64>
        let request: UnsafeMutablePointer<Int64>
        let event: UnsafeMutablePointer<Int32>
        let tokens: UnsafeMutablePointer<Int32>

        init(capacity: Int) {
            iteration = .allocate(capacity: capacity)
            request = .allocate(capacity: capacity)
            event = .allocate(capacity: capacity)
            tokens = .allocate(capacity: capacity)
        }

        func events(_ count: Int) -> [Event] {
            (0..<count).map { row in
                Event(iteration[row], request[row], DecisionEvent(rawValue: event[row])!, tokens[row])
            }
        }

        func deallocate() {
            iteration.deallocate()
            request.deallocate()
            event.deallocate()
            tokens.deallocate()
        }
    }
}
