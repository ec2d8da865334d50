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
        let summary = try run.run(ContinuousBatching.self, into: &sink)
        try sink.fillKnown()
        return summary
    }

    /// Requests are admitted one by one; iterations in which none joins or leaves are never visited. Every end is known
    /// on admission, so a wheel over iteration numbers yields which leaves next; and one that has left is taken out of it
    /// only when the slots seem to be all taken.
    static func simulate(
        _ run: borrowing TextbookRun, order: some RowOrder, into sink: inout some SimulationSink
    ) throws(BatchingError) -> RunCourse {
        let requests = run.requests
        let step = run.step
        var wheel = try TimingWheel(capacity: run.batchSize, longestDelay: run.survey.longestOutput)
        /// The end of the last completion so far, and its iteration. Then the engine is idle, unless a request joins.
        var end = Nanoseconds(-1)
        var lastFinish: Int64 = 0
        /// The iteration at whose boundary the next request joins. Idle time has no iterations.
        var iteration: Int64 = 0
        /// When iteration 0 would have started, had the engine been busy since: the boundary of iteration i is at
        /// origin + i * step. A busy period moves it.
        var origin = Nanoseconds.zero

        for position in 0..<requests.count {
            try Work.row(position)
            let index = order[position]
            let arrival = requests.arrival(index)
            let output = requests.output(index)
            if arrival > end {
                iteration = lastFinish
                origin = Nanoseconds(arrival.count &- iteration &* step.count)
            } else {
                // The first boundary at or after the arrival: no later than lastFinish, so it is on the clock.
                iteration = max(iteration, (arrival - origin).count.dividedRoundingUp(by: step.count))
            }
            let isFull = wheel.count == run.batchSize
            if isFull || !wheel.reaches(iteration &+ output) {
                if isFull { iteration = max(iteration, wheel.nextDue) }
                wheel.remove(through: iteration) { sink.complete(order[$0]) }
            }

            let finish = iteration &+ output
            if run.clockMayOverflow, origin.advanced(by: finish, of: step) == nil {
                throw run.clockOverflow(at: index)
            }
            let start = Nanoseconds(origin.count &+ iteration &* step.count)
            let requestEnd = Nanoseconds(start.count &+ output &* step.count)
            wheel.insert(position, due: finish)
            sink.admit(index, start: start, firstToken: start + step, end: requestEnd)
            lastFinish = max(lastFinish, finish)
            end = max(end, requestEnd)
        }
        var left = 0
        try wheel.remove(through: lastFinish) { (position: Int) throws(BatchingError) in
            try Work.row(left)
            left &+= 1
            sink.complete(order[position])
        }
        return RunCourse(end: end, iterations: lastFinish)
    }
}

extension Int64 {
    /// `self / divisor`, rounded up, of a number that is not negative by one that is positive.
    @inline(__always)
    fileprivate func dividedRoundingUp(by divisor: Int64) -> Int64 {
        let dividend = UInt64(bitPattern: self) &+ UInt64(bitPattern: divisor) &- 1
        return Int64(bitPattern: dividend / UInt64(bitPattern: divisor))
    }
}
