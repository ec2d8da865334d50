// What a custom policy has decided is done: its answer has been checked, but for the KV blocks.
extension Replica where Memory: ~Copyable {
    @inline(__always)
    mutating func carryOut(
        _ answer: PolicyAnswer, _ sums: PolicySums, decodesRest: Bool
    ) throws(BatchingError) {
        // In most iterations all that run decode, and none is named.
        if answer.scheduledCount == 0, answer.preemptedCount == 0, decodesRest || sums.rest == 0 {
            let needed = memory.neededByDecodes
            if needed > memory.free {
                throw PolicyAnswer.shortOfBlocks(iteration, needed: needed, free: memory.free)
            }
            memory.growDecodes(members.elements, admittedBefore: .max)
        } else {
            try carryOutNamed(answer, sums, decodesRest: decodesRest)
        }
    }

    @inline(never)
    private mutating func carryOutNamed(
        _ answer: PolicyAnswer, _ sums: PolicySums, decodesRest: Bool
    ) throws(BatchingError) {
        let columns = policyRows.columns
        let leavesOut = sums.rest > 0 && !decodesRest
        var (needed, free) = (memory.neededByDecodes, memory.free)
        if answer.preemptedCount > 0 { giveBack(answer, columns, needed: &needed, free: &free) }
        if leavesOut { needed &-= blocksOfLeftOut(columns) }
        if sums.hasOthers { needed &+= blocksBesideDecodes(answer, columns) }
        if needed > free { throw PolicyAnswer.shortOfBlocks(iteration, needed: needed, free: free) }
        if answer.preemptedCount > 0 { try preempt(answer, columns) }
        if leavesOut { leaveOut(columns) }
        if sums.hasOthers, policyRows.catchingUp > 0 { try growCatchingUp(answer, columns) }
        memory.growDecodes(members.elements, admittedBefore: .max)
        if sums.admitted > 0 { try admit(answer, columns) }
        answer.clearMarks(columns)
        if sums.admitted &+ answer.preemptedCount > 0 { try policyRows.move(answer, admitted: sums.admitted) }
    }

    /// What those preempted will give back, and no longer need.
    private func giveBack(
        _ answer: PolicyAnswer, _ columns: PolicyColumns, needed: inout Int, free: inout Int
    ) {
        for position in 0..<answer.preemptedCount {
            let row = Int(answer.preemptedRow[position])
            let computed = columns.computedTokens[row]
            free &+= memory.blockSize.holding(computed)
            if columns.catchesUp[row] == 0 { needed &-= memory.needed(from: computed, to: computed &+ 1) }
        }
    }

    /// KV blocks that those who decode, but get no token, do not need.
    private func blocksOfLeftOut(_ columns: PolicyColumns) -> Int {
        var needed = 0
        for row in 0..<policyRows.runningCount where columns.catchesUp[row] == 0 && columns.mark[row] == 0 {
            let computed = columns.computedTokens[row]
            needed &+= memory.needed(from: computed, to: computed &+ 1)
        }
        return needed
    }

    private mutating func preempt(_ answer: PolicyAnswer, _ columns: PolicyColumns) throws(BatchingError) {
        totals.forgetFutilePreemptions()
        for position in 0..<answer.preemptedCount {
            let row = Int(answer.preemptedRow[position])
            let slot = Int(columns.slot[row])
            try preempt(slot)
            policyRows.catchingUp &-= Int(columns.catchesUp[row])
            columns.catchesUp[row] = 0
            columns.computedTokens[row] = settings.hasInstantPrefill ? members.elements[slot].known &- 1 : 0
            columns.kvBlocks[row] = 0
        }
        totals.futilePreemptions &+= preempted
    }

    /// Those who decode, but get no token, catch up from now on. Who catches up is linked in order of admission.
    private mutating func leaveOut(_ columns: PolicyColumns) {
        firstCatchingUp = -1
        lastCatchingUp = -1
        catchingUp = 0
        for row in 0..<policyRows.runningCount {
            let slot = Int(columns.slot[row])
            // Those preempted have their rows yet, but run no longer.
            if members.elements[slot].state == .waiting { continue }
            if columns.catchesUp[row] == 0, columns.mark[row] == 0 {
                leaveDecoding(slot)
                columns.catchesUp[row] = 1
                policyRows.catchingUp &+= 1
            }
            if columns.catchesUp[row] == 1 { appendCatchingUp(slot) }
        }
    }

    /// KV blocks for those scheduled who catch up or are admitted.
    private func blocksBesideDecodes(_ answer: PolicyAnswer, _ columns: PolicyColumns) -> Int {
        var needed = 0
        for position in 0..<answer.scheduledCount {
            let row = Int(answer.scheduledRow[position])
            let grown = columns.computedTokens[row] &+ Int64(answer.scheduledTokens[position])
            if row >= policyRows.runningCount {
                needed &+= memory.blockSize.holding(grown)
            } else if columns.catchesUp[row] == 1 {
                needed &+= memory.needed(from: columns.computedTokens[row], to: grown)
            }
        }
        return needed
    }

    /// Those scheduled who catch up get their KV blocks.
    private mutating func growCatchingUp(_ answer: PolicyAnswer, _ columns: PolicyColumns) throws(BatchingError) {
        for position in 0..<answer.scheduledCount {
            let row = Int(answer.scheduledRow[position])
            guard row < policyRows.runningCount, columns.catchesUp[row] == 1 else { continue }
            let slot = Int(columns.slot[row])
            let member = members.elements[slot]
            let tokens = answer.scheduledTokens[position]
            let grown = member.computed &+ Int64(tokens)
            let needed = memory.needed(from: member.computed, to: grown)
            try memory.grow(slot, member, by: needed, from: member.computed, to: grown)
            members.elements[slot].chunk = tokens
        }
    }

    /// Those scheduled who wait join the running.
    private mutating func admit(_ answer: PolicyAnswer, _ columns: PolicyColumns) throws(BatchingError) {
        for position in 0..<answer.scheduledCount {
            let row = Int(answer.scheduledRow[position])
            if row < policyRows.runningCount { continue }
            let tokens = Int64(answer.scheduledTokens[position])
            let computed = columns.computedTokens[row]
            let before = Int(columns.slot[row])
            let candidate =
                before >= 0
                ? Candidate(request: Int(members.elements[before].request), slot: before)
                : Candidate(request: columns.unserved(row), slot: -1)
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
