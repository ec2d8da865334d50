// One iteration after the other: each is scheduled when the output of the one before is known.
extension EngineRun where Memory: ~Copyable {
    /// - Returns: why the run ended, or stopped. If it throws for a callback, or for what that answers, nothing has been
    ///   done of it, and it can be asked again.
    mutating func runSynchronously<Policy: SchedulingPolicy>(
        _ policy: Policy.Type, _ limits: inout RunLimits, _ time: IterationTimeModel, _ goal: RunGoal
    ) throws(BatchingError) -> EngineSummary.EndReason {
        var isUnderWay = Observation.isAny && underWay != nil
        while true {
            let work: IterationWork
            var known: Timing?
            if isUnderWay, let resumed = underWay {
                (work, known) = (resumed.work, resumed.timing)
            } else {
                if Observation.isAny, replica.now > goal.time { return .timeLimit }
                if Observation.isAny, leavingCount > 0 { try settleLeaving(at: replica.now) }
                if isStuck, !awaitChange(before: goal) { return .stuck }
                if replica.isAttributed { replica.observer.ledger.advance(to: replica.now) }
                try replica.takeArrivals()
                try replica.takeAborts()
                if replica.isEmpty {
                    if let reason = limits.endOfIdleness(replica) { return reason }
                    replica.now = replica.nextArrival
                    continue
                }
                if !(limits.isLive && time.mayFail), Policy.mayCoast(replica),
                    replica.canCoast(besideWaiting: Policy.coastsBesideWaiting)
                {
                    var start = replica.now
                    try replica.coast(limits.quiet, time, start: &start, isAhead: false)
                    if Observation.isAny, replica.now > goal.time { return .timeLimit }
                    if replica.aborts.nextTime <= replica.now {
                        try replica.takeAborts(at: replica.now, landing: replica.iteration &- 1)
                        continue
                    }
                    if replica.nextArrival <= replica.now { continue }
                }
                if let reason = try limits.reached(replica) { return reason }
                let firstAdmission = replica.admissions
                if let latest = try Policy.schedule(&replica) {
                    if replica.isAttributed { replica.observer.ledger.isShortOfMemory = false }
                    replica.now = min(min(latest, replica.nextArrival), min(replica.aborts.nextTime, goal.time))
                    continue
                }
                if Observation.isAny { try noteSchedule(firstAdmission: firstAdmission) }
                work = replica.measure()
                // The caller may not answer, and be asked again.
                if Observation.isAny, time.mayFail { underWay = ScheduledIteration(work: work) }
            }
            isUnderWay = false
            let timing: Timing
            if let known {
                timing = known
            } else {
                timing = try work.timing(time, from: replica.now, attributes: replica.isAttributed)
            }
            let end = timing.end
            if Observation.isAny {
                if end > goal.time {
                    underWay = ScheduledIteration(work: work, timing: timing)
                    return .timeLimit
                }
                if underWay != nil { underWay = nil }
            }
            replica.count(work, timing.duration, end: end)
            if replica.isAttributed { replica.observer.ledger.count(slowdown: timing.slowdown, end: end) }
            let isFutile = !work.isAny && work.preemptions == 0
            try replica.complete(at: end)
            if replica.aborts.nextTime <= end { try replica.takeAborts(at: end, landing: work.number) }
            if Observation.isAny {
                if leavingCount > 0 { try settleAborts(at: end, landing: work.number) }
                if firstTokenCount > 0 {
                    try tell(firstTokens.elements, firstTokenCount, at: end)
                    firstTokenCount = 0
                }
            }
            var position = 0
            while position < replica.finishingCount {
                try replica.finish(Int(replica.finishing.elements[position]), at: end, iteration: work.number)
                position &+= 1
            }
            if replica.logsIterations {
                try log(
                    CompletedIteration(work: work, start: work.time, duration: timing.duration),
                    finished: replica.finishingCount)
            }
            replica.now = end
            isStuck = isFutile || replica.isLivelocked
            if isWatchOver { return .completed }
        }
    }
}

extension IterationWork {
    /// When the iteration runs that begins at `start`.
    @inline(__always)
    func timing(
        _ time: IterationTimeModel, from start: Nanoseconds, attributes: Bool
    ) throws(BatchingError) -> Timing {
        var timing = Timing()
        if isAny { timing.duration = try time.duration(of: self) }
        if attributes { timing.slowdown = try slowdown(timing.duration, time) }
        timing.end = try RunLimits.end(of: timing.duration, from: start, self)
        return timing
    }

    /// How much longer prefill made an iteration that takes `duration`. If no request decodes in it, there would be none
    /// without prefill.
    @inline(__always)
    private func slowdown(_ duration: Nanoseconds, _ time: IterationTimeModel) throws(BatchingError) -> Nanoseconds {
        if prefillTokens == 0 { return .zero }
        if decodeTokens == 0 { return duration }
        var decodes = self
        decodes.prefillTokens = 0
        decodes.prefillContext = 0
        return max(.zero, duration - (try time.duration(of: decodes)))
    }
}
