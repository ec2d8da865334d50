/// How far an engine runs on: whatever comes first.
struct LiveGoal {
    /// Nothing that happens at or after it is decided. `forever`: until nothing is left to do.
    var time: Nanoseconds
    /// The number of the iteration that is not run any more.
    var iteration = Int64.max
    /// From which iteration on the caller is told of progress; nil: from the next.
    var begin: Int64?

    static var forever: Nanoseconds { Nanoseconds(.max) }
}

// It makes the decisions of `EngineLoop.runSynchronously`, one after the other.
extension LiveReplica where Memory: ~Copyable {
    /// Runs on. If it throws for a callback, or for what that answers, nothing has been done of it, and it can be asked
    /// again; after anything else it is unusable.
    @inline(__always)
    mutating func run<Policy: SchedulingPolicy, Time: IterationTimeModel>(
        _ policy: Policy.Type, _ time: Time, _ goal: LiveGoal
    ) throws(BatchingError) {
        do throws(BatchingError) {
            if Policy.schedulesAhead, replica.settings.isAsynchronous {
                try runAhead(policy, time, goal)
            } else {
                try runOn(policy, time, goal)
            }
        } catch {
            // Also of an engine that can only be looked at from now on: nothing that it tells is after its clock.
            moveClock(to: min(replica.now, goal.time))
            if error.kind != .cancelled, error.kind != .invalidArgument { failure = error }
            throw error
        }
        let stopsEarly = goal.time == LiveGoal.forever || replica.iteration >= goal.iteration
        moveClock(to: stopsEarly ? min(replica.now, goal.time) : goal.time)
    }

    @inline(always)
    private func limits(_ goal: LiveGoal) -> RunLimits {
        RunLimits(
            configuration, until: goal.time, from: goal.begin ?? replica.iteration, to: goal.iteration,
            submitted: Int(truncatingIfNeeded: rows.submitted), walked: replica.walked)
    }

    @inline(__always)
    private mutating func runOn<Policy: SchedulingPolicy, Time: IterationTimeModel>(
        _ policy: Policy.Type, _ time: Time, _ goal: LiveGoal
    ) throws(BatchingError) {
        var limits = limits(goal)
        replica.isOpen = goal.time != LiveGoal.forever
        while true {
            if underWay != nil {
                let end = try self.end(time, limits)
                if end > goal.time { return }
                try land(end)
                if isWatchOver { return }
            }
            if replica.now > goal.time { return }
            if leavingCount > 0 { try settleLeaving(at: replica.now) }
            if isStuck, !awaitArrival(before: goal) { return }
            try takeArrivals()
            if replica.isEmpty {
                guard replica.iteration < goal.iteration, awaitArrival(before: goal) else { return }
                continue
            }
            if !Time.mayFail, Policy.mayCoast(replica),
                replica.canCoast(besideWaiting: Policy.coastsBesideWaiting)
            {
                var start = replica.now
                try replica.coast(limits, time, start: &start, isAhead: false)
                if replica.now > goal.time { return }
                if replica.nextArrival <= replica.now { continue }
            }
            if try limits.reached(replica) != nil { return }
            let firstAdmission = replica.admissions
            if let latest = try Policy.schedule(&replica) {
                replica.now = min(latest, replica.nextArrival, goal.time)
                continue
            }
            try noteSchedule(firstAdmission: firstAdmission)
            underWay = UnderWay(work: replica.measure())
        }
    }

    /// Whether what is waited for has happened.
    private var isWatchOver: Bool {
        @inline(__always) get {
            watchedRow >= 0
                && (!rows.end.elements[watchedRow].isNaN || replica.memory.wasShort
                    || (endsOnceCountable && isCountable))
        }
    }

    /// Whether, unless blocks run out, no request looks into the cache any more: none waits, or will come.
    var isCountable: Bool { replica.waiting.count == 0 && !replica.hasArrivals }

    /// Nothing happens before a request arrives. False if that is not before the goal.
    private mutating func awaitArrival(before goal: LiveGoal) -> Bool {
        guard replica.nextArrival < goal.time else { return false }
        replica.awaitArrival()
        flight.futileBatches = 0
        isStuck = false
        return true
    }

