/// What a caller tells of requests, as it happens.

/// The kinds of events, with the values of the C interface.
public enum AccumulatorEvent: Int32, CaseIterable, Sendable {
    /// A request was sent; its value is the number of its prompt tokens.
    case arrived = 100
    /// A request joined a batch.
    case started = 200
    /// Tokens of a request were there; the value is how many.
    case tokens = 300
    /// A request had its last token; the value is a `FinishReason`.
    case finished = 400
    /// A request failed; the value is a `FailureReason`.
    case failed = 500
}

/// Why a request finished.
public enum FinishReason: Int32, CaseIterable, Sendable {
    /// The answer came to its end.
    case stop = 0
    /// It had as many tokens as it was allowed.
    case length = 100
}

/// Why a request failed.
public enum FailureReason: Int32, CaseIterable, Sendable {
    /// The server failed.
    case error = 0
    /// The client left.
    case abort = 100
}

/// Columns of events, borrowed.
public struct AccumulatorEventColumns {
    let count: Int
    let event: UnsafePointer<Int32>?
    let request: UnsafePointer<Int64>
    let time: UnsafePointer<Double>
    let value: UnsafePointer<Int32>?

    /// - Parameters:
    ///   - event: nil: all `tokens`.
    ///   - value: nil: all 1.
    public init(
        count: Int, event: UnsafePointer<Int32>?, request: UnsafePointer<Int64>, time: UnsafePointer<Double>,
        value: UnsafePointer<Int32>?
    ) {
        self.count = count
        self.event = event
        self.request = request
        self.time = time
        self.value = value
    }
}

extension Accumulator {
    /// A request was sent. Throws if it is in flight already, or as many are in flight as `maxRequests` allows.
    public mutating func arrived(_ id: Int64, time: Double, promptTokens: Int32) throws(BatchingError) {
        let now = try Accumulator.nanoseconds(time)
        guard promptTokens >= 0 else { throw .invalid("prompt_tokens", promptTokens, "must be at least 0") }
        if live.find(id) != nil { throw .invalid("request", id, "must not be in flight already") }
        guard live.count < limits.maxRequests else {
            throw BatchingError(
                .capacity, "request is \(id): as many requests are in flight as max_requests allows, \(live.count)"
            )
        }
        guard arrivedCount < Accumulator.mostRequests, served.tokens < Accumulator.mostSamples,
            served.count(.interTokenLatency) < Accumulator.mostSamples
        else {
            throw BatchingError(
                .overflow,
                "request is \(id): there were more than 2^40 requests, or 2^62 tokens or gaps between tokens")
        }
        var request = LiveRequest()
        request.id = id
        request.last = now
        request.arrival = now
        request.promptTokens = promptTokens
        live.insert(request)
        arrivedCount &+= 1
        waitingCount &+= 1
        firstArrival = min(firstArrival, now)
        moveClock(to: now)
    }

    /// A request joined a batch. It may be left out: then the request has no queue time.
    public mutating func started(_ id: Int64, time: Double) throws(BatchingError) {
        let (request, now) = try next(id, time)
        guard request.pointee.start < 0 else { throw .invalid("request", id, "must not have started already") }
        guard request.pointee.firstToken < 0 else { throw .invalid("request", id, "must not have tokens already") }
        request.pointee.start = now
        request.pointee.last = now
        waitingCount &-= 1
        moveClock(to: now)
    }

    /// Tokens of a request were there; the first call tells its first token.
    public mutating func tokens(_ id: Int64, time: Double, count: Int32) throws(BatchingError) {
        try addTokens(id, time, count)
    }

