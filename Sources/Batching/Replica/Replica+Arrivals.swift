// Requests come in, and those that can never be served are turned away.
extension Replica where Memory: ~Copyable {
    /// Takes in every request that has arrived by now.
    @inline(__always)
    mutating func takeArrivals() throws(BatchingError) {
        // The clock never comes to the time that stands for no arrival.
        while nextArrival <= now {
            try Work.row(arrived)
            try takeArrival()
            // At once, since it may leave again before the policy is asked.
            if Observation.isAny, policyRows.isUsed, observer.keepsEnded { try takeIntoPolicyRows() }
        }
    }

    /// Takes in the next one.
    @inline(__always)
    mutating func takeArrival() throws(BatchingError) {
        if loop.isUsed { return try takeSent() }
        let request = index(at: arrived)
        arrived &+= 1
        noteNextArrival()
        if isAttributed { observer.ledger.beginWaiting(request) }
        if waiting.isByArrival, !mayReject {
            waiting.appendNext()
        } else {
            try takeIn(request)
        }
    }

    /// The same where it is sent only now.
    @inline(never)
    private mutating func takeSent() throws(BatchingError) {
        let time = nextArrival
        let (request, arrival) = try loop.send(at: arrived)
        arrived &+= 1
        nextArrival = loop.nextTime
        sentTime?[request] = time.seconds
        results.arrivalTime?[request] = arrival.seconds
        if aborts.isUsed { try aborts.noteSent(request) }
        if isAttributed { observer.ledger.beginWaiting(request, atClient: time - arrival) }
        try takeIn(request)
    }

    /// A request has ended: what sends them may send another.
    @inline(__always)
    mutating func tellClient(_ request: Int, at time: Nanoseconds, hasFailed: Bool) throws(BatchingError) {
        guard loop.isUsed else { return }
        try loop.noteEnd(request, at: time, hasFailed: hasFailed)
        nextArrival = loop.nextTime
    }

    @inline(__always)
    mutating func noteNextArrival() {
        if hasGaps { passOverGaps() }
        nextArrival = hasArrivals ? requests.arrival(index(at: arrived)) : Nanoseconds(.max)
    }

    @inline(never)
    private mutating func passOverGaps() {
        while hasArrivals, requests.isGone(index(at: arrived)) {
            if policyRows.taken == arrived { policyRows.taken &+= 1 }
            arrived &+= 1
            gapsToCome &-= 1
        }
    }

    /// Requests that have not been taken in.
    var toCome: Int { requests.count &- arrived &- gapsToCome }

    /// Nothing changes before the next one arrives, or leaves.
    @inline(never)
    mutating func awaitArrival() {
        now = max(now, min(nextArrival, aborts.nextTime))
        totals.futilePreemptions = 0
    }

    @inline(never)
    private mutating func takeIn(_ request: Int) throws(BatchingError) {
        if mayReject, let reason = rejection(request) {
            try reject(request, reason)
        } else {
            try waiting.append(request)
        }
    }

    /// Whether a request as long as the longest prompt and the longest output would be rejected.
    @inline(__always)
    func anyIsTooLong(_ survey: RequestSurvey) -> Bool {
        let prompt = max(1, survey.longestPrompt)
        return rejection(prompt: prompt, output: min(survey.longestOutput, settings.maxModelLength &- prompt)) != nil
    }

    /// Prompt tokens: at least one, since something must be computed to yield the first token.
    @inline(__always)
    func prompt(_ request: Int) -> Int64 { max(1, requests.prompt(request)) }

    /// Tokens that the request will have generated in the end.
    @inline(__always)
    func output(_ request: Int) -> Int64 {
        min(requests.output(request), settings.maxModelLength &- prompt(request))
    }

    /// Tokens that a scheduler has to plan with: those that the client asked for, as far as the model goes.
    @inline(__always)
    func maxTokens(_ request: Int) -> Int64 {
        min(requests.maxTokens(request), settings.maxModelLength &- prompt(request))
    }

    /// Why the request is rejected on arrival; nil if it is not.
    @inline(__always)
    func rejection(_ request: Int) -> RequestStatus? {
        rejection(prompt: prompt(request), output: output(request))
    }

