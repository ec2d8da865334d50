// Asynchronous scheduling, as vLLM's AsyncScheduler with two batches in flight, on an idealised clock: scheduling takes no
// time, and the device runs the batches in order. Batch k+1 is scheduled when the output of batch k-1 has been processed,
// and starts when batch k ends.
extension EngineRun where Memory: ~Copyable {
    /// - Returns: why the run ended, or stopped. If it throws for a callback, or for what that answers, nothing has been
    ///   done of it, and it can be asked again.
    mutating func runAhead<Policy: SchedulingPolicy>(
        _ policy: Policy.Type
    ) throws(BatchingError) -> EngineSummary.EndReason {
        let isLive = Observation.isAny && limits.isLive
        if isLive, let resumed = underWay { try dispatchAgain(resumed.work) }
        while true {
            if flight.isFollowed {
                if isLive, flight.end > goal.time { return .timeLimit }
                try land()
                try takeOff()
                isStuck = flight.futileBatches >= 4 || replica.isLivelocked
                if isLive, isWatchOver { return .completed }
            }
            if Policy.traits.asksCaller, flight.isAwaited {
                if isLive, flight.end > goal.time { return .timeLimit }
                try landAwaited()
                if isLive, isWatchOver { return .completed }
            }
            if isLive {
                if replica.now > goal.time { return .timeLimit }
                if leavingCount > 0 { try settleLeaving(at: replica.now) }
            }
            if isStuck, !awaitChange() { return .stuck }
            if replica.isAttributed { replica.observer.ledger.advance(to: max(replica.now, flight.deviceEnd)) }
            try replica.takeArrivals()
            try replica.takeAborts()
            if replica.isEmpty {
                if flight.isFlying {
                    if isLive, flight.end > goal.time { return .timeLimit }
                    try land()
                    if isLive, isWatchOver { return .completed }
                    continue
                }
                if let reason = limits.endOfIdleness(replica) { return reason }
                replica.now = replica.nextArrival
                continue
            }
            if !(isLive && (time.mayFail || slowness > 1)), flight.isFlying, flight.finishingCount == 0,
                flight.firstTokenCount == 0, leavingCount == 0, Policy.mayCoast(replica),
                replica.canCoast(besideWaiting: Policy.coastsBesideWaiting)
            {
                let first = replica.iteration
                try replica.coast(limits.quiet, time, start: &flight.deviceEnd, isAhead: true)
                if replica.iteration != first {
                    flight.end = flight.deviceEnd
                    flight.number = replica.iteration &- 1
                }
                if isLive, replica.now > goal.time { return .timeLimit }
                if replica.nextArrival <= replica.now { continue }
            }
            if let reason = try limits.reached(replica) { return reason }
            let firstAdmission = replica.admissions
            if Policy.traits.asksCaller, Memory.findsPrefixes { replica.memory.noteNewest(areKnown: !flight.isFlying) }
            if let latest = try Policy.schedule(&replica) {
                if flight.isFlying { awaitFlight() } else { pause(until: latest) }
                continue
            }
            let start = max(replica.now, flight.deviceEnd)
            if Memory.findsPrefixes, replica.memory.offloads {
                try replica.memory.settleOffload(at: replica.now, start: start)
            }
            if Observation.isAny { try noteSchedule(firstAdmission: firstAdmission, isLive) }
            if isLive, time.mayFail { suspend(nil) }
            let work = replica.measure()
            let timing = try timing(of: work, from: start)
            if replica.logsIterations { keepForLog(replica.measure(), start: start, timing.duration) }
            try dispatch(work, timing)
        }
    }

    /// The policy would rather wait than schedule a batch. None begins before the one in flight is over: it is asked again
    /// then.
    private mutating func awaitFlight() {
        if replica.isAttributed { replica.observer.ledger.isShortOfMemory = false }
        flight.isAwaited = true
    }

    /// The batch is over for which the policy waited.
    @inline(never)
    private mutating func landAwaited() throws(BatchingError) {
        flight.isAwaited = false
        // One in which nothing was done changes nothing.
        let isFutile = flight.futileBatches > 0
        try landLast()
        if Memory.findsPrefixes { replica.memory.settleDecodes(replica.members.elements) }
        if !isFutile { replica.policyRows.noteChange() }
    }