    /// A request had its last token: it is measured.
    public mutating func finished(_ id: Int64, time: Double, reason: FinishReason) throws(BatchingError) {
        let (request, now) = try next(id, time)
        // The clock must not move before it is certain that the slot has room: it decides which slot that is.
        let slotNumber = now / limits.slotLength
        let newest = max(clock, now) / limits.slotLength
        if slotNumber > newest - Int64(limits.slotCount) {
            if slotNumber > oldestSlot - 1, slotNumber <= newestSlot {
                let slot = slot(slotNumber)
                let most = Accumulator.mostSamplesOfSlot
                guard slot.counts.pointee.completed < most,
                    slot[.itl].moments.pointee.count <= most &- Int64(request.pointee.gapCount)
                else {
                    throw BatchingError(.overflow, "request is \(id): its slot would have more than 4294967295 samples")
                }
            }
            moveClock(to: now)
            settle()
            finish(request, now, in: slot(slotNumber))
        } else {
            settle()
            finish(request, now, in: older)
        }
        served.finished(request.pointee, at: now, reason: reason)
        remove(request)
    }

    /// A request failed: it is counted, and gives no sample.
    public mutating func failed(_ id: Int64, time: Double, reason: FailureReason) throws(BatchingError) {
        let (request, now) = try next(id, time)
        moveClock(to: now)
        settle()
        let slotNumber = now / limits.slotLength
        if slotNumber >= oldestSlot {
            slot(slotNumber).counts.pointee.failed &+= 1
        } else {
            older.counts.pointee.failed &+= 1
        }
        served.failed(reason)
        remove(request)
    }

    /// Takes events up to the first that is in error, which it throws.
    /// - Parameter accepted: how many were taken.
    public mutating func add(_ events: AccumulatorEventColumns, accepted: inout Int) throws(BatchingError) {
        accepted = 0
        try Validation.count(events.count, "events.count")
        for index in 0..<events.count {
            try Work.row(index)
            let (id, time) = (events.request[index], events.time[index])
            let value = events.value?[index] ?? 1
            let event = events.event?[index] ?? AccumulatorEvent.tokens.rawValue
            do throws(BatchingError) {
                if event == AccumulatorEvent.tokens.rawValue {
                    try addTokens(id, time, value)
                } else {
                    try add(event, id, time, value)
                }
            } catch {
                throw BatchingError(error.kind, "event[\(index)]: \(error.text)")
            }
            accepted = index &+ 1
        }
    }

    /// Moves the clock on to `time`, if it is not there yet.
    public mutating func advance(to time: Double) throws(BatchingError) {
        moveClock(to: try Accumulator.nanoseconds(time))
    }

    @inline(never)
    private mutating func add(_ event: Int32, _ id: Int64, _ time: Double, _ value: Int32) throws(BatchingError) {
        switch AccumulatorEvent(rawValue: event) {
        case .arrived: try arrived(id, time: time, promptTokens: value)
        case .started:
            guard value == 0 else { throw .invalid("value", value, "must be 0 where a request starts") }
            try started(id, time: time)
        case .tokens: try addTokens(id, time, value)
        case .finished: try finished(id, time: time, reason: FinishReason(checking: value))
        case .failed: try failed(id, time: time, reason: FailureReason(checking: value))
        case nil: throw .invalid("event", event, "must be one of BATCHING_ACCUMULATOR_ARRIVED to _FAILED")
        }
    }

    @inline(__always)
    private mutating func addTokens(_ id: Int64, _ time: Double, _ count: Int32) throws(BatchingError) {
        guard Nanoseconds.holds(time), count >= 0, let request = live.find(id) else {
            throw defect(id, time, count)
        }
        let now = Nanoseconds(validSeconds: time).count
        let (tokens, overflows) = request.pointee.tokens.addingReportingOverflow(count)
        guard now >= request.pointee.last, !overflows else { throw defect(id, time, count) }
        if request.pointee.firstToken >= 0 {
            guard live.gapCount < live.maxGaps else { throw defect(id, time, count) }
            let gap = now &- request.pointee.last
            live.append(gap: gap, to: request)
            served.gap(gap)
        } else {
            firstToken(request, now)
        }
        request.pointee.tokens = tokens
        request.pointee.last = now
        served.generationTokens &+= Int64(count)
        moveClock(to: now)
    }

