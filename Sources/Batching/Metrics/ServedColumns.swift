/// Recorded requests as the load over time sees them: when each was in the system, and how many tokens it had there.
public struct ServedColumns {
    let recorded: RecordedColumns
    let lastTokenTime: UnsafePointer<Double>?

    /// - Parameters:
    ///   - recorded: the requests. One whose start is unknown counts as started when it arrived.
    ///   - lastTokenTime: seconds in start...end at which each had its own last token; not-a-number: its end. nil: all
    ///     their ends.
    public init(_ recorded: RecordedColumns, lastTokenTime: UnsafePointer<Double>? = nil) {
        self.recorded = recorded
        self.lastTokenTime = lastTokenTime
    }
}

extension ServedColumns {
    @inline(__always)
    var count: Int { recorded.count }

    /// Those that failed are left out.
    @inline(__always)
    func isIncluded(_ index: Int) -> Bool { recorded.succeeded(index) }

    /// Nanoseconds, of a request that has been checked; so are the next three.
    @inline(__always)
    func arrival(_ index: Int) -> Int64 { recorded.arrival(index).count }

    @inline(__always)
    func start(_ index: Int) -> Int64 {
        let seconds = recorded.startTime?[index] ?? .nan
        return seconds.isNaN ? arrival(index) : Nanoseconds(validSeconds: seconds).count
    }

    @inline(__always)
    func lastToken(_ index: Int) -> Int64 {
        let seconds = lastTokenTime?[index] ?? .nan
        return seconds.isNaN ? end(index) : Nanoseconds(validSeconds: seconds).count
    }

    @inline(__always)
    func end(_ index: Int) -> Int64 { Nanoseconds(validSeconds: recorded.endTime[index]).count }

    @inline(__always)
    func tokens(_ index: Int) -> Int64 {
        Int64(recorded.promptLength?[index] ?? 0) &+ Int64(recorded.outputLength[index])
    }

    /// Throws at the first request that is not valid.
    func validate() throws(BatchingError) {
        try recorded.validate()
        guard let lastTokenTime else { return }
        for index in 0..<count {
            try Work.row(index)
            guard isIncluded(index), !lastTokenTime[index].isNaN else { continue }
            let seconds = lastTokenTime[index]
            guard Nanoseconds.holds(seconds) else {
                throw .invalid("last_token_time", index, seconds, Nanoseconds.requirement)
            }
            guard start(index) <= lastToken(index), lastToken(index) <= end(index) else {
                throw .invalid(
                    "last_token_time", index, seconds,
                    "must be between the start and the end of the request, which are "
                        + "\(Nanoseconds(start(index)).seconds) and \(recorded.endTime[index])")
            }
        }
    }
}
