// What an engine that runs on needs of a ledger: requests leave when their client says so, and it is copied, and becomes bytes.
extension AttributionLedger {
    /// A member leaves at `time`: the end of an iteration, or between two. Asynchronously the iteration after the one under
    /// way has been counted by then, and nothing of it is the member's.
    mutating func leave(_ slot: Int, _ request: Int, at time: Nanoseconds) {
        var entry = times.elements[slot]
        if entry.since > time {
            entry.takeBack(to: time, slowdown: last.slowdown)
        } else {
            entry.enter(.over, at: time, last.start >= time ? slowedTime - last.slowdown : slowedTime)
        }
        times.elements[slot] = entry
        writeRan(request, entry)
    }

    /// A request that never ran leaves at `time`, whenever that is.
    /// - Parameter hasWaited: false: it was not taken into the queue.
    func leave(unserved request: Int, arrival: Nanoseconds, hasWaited: Bool, at time: Nanoseconds) {
        if hasWaited {
            writeWaiting(request, arrival: arrival, until: time, memoryTime(at: time))
            writeRan(request, AttributedTime())
        } else {
            writeLate(request, arrival: arrival, toEndOfRun: time)
        }
    }

    private func memoryTime(at time: Nanoseconds) -> Nanoseconds {
        if time >= clock { return isShortOfMemory ? memoryTime + (time - clock) : memoryTime }
        return memoryTime - last.shortTime(after: time) - secondToLast.shortTime(after: time)
    }

    func parts(_ request: Int) -> RequestParts { columns.parts(request) }

    /// Becomes equal to another ledger, but for the columns.
    mutating func assign(_ other: borrowing AttributionLedger, slots: Int) throws(BatchingError) {
        try times.assign(other.times, count: slots)
        try joined.assign(other.joined, count: other.joinedCount)
        joinedCount = other.joinedCount
        clock = other.clock
        slowedTime = other.slowedTime
        memoryTime = other.memoryTime
        isShortOfMemory = other.isShortOfMemory
        last = other.last
        secondToLast = other.secondToLast
    }

    // As bytes

    /// The sums.
    mutating func code(_ coder: inout some ByteCoder) throws(BatchingError) {
        try coder.code(&clock)
        try coder.code(&slowedTime)
        try coder.code(&memoryTime)
        try coder.code(&isShortOfMemory)
        try last.code(&coder)
        try secondToLast.code(&coder)
        guard slowedTime <= clock, memoryTime <= clock, last.end <= clock, secondToLast.end <= last.start,
            last.slowdown <= slowedTime
        else { throw .corrupt("the sums of the attribution are impossible") }
    }

    /// Nothing is known of a member, or of its wait: they are to be read.
    func clear(_ slot: Int, _ request: Int) {
        times.elements[slot] = AttributedTime()
        columns.waitingForSlot?[request] = 0
        columns.waitingForMemory?[request] = 0
    }

    /// What is known of a member, and of its wait.
    mutating func code(_ coder: inout some ByteCoder, slot: Int, _ request: Int) throws(BatchingError) {
        try times.elements[slot].code(&coder)
        if let column = columns.waitingForSlot { try coder.code(seconds: &column[request]) }
        if let column = columns.waitingForMemory { try coder.code(seconds: &column[request]) }
        // Asynchronously it is told only once its last token is there.
        if times.elements[slot].phase == .over { writeRan(request, times.elements[slot]) }
    }

    /// Whether a member's time can be like this.
    /// - Parameters:
    ///   - isComplete: whether it has its last token, though that may be on its way.
    ///   - isHeld: whether it has its last token, and its batch goes on.
    func isPossible(_ slot: Int, isComplete: Bool, isHeld: Bool) -> Bool {
        let time = times.elements[slot]
        let sum = time.prefill + time.decode + time.slowed + time.preempted + time.held
        // Only of those that decode is it known how much slower that was.
        let isSlowedInTime = time.phase != .decode || slowedTime - time.slowedBefore <= clock - time.since
        return time.since <= clock && sum >= .zero && sum <= time.since && time.slowedBefore <= slowedTime
            && isSlowedInTime && (time.phase == .over) == isComplete && (time.phase == .held) == isHeld
    }

    /// What is known of a request that waits, and never ran.
    func code(_ coder: inout some ByteCoder, waiting request: Int) throws(BatchingError) {
        var before = Nanoseconds(memoryTimeBefore.load(fromByteOffset: request &* 8, as: Int64.self))
        try coder.code(&before)
        memoryTimeBefore.storeBytes(of: before.count, toByteOffset: request &* 8, as: Int64.self)
    }
}

extension AttributedTime {
    fileprivate mutating func code(_ coder: inout some ByteCoder) throws(BatchingError) {
        try coder.code(&since)
        try coder.code(&slowedBefore)
        try coder.code(&prefill)
        try coder.code(&decode)
        try coder.code(&slowed)
        try coder.code(&preempted)
        try coder.code(&held)
        try AttributedTime.code(&phase, &coder)
        try AttributedTime.code(&former, &coder)
    }

    private static func code(_ phase: inout Phase, _ coder: inout some ByteCoder) throws(BatchingError) {
        var raw = phase.rawValue
        try coder.code(&raw, from: 0, to: Phase.over.rawValue)
        phase = Phase(rawValue: raw) ?? .over
    }
}

extension CountedStretch {
    fileprivate mutating func code(_ coder: inout some ByteCoder) throws(BatchingError) {
        try coder.code(&start)
        try coder.code(&end, from: start)
        try coder.code(&slowdown)
        guard slowdown <= end - start else { throw .corrupt("an iteration was slowed for longer than it took") }
        try coder.code(&isShortOfMemory)
    }
}

extension RequestParts {
    /// Bytes of one.
    static let size = 56

    mutating func code(_ coder: inout some ByteCoder) throws(BatchingError) {
        try coder.code(bits: &waitingForSlot)
        try coder.code(bits: &waitingForMemory)
        try coder.code(bits: &prefill)
        try coder.code(bits: &decode)
        try coder.code(bits: &slowedByPrefill)
        try coder.code(bits: &preempted)
        try coder.code(bits: &heldInBatch)
    }

    /// Whether all are times, or, of a request that was rejected, none is.
    var arePossible: Bool {
        if waitingForSlot.isNaN {
            return waitingForMemory.isNaN && prefill.isNaN && decode.isNaN && slowedByPrefill.isNaN && preempted.isNaN
                && heldInBatch.isNaN
        }
        return Nanoseconds.holds(waitingForSlot) && Nanoseconds.holds(waitingForMemory) && Nanoseconds.holds(prefill)
            && Nanoseconds.holds(decode) && Nanoseconds.holds(slowedByPrefill) && Nanoseconds.holds(preempted)
            && Nanoseconds.holds(heldInBatch)
    }
}
