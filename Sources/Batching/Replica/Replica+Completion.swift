// An iteration is measured, runs, and its output is processed.
extension Replica where Memory: ~Copyable {
    /// Adds up what has been scheduled, for the model of its time and for the logs.
    @inline(__always)
    func measure() -> IterationWork {
        var work = IterationWork()
        work.number = iteration
        work.time = now
        work.running = runningCount
        work.waiting = waiting.count
        work.preemptions = preempted
        work.usedBlocks = memory.usable &- memory.free
        work.load = memory.load
        work.prefillTokens = joining.prefillTokens
        work.prefillChunks = joining.prefillChunks
        work.prefillContext = joining.prefillContext
        work.decodeTokens = Int64(decoding) &+ joining.decodes
        work.contextTokens = decodingContext &+ Int64(decoding) &+ joining.decodeContext
        let members = members.elements
        var slot = firstCatchingUp
        while slot >= 0 {
            let member = members[slot]
            if member.chunk > 0 {
                if isDecode(member) {
                    work.decodeTokens &+= 1
                    work.contextTokens &+= member.computed &+ 1
                } else {
                    let tokens = Int64(member.chunk)
                    work.prefillTokens &+= tokens
                    work.prefillChunks &+= 1
                    work.prefillContext += Double(tokens) * Double(member.computed &+ tokens)
                }
            }
            slot = Int(member.nextOfKind)
        }
        return work
    }

    /// Whether what a member that catches up computes is a decode: its newest token, which it generated.
    @inline(__always)
    private func isDecode(_ member: Member) -> Bool {
        settings.hasInstantPrefill || (member.generated > 0 && member.known &- member.computed == 1)
    }

    /// Adds the iteration, which takes `duration`, to the totals.
    @inline(__always)
    mutating func count(_ work: IterationWork, _ duration: Nanoseconds, end: Nanoseconds) {
        totals.add(work, duration, end: end)
        totals.blockTime &+= duration.times(work.usedBlocks)
    }

    /// Each member that was scheduled has computed its tokens, and one that caught up has one more, at `end`. Those that now
    /// have all are in `finishing`; they keep their slots and blocks until they are released. From here on `iteration`
    /// is the next one.
    @inline(__always)
    mutating func complete(at end: Nanoseconds) throws(BatchingError) {
        finishingCount = 0
        if firstTokenCount > 0, let column = results.firstTokenTime {
            let seconds = end.seconds
            while firstTokenCount > 0 {
                firstTokenCount &-= 1
                column[Int(firstTokens.elements[firstTokenCount])] = seconds
            }
        }
        firstTokenCount = 0
        totals.prefills &+= Int64(joining.count)
        decoding &+= joining.count
        decodingContext &+= joining.context
        joining = Joining()
        if isAttributed { observer.ledger.settleJoined(at: end) }
        try takeDue(end)
        decodingContext &+= Int64(decoding)
        memory.advance()
        iteration &+= 1
        preempted = 0
        walked &+= Int64(2 &* catchingUp &+ 16 &* finishingCount)
        var slot = firstCatchingUp
        while slot >= 0 {
            let next = Int(members.elements[slot].nextOfKind)
            if members.elements[slot].chunk > 0 { try advance(slot, end) }
            slot = next
        }
        if finishingCount > 1 { try orderFinishing() }
    }

    /// Those that decode and whose last token this iteration gives.
    @inline(__always)
    private mutating func takeDue(_ end: Nanoseconds) throws(BatchingError) {
        var slot = dueLists.takeAll(iteration)
        while slot >= 0 {
            let member = members.elements + slot
            let next = Int(member.pointee.nextOfKind)
            if _slowPath(member.pointee.due != iteration) {
                dueLists.insert(slot, members.elements)
            } else if isAttributed, member.pointee.output < target(slot), observer.ledger.phase(slot) != .held {
                hold(slot, at: end)
            } else if _slowPath(member.pointee.ending == .unforeseen) {
                try reachEnd(slot, end)
                member.pointee.due = iteration &+ 2
                dueLists.insert(slot, members.elements)
            } else {
                let computed = member.pointee.computed &+ iteration
                decoding &-= 1
                decodingContext &-= computed
                memory.leave(slot, computed: computed)
                member.pointee.computed = computed &+ 1
                member.pointee.generated = target(slot)
                if keepsTokenRuns { tokenRuns.elements[slot].newest = iteration }
                try appendFinishing(slot, end)
            }
            slot = next
        }
    }

