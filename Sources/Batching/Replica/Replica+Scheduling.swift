// What policies are made of: the running get their tokens, and the waiting are admitted.
extension Replica where Memory: ~Copyable {
    /// Gives each of the running, in order of admission, the tokens that it needs, at most `threshold` and what is left of
    /// the budget, and the KV blocks for them. If there are none left, others are preempted.
    @inline(__always)
    mutating func scheduleRunning(budget: inout Int64, threshold: Int64) throws(BatchingError) {
        if catchingUp == 0 {
            // No more run than the budget has tokens: the configuration is checked for that.
            if memory.neededByDecodes <= memory.free {
                memory.growDecodes(members.elements, admittedBefore: .max)
                budget &-= Int64(decoding)
                return
            }
        } else if try scheduleWithoutShortage(&budget, threshold) {
            return
        }
        try walkRunning(&budget, threshold)
    }

    /// The same where a request catches up, if neither the budget cuts into those that decode nor blocks run out. Otherwise
    /// nothing is changed.
    /// - Complexity: O(those that catch up).
    private mutating func scheduleWithoutShortage(
        _ budget: inout Int64, _ threshold: Int64
    ) throws(BatchingError) -> Bool {
        let members = members.elements
        walked &+= Int64(2 &* catchingUp)
        // Each that decodes gets its token, wherever it stands. So what is left is for those that catch up, in order; and
        // behind one that gets less of it than it would take there must be none that decodes.
        var left = budget &- Int64(decoding)
        var needed = memory.neededByDecodes
        var (isCut, isShort) = (false, false)
        var slot = firstCatchingUp
        while slot >= 0 {
            let wanted = min(members[slot].known &- members[slot].computed, threshold)
            if wanted > left, !isCut {
                isCut = true
                isShort = Replica.decodesBehind(slot, last: lastRunning, members)
                if isShort { break }
            }
            let tokens = min(wanted, left)
            members[slot].chunk = Int32(truncatingIfNeeded: tokens)
            needed &+= memory.needed(from: members[slot].computed, to: members[slot].computed &+ tokens)
            left &-= tokens
            slot = Int(members[slot].nextOfKind)
        }
        if isShort || needed > memory.free {
            slot = firstCatchingUp
            while slot >= 0 {
                members[slot].chunk = 0
                slot = Int(members[slot].nextOfKind)
            }
            return false
        }
        try growRunning()
        budget = left
        return true
    }

    /// The running get KV blocks for their chunks, and those that decode for their tokens: as many as they need are free.
    @inline(__always)
    mutating func growRunning() throws(BatchingError) {
        let members = members.elements
        // With a prefix cache the order decides which publishes the same content first: that of admission.
        var slot = firstCatchingUp
        while slot >= 0 {
            let member = members[slot]
            if member.chunk > 0 {
                if Memory.findsPrefixes { memory.growDecodes(members, admittedBefore: member.sequence) }
                let grown = member.computed &+ Int64(member.chunk)
                let needed = memory.needed(from: member.computed, to: grown)
                try memory.grow(slot, member, by: needed, from: member.computed, to: grown)
            }
            slot = Int(member.nextOfKind)
        }
        memory.growDecodes(members, admittedBefore: .max)
    }

    /// Whether any that decodes was admitted after a member.
    /// - Complexity: O(members behind the last that decodes), which catch up, or have their last token on its way.
    private static func decodesBehind(_ slot: Int, last: Int, _ members: UnsafePointer<Member>) -> Bool {
        var last = last
        while last >= 0, members[last].state != .decoding { last = Int(members[last].previous) }
        return last >= 0 && members[last].sequence > members[slot].sequence
    }

    /// The same, one of the running after the other, exactly as the real scheduler does it.
    @inline(never)
    private mutating func walkRunning(_ budget: inout Int64, _ threshold: Int64) throws(BatchingError) {
        totals.forgetFutilePreemptions()
        walked &+= Int64(2 &* runningCount)
        let members = members.elements
        var slot = firstRunning
        while slot >= 0, budget > 0 {
            let member = members[slot]
            if member.state == .finishing {
                slot = Int(member.next)
                continue
            }
            let isDecoding = member.state == .decoding
            let computed = isDecoding ? member.computed &+ iteration : member.computed
            let tokens = isDecoding ? 1 : min(member.known &- computed, threshold, budget)
            let needed = memory.needed(from: computed, to: computed &+ tokens)
            var wasPreempted = false
            while needed > memory.free {
                memory.noteShortage()
                let victim = leastUrgent()
                if victim == slot {
                    wasPreempted = true
                    slot = Int(members[slot].next)
                }
                budget &+= Int64(members[victim].chunk)
                try preempt(victim)
                if wasPreempted { break }
            }
            if wasPreempted { continue }
            try memory.grow(slot, member, by: needed, from: computed, to: computed &+ tokens)
            members[slot].chunk = Int32(truncatingIfNeeded: tokens)
            budget &-= tokens
            slot = Int(members[slot].next)
        }
        countAgain()
        totals.futilePreemptions &+= preempted
    }