    /// When the iteration under way ends.
    @inline(__always)
    private mutating func end(
        _ time: some IterationTimeModel, _ limits: RunLimits
    ) throws(BatchingError) -> Nanoseconds {
        guard var iteration = underWay else { return replica.now }
        if let end = iteration.end { return end }
        iteration.duration = iteration.work.isAny ? try time.duration(of: iteration.work) : .zero
        let end = try limits.end(of: iteration.duration, from: replica.now, iteration.work)
        iteration.end = end
        underWay = iteration
        return end
    }

    /// Tells which requests were preempted and admitted, and remembers which will have a first token.
    private mutating func noteSchedule(firstAdmission: Int64) throws(BatchingError) {
        for position in 0..<replica.preempted {
            let row = Int(replica.victims.elements[position])
            let slot = Int(rows.slot.elements[row])
            try events.append(.preempted, rows.id.elements[row], at: replica.now, tokens: replica.generated(slot))
        }
        if events.isWanted { try noteFirstTokens() }
        guard replica.admissions > firstAdmission else { return }
        let members = replica.members.elements
        var slot = replica.lastRunning
        while slot >= 0, members[slot].sequence > firstAdmission { slot = Int(members[slot].previous) }
        while slot >= 0 {
            let member = members[slot]
            let row = Int(member.request)
            rows.set(slot: Int32(truncatingIfNeeded: slot), of: row)
            if member.wasPreempted {
                let computed = Memory.findsPrefixes ? replica.histories.elements[slot].resumedWith : 0
                try events.append(
                    .resumed, rows.id.elements[row], at: replica.now, tokens: Int32(truncatingIfNeeded: computed))
            } else {
                try events.append(
                    .admitted, rows.id.elements[row], at: replica.now, tokens: rows.cachedTokens.elements[row])
            }
            slot = Int(member.next)
        }
    }

    private mutating func noteFirstTokens() throws(BatchingError) {
        firstTokenCount = 0
        let members = replica.members.elements
        var slot = replica.firstCatchingUp
        while slot >= 0 {
            let member = members[slot]
            if member.generated == 0, member.chunk > 0, member.computed &+ Int64(member.chunk) == member.known {
                try noteFirstToken(member.request)
            }
            slot = Int(member.nextOfKind)
        }
        for position in 0..<replica.firstTokenCount { try noteFirstToken(replica.firstTokens.elements[position]) }
    }

    private mutating func noteFirstToken(_ row: UInt32) throws(BatchingError) {
        try firstTokens.reserve(firstTokenCount + 1)
        firstTokens.elements[firstTokenCount] = LiveFirstToken(row: row, rank: rows.rank.elements[Int(row)])
        firstTokenCount += 1
    }

    private mutating func tell(_ first: LiveFirstToken, at time: Nanoseconds) throws(BatchingError) {
        let row = Int(first.row)
        guard rows.rank.elements[row] == first.rank else { return }
        try events.append(.firstToken, rows.id.elements[row], at: time, tokens: 1)
    }

    /// A member has all its tokens.
    private mutating func finish(_ slot: Int, at end: Nanoseconds, iteration: Int64) throws(BatchingError) {
        let member = replica.members.elements[slot]
        let row = Int(member.request)
        try replica.finish(slot, at: end, iteration: iteration)
        let id = rows.id.elements[row]
        rows.remove(row)
        try events.append(.finished, id, at: end, tokens: member.output)
    }

    /// The iteration under way is over.
    @inline(__always)
    private mutating func land(_ end: Nanoseconds) throws(BatchingError) {
        guard let iteration = underWay else { return }
        underWay = nil
        replica.count(iteration.work, iteration.duration, end: end)
        let isFutile = !iteration.work.isAny && iteration.work.preemptions == 0
        try replica.complete(at: end)
        replica.now = end
        if leavingCount > 0 { try settleAborts(at: end, landing: iteration.work.number) }
        for position in 0..<firstTokenCount { try tell(firstTokens.elements[position], at: end) }
        firstTokenCount = 0
        for position in 0..<replica.finishingCount {
            try finish(Int(replica.finishing.elements[position]), at: end, iteration: iteration.work.number)
        }
        isStuck = isFutile || replica.isLivelocked
    }
}

