// Clients leave, and their requests with them. As in vLLM this happens at two places: between the arrivals and the
// scheduling of an iteration, and when an iteration is over, before its output is processed. So the tokens that are on
// their way are lost, and slot and blocks are free for the iteration that is scheduled next.
extension Replica where Memory: ~Copyable {
    /// Those that arrived only to leave, and those that have left by now, when no output is there to be processed.
    @inline(__always)
    mutating func takeAborts() throws(BatchingError) {
        while aborts.nextLook <= now {
            try takeAborts(at: now, iteration: iteration, firstLost: .max)
            // In a closed loop others may be sent in their place, and leave at once, too.
            if nextArrival > now { break }
            try takeArrivals()
        }
    }

    /// Those that have left by `end`, when the iteration `number` is over, and before its output is processed. They are not
    /// among those that finish any more.
    @inline(never)
    mutating func takeAborts(at end: Nanoseconds, landing number: Int64) throws(BatchingError) {
        try takeAborts(at: end, iteration: number, firstLost: number)
        finishingCount = present(finishing.elements, finishingCount)
    }

    /// Keeps of slots those whose members are still there.
    /// - Returns: how many.
    @inline(__always)
    func present(_ slots: UnsafeMutablePointer<Int32>, _ count: Int) -> Int {
        var kept = 0
        for position in 0..<count where members.elements[Int(slots[position])].state != .none {
            slots[kept] = slots[position]
            kept &+= 1
        }
        return kept
    }

    /// - Parameter firstLost: the first iteration whose tokens have not been delivered.
    @inline(never)
    private mutating func takeAborts(
        at time: Nanoseconds, iteration number: Int64, firstLost: Int64
    ) throws(BatchingError) {
        if firstLost == .max {
            for position in 0..<aborts.earlyCount {
                try abort(aborts.early(at: position), at: time, iteration: number, firstLost: firstLost)
            }
            aborts.forgetEarly()
        }
        while let request = aborts.takeNext(by: time) {
            try abort(request, at: time, iteration: number, firstLost: firstLost)
        }
    }

    private mutating func abort(
        _ request: Int, at time: Nanoseconds, iteration number: Int64, firstLost: Int64
    ) throws(BatchingError) {
        if aborts.hasEnded(request) { return }
        guard hasArrived(request) else {
            try aborts.postpone(request)
            return
        }
        let slot = aborts.slot(request)
        let tokens = slot >= 0 ? self.tokens(slot, before: firstLost) : 0
        let wasAttributed = settings.isAsynchronous && firstLost != .max
        if isAttributed, !wasAttributed { attributeAborted(request, at: time) }
        aborts.noteEnd(request)
        totals.aborted &+= 1
        if time > totals.duration {
            // After the last iteration: the run goes on to here.
            totals.duration = time
            if isAttributed { observer.ledger.extend() }
        }
        removePolicyRow(request, slot: slot)
        if slot >= 0 {
            let member = members.elements[slot]
            writeUnfinished(
                request, .aborted, generated: tokens,
                preemptions: member.wasPreempted ? histories.elements[slot].preemptions : 0)
            withdraw(slot, tokens: tokens)
        } else {
            writeUnserved(request, .aborted)
            removeFresh(request)
        }
        results.endTime?[request] = time.seconds
        try tellClient(request, at: time, hasFailed: true)
        if logsDecisions {
            try observer.decisionLog?.append(.aborted, request, iteration: number, tokens: Int64(tokens))
        }
    }

    /// Whether a request of which it is known when its client leaves has been taken in.
    @inline(__always)
    private func hasArrived(_ request: Int) -> Bool {
        loop.isUsed || requests.arrival(request) < nextArrival
    }

    /// A request that never ran no longer waits.
    private mutating func removeFresh(_ request: Int) {
        memory.forget(request)
        if policyRows.isUsed {
            waiting.removeOne()
        } else if waiting.isByArrival {
            // It is passed over when its turn comes.
            waiting.removeFresh()
        } else {
            waiting.removeFromHeap(request)
        }
    }

    /// How many tokens a member had before an iteration: those that this one or a later one gave it do not count.
    @inline(__always)
    func tokens(_ slot: Int, before firstLost: Int64) -> Int32 {
        let lost = Int32(truncatingIfNeeded: recentTokens(slot, from: firstLost))
        return min(generated(slot) &- lost, members.elements[slot].output)
    }

    /// How many of the newest tokens of a member an iteration, or those after it, gave it.
    @inline(__always)
    func recentTokens(_ slot: Int, from first: Int64) -> Int64 {
        let run = tokenRuns.elements[slot]
        let newest = members.elements[slot].state == .decoding ? iteration &- 1 : run.newest
        return max(0, newest &- max(run.first, first) &+ 1)
    }

    /// A member leaves between two iterations, without having all its tokens, or without having been told so.
    mutating func withdraw(_ slot: Int, tokens: Int32) {
        totals.tokens &+= Int64(tokens)
        if members.elements[slot].state == .waiting {
            memory.forget(Int(members.elements[slot].request))
            removeWaiting(slot)
        } else {
            standApart(slot)
            let member = members.elements[slot]
            if member.wasPreempted { noteRecomputed(slot) }
            memory.release(slot, member, computed: member.computed, isPreempted: false)
            removeRunning(slot)
        }
        giveBack(slot)
    }

    // Attribution

    /// The time of those that will have left by `end` is over. Asynchronously that is told before the iteration is counted
    /// that was scheduled meanwhile: nothing of it is theirs.
    mutating func attributeAborts(by end: Nanoseconds) {
        if aborts.nextTime > end { return }
        aborts.forEach(by: end) { request in
            if !aborts.hasEnded(request), hasArrived(request) { attributeAborted(request, at: end) }
        }
    }

    @inline(__always)
    private func attributeAborted(_ request: Int, at time: Nanoseconds) {
        let slot = aborts.slot(request)
        if slot >= 0 {
            observer.ledger.end(slot, request, at: time)
        } else {
            observer.ledger.writeWaiting(request, arrival: requests.arrival(request), toEnd: time)
        }
    }
}
