/// Requests that have completed, simulated or real, as borrowed columns: element i of each belongs to request i.
public struct CompletedColumns {
    let count: Int
    let arrivalTime: UnsafePointer<Double>?
    let startTime: UnsafePointer<Double>
    let firstTokenTime: UnsafePointer<Double>?
    let endTime: UnsafePointer<Double>
    let tokensGenerated: UnsafePointer<Int32>

    /// - Parameters:
    ///   - count: elements of each column.
    ///   - arrivalTime: seconds. nil: all 0.0.
    ///   - startTime: seconds, none before its arrival.
    ///   - firstTokenTime: seconds, each in start...end; not-a-number: unknown. nil: all unknown.
    ///   - endTime: seconds, none before its start.
    ///   - tokensGenerated: tokens, each at least 0.
    public init(
        count: Int, arrivalTime: UnsafePointer<Double>? = nil, startTime: UnsafePointer<Double>,
        firstTokenTime: UnsafePointer<Double>? = nil, endTime: UnsafePointer<Double>,
        tokensGenerated: UnsafePointer<Int32>
    ) {
        self.count = count
        self.arrivalTime = arrivalTime
        self.startTime = startTime
        self.firstTokenTime = firstTokenTime
        self.endTime = endTime
        self.tokensGenerated = tokensGenerated
    }
}

/// One completed request whose times have been checked.
struct CompletedRequest {
    var arrival: Nanoseconds
    var start: Nanoseconds
    /// nil: unknown.
    var firstToken: Nanoseconds?
    var end: Nanoseconds
    var tokens: Int32

    /// Nanoseconds from arrival to the first token, not rounded to whole ones: where the time of the first token is
    /// unknown, all tokens take equal steps from start to end.
    @inline(__always)
    var timeToFirstToken: Double {
        if let firstToken { return Double((firstToken - arrival).count) }
        return Double((start - arrival).count) + Double((end - start).count) / Double(tokens)
    }
}

extension CompletedColumns {
    /// The request at `index`, or nil unless its times are on the clock and in order, to the nanosecond, and it has a
    /// first token or any.
    @inline(__always)
    private func valid(_ index: Int) -> CompletedRequest? {
        let (startTime, endTime, tokens) = (startTime[index], endTime[index], tokensGenerated[index])
        guard Nanoseconds.holds(arrivalTime?[index] ?? 0), Nanoseconds.holds(startTime), Nanoseconds.holds(endTime)
        else { return nil }
        var request = CompletedRequest(
            arrival: arrival(index), start: Nanoseconds(validSeconds: startTime), firstToken: nil,
            end: Nanoseconds(validSeconds: endTime), tokens: tokens)
        guard request.arrival <= request.start, request.start <= request.end, tokens >= 0 else { return nil }
        let firstTokenTime = firstTokenTime?[index] ?? .nan
        if firstTokenTime.isNaN { return tokens > 0 ? request : nil }
        guard Nanoseconds.holds(firstTokenTime) else { return nil }
        let firstToken = Nanoseconds(validSeconds: firstTokenTime)
        guard request.start <= firstToken, firstToken <= request.end else { return nil }
        request.firstToken = firstToken
        return request
    }

    @inline(__always)
    func arrival(_ index: Int) -> Nanoseconds {
        if let arrivalTime { Nanoseconds(validSeconds: arrivalTime[index]) } else { .zero }
    }

    @inline(__always)
    func start(_ index: Int) -> Nanoseconds { Nanoseconds(validSeconds: startTime[index]) }

    @inline(__always)
    func end(_ index: Int) -> Nanoseconds { Nanoseconds(validSeconds: endTime[index]) }

    /// The request at `index`. Throws if it is not valid.
    @inline(__always)
    func request(_ index: Int) throws(BatchingError) -> CompletedRequest {
        guard let request = valid(index) else { throw defect(index) }
        return request
    }

    /// Calls `body` with every request, in the order of the columns. Throws at the first that is not valid.
    @inline(__always)
    func visit(_ body: (Int, CompletedRequest) -> Void) throws(BatchingError) {
        try Validation.count(count, "completed.count")
        try Work.rows(of: count) { (index) throws(BatchingError) in body(index, try request(index)) }
    }

    /// What is wrong with the request at `index`, which is not valid.
    @inline(never)
    private func defect(_ index: Int) -> BatchingError {
        let arrival = arrivalTime?[index] ?? 0
        let (start, end, tokens) = (startTime[index], endTime[index], tokensGenerated[index])
        if !Nanoseconds.holds(arrival) { return .invalid("arrival_time", index, arrival, Nanoseconds.requirement) }
        if !Nanoseconds.holds(start) { return .invalid("start_time", index, start, Nanoseconds.requirement) }
        if !Nanoseconds.holds(end) { return .invalid("end_time", index, end, Nanoseconds.requirement) }
        if self.start(index) < self.arrival(index) {
            return .invalid(
                "start_time", index, start, "must not be before arrival_time[\(index)], which is \(arrival)")
        }
        if self.end(index) < self.start(index) {
            return .invalid("end_time", index, end, "must not be before start_time[\(index)], which is \(start)")
        }
        if tokens < 0 { return .invalid("tokens_generated", index, tokens, "must be at least 0") }
        let firstToken = firstTokenTime?[index] ?? .nan
        if firstToken.isNaN {
            return .invalid("tokens_generated", index, tokens, "must be at least 1 where first_token_time is unknown")
        }
        return .invalid(
            "first_token_time", index, firstToken,
            "must be between start_time[\(index)], which is \(start), and end_time[\(index)], which is \(end)")
    }
}