    /// No batch follows the one in flight.
    mutating func landLast() throws(BatchingError) {
        guard flight.isFlying else { return }
        if replica.isAttributed { replica.attributeAborts(by: flight.end) }
        try land()
        if Memory.findsPrefixes, replica.memory.offloads {
            replica.memory.settleDecodes(replica.members.elements)
            try replica.memory.writeFull(at: replica.now)
        }
    }

    /// The same as `dispatch`, for a batch of which the caller has not said how long it takes.
    @inline(never)
    private mutating func dispatchAgain(_ work: IterationWork) throws(BatchingError) {
        let start = max(replica.now, flight.deviceEnd)
        let timing = try askForTiming(work, from: start)
        if replica.logsIterations { keepForLog(work, start: start, timing.duration) }
        try dispatch(work, timing)
    }

    /// The batch that was scheduled goes to the device, behind the one in flight.
    // The compiler may ignore `__always` in a loop as large as this.
    @inline(always)
    private mutating func dispatch(_ work: IterationWork, _ timing: Timing) throws(BatchingError) {
        let end = timing.end
        flight.deviceEnd = end
        if Observation.isAny, time.mayFail { underWay = nil }
        if replica.isAttributed, flight.isFlying { replica.attributeAborts(by: flight.end) }
        replica.count(work, timing.duration, end: end)
        if replica.isAttributed { replica.observer.ledger.count(slowdown: timing.slowdown, end: end) }
        let isFutile = !work.isAny && work.preemptions == 0
        flight.futileBatches = isFutile ? flight.futileBatches &+ 1 : 0
        try replica.complete(at: end)
        if Memory.findsPrefixes, Observation.isAny { replica.memory.stampChanges(end) }
        if flight.isFlying { flight.isFollowed = true } else { try takeOff() }
    }

    /// The output of the batch in flight is there.
    @inline(__always)
    private mutating func land() throws(BatchingError) {
        replica.now = max(replica.now, flight.end)
        if replica.aborts.nextTime <= replica.now {
            try replica.takeAborts(at: replica.now, landing: flight.number)
            flight.finishingCount = replica.present(flight.finishing.elements, flight.finishingCount)
        }
        if Observation.isAny {
            if leavingCount > 0 { try settleAborts(at: replica.now, landing: flight.number) }
            if flight.firstTokenCount > 0 {
                try tell(flight.firstTokens.elements, flight.firstTokenCount, at: flight.end)
            }
        }
        if replica.policyRows.isUsed, flight.finishingCount > 0 {
            replica.removeFinishedRows(flight.finishing.elements, flight.finishingCount)
        }
        var position = 0
        while position < flight.finishingCount {
            try replica.finish(Int(flight.finishing.elements[position]), at: flight.end, iteration: flight.number)
            position &+= 1
        }
        if Memory.findsPrefixes {
            replica.settleStarved()
            if replica.memory.offloads { try replica.memory.writeFull(at: replica.now) }
        }
        flight.isFlying = false
        // What was scheduled before a log was asked for is not in it.
        if replica.logsIterations, flight.iteration.work.number == flight.number {
            try log(flight.iteration, finished: flight.finishingCount)
        }
    }

    /// The batch that was scheduled last is the one in flight.
    @inline(__always)
    private mutating func takeOff() throws(BatchingError) {
        if replica.policyRows.isUsed, replica.finishingCount > 0 { try replica.noteFinishingRows() }
        swap(&flight.finishing, &replica.finishing)
        flight.finishingCount = replica.finishingCount
        replica.finishingCount = 0
        if Observation.isAny {
            swap(&flight.firstTokens, &firstTokens)
            flight.firstTokenCount = firstTokenCount
            firstTokenCount = 0
            if replica.logsIterations { flight.iteration = flight.next }
        }
        flight.number = replica.iteration &- 1
        flight.end = flight.deviceEnd
        flight.isFlying = true
        flight.isFollowed = false
    }
}

extension Replica where Memory: ~Copyable {
    /// A request that got no tokens while its newest one was on its way can be found in the cache up to that token's
    /// arrival.
    mutating func settleStarved() {
        var slot = firstCatchingUp
        while slot >= 0 {
            let member = members.elements[slot]
            memory.settle(slot, member, computed: member.computed)
            slot = Int(member.nextOfKind)
        }
    }
}