    /// After a walk: those that decode and got their token are counted again, those that did not catch up.
    private mutating func countAgain() {
        firstCatchingUp = -1
        lastCatchingUp = -1
        catchingUp = 0
        let members = members.elements
        var slot = firstRunning
        while slot >= 0 {
            switch members[slot].state {
            case .decoding where members[slot].chunk > 0: members[slot].chunk = 0
            case .decoding:
                leaveDecoding(slot)
                appendCatchingUp(slot)
            case .catchingUp: appendCatchingUp(slot)
            default: break
            }
            slot = Int(members[slot].next)
        }
    }

    /// Whether requests have preempted each other, or themselves, so often without a token in between that they can be
    /// taken to do so without end.
    var isLivelocked: Bool {
        @inline(__always) get {
            totals.futilePreemptions >= 1000 &+ 100 &* runningCount && totals.progress == totals.tokensBeforeThem
        }
    }

    /// Which of the running is preempted next: the last that was admitted; by priority the one with the greatest (priority,
    /// arrival), the first of the running among equals.
    private mutating func leastUrgent() -> Int {
        guard waiting.order == .priority else { return lastRunning }
        walked &+= Int64(runningCount)
        var worst = firstRunning
        var slot = Int(members.elements[worst].next)
        while slot >= 0 {
            if isLessUrgent(slot, than: worst) { worst = slot }
            slot = Int(members.elements[slot].next)
        }
        return worst
    }

    @inline(__always)
    private func isLessUrgent(_ slot: Int, than other: Int) -> Bool {
        let (request, otherRequest) = (Int(members.elements[slot].request), Int(members.elements[other].request))
        let (priority, otherPriority) = (requests.priority?[request] ?? 0, requests.priority?[otherRequest] ?? 0)
        if priority != otherPriority { return priority > otherPriority }
        return requests.arrival(request) > requests.arrival(otherRequest)
    }

    /// The member loses its KV blocks and waits again, to compute all its tokens once more.
    mutating func preempt(_ slot: Int) throws(BatchingError) {
        let members = members.elements
        switch members[slot].state {
        case .decoding: leaveDecoding(slot)
        case .catchingUp: removeCatchingUp(slot)
        default: break
        }
        if isAttributed { observer.ledger.enter(.preempted, slot, at: observer.ledger.clock) }
        if members[slot].wasPreempted {
            noteRecomputed(slot)
        } else {
            histories.elements[slot] = MemberHistory()
        }
        let history = histories.elements + slot
        history.pointee.preemptions &+= 1
        history.pointee.mostComputed = max(history.pointee.mostComputed, members[slot].computed)
        let held = members[slot].computed &+ Int64(members[slot].chunk)
        memory.release(slot, members[slot], computed: held, isPreempted: true)
        members[slot].wasPreempted = true
        members[slot].chunk = 0
        members[slot].computed = 0
        members[slot].state = .waiting
        removeRunning(slot)
        try putBack(slot)
        try victims.reserve(preempted &+ 1)
        victims.elements[preempted] = members[slot].request
        preempted &+= 1
        totals.preemptions &+= 1
        if logsDecisions {
            try observer.decisionLog?.append(.preempted, Int(members[slot].request), iteration: iteration)
        }
    }

    /// A stay that began after a preemption ends: what it computed had been computed before, up to where it was then.
    mutating func noteRecomputed(_ slot: Int) {
        let history = histories.elements[slot]
        let recomputed = min(members.elements[slot].computed, history.mostComputed) &- history.resumedWith
        totals.recomputedTokens &+= max(0, recomputed)
    }

    /// The candidate, which is the first of the waiting, joins the running.
    /// - Parameters:
    ///   - computed: tokens whose KV is there already.
    ///   - tokens: tokens that it computes in this iteration.
    ///   - room: tokens for which it gets KV blocks; they are free.
    @inline(__always)
    mutating func admit(
        _ candidate: Candidate, _ hit: PrefixHit, computed: Int64, tokens: Int64, room: Int64
    ) throws(BatchingError) {
        waiting.removeFirst(members.elements)
        _ = try join(candidate, hit, computed: computed, tokens: tokens, room: room)
    }