    /// The member of a padded batch has its own last token, and is due again when the batch is done.
    @inline(never)
    private mutating func hold(_ slot: Int, at end: Nanoseconds) {
        observer.ledger.enter(.held, slot, at: end)
        let member = members.elements + slot
        member.pointee.due = iteration &+ Int64(target(slot) &- member.pointee.output)
        dueLists.insert(slot, members.elements)
    }

    /// The iteration gives the last token of a member, which is not known before it is there: it decodes on until then.
    @inline(never)
    private mutating func reachEnd(_ slot: Int, _ end: Nanoseconds) throws(BatchingError) {
        try appendFinishing(slot, end, as: members.elements[slot].state)
        members.elements[slot].ending = .reached
    }

    /// A member that catches up has computed its chunk.
    @inline(__always)
    private mutating func advance(_ slot: Int, _ end: Nanoseconds) throws(BatchingError) {
        let member = members.elements + slot
        member.pointee.computed &+= Int64(member.pointee.chunk)
        if holdsFinished { lastChunks.elements[slot] = member.pointee.chunk }
        member.pointee.chunk = 0
        guard member.pointee.computed == member.pointee.known else {
            if isAttributed, isDecode(member.pointee) { observer.ledger.enter(.decode, slot, at: end) }
            return
        }
        if isAttributed { observer.ledger.enter(.decode, slot, at: end) }
        member.pointee.generated &+= 1
        if keepsTokenRuns { tokenRuns.elements[slot].add(iteration &- 1) }
        totals.prefills &+= 1
        if member.pointee.generated == 1 {
            results.firstTokenTime?[Int(member.pointee.request)] = end.seconds
        }
        removeCatchingUp(slot)
        if member.pointee.generated == target(slot) {
            if member.pointee.ending == .unforeseen {
                try reachEnd(slot, end)
                joinDecoding(slot)
            } else {
                try appendFinishing(slot, end)
            }
        } else {
            if isAttributed, member.pointee.generated == member.pointee.output {
                observer.ledger.enter(.held, slot, at: end)
            }
            joinDecoding(slot)
        }
    }

    @inline(__always)
    private mutating func appendFinishing(
        _ slot: Int, _ end: Nanoseconds, as state: Member.State = .finishing
    ) throws(BatchingError) {
        if isAttributed { observer.ledger.end(slot, Int(members.elements[slot].request), at: end) }
        members.elements[slot].state = state
        try finishing.reserve(finishingCount &+ 1)
        finishing.elements[finishingCount] = Int32(truncatingIfNeeded: slot)
        finishingCount &+= 1
    }

    /// In order of admission. They come in that order, or nearly.
    @inline(__always)
    private mutating func orderFinishing() throws(BatchingError) {
        let (slots, members) = (finishing.elements, members.elements)
        if _slowPath(finishingCount > 16) { return try sortFinishing() }
        for position in 1..<finishingCount {
            let slot = slots[position]
            let sequence = members[Int(slot)].sequence
            var place = position
            while place > 0, members[Int(slots[place &- 1])].sequence > sequence {
                slots[place] = slots[place &- 1]
                place &-= 1
            }
            slots[place] = slot
        }
    }

    /// The same for many of them.
    @inline(never)
    private mutating func sortFinishing() throws(BatchingError) {
        let (slots, members) = (finishing.elements, members.elements)
        var sorted = 1
        while sorted < finishingCount,
            members[Int(slots[sorted &- 1])].sequence < members[Int(slots[sorted])].sequence
        {
            sorted &+= 1
        }
        if sorted == finishingCount { return }
        let stopMask = stopMask
        try Heap.sort(slots, count: finishingCount) { (step: Int) throws(BatchingError) in
            if step & stopMask == stopMask { try Work.done(Int64(Work.piece)) }
        } by: {
            members[Int($0)].sequence < members[Int($1)].sequence
        }
    }

