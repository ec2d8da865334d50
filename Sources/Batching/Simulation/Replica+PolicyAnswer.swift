// What a custom policy has decided is done: its answer has been checked, but for the KV blocks.
extension Replica where Memory: ~Copyable {
    @inline(__always)
    mutating func beginPreempting() {
        if totals.progress != totals.tokensBeforeThem {
            totals.tokensBeforeThem = totals.progress
            totals.futilePreemptions = 0
        }
    }

    @inline(__always)
    mutating func endPreempting() { totals.futilePreemptions &+= preempted }

    @inline(never)
    mutating func preempt(row: Int, _ columns: PolicyColumns) throws(BatchingError) {
        let slot = Int(columns.slot[row])
        try preempt(slot)
        policyRows.catchingUp &-= Int(columns.catchesUp[row])
        columns.catchesUp[row] = 0
        let known = members.elements[slot].known
        columns.computedTokens[row] = settings.hasInstantPrefill ? known &- 1 : 0
        columns.kvBlocks[row] = 0
    }

    /// Those who decode, but get no token, catch up from now on. Who catches up is linked in order of admission.
    @inline(never)
    mutating func leaveOut(_ columns: PolicyColumns) {
        firstCatchingUp = -1
        lastCatchingUp = -1
        catchingUp = 0
        // Those preempted are marked, too, and are no longer among the running.
        for row in 0..<policyRows.runningCount {
            let slot = Int(columns.slot[row])
            if members.elements[slot].state == .waiting { continue }
            if columns.catchesUp[row] == 0, columns.mark[row] == 0 {
                leaveDecoding(slot)
                columns.catchesUp[row] = 1
                policyRows.catchingUp &+= 1
            }
            if columns.catchesUp[row] == 1 { appendCatchingUp(slot) }
        }
    }

    /// Those of the running that are scheduled get their KV blocks.
    @inline(__always)
    mutating func grow(
        _ answer: PolicyAnswer, _ columns: PolicyColumns, _ sums: AnswerSums
    ) throws(BatchingError) {
        var needed = memory.neededByDecodes
        if sums.decodes < answer.decision.scheduledCount {
            needed &+= blocksBesideDecodes(answer, columns)
        }
        if needed > memory.free { throw answer.shortOfBlocks(needed, free: memory.free) }
        if policyRows.catchingUp > 0 {
            let decision = answer.decision
            for position in 0..<decision.scheduledCount {
                let row = Int(decision.scheduledRow[position])
                guard row < policyRows.runningCount, columns.catchesUp[row] == 1 else { continue }
                let slot = Int(columns.slot[row])
                let member = members.elements[slot]
                let tokens = decision.scheduledTokens[position]
                try memory.grow(slot, member, from: member.computed, to: member.computed &+ Int64(tokens))
                members.elements[slot].chunk = tokens
            }
        }
        memory.growDecodes(members.elements, admittedBefore: .max)
    }

    /// KV blocks for those who catch up or are admitted.
    private func blocksBesideDecodes(_ answer: PolicyAnswer, _ columns: PolicyColumns) -> Int {
        let decision = answer.decision
        var needed = 0
        for position in 0..<decision.scheduledCount {
            let row = Int(decision.scheduledRow[position])
            let grown = columns.computedTokens[row] &+ Int64(decision.scheduledTokens[position])
            if row >= policyRows.runningCount {
                needed &+= memory.blockSize.holding(grown)
            } else if columns.catchesUp[row] == 1 {
                needed &+= memory.needed(from: columns.computedTokens[row], to: grown)
            }
        }
        return needed
    }

    /// Those of the waiting that are scheduled join the running.
    @inline(never)
    mutating func admit(_ answer: PolicyAnswer, _ columns: PolicyColumns) throws(BatchingError) {
        let decision = answer.decision
        for position in 0..<decision.scheduledCount {
            let row = Int(decision.scheduledRow[position])
            if row < policyRows.runningCount { continue }
            let tokens = Int64(decision.scheduledTokens[position])
            let computed = columns.computedTokens[row]
            let candidate = Candidate(request: Int(columns.request[row]), slot: Int(columns.slot[row]))
            waiting.removeOne()
            let slot = try join(
                candidate, PrefixHit(), computed: computed, tokens: tokens, room: computed &+ tokens)
            columns.slot[row] = Int32(truncatingIfNeeded: slot)
            // Even one that decodes from the next iteration on: it is looked at then.
            columns.catchesUp[row] = 1
            policyRows.catchingUp &+= 1
        }
    }
}