// The same asynchronously, with the decisions of `EngineLoop.runAsynchronously`: a batch is scheduled while the one before
// it runs, and that lands after it has been.
extension LiveReplica where Memory: ~Copyable {
    @inline(__always)
    private mutating func runAhead<Policy: SchedulingPolicy, Time: IterationTimeModel>(
        _ policy: Policy.Type, _ time: Time, _ goal: LiveGoal
    ) throws(BatchingError) {
        var limits = limits(goal)
        replica.isOpen = goal.time != LiveGoal.forever
        while true {
            if underWay != nil { try dispatch(time, limits) }
            if flight.isFollowed {
                if flight.end > goal.time { return }
                try landFlight()
                takeOff()
                isStuck = flight.futileBatches >= 4 || replica.isLivelocked
                if isWatchOver { return }
            }
            if replica.now > goal.time { return }
            if leavingCount > 0 { try settleLeaving(at: replica.now) }
            if isStuck, !awaitArrival(before: goal) { return }
            try takeArrivals()
            if replica.isEmpty {
                if flight.isFlying {
                    if flight.end > goal.time { return }
                    try landFlight()
                    if isWatchOver { return }
                    continue
                }
                guard replica.iteration < goal.iteration, awaitArrival(before: goal) else { return }
                continue
            }
            if !Time.mayFail, flight.isFlying, flight.finishingCount == 0, flight.firstTokenCount == 0,
                leavingCount == 0, replica.canCoast(besideWaiting: Policy.padsBatch)
            {
                let first = replica.iteration
                try replica.coast(limits, time, start: &flight.deviceEnd, isAhead: true)
                if replica.iteration != first {
                    flight.end = flight.deviceEnd
                    flight.number = replica.iteration &- 1
                }
                if replica.now > goal.time { return }
                if replica.nextArrival <= replica.now { continue }
            }
            if try limits.reached(replica) != nil { return }
            let firstAdmission = replica.admissions
            _ = try Policy.schedule(&replica)
            try noteSchedule(firstAdmission: firstAdmission)
            underWay = UnderWay(work: replica.measure())
        }
    }

    /// The batch that was scheduled goes to the device, behind the one in flight.
    @inline(__always)
    private mutating func dispatch(_ time: some IterationTimeModel, _ limits: RunLimits) throws(BatchingError) {
        guard let batch = underWay else { return }
        let duration = batch.work.isAny ? try time.duration(of: batch.work) : .zero
        let end = try limits.end(of: duration, from: max(replica.now, flight.deviceEnd), batch.work)
        flight.deviceEnd = end
        underWay = nil
        replica.count(batch.work, duration, end: end)
        let isFutile = !batch.work.isAny && batch.work.preemptions == 0
        flight.futileBatches = isFutile ? flight.futileBatches &+ 1 : 0
        try replica.complete(at: end)
        if flight.isFlying { flight.isFollowed = true } else { takeOff() }
    }

    /// The output of the batch in flight is there.
    @inline(__always)
    private mutating func landFlight() throws(BatchingError) {
        replica.now = max(replica.now, flight.end)
        if leavingCount > 0 { try settleAborts(at: replica.now, landing: flight.number) }
        for position in 0..<flight.firstTokenCount { try tell(flight.firstTokens.elements[position], at: flight.end) }
        for position in 0..<flight.finishingCount {
            try finish(Int(flight.finishing.elements[position]), at: flight.end, iteration: flight.number)
        }
        if Memory.findsPrefixes { replica.settleStarved() }
        flight.isFlying = false
    }

    /// The batch that was scheduled last is the one in flight.
    @inline(__always)
    private mutating func takeOff() {
        swap(&flight.finishing, &replica.finishing)
        flight.finishingCount = replica.finishingCount
        replica.finishingCount = 0
        swap(&flight.firstTokens, &firstTokens)
        flight.firstTokenCount = firstTokenCount
        firstTokenCount = 0
        flight.number = replica.iteration &- 1
        flight.end = flight.deviceEnd
        flight.isFlying = true
        flight.isFollowed = false
    }
}
