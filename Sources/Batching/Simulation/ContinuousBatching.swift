/// Continuous batching (iteration-level scheduling, as in Orca: Yu et al., OSDI 2022): a request joins at the next
/// iteration boundary at which a slot is free, and leaves as soon as it has all its tokens.
public enum ContinuousBatching: TextbookSimulator {
    /// Simulates `requests` on an engine with `maxBatchSize` slots.
    ///
    /// At each iteration boundary first the finished leave, then the waiting join in order of arrival while a slot is
    /// free. An idle engine starts the moment a request arrives.
    /// - Parameters:
    ///   - requests: in any order; they are taken in order of arrival, ties in the given order.
    ///   - maxBatchSize: slots; at least 1.
    ///   - timePerToken: seconds an iteration takes, rounded to whole nanoseconds, at least one.
    ///   - results: columns to fill; untouched if the call throws.
    /// - Complexity: O(count), whatever the batch size and the lengths.
    public static func simulate(
        _ requests: RequestColumns, maxBatchSize: Int64, timePerToken: Double, results: ResultColumns = ResultColumns()
    ) throws(BatchingError) -> RunSummary {
        let run = try TextbookRun(
            requests, batchSize: maxBatchSize, batchSizeName: "max_batch_size", timePerToken: timePerToken)
        var sink = ColumnSink(requests: requests, columns: results)
        return try run.run(ContinuousBatching.self, into: &sink)
    }

    /// Requests are admitted one by one; iterations in which nobody joins or leaves are never visited. All iterations
    /// are counted from the start of the busy period: every end is known on admission, and a wheel over iteration
    /// numbers yields who leaves next.
    static func simulate(
        _ run: TextbookRun, order: some RowOrder, into sink: inout some SimulationSink
    ) throws(BatchingError) -> RunCourse {
        let requests = run.requests
        let step = run.step
        var wheel = try TimingWheel(capacity: run.batchSize, longestDelay: run.survey.longestOutput)
        var course = RunCourse()
        var periodStart = Nanoseconds.zero
        /// The iteration at whose boundary requests are admitted, and the time of that boundary.
        var iteration: Int64 = 0
        var now = Nanoseconds.zero
        /// The iteration after which the engine is idle, unless somebody joins.
        var lastFinish: Int64 = 0

        for position in 0..<requests.count {
            let index = order[position]
            let arrival = requests.arrival(index)
            if position == 0 || arrival > course.end {
                wheel.removeAll { sink.complete(order[$0]) }
                course.iterations &+= lastFinish
                periodStart = arrival
                iteration = 0
                lastFinish = 0
            } else {
                if arrival > now {
                    // The first boundary at or after the arrival. It is no later than lastFinish, so it is on the clock.
                    iteration = (arrival - periodStart).count.dividedRoundingUp(by: step.count)
                }
                wheel.remove(through: iteration) { sink.complete(order[$0]) }
                if wheel.count == run.batchSize {
                    iteration = wheel.nextDue
                    wheel.remove(through: iteration) { sink.complete(order[$0]) }
                }
            }

            let output = requests.output(index)
            let (finish, overflows) = iteration.addingReportingOverflow(output)
            guard !overflows, let end = periodStart.advanced(by: finish, of: step) else {
                throw run.clockOverflow(at: index)
            }
            now = Nanoseconds(end.count &- output &* step.count)
            wheel.insert(position, due: finish)
            sink.admit(index, start: now, firstToken: now + step, end: end)
            lastFinish = max(lastFinish, finish)
            course.end = max(course.end, end)
        }
        wheel.removeAll { sink.complete(order[$0]) }
        course.iterations &+= lastFinish
        return course
    }
}

extension Int64 {
    /// `self / divisor`, rounded up, of a number that is not negative by one that is positive.
    @inline(__always)
    fileprivate func dividedRoundingUp(by divisor: Int64) -> Int64 {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder == 0 ? quotient : quotient &+ 1
    }
}
