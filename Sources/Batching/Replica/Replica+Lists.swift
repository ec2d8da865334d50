// The lists that run through the members: slots, the running, and those of them that catch up.
extension Replica where Memory: ~Copyable {
    @inline(__always)
    mutating func takeSlot() throws(BatchingError) -> Int {
        if firstFree >= 0 {
            let slot = firstFree
            firstFree = Int(members.elements[slot].next)
            return slot
        }
        let slot = slotCount
        if slot == members.capacity { try addSlots() }
        slotCount &+= 1
        return slot
    }

    @inline(never)
    private mutating func addSlots() throws(BatchingError) {
        try histories.reserve(slotCount &+ 1)
        if keepsTokenRuns { try tokenRuns.reserve(histories.capacity) }
        if holdsFinished { try lastChunks.reserve(histories.capacity) }
        try memory.reserve(slots: histories.capacity)
        if isAttributed { try observer.ledger.reserve(slots: histories.capacity) }
        try members.reserve(slotCount &+ 1)
    }

    @inline(__always)
    mutating func giveBack(_ slot: Int) {
        if Observation.isAny { results.slot?[Int(members.elements[slot].request)] = -1 }
        members.elements[slot].state = .none
        members.elements[slot].next = Int32(truncatingIfNeeded: firstFree)
        firstFree = slot
    }

    @inline(__always)
    mutating func appendRunning(_ slot: Int) {
        let members = members.elements
        members[slot].previous = Int32(truncatingIfNeeded: lastRunning)
        members[slot].next = -1
        if lastRunning >= 0 {
            members[lastRunning].next = Int32(truncatingIfNeeded: slot)
        } else {
            firstRunning = slot
        }
        lastRunning = slot
        runningCount &+= 1
    }

    @inline(__always)
    mutating func removeRunning(_ slot: Int) {
        let members = members.elements
        let (previous, next) = (Int(members[slot].previous), Int(members[slot].next))
        if previous >= 0 {
            members[previous].next = Int32(truncatingIfNeeded: next)
        } else {
            firstRunning = next
        }
        if next >= 0 {
            members[next].previous = Int32(truncatingIfNeeded: previous)
        } else {
            lastRunning = previous
        }
        runningCount &-= 1
    }

    /// A preempted member waits again.
    mutating func putBack(_ slot: Int) throws(BatchingError) {
        if policyRows.isUsed { waiting.appendNext() } else { try waiting.putBack(slot, members.elements) }
    }

    /// A preempted member no longer waits.
    mutating func removeWaiting(_ slot: Int) {
        if policyRows.isUsed { waiting.removeOne() } else { waiting.remove(slot, members.elements) }
    }

    @inline(__always)
    mutating func appendCatchingUp(_ slot: Int) {
        let members = members.elements
        members[slot].state = .catchingUp
        members[slot].previousOfKind = Int32(truncatingIfNeeded: lastCatchingUp)
        members[slot].nextOfKind = -1
        if lastCatchingUp >= 0 {
            members[lastCatchingUp].nextOfKind = Int32(truncatingIfNeeded: slot)
        } else {
            firstCatchingUp = slot
        }
        lastCatchingUp = slot
        catchingUp &+= 1
    }

    @inline(__always)
    mutating func removeCatchingUp(_ slot: Int) {
        let members = members.elements
        let (previous, next) = (Int(members[slot].previousOfKind), Int(members[slot].nextOfKind))
        if previous >= 0 {
            members[previous].nextOfKind = Int32(truncatingIfNeeded: next)
        } else {
            firstCatchingUp = next
        }
        if next >= 0 {
            members[next].previousOfKind = Int32(truncatingIfNeeded: previous)
        } else {
            lastCatchingUp = previous
        }
        catchingUp &-= 1
    }

    /// From the next iteration on the member decodes; `iteration` is that iteration, and `computed` its tokens now.
    @inline(__always)
    mutating func joinDecoding(_ slot: Int) {
        let members = members.elements
        let computed = members[slot].computed
        members[slot].state = .decoding
        members[slot].due = iteration &+ Int64(goal(slot) &- members[slot].generated) &- 1
        members[slot].computed = computed &- iteration
        decoding &+= 1
        decodingContext &+= computed
        dueLists.insert(slot, members)
        memory.join(slot, members, computed: computed)
    }

    /// The member no longer decodes: from now on its tokens are counted in itself.
    @inline(__always)
    mutating func leaveDecoding(_ slot: Int) {
        let members = members.elements
        let computed = members[slot].computed &+ iteration
        members[slot].generated = generated(slot)
        members[slot].computed = computed
        decoding &-= 1
        decodingContext &-= computed
        dueLists.remove(slot, members)
        memory.leave(slot, computed: computed)
        if keepsTokenRuns { tokenRuns.elements[slot].newest = iteration &- 1 }
    }

    /// The number of tokens to which the member computes.
    @inline(__always)
    func target(_ slot: Int) -> Int32 {
        settings.padsBatch ? batchOutput : members.elements[slot].output
    }

    /// The number of tokens with which the member is next due: in a padded batch it comes up at its own last token, too, if
    /// that matters.
    @inline(__always)
    func goal(_ slot: Int) -> Int32 {
        // Before that comes up, the member is gone.
        if members.elements[slot].ending == .reached { return members.elements[slot].output &+ 2 }
        return isAttributed && observer.ledger.phase(slot) != .held ? members.elements[slot].output : target(slot)
    }

    /// Tokens that the member, in whatever state, has generated in the iterations before `iteration`.
    @inline(__always)
    func generated(_ slot: Int) -> Int32 {
        let member = members.elements[slot]
        if member.state != .decoding { return member.generated }
        return goal(slot) &- Int32(truncatingIfNeeded: member.due &- iteration &+ 1)
    }

    /// How many of the tokens that it is to generate the member has: a padded batch goes on when it has them all.
    mutating func outputGenerated(_ slot: Int) -> Int32 { min(generated(slot), members.elements[slot].output) }
}