    /// The last token of a member is known, at `end`: it leaves, and its slot and blocks are free.
    @inline(never)
    mutating func finish(_ slot: Int, at end: Nanoseconds, iteration: Int64) throws(BatchingError) {
        try countWithin(totals.finished)
        let member = members.elements[slot]
        let request = Int(member.request)
        let tokens = member.output
        results.endTime?[request] = end.seconds
        results.tokensGenerated?[request] = tokens
        results.status?[request] = RequestStatus.finished.rawValue
        results.completionOrder?[totals.finished] = Int64(request)
        results.preemptions?[request] = member.wasPreempted ? histories.elements[slot].preemptions : 0
        totals.finished &+= 1
        totals.tokens &+= Int64(tokens)
        totals.lastCompletion = end
        if member.state == .waiting {
            // Asynchronously it may have been preempted while its last token was on its way.
            memory.forget(request)
            removeWaiting(slot)
            if holdsFinished { try noteHeld(HeldMember()) }
        } else {
            if _slowPath(member.ending == .reached) { standApart(slot) }
            let computed = members.elements[slot].computed
            if member.wasPreempted { noteRecomputed(slot) }
            // What was computed in vain, of a token that was not there, cannot be found.
            memory.settle(slot, member, computed: min(computed, member.longest &- 1))
            removeRunning(slot)
            if holdsFinished {
                return try keep(slot, computed: computed, at: end, tokens: tokens, iteration: iteration)
            }
            memory.release(slot, member, computed: computed, isPreempted: false)
        }
        giveBack(slot)
        try tellFinish(request, at: end, tokens: tokens, iteration: iteration)
    }

    @inline(__always)
    mutating func tellFinish(
        _ request: Int, at end: Nanoseconds, tokens: Int32, iteration: Int64
    ) throws(BatchingError) {
        if aborts.isUsed { aborts.noteEnd(request) }
        try tellClient(request, at: end, hasFailed: false)
        if logsDecisions {
            try observer.decisionLog?.append(.finished, request, iteration: iteration, tokens: Int64(tokens))
        }
        if Observation.isAny { try tellEnd(.finished, request, at: end, tokens: tokens) }
    }

    /// Takes a member out of what is counted or looked at: its tokens are in itself.
    mutating func standApart(_ slot: Int) {
        switch members.elements[slot].state {
        case .decoding: leaveDecoding(slot)
        case .catchingUp: removeCatchingUp(slot)
        default: break
        }
    }

    /// Writes the results of every request that was not sent, nor will be.
    @inline(never)
    private mutating func writeUnsent() throws(BatchingError) {
        // Apart, since the rest is changed meanwhile.
        var sender = try ClosedLoop()
        swap(&sender, &loop)
        defer { swap(&sender, &loop) }
        try sender.forEachUnsent(sent: arrived) { (request, arrival) throws(BatchingError) in
            writeUnserved(request, .notSent)
            sentTime?[request] = .nan
            results.arrivalTime?[request] = arrival <= totals.duration ? arrival.seconds : .nan
        }
    }

    /// Writes the results of every request that has not all its tokens, and ends the logs.
    mutating func close(_ status: RequestStatus) throws(BatchingError) {
        for slot in 0..<slotCount {
            try Work.row(slot)
            if members.elements[slot].state == .none || members.elements[slot].state == .held { continue }
            let member = members.elements[slot]
            let tokens = outputGenerated(slot)
            let isPreempted = member.wasPreempted
            writeUnfinished(
                Int(member.request), status, generated: tokens,
                preemptions: isPreempted ? histories.elements[slot].preemptions : 0)
            if isAttributed { observer.ledger.end(slot, Int(member.request), at: totals.duration) }
            totals.tokens &+= Int64(tokens)
            if isPreempted, member.state != .waiting {
                if member.state == .decoding { members.elements[slot].computed &+= iteration }
                noteRecomputed(slot)
            }
        }
        if policyRows.isUsed {
            try writeWaitingRows(status)
        } else if waiting.isByArrival {
            for position in waiting.firstFresh..<max(arrived, waiting.firstFresh) {
                try Work.row(position)
                let request = index(at: position)
                if isInQueue(request) { writeUnserved(request, status) }
            }
        } else {
            for position in 0..<waiting.count {
                try Work.row(position)
                if waiting.candidate(at: position).slot >= 0 { continue }
                writeUnserved(waiting.candidate(at: position).request, status)
            }
        }
        if loop.isUsed {
            try writeUnsent()
        } else {
            for position in arrived..<requests.count {
                try Work.row(position)
                writeUnserved(index(at: position), .unfinished, hasArrived: false)
            }
            try results.writeArrivals(requests)
        }
        if let column = results.completionOrder {
            for position in totals.finished..<requests.count {
                try Work.row(position)
                column[position] = -1
            }
        }
        if Observation.isAny { try observer.finishLogs() }
    }
}
