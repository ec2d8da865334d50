/// What the two textbook simulators share: the checks, the order of arrival, and the promise that nothing is written
/// unless the whole run succeeds.
struct TextbookRun: ~Copyable {
    let requests: RequestColumns
    let survey: RequestSurvey
    /// Requests in a batch, or slots: no more than there are requests.
    let batchSize: Int
    let step: Nanoseconds
    /// Whether the clock may end beyond its maximum. At least one token is generated in each iteration, and a busy period
    /// begins no later than the last arrival: so it ends at most `totalTokens` steps after the last arrival.
    let clockMayOverflow: Bool
    /// nil: the requests are given in order of arrival.
    private let arrivals: TimeOrder?

    init(
        _ requests: RequestColumns, batchSize: Int64, batchSizeName: StaticString, timePerToken: Double
    ) throws(BatchingError) {
        guard batchSize >= 1 else { throw .invalid("\(batchSizeName)", batchSize, "must be at least 1") }
        let step = try Validation.timePerToken(timePerToken)
        let survey = try requests.survey()
        var arrivals: TimeOrder?
        if let arrivalTime = requests.arrivalTime, !survey.isInOrderOfArrival {
            arrivals = try TimeOrder(sorting: arrivalTime, count: requests.count)
        }
        self.arrivals = arrivals
        self.requests = requests
        self.survey = survey
        self.step = step
        self.batchSize = Int(min(batchSize, Int64(max(requests.count, 1))))
        clockMayOverflow = survey.lastArrival.advanced(by: survey.totalTokens, of: step) == nil
    }

    /// Runs a simulator, and gives what it does to the sink: after a run without it, if the clock may overflow, so that
    /// nothing is written unless the whole run succeeds.
    func run<Simulator: TextbookSimulator>(
        _ simulator: Simulator.Type, into sink: inout some SimulationSink
    ) throws(BatchingError) -> RunSummary {
        switch arrivals {
        case .some(let arrivals): try run(simulator, order: arrivals.order, into: &sink)
        case .none: try run(simulator, order: GivenOrder(), into: &sink)
        }
    }

    private func run<Simulator: TextbookSimulator>(
        _ simulator: Simulator.Type, order: some RowOrder, into sink: inout some SimulationSink
    ) throws(BatchingError) -> RunSummary {
        if clockMayOverflow {
            var nowhere = ColumnSink(requests: requests, columns: ResultColumns())
            _ = try simulator.simulate(self, order: order, into: &nowhere)
        }
        let course = try simulator.simulate(self, order: order, into: &sink)
        var summary = RunSummary()
        if requests.count > 0 {
            summary.totalTime = course.end.seconds
            summary.throughput = Double(survey.totalTokens) / summary.totalTime
            summary.totalTokens = survey.totalTokens
            summary.iterations = course.iterations
            // No more than `end`: the busy periods lie on the clock, one after the other.
            summary.busyTime = Nanoseconds(course.iterations &* step.count).seconds
        }
        return summary
    }

    func clockOverflow(at index: Int) -> BatchingError {
        BatchingError(
            .overflow,
            "time_per_token is \(step.seconds): the clock would pass 9223372036 seconds before request \(index), "
                + "whose output_length is \(requests.output(index)), ends")
    }
}

/// How far a run came.
struct RunCourse {
    /// The end of the last completion.
    var end = Nanoseconds.zero
    var iterations: Int64 = 0
}

/// A policy of the textbook, run over requests that have been checked.
protocol TextbookSimulator {
    static func simulate(
        _ run: borrowing TextbookRun, order: some RowOrder, into sink: inout some SimulationSink
    ) throws(BatchingError) -> RunCourse
}
