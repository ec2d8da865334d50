/// Static batching: a batch is filled, runs until its longest member is done, and only then makes room for the next.
public enum StaticBatching: TextbookSimulator {
    /// Simulates `requests` in batches of `batchSize`.
    ///
    /// A batch starts at max(end of the batch before, arrival of its last member) and runs max(output length) iterations;
    /// all members end when it ends, and the first token of each is there one iteration after its start.
    /// - Parameters:
    ///   - requests: in any order; they are taken in order of arrival, ties in the given order.
    ///   - batchSize: at least 1.
    ///   - timePerToken: seconds an iteration takes, rounded to whole nanoseconds, at least one.
    ///   - results: columns to fill; untouched if the call throws.
    /// - Complexity: O(count).
    public static func simulate(
        _ requests: RequestColumns, batchSize: Int64, timePerToken: Double, results: ResultColumns = ResultColumns()
    ) throws(BatchingError) -> RunSummary {
        let run = try TextbookRun(
            requests, batchSize: batchSize, batchSizeName: "batch_size", timePerToken: timePerToken)
        var sink = ColumnSink(requests: requests, columns: results)
        let summary = try run.run(StaticBatching.self, into: &sink)
        try sink.fillKnown()
        return summary
    }

    static func simulate(
        _ run: borrowing TextbookRun, order: some RowOrder, into sink: inout some SimulationSink
    ) throws(BatchingError) -> RunCourse {
        let requests = run.requests
        var course = RunCourse()
        var position = 0
        var counted = 0
        while position < requests.count {
            let batch = position..<min(position &+ run.batchSize, requests.count)
            var longest: Int64 = 1
            try Work.inPieces(of: batch) { piece in
                for member in piece { longest = max(longest, requests.output(order[member])) }
            }

            let last = order[batch.upperBound &- 1]
            let start = max(course.end, requests.arrival(last))
            guard let end = start.advanced(by: longest, of: run.step) else { throw run.clockOverflow(at: last) }
            try Work.inPieces(of: batch) { piece in
                sink.runBatch(piece, of: order, start: start, firstToken: start + run.step, end: end)
            }

            if batch.upperBound &- counted >= Work.piece {
                try Work.done(Int64(batch.upperBound &- counted))
                counted = batch.upperBound
            }
            course.end = end
            course.iterations &+= longest
            position = batch.upperBound
        }
        return course
    }
}
