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
        if Memory.findsPrefixes { free &+= countNamed(answer, columns) }
        if needed > free { throw PolicyAnswer.shortOfBlocks(iteration, needed: needed, free: free) }
        if answer.preemptedCount > 0 { try preempt(answer, columns) }
        if Memory.findsPrefixes, sums.admitted > 0 { holdFound(answer, columns) }
        if leavesOut { leaveOut(columns) }
        if sums.hasOthers, policyRows.catchingUp > 0 {
            setChunks(answer, columns)
            try growRunning()
        } else {
            memory.growDecodes(members.elements, admittedBefore: .max)
        }
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
            if !Memory.findsPrefixes { free &+= memory.blockSize.holding(computed) }
            if columns.catchesUp[row] == 0 { needed &-= memory.needed(from: computed, to: computed &+ 1) }
        }
    }

    /// KV blocks that those that decode, but get no token, do not need.
    private mutating func blocksOfLeftOut(_ columns: PolicyColumns) -> Int {
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

    /// Those that decode, but get no token, catch up from now on. Members that catch up are linked in order of admission.
    private mutating func leaveOut(_ columns: PolicyColumns) {
        firstCatchingUp = -1
        lastCatchingUp = -1
        catchingUp = 0
        for row in 0..<policyRows.runningCount {
            let slot = Int(columns.slot[row])
            // Those preempted have their rows yet, but run no longer; others have nothing left to compute.
            let state = members.elements[slot].state
            if state == .waiting || state == .finishing { continue }
            if columns.catchesUp[row] == 0, columns.mark[row] == 0 {
                leaveDecoding(slot)
                columns.catchesUp[row] = 1
                policyRows.catchingUp &+= 1
            }
            if columns.catchesUp[row] == 1 { appendCatchingUp(slot) }
        }
    }

    /// KV blocks for those scheduled that catch up or are admitted.
    private mutating func blocksBesideDecodes(_ answer: PolicyAnswer, _ columns: PolicyColumns) -> Int {
        var needed = 0
        for position in 0..<answer.scheduledCount {
            let row = Int(answer.scheduledRow[position])
            let grown = columns.computedTokens[row] &+ Int64(answer.scheduledTokens[position])
            if row >= policyRows.runningCount {
                let found = Memory.findsPrefixes ? columns.kvBlocks[row] : 0
                needed &+= memory.blockSize.holding(grown) &- Int(truncatingIfNeeded: found)
            } else if columns.catchesUp[row] == 1 {
                needed &+= memory.needed(from: columns.computedTokens[row], to: grown)
            }
        }
        return needed
    }

    /// Those scheduled that catch up compute so many tokens.
    private mutating func setChunks(_ answer: PolicyAnswer, _ columns: PolicyColumns) {
        for position in 0..<answer.scheduledCount {
            let row = Int(answer.scheduledRow[position])
            guard row < policyRows.runningCount, columns.catchesUp[row] == 1 else { continue }
            members.elements[Int(columns.slot[row])].chunk = answer.scheduledTokens[position]
        }
    }

    /// Those scheduled that wait join the running.
    private mutating func admit(_ answer: PolicyAnswer, _ columns: PolicyColumns) throws(BatchingError) {
        for position in 0..<answer.scheduledCount {
            let row = Int(answer.scheduledRow[position])
            if row < policyRows.runningCount { continue }
            let tokens = Int64(answer.scheduledTokens[position])
            let computed = columns.computedTokens[row]
            let candidate = columns.candidate(row, members.elements)
            waiting.removeOne()
            var hit = PrefixHit()
            if Memory.findsPrefixes {
                // It may find more now, which others will compute in this iteration: that is left alone.
                _ = try memory.lookUp(candidate, tokens: columns.known(row))
                hit.blocks = Int(truncatingIfNeeded: columns.kvBlocks[row])
                hit.loaded = memory.blockSize.holding(computed) &- hit.blocks
                hit.time = now
                columns.kvBlocks[row] = 0
            }
            let slot = try join(candidate, hit, computed: computed, tokens: tokens, room: computed &+ tokens)
            if Memory.findsPrefixes { memory.letGo(slot, blocks: hit.blocks) }
            columns.slot[row] = Int32(truncatingIfNeeded: slot)
            // Even one that decodes from the next iteration on: it is looked at then.
            columns.catchesUp[row] = 1
            policyRows.catchingUp &+= 1
        }
    }

    // With a prefix cache

    /// The rows of those that are to be admitted tell the tokens that they find, of so many fewer they are in need; and how
    /// many blocks of these are there, the others being loaded.
    @inline(never)
    mutating func lookUpNamed(_ answer: PolicyAnswer) {
        let (columns, now) = (policyRows.columns, now)
        forEachWaiting(answer) { (memory, candidate, row) in
            let hit = memory.found(candidate, tokens: columns.known(row), at: now)
            columns.computedTokens[row] = Int64(hit.all) &* memory.blockSize.tokens
            columns.kvBlocks[row] = Int64(hit.blocks)
        }
    }

    /// An answer that is not valid changes nothing.
    @inline(never)
    mutating func forgetNamed(_ answer: PolicyAnswer) {
        let columns = policyRows.columns
        forEachWaiting(answer) { (_, _, row) in
            columns.computedTokens[row] = 0
            columns.kvBlocks[row] = 0
        }
    }

    /// How many more blocks are free once the answer's preempted have given back theirs, but for those that others hold, or
    /// that are found.
    private mutating func countNamed(_ answer: PolicyAnswer, _ columns: PolicyColumns) -> Int {
        let freed = countPreempted(answer, columns, by: -1)
        let taken = countAdmitted(answer, columns, by: 1)
        _ = countAdmitted(answer, columns, by: -1)
        _ = countPreempted(answer, columns, by: 1)
        return freed &- taken
    }

    private mutating func countPreempted(
        _ answer: PolicyAnswer, _ columns: PolicyColumns, by difference: Int32
    ) -> Int {
        var count = 0
        for position in 0..<answer.preemptedCount {
            count &+= memory.countUser(Int(columns.slot[Int(answer.preemptedRow[position])]), by: difference)
        }
        return count
    }

    private mutating func countAdmitted(
        _ answer: PolicyAnswer, _ columns: PolicyColumns, by difference: Int32
    ) -> Int {
        var count = 0
        forEachWaiting(answer) { (memory, candidate, row) in
            count &+= memory.countUser(candidate, tokens: columns.known(row), by: difference)
        }
        return count
    }

    /// What the answer's admitted find stays until they are.
    private mutating func holdFound(_ answer: PolicyAnswer, _ columns: PolicyColumns) {
        forEachWaiting(answer) { (memory, candidate, row) in
            let blocks = Int(truncatingIfNeeded: columns.kvBlocks[row])
            memory.hold(candidate, tokens: columns.known(row), blocks: blocks)
        }
    }

    /// The rows of an answer that wait, as far as there are such rows.
    @inline(__always)
    private mutating func forEachWaiting(_ answer: PolicyAnswer, _ body: (inout Memory, Candidate, Int) -> Void) {
        let columns = policyRows.columns
        guard answer.scheduledCount <= policyRows.count else { return }
        for position in 0..<max(0, answer.scheduledCount) {
            let row = answer.scheduledRow[position]
            guard row >= Int64(policyRows.runningCount), row < Int64(policyRows.count) else { continue }
            body(&memory, columns.candidate(Int(row), members.elements), Int(row))
        }
    }
}
