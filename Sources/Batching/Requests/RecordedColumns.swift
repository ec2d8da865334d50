/// Requests that were answered, or failed, wherever they ran, as borrowed columns: element i of each belongs to request
/// i.
public struct RecordedColumns {
    /// Requests in each column.
    public var count: Int
    /// Seconds. nil: all 0.0.
    public var arrivalTime: UnsafePointer<Double>?
    /// Seconds; not-a-number: unknown. nil: all unknown.
    public var startTime: UnsafePointer<Double>?
    /// Seconds; not-a-number: unknown. nil: that of the first token time, if there is one.
    public var firstTokenTime: UnsafePointer<Double>?
    /// Seconds; not-a-number where a request failed.
    public var endTime: UnsafePointer<Double>
    /// Tokens. nil: all 0.
    public var promptLength: UnsafePointer<Int32>?
    /// Tokens generated, each at least 0.
    public var outputLength: UnsafePointer<Int32>
    /// 1 or 0. nil: all 1.
    public var success: UnsafePointer<UInt8>?
    /// Seconds at which each chunk of output was there, those of a request in order.
    public var tokenTimes: UnsafePointer<Double>?
    /// `count` + 1 elements, never falling: where the token times of each request begin.
    public var tokenOffsets: UnsafePointer<Int64>?
    /// Seconds at which each arrived at its client, which sent it at its arrival; not-a-number: unknown. nil: all unknown.
    public var clientArrivalTime: UnsafePointer<Double>?

    /// The columns that are required; set the others.
    public init(count: Int, endTime: UnsafePointer<Double>, outputLength: UnsafePointer<Int32>) {
        self.count = count
        self.endTime = endTime
        self.outputLength = outputLength
    }
}

/// One answered request whose times have been checked.
struct AnsweredRequest {
    var arrival: Nanoseconds
    /// nil: unknown.
    var start: Nanoseconds?
    /// nil: unknown.
    var firstToken: Nanoseconds?
    var end: Nanoseconds
    var prompt: Int32
    var output: Int32
}

extension RecordedColumns {
    @inline(__always)
    func succeeded(_ index: Int) -> Bool { success == nil || success.unsafelyUnwrapped[index] != 0 }

    @inline(__always)
    func arrival(_ index: Int) -> Nanoseconds {
        if let arrivalTime { Nanoseconds(validSeconds: arrivalTime[index]) } else { .zero }
    }

    /// Where the token times of a request are.
    @inline(always)
    func tokens(_ index: Int) -> Range<Int> {
        guard let tokenOffsets, tokenTimes != nil else { return 0..<0 }
        return Int(tokenOffsets[index])..<Int(tokenOffsets[index + 1])
    }

    /// Seconds; not-a-number: unknown.
    @inline(always)
    func firstTokenTime(_ index: Int) -> Double {
        if let firstTokenTime { return firstTokenTime[index] }
        let tokens = tokens(index)
        return tokens.isEmpty ? .nan : tokenTimes.unsafelyUnwrapped[tokens.lowerBound]
    }

    /// A request that was answered and has been checked.
    @inline(always)
    func answered(_ index: Int) -> AnsweredRequest {
        let start = startTime?[index] ?? .nan
        let firstToken = firstTokenTime(index)
        return AnsweredRequest(
            arrival: arrival(index), start: start.isNaN ? nil : Nanoseconds(validSeconds: start),
            firstToken: firstToken.isNaN ? nil : Nanoseconds(validSeconds: firstToken),
            end: Nanoseconds(validSeconds: endTime[index]), prompt: promptLength?[index] ?? 0,
            output: outputLength[index])
    }

    /// Throws at the first request that is not valid: its times must be on the clock and in order.
    func validate() throws(BatchingError) {
        try validateShape()
        for index in 0..<count {
            try Work.row(index)
            try validate(index)
        }
    }

    /// Throws unless the columns can be read.
    func validateShape() throws(BatchingError) {
        try Validation.count(count, "recorded.count")
        try validateOffsets()
    }

    /// Throws if a request is not valid.
    @inline(always)
    func validate(_ index: Int) throws(BatchingError) {
        guard isValid(index) else { throw defect(index) }
        let tokens = tokens(index).count
        if tokens >= Work.piece { try Work.done(Int64(tokens)) }
    }

    private func validateOffsets() throws(BatchingError) {
        guard tokenTimes != nil else { return }
        guard let tokenOffsets else {
            throw BatchingError(.nullPointer, "recorded.token_offsets is NULL: it is required with token_times")
        }
        guard tokenOffsets[0] == 0 else { throw .invalid("token_offsets", 0, tokenOffsets[0], "must be 0") }
        for index in 0..<count {
            try Work.row(index)
            guard tokenOffsets[index + 1] < tokenOffsets[index] else { continue }
            throw .invalid(
                "token_offsets", index + 1, tokenOffsets[index + 1],
                "must not be smaller than token_offsets[\(index)], which is \(tokenOffsets[index])")
        }
    }

