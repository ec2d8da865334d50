// What happens to members only in an engine that runs on.
extension Replica where Memory: ~Copyable {
    /// Those that catch up, in order of admission.
    func forEachCatchingUp(_ body: (Member) -> Void) {
        var slot = firstCatchingUp
        while slot >= 0 {
            body(members.elements[slot])
            slot = Int(members.elements[slot].nextOfKind)
        }
    }

    /// A member, between two iterations, has all its tokens: `finish` can follow.
    mutating func endOutput(_ slot: Int) throws(BatchingError) {
        standApart(slot)
        if members.elements[slot].state != .waiting {
            // What is reserved beyond them is given back: fewer blocks are always to be had.
            let member = members.elements[slot]
            _ = try memory.resize(slot, member, to: member.known)
        }
        members.elements[slot].output = members.elements[slot].generated
        if members.elements[slot].state != .waiting { members.elements[slot].state = .finishing }
    }

    /// A member will have another number of tokens in the end, more than it has. False, and nothing is changed, if that
    /// takes more KV blocks than are free.
    mutating func resize(_ slot: Int, to output: Int32) throws(BatchingError) -> Bool {
        let member = members.elements[slot]
        let isRunning = member.state != .waiting
        if isRunning, try !memory.resize(slot, member, to: Int64(member.prompt) &+ Int64(output)) { return false }
        if settings.isAsynchronous, let asked = requests.maxTokens?[Int(member.request)] {
            // The columns still have the old length, which is not what was asked for.
            let most = min(Int64(asked), settings.maxModelLength &- Int64(member.prompt))
            members.elements[slot].ending = most > Int64(output) ? .unforeseen : .foreseen
        }
        if member.state == .decoding {
            let left = Int64(output &- generated(slot))
            dueLists.remove(slot, members.elements)
            members.elements[slot].due = iteration &+ left &- 1
            dueLists.insert(slot, members.elements)
        }
        members.elements[slot].output = output
        return true
    }

    /// Whether those that wait are found by their positions in order of arrival. A custom policy has rows for them.
    var keepsPositions: Bool { waiting.isByArrival && !policyRows.isUsed }

    /// A request is in the rows of a custom policy no longer.
    mutating func removePolicyRow(_ request: Int, slot: Int) {
        guard let row = policyRows.row(request: request, slot: slot) else { return }
        policyRows.remove(row)
        policyRows.noteChange()
    }

    /// A request has another length in the rows of a custom policy.
    /// - Returns: whether it is in the system.
    mutating func setPolicyRow(_ request: Int, slot: Int, output: Int32) -> Bool {
        guard let row = policyRows.row(request: request, slot: slot) else { return false }
        policyRows.columns.oracleOutputTokens[row] = output
        policyRows.noteChange()
        return true
    }

    /// The replica that it has become equal to is told where the time of the requests goes, and this one is not: members of a
    /// padded batch are due when that is done, and not also at their own last tokens.
    mutating func forgetHolds<Other: BlockMemory & ~Copyable>(_ other: inout Replica<Other, Observation>) {
        guard settings.padsBatch else { return }
        let members = members.elements
        var slot = firstRunning
        while slot >= 0 {
            let later = target(slot) &- other.goal(slot)
            if members[slot].state == .decoding, later > 0 {
                dueLists.remove(slot, members)
                members[slot].due &+= Int64(later)
                dueLists.insert(slot, members)
            }
            slot = Int(members[slot].next)
        }
    }

    /// Becomes equal to another replica of the same configuration, but for the columns and the KV blocks.
    mutating func assign<Other: BlockMemory & ~Copyable>(
        _ other: inout Replica<Other, Observation>
    ) throws(BatchingError) {
        try members.assign(other.members, count: other.slotCount)
        try histories.reserve(members.capacity)
        try histories.elements.copy(other.histories.elements, count: other.slotCount)
        try memory.reserve(slots: members.capacity)
        try waiting.assign(other.waiting)
        try policyRows.assign(other.policyRows)
        dueLists.assign(other.dueLists)
        try firstTokens.assign(other.firstTokens, count: other.firstTokenCount)
        try finishing.assign(other.finishing, count: other.finishingCount)
        firstFree = other.firstFree
        slotCount = other.slotCount
        now = other.now
        arrived = other.arrived
        isOpen = other.isOpen
        mayReject = other.mayReject
        hasGaps = other.hasGaps
        gapsToCome = other.gapsToCome
        firstRunning = other.firstRunning
        lastRunning = other.lastRunning
        runningCount = other.runningCount
        admissions = other.admissions
        decoding = other.decoding
        decodingContext = other.decodingContext
        firstCatchingUp = other.firstCatchingUp
        lastCatchingUp = other.lastCatchingUp
        catchingUp = other.catchingUp
        batchOutput = other.batchOutput
        joining = other.joining
        firstTokenCount = other.firstTokenCount
        iteration = other.iteration
        preempted = other.preempted
        finishingCount = other.finishingCount
        try tokenRuns.assign(other.tokenRuns, count: other.slotCount)
        if holdsFinished {
            try lastChunks.reserve(histories.capacity)
            try lastChunks.elements.copy(other.lastChunks.elements, count: other.slotCount)
        }
        totals = other.totals
    }
}