    @inline(never)
    private mutating func firstToken(_ request: UnsafeMutablePointer<LiveRequest>, _ now: Int64) {
        if request.pointee.isWaiting { waitingCount &-= 1 }
        request.pointee.firstToken = now
        served.firstToken(request.pointee, at: now)
    }

    /// What is wrong with tokens that were not accepted.
    @inline(never)
    private mutating func defect(_ id: Int64, _ time: Double, _ count: Int32) -> BatchingError {
        do throws(BatchingError) {
            let (request, _) = try next(id, time)
            if count < 0 { return .invalid("tokens", count, "must be at least 0") }
            if request.pointee.tokens.addingReportingOverflow(count).overflow {
                return .invalid(
                    "tokens", count,
                    "request \(id) has \(request.pointee.tokens), and must not have more than 2147483647")
            }
            return BatchingError(
                .capacity, "request is \(id): there are already \(live.maxGaps) gaps in flight, which is max_gaps")
        } catch {
            return error
        }
    }

    /// The request of an event, and when it is, if that is possible.
    // Mutating, since a call that only borrows the accumulator copies it.
    private mutating func next(
        _ id: Int64, _ time: Double
    ) throws(BatchingError) -> (request: UnsafeMutablePointer<LiveRequest>, now: Int64) {
        let now = try Accumulator.nanoseconds(time)
        guard let request = live.find(id) else { throw .invalid("request", id, "must be in flight") }
        guard now >= request.pointee.last else {
            throw .invalid(
                "time", time,
                "must not be before the last event of request \(id), at \(Nanoseconds(request.pointee.last).seconds)")
        }
        return (request, now)
    }

    private static func nanoseconds(_ time: Double) throws(BatchingError) -> Int64 {
        try Nanoseconds(seconds: time, argument: "time").count
    }

    private mutating func remove(_ request: UnsafeMutablePointer<LiveRequest>) {
        if request.pointee.isWaiting { waitingCount &-= 1 }
        live.remove(request)
    }

    /// Adds the samples of a request that has finished.
    private mutating func finish<Counter>(
        _ pointer: UnsafeMutablePointer<LiveRequest>, _ now: Int64, in slot: Slot<Counter>
    ) {
        let request = pointer.pointee
        let latency = now &- request.arrival
        var timeToFirstToken: Int64?
        var decode: Int64 = 0
        if request.firstToken >= 0 {
            timeToFirstToken = request.firstToken &- request.arrival
            decode = now &- request.firstToken
            slot[.ttft].add(request.firstToken &- request.arrival)
            if request.tokens > 1 { slot[.tpot].add(decode, dividedBy: request.tokens &- 1) }
        }
        var longest: Int64 = 0
        let gaps = slot[.itl]
        live.forEachGap(pointer) { gap in
            gaps.add(gap)
            longest = max(longest, gap)
        }
        slot[.e2e].add(latency)
        if request.start >= 0 { slot[.queueTime].add(request.start &- request.arrival) }
        if request.tokens > 0 { slot[.normalizedLatency].add(latency, dividedBy: request.tokens) }

        var counts = slot.counts.pointee
        counts.add(prompt: request.promptTokens, output: request.tokens, .vllm)
        counts.add(
            limits.slo.kept(
                timeToFirstToken: timeToFirstToken, decode: decode, output: request.tokens, longestGap: longest,
                latency: latency, .vllm))
        slot.counts.pointee = counts
    }
}

extension FinishReason {
    /// The reason with this raw value. Throws if there is none.
    public init(checking value: Int32) throws(BatchingError) {
        guard let reason = FinishReason(rawValue: value) else {
            throw .invalid("reason", value, "must be BATCHING_FINISHED_STOP or BATCHING_FINISHED_LENGTH")
        }
        self = reason
    }
}

extension FailureReason {
    /// The reason with this raw value. Throws if there is none.
    public init(checking value: Int32) throws(BatchingError) {
        guard let reason = FailureReason(rawValue: value) else {
            throw .invalid("reason", value, "must be BATCHING_FAILED_ERROR or BATCHING_FAILED_ABORT")
        }
        self = reason
    }
}
