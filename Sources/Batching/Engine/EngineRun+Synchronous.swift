// One iteration after the other: each is scheduled when the output of the one before is known.
extension EngineRun where Memory: ~Copyable {
    /// - Returns: why the run ended, or stopped. If it throws for a callback, or for what that answers, nothing has been
    ///   done of it, and it can be asked again.
    mutating func runSynchronously<Policy: SchedulingPolicy>(
        _ policy: Policy.Type
    ) throws(BatchingError) -> EngineSummary.EndReason {
        let isLive = Observation.isAny && limits.isLive
        if isLive, let scheduled = underWay, let reason = try resume(scheduled) { return reason }
        while true {
            if isLive {
                if replica.now > goal.time { return .timeLimit }
                if leavingCount > 0 { try settleLeaving(at: replica.now) }
            }
            if isStuck, !awaitChange() { return .stuck }
            if replica.isAttributed { replica.observer.ledger.advance(to: replica.now) }
            try replica.takeArrivals()
            try replica.takeAborts()
            if replica.isEmpty {
                if let reason = limits.endOfIdleness(replica) { return reason }
                replica.now = replica.nextArrival
                continue
            }
            if !(isLive && (time.mayFail || slowness > 1)), Policy.mayCoast(replica),
                replica.canCoast(besideWaiting: Policy.coastsBesideWaiting)
            {
                var start = replica.now
                try replica.coast(limits.quiet, time, start: &start, isAhead: false)
                if isLive, replica.now > goal.time { return .timeLimit }
                if replica.aborts.nextTime <= replica.now {
                    try replica.takeAborts(at: replica.now, landing: replica.iteration &- 1)
                    continue
                }
                if replica.nextArrival <= replica.now { continue }
            }
            if let reason = try limits.reached(replica) { return reason }
            let firstAdmission = replica.admissions
            if let latest = try Policy.schedule(&replica) {
                pause(until: latest)
                continue
            }
            if Memory.findsPrefixes, replica.memory.offloads {
                try replica.memory.settleOffload(at: replica.now, start: replica.now)
            }
            if Observation.isAny { try noteSchedule(firstAdmission: firstAdmission, isLive) }
            // Large values are kept apart from the loop: those handed to a function would always be in memory.
            if isLive, time.mayFail { suspend(nil) }
            let work = replica.measure()
            let timing = try timing(of: work)
            if isLive {
                if timing.end > goal.time {
                    suspend(timing)
                    return .timeLimit
                }
                if time.mayFail { underWay = nil }
            }
            if replica.logsIterations { keepForLog(replica.measure(), start: replica.now, timing.duration) }
            try end(work, timing, isLive)
            if isLive, isWatchOver { return .completed }
        }
    }

    /// The policy would rather wait than schedule an iteration: until something changes, at the latest until `latest`.
    @inline(__always)
    mutating func pause(until latest: Nanoseconds) {
        if replica.isAttributed { replica.observer.ledger.isShortOfMemory = false }
        replica.now = min(min(latest, replica.nextArrival), min(replica.aborts.nextTime, goal.time))
    }

    /// The iteration that has been scheduled is under way. Its caller may not answer how long it takes, and be asked again.
    @inline(never)
    mutating func suspend(_ timing: Timing?) {
        underWay = ScheduledIteration(work: replica.measure(), timing: timing)
    }

    /// Goes on with an iteration that was under way when the run stopped.
    @inline(never)
    private mutating func resume(
        _ scheduled: ScheduledIteration
    ) throws(BatchingError) -> EngineSummary.EndReason? {
        let work = scheduled.work
        var known = scheduled.timing
        if known == nil { known = try askForTiming(work, from: replica.now) }
        guard let timing = known, timing.end <= goal.time else {
            underWay = ScheduledIteration(work: work, timing: known)
            return .timeLimit
        }
        underWay = nil
        if replica.logsIterations { keepForLog(work, start: work.time, timing.duration) }
        try end(work, timing, true)
        return isWatchOver ? .completed : nil
    }