    /// The same for any that no longer waits.
    /// - Returns: its slot.
    @inline(__always)
    mutating func join(
        _ candidate: Candidate, _ hit: PrefixHit, computed: Int64, tokens: Int64, room: Int64
    ) throws(BatchingError) -> Int {
        try countWithin(Int(truncatingIfNeeded: admissions))
        var slot = candidate.slot
        if slot >= 0 {
            histories.elements[slot].resumedWith = computed
            members.elements[slot].sequence = admissions
            members.elements[slot].computed = computed
        } else {
            slot = try takeSlot()
            var member = Member()
            member.sequence = admissions
            member.computed = computed
            member.request = UInt32(truncatingIfNeeded: candidate.request)
            member.prompt = Int32(truncatingIfNeeded: prompt(candidate.request))
            member.output = Int32(truncatingIfNeeded: output(candidate.request))
            members.elements[slot] = member
            if notesAdmissions { noteAdmission(candidate.request, slot) }
            results.startTime?[candidate.request] = now.seconds
            if isAttributed {
                observer.ledger.admit(candidate.request, arrival: requests.arrival(candidate.request), slot)
            }
            let cached = Memory.findsPrefixes ? computed : 0
            results.prefixCachedTokens?[candidate.request] = Int32(truncatingIfNeeded: cached)
            if Memory.findsPrefixes {
                totals.prefixCacheQueries &+= Int64(member.prompt)
                totals.prefixCacheHits &+= computed
            }
        }
        admissions &+= 1
        appendRunning(slot)
        try memory.admit(slot, members.elements[slot], hit, to: room)
        if settings.padsBatch || computed &+ tokens < members.elements[slot].known {
            members.elements[slot].chunk = Int32(truncatingIfNeeded: tokens)
            appendCatchingUp(slot)
            if isAttributed, settings.hasInstantPrefill { try observer.ledger.join(slot, decodesAtOnce: true) }
        } else {
            try joinAtOnce(slot, tokens: tokens, isDecode: false)
        }
        return slot
    }

    @inline(never)
    mutating func noteAdmission(_ request: Int, _ slot: Int) {
        if settings.isAsynchronous { members.elements[slot].ending = ending(request) }
        if keepsTokenRuns { tokenRuns.elements[slot] = TokenRun() }
        if aborts.isUsed { aborts.noteAdmission(request, slot) }
        if Observation.isAny { results.slot?[request] = Int32(truncatingIfNeeded: slot) }
    }

    /// Whether asynchronous scheduling will know in time that the answer to a request ends.
    @inline(__always)
    func ending(_ request: Int) -> Member.Ending {
        maxTokens(request) > output(request) ? .unforeseen : .foreseen
    }

    /// A member that completes its known tokens in the iteration that admits it: from the next one on it decodes.
    /// - Parameter isDecode: whether its one token counts as a decode in any case.
    @inline(__always)
    mutating func joinAtOnce(_ slot: Int, tokens: Int64, isDecode: Bool) throws(BatchingError) {
        let member = members.elements + slot
        let known = member.pointee.known
        let decodesAtOnce = isDecode || settings.hasInstantPrefill || (tokens == 1 && member.pointee.generated > 0)
        if isAttributed { try observer.ledger.join(slot, decodesAtOnce: decodesAtOnce) }
        if decodesAtOnce {
            joining.decodes &+= 1
            joining.decodeContext &+= known
        } else {
            joining.prefillTokens &+= tokens
            joining.prefillChunks &+= 1
            // In `Double`: after a preemption the product may be beyond 64 bits.
            joining.prefillContext += Double(tokens) * Double(known)
        }
        joining.count &+= 1
        joining.context &+= known &- 1
        if member.pointee.generated == 0 {
            try firstTokens.reserve(firstTokenCount &+ 1)
            firstTokens.elements[firstTokenCount] = member.pointee.request
            firstTokenCount &+= 1
        }
        // For the log of decisions, which takes it away again.
        if logsDecisions { member.pointee.chunk = Int32(clamping: tokens) }
        if holdsFinished { lastChunks.elements[slot] = Int32(clamping: tokens) }
        member.pointee.state = .decoding
        member.pointee.due = iteration &+ Int64(member.pointee.output &- member.pointee.generated) &- 1
        member.pointee.computed = known &- iteration &- 1
        if keepsTokenRuns { tokenRuns.elements[slot].first = iteration }
        dueLists.insert(slot, members.elements)
        memory.join(slot, members.elements, computed: known &- 1)
    }

    /// Admits the waiting in order, each with its whole prompt, until one finds no slot or no KV blocks.
    @inline(__always)
    mutating func admitWhole() throws(BatchingError) {
        if isAttributed { observer.ledger.isShortOfMemory = false }
        while waiting.count > 0, runningCount < settings.maxNumSeqs {
            let candidate = firstWaiting()
            if let slot = heldSlot(candidate) {
                if try admitHeld(candidate, slot) { continue }
                if isAttributed { observer.ledger.isShortOfMemory = true }
                return
            }
            let known = known(candidate)
            let room =
                settings.reservesBlocks ? prompt(candidate.request) &+ output(candidate.request) : known
            if memory.blockSize.holding(room) > memory.free {
                if candidate.slot >= 0, try admitHeldBehind() { continue }
                if isAttributed { observer.ledger.isShortOfMemory = true }
                return
            }
            let computed = settings.hasInstantPrefill ? known &- 1 : 0
            if settings.padsBatch {
                let output = Int32(truncatingIfNeeded: output(candidate.request))
                batchOutput = runningCount == 0 ? output : max(batchOutput, output)
            }
            try admit(candidate, PrefixHit(), computed: computed, tokens: known &- computed, room: room)
        }
    }
}
