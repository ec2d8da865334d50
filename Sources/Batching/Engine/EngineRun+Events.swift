// What a run tells while it goes on, if anything is wanted of it.
extension EngineRun where Memory: ~Copyable {
    /// Tells which requests were preempted and admitted, and remembers which will have a first token.
    @inline(__always)
    mutating func noteSchedule(firstAdmission: Int64, _ isLive: Bool) throws(BatchingError) {
        if isLive, replica.observer.events.isWanted,
            replica.admissions > firstAdmission || replica.catchingUp > 0 || replica.preempted > 0
        {
            try tellSchedule(firstAdmission: firstAdmission)
        }
        if replica.logsDecisions { try replica.logDecisions(firstAdmission: firstAdmission) }
    }

    @inline(never)
    private mutating func tellSchedule(firstAdmission: Int64) throws(BatchingError) {
        for position in 0..<replica.preempted {
            let request = Int(replica.victims.elements[position])
            let slot = Int(replica.results.slot?[request] ?? -1)
            try replica.tell(.preempted, request, at: replica.now, tokens: replica.generated(slot))
        }
        try noteFirstTokens()
        guard replica.admissions > firstAdmission else { return }
        let members = replica.members.elements
        var slot = replica.lastRunning
        while slot >= 0, members[slot].sequence > firstAdmission { slot = Int(members[slot].previous) }
        while slot >= 0 {
            let member = members[slot]
            let request = Int(member.request)
            if member.wasPreempted {
                let computed = Memory.findsPrefixes ? replica.histories.elements[slot].resumedWith : 0
                try replica.tell(
                    .resumed, request, at: replica.now, tokens: Int32(truncatingIfNeeded: computed))
            } else {
                let cached = replica.results.prefixCachedTokens?[request] ?? 0
                try replica.tell(.admitted, request, at: replica.now, tokens: cached)
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

    private mutating func noteFirstToken(_ request: UInt32) throws(BatchingError) {
        try firstTokens.reserve(firstTokenCount + 1)
        firstTokens.elements[firstTokenCount] = FirstToken(request: request, rank: replica.requests.rank(Int(request)))
        firstTokenCount += 1
    }

    /// Requests have their first tokens.
    mutating func tell(
        _ firstTokens: UnsafePointer<FirstToken>, _ count: Int, at time: Nanoseconds
    ) throws(BatchingError) {
        for position in 0..<count {
            let first = firstTokens[position]
            guard isThere(Int(first.request), first.rank) else { continue }
            try replica.tell(.firstToken, Int(first.request), at: time, tokens: 1)
        }
    }

    /// Whether a request that had a slot has one still, and is not another in the same row.
    func isThere(_ request: Int, _ rank: Int64) -> Bool {
        replica.requests.rank(request) == rank && replica.results.slot?[request] ?? -1 >= 0
    }

    /// For the log, in which an iteration is told once it is over.
    @inline(never)
    mutating func keepForLog(_ work: IterationWork, start: Nanoseconds, _ duration: Nanoseconds) {
        flight.next = CompletedIteration(work: work, start: start, duration: duration)
    }

    @inline(never)
    mutating func log(_ iteration: CompletedIteration, finished: Int) throws(BatchingError) {
        var iteration = iteration
        iteration.keptBlocks = replica.memory.usable &- replica.memory.free
        iteration.finished = finished
        try replica.observer.iterationLog?.append(iteration)
    }
}