    @inline(__always)
    func rejection(prompt: Int64, output: Int64) -> RequestStatus? {
        if prompt >= settings.maxModelLength { return .rejectedForModelLength }
        if settings.admitsOversized { return nil }
        let longest = prompt &+ output
        // The KV of the last token is never computed, but a policy that reserves cannot know which one that is.
        let tokens = settings.reservesBlocks ? longest : longest &- 1
        if memory.blockSize.holding(tokens) > memory.usable { return .rejectedForMemory }
        if settings.limitsPrompts, longest &- 1 > settings.maxNumBatchedTokens { return .rejectedForTokenBudget }
        return nil
    }

    @inline(never)
    private mutating func reject(_ request: Int, _ reason: RequestStatus) throws(BatchingError) {
        totals.rejected &+= 1
        mayBeAbsent = true
        if aborts.isUsed { aborts.noteEnd(request) }
        writeUnserved(request, reason)
        try tellClient(request, at: now, hasFailed: true)
        guard Observation.isAny else { return }
        try observer.decisionLog?.append(.rejected, request, iteration: iteration)
        try tellEnd(.rejected, request, at: now, tokens: reason.rawValue)
    }

    /// Writes the results of a request that never ran.
    mutating func writeUnserved(_ request: Int, _ status: RequestStatus, hasArrived: Bool = true) {
        results.startTime?[request] = .nan
        results.prefixCachedTokens?[request] = 0
        if isAttributed, status != .aborted { writeUnservedParts(request, status, hasArrived) }
        writeUnfinished(request, status, generated: 0, preemptions: 0)
    }

    @inline(never)
    private mutating func writeUnservedParts(_ request: Int, _ status: RequestStatus, _ hasArrived: Bool) {
        if status != .unfinished, status != .stuck {
            observer.ledger.writeRejected(request)
        } else if hasArrived {
            observer.ledger.writeWaiting(request, arrival: requests.arrival(request), toEndOfRun: totals.duration)
        } else {
            observer.ledger.writeLate(request, arrival: requests.arrival(request), toEndOfRun: totals.duration)
        }
    }

    /// Writes the results of a request that has not all its tokens.
    mutating func writeUnfinished(_ request: Int, _ status: RequestStatus, generated: Int32, preemptions: Int32) {
        if generated == 0 { results.firstTokenTime?[request] = .nan }
        results.endTime?[request] = .nan
        results.tokensGenerated?[request] = generated
        results.preemptions?[request] = preemptions
        results.status?[request] = status.rawValue
    }

    /// Whether a request that has arrived, and never ran, waits: by arrival the others are still in its columns.
    @inline(__always)
    mutating func isInQueue(_ request: Int) -> Bool {
        !mayBeAbsent || isPresent(request)
    }

    // Mutating, since a call that only borrows the replica copies it.
    @inline(never)
    private mutating func isPresent(_ request: Int) -> Bool {
        !(hasGaps && requests.isGone(request)) && (totals.rejected == 0 || rejection(request) == nil)
            && !(aborts.isUsed && aborts.hasEnded(request))
    }

    /// The first of the waiting, of which there is one at least.
    @inline(__always)
    mutating func firstWaiting() -> Candidate {
        if !waiting.isByArrival { return waiting.top }
        let slot = waiting.firstPreempted
        if slot >= 0 { return Candidate(request: Int(members.elements[slot].request), slot: slot) }
        while true {
            let request = index(at: waiting.firstFresh)
            if isInQueue(request) { return Candidate(request: request, slot: -1) }
            waiting.skipFresh()
        }
    }

    /// When the earliest of the waiting arrived: there is one at least, and none was preempted.
    var earliestWaiting: Nanoseconds {
        mutating get {
            waiting.isByArrival ? requests.arrival(firstWaiting().request) : waiting.earliestInHeap
        }
    }

    /// Tokens of a candidate that are known.
    @inline(__always)
    func known(_ candidate: Candidate) -> Int64 {
        candidate.slot >= 0 ? members.elements[candidate.slot].known : prompt(candidate.request)
    }
}