    @inline(always)
    private func isValid(_ index: Int) -> Bool {
        guard Nanoseconds.holds(arrivalTime?[index] ?? 0), (success?[index] ?? 1) <= 1 else { return false }
        guard clientArrivalTime == nil || clientArrivalIsInOrder(index) else { return false }
        let (end, output) = (endTime[index], outputLength[index])
        if !succeeded(index) { return output >= 0 && (end.isNaN || Nanoseconds.holds(end)) }
        guard Nanoseconds.holds(end), output >= 0, (promptLength?[index] ?? 0) >= 0 else { return false }
        let (start, firstToken) = (startTime?[index] ?? .nan, firstTokenTime(index))
        guard start.isNaN || Nanoseconds.holds(start), firstToken.isNaN || Nanoseconds.holds(firstToken) else {
            return false
        }
        let request = answered(index)
        var latest = request.arrival
        if let start = request.start {
            if start < latest { return false }
            latest = start
        }
        if let firstToken = request.firstToken {
            if firstToken < latest { return false }
            latest = firstToken
        }
        return latest <= request.end && tokensAreInOrder(index)
    }

    private func clientArrivalIsInOrder(_ index: Int) -> Bool {
        let time = clientArrivalTime?[index] ?? .nan
        return time.isNaN || (Nanoseconds.holds(time) && Nanoseconds(validSeconds: time) <= arrival(index))
    }

    @inline(always)
    private func tokensAreInOrder(_ index: Int) -> Bool {
        let tokens = tokens(index)
        guard let tokenTimes, !tokens.isEmpty else { return true }
        // Not-a-number fails every comparison: if the times are in order, the ends bound all of them.
        var areInOrder = tokenTimes[tokens.lowerBound] >= (arrivalTime?[index] ?? 0)
        for position in tokens.dropFirst() {
            areInOrder = areInOrder && tokenTimes[position - 1] <= tokenTimes[position]
        }
        return areInOrder && Nanoseconds.holds(tokenTimes[tokens.upperBound - 1])
    }

    /// What is wrong with the request at `index`, which is not valid.
    @inline(never)
    private func defect(_ index: Int) -> BatchingError {
        let arrival = arrivalTime?[index] ?? 0
        if !Nanoseconds.holds(arrival) { return .invalid("arrival_time", index, arrival, Nanoseconds.requirement) }
        if let clientArrivalTime, !clientArrivalIsInOrder(index) {
            let time = clientArrivalTime[index]
            if !Nanoseconds.holds(time) {
                return .invalid("client_arrival_time", index, time, Nanoseconds.requirement)
            }
            return .invalid(
                "client_arrival_time", index, time, "must not be after arrival_time[\(index)], which is \(arrival)")
        }
        if let success, success[index] > 1 { return .invalid("success", index, success[index], "must be 0 or 1") }
        if outputLength[index] < 0 {
            return .invalid("output_length", index, outputLength[index], "must be at least 0")
        }
        let end = endTime[index]
        if !Nanoseconds.holds(end) { return .invalid("end_time", index, end, Nanoseconds.requirement) }
        if let promptLength, promptLength[index] < 0 {
            return .invalid("prompt_length", index, promptLength[index], "must be at least 0")
        }
        var latest: (name: StaticString, time: Double) = ("arrival_time", arrival)
        func check(_ time: Double, _ name: StaticString) throws(BatchingError) {
            if time.isNaN { return }
            if !Nanoseconds.holds(time) { throw .invalid("\(name)", index, time, Nanoseconds.requirement) }
            if Nanoseconds(validSeconds: time) < Nanoseconds(validSeconds: latest.time) {
                throw .invalid(
                    "\(name)", index, time, "must not be before \(latest.name)[\(index)], which is \(latest.time)")
            }
            latest = (name, time)
        }
        do throws(BatchingError) {
            try check(startTime?[index] ?? .nan, "start_time")
            try check(firstTokenTime(index), "first_token_time")
            try check(end, "end_time")
        } catch {
            return error
        }
        let tokens = tokens(index)
        for position in tokens {
            let time = tokenTimes.unsafelyUnwrapped[position]
            if !Nanoseconds.holds(time) { return .invalid("token_times", position, time, Nanoseconds.requirement) }
            let before = position == tokens.lowerBound ? arrival : tokenTimes.unsafelyUnwrapped[position - 1]
            if time < before {
                return .invalid(
                    "token_times", position, time,
                    "must not be before the arrival, or the token before, of request \(index), which is \(before)")
            }
        }
        return .invalid("end_time", index, end, "must fit the other times of the request")
    }
}
