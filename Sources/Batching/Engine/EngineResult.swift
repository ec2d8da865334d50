/// What the engine made of a list of requests.
public struct EngineResult: Equatable, Sendable {
    /// In the order given, with what each reached filled in: a time that it did not reach is nil.
    public var requests: [Request]
    /// What became of each of `requests`.
    public var statuses: [RequestStatus]
    /// Seconds at which each of `requests` was sent; nil: never. In an open loop its arrival time.
    public var sentTimes: [Double?]
    /// How often each of `requests` was preempted.
    public var preemptions: [Int]
    /// Indices into `requests` of those that have all their tokens, in order of completion; ties: of admission.
    public var completionOrder: [Int]
    /// What the engine tells of the whole run.
    public var summary: EngineSummary

    /// The requests that have all their tokens, in order of completion: what the metrics take.
    public var completedRequests: [Request] { completionOrder.map { requests[$0] } }
}

extension Engine {
    /// Simulates an engine on a list of requests. What rows do not have (priorities, hash ids, logs) is given as columns.
    /// - Parameters:
    ///   - requests: in any order of arrival; they are not modified. Lengths are tokens, at most `Int32.max`; times are
    ///     seconds.
    ///   - client: how they are sent. nil: as they arrive.
    ///   - configuration: how the engine schedules, what it has, and how long an iteration takes.
    /// - Throws: if a value is out of its range or two contradict each other, naming the index in `requests`; if the clock
    ///   would pass its end, or memory runs out; and what a callback of the configuration throws.
    /// - Complexity: as the function over columns, and O(`requests.count`) memory.
    public static func simulate(
        _ requests: [Request], client: ClientConfig? = nil, configuration: EngineConfig = EngineConfig()
    ) throws(BatchingError) -> EngineResult {
        let count = requests.count
        let startTime = try ScratchBuffer(count: count, repeating: 0.0)
        let firstTokenTime = try ScratchBuffer(count: count, repeating: 0.0)
        let endTime = try ScratchBuffer(count: count, repeating: 0.0)
        let tokensGenerated = try ScratchBuffer<Int32>(count: count, repeating: 0)
        let completionOrder = try ScratchBuffer<Int64>(count: count, repeating: 0)
        let preemptions = try ScratchBuffer<Int32>(count: count, repeating: 0)
        let status = try ScratchBuffer<Int32>(count: count, repeating: 0)
        let sentTime = try ScratchBuffer(count: count, repeating: 0.0)
        let results = ResultColumns(
            startTime: startTime.elements, firstTokenTime: firstTokenTime.elements, endTime: endTime.elements,
            tokensGenerated: tokensGenerated.elements, completionOrder: completionOrder.elements,
            preemptions: preemptions.elements, status: status.elements, sentTime: sentTime.elements)
        let summary = try requests.withRequestColumns { (columns) throws(BatchingError) in
            try simulate(columns, client: client, configuration: configuration, results: results)
        }

        var simulated = requests
        for index in 0..<count {
            simulated[index].startTime = reached(startTime.elements[index])
            simulated[index].firstTokenTime = reached(firstTokenTime.elements[index])
            simulated[index].endTime = reached(endTime.elements[index])
            simulated[index].tokensGenerated = Int(tokensGenerated.elements[index])
        }
        return EngineResult(
            requests: simulated,
            // The engine writes raw values of this type only.
            statuses: (0..<count).map { RequestStatus(rawValue: status.elements[$0]).unsafelyUnwrapped },
            sentTimes: (0..<count).map { reached(sentTime.elements[$0]) },
            preemptions: (0..<count).map { Int(preemptions.elements[$0]) },
            completionOrder: (0..<Int(summary.finished)).map { Int(completionOrder.elements[$0]) },
            summary: summary)
    }

    private static func reached(_ time: Double) -> Double? { time.isNaN ? nil : time }
}