    /// The iteration has run.
    /// - Parameter isLive: false: nothing is told, and requests leave only at times that are known.
    // The compiler may ignore `__always` in a loop as large as the one above.
    @inline(always)
    private mutating func end(_ work: IterationWork, _ timing: Timing, _ isLive: Bool) throws(BatchingError) {
        let end = timing.end
        replica.count(work, timing.duration, end: end)
        if replica.isAttributed { replica.observer.ledger.count(slowdown: timing.slowdown, end: end) }
        let isFutile = !work.isAny && work.preemptions == 0
        try replica.complete(at: end)
        if Memory.findsPrefixes, isLive { replica.memory.stampChanges(end) }
        if replica.aborts.nextTime <= end { try replica.takeAborts(at: end, landing: work.number) }
        if isLive {
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
        if replica.logsIterations { try log(flight.next, finished: replica.finishingCount) }
        replica.now = end
        isStuck = isFutile || replica.isLivelocked
    }
}

// How long an iteration takes.
extension EngineRun where Memory: ~Copyable {
    // The compiler may ignore `__always` here, and would then copy the work into memory.

    /// When the iteration runs that is scheduled now.
    @inline(always)
    private mutating func timing(of work: IterationWork) throws(BatchingError) -> Timing {
        try timing(of: work, from: replica.now)
    }

    /// The same of one that begins at `start`.
    @inline(always)
    mutating func timing(of work: IterationWork, from start: Nanoseconds) throws(BatchingError) -> Timing {
        guard let known = time.knownDuration(of: work) else {
            return try askForTiming(replica.measure(), from: start)
        }
        var timing = Timing()
        if work.isAny { timing.duration = Observation.isAny ? slowed(known) : known }
        if Memory.findsPrefixes, work.load > .zero { timing.duration = loaded(timing.duration, work) }
        if replica.isAttributed, work.prefillTokens > 0 {
            // If no request decodes in it, there would be no iteration without prefill.
            var decodes: Nanoseconds?
            if work.decodeTokens > 0 { decodes = time.knownDuration(of: work.withoutPrefill) }
            timing.slowdown = max(.zero, timing.duration - (decodes ?? .zero))
        }
        timing.end = try RunLimits.end(of: timing.duration, from: start, work.number)
        return timing
    }

    @inline(__always)
    private func slowed(_ duration: Nanoseconds) -> Nanoseconds {
        slowness == 1 ? duration : Nanoseconds(cappedSeconds: duration.seconds * slowness)
    }

    /// The duration of an iteration that computes for so long and loads KV blocks: layer by layer, while it computes; or
    /// before.
    @inline(never)
    private mutating func loaded(_ computing: Nanoseconds, _ work: IterationWork) -> Nanoseconds {
        guard replica.memory.loadsBlock else { return max(computing, work.load) }
        let sum = computing + work.load
        // The caller finds that it is beyond the clock.
        return RunLimits.isBeyondClock(sum) ? Nanoseconds(.max) : sum
    }

    /// The same where only the caller knows.
    @inline(never)
    mutating func askForTiming(_ work: IterationWork, from start: Nanoseconds) throws(BatchingError) -> Timing {
        var timing = Timing()
        if work.isAny { timing.duration = slowed(try time.duration(of: work)) }
        if Memory.findsPrefixes, work.load > .zero { timing.duration = loaded(timing.duration, work) }
        if replica.isAttributed, work.prefillTokens > 0 {
            var decodes = Nanoseconds.zero
            if work.decodeTokens > 0 { decodes = try time.duration(of: work.withoutPrefill) }
            timing.slowdown = max(.zero, timing.duration - decodes)
        }
        timing.end = try RunLimits.end(of: timing.duration, from: start, work.number)
        return timing
    }
}

extension IterationWork {
    /// The same iteration if nothing were prefilled in it.
    fileprivate var withoutPrefill: IterationWork {
        @inline(__always) get {
            var decodes = self
            decodes.prefillTokens = 0
            decodes.prefillChunks = 0
            decodes.prefillContext = 0
            return decodes
        }
    }
}
