// What is read of members is checked, and they take their places again.
extension Replica where Memory: ~Copyable {
    /// Whether a member of a request can be like this.
    /// - Parameter isUnforeseen: whether its end is not known to asynchronous scheduling before its last token is there.
    func isPossible(_ saved: SavedMember, prompt: Int64, output: Int64, isUnforeseen: Bool) -> Bool {
        let known = prompt + Int64(saved.generated)
        let target = settings.padsBatch ? max(Int64(batchOutput), output) : output
        let isComplete = saved.generated == output
        // While its last token is on its way it has one more scheduled, and may have been given that.
        let ending = isUnforeseen ? output + (saved.kind == .decoding ? 1 : 0) : -1
        guard saved.generated >= saved.recent.nonzeroBitCount else { return false }
        switch saved.kind {
        case .catchingUp:
            return (Int64(saved.generated) < target || Int64(saved.generated) == ending)
                && saved.computed + Int64(saved.chunk) <= known && saved.computed < known
        case .decoding:
            // The iteration before gave it a token, or it would not decode yet.
            return saved.generated > 0 && saved.recent & 1 == 1
                && (Int64(saved.generated) < target || Int64(saved.generated) <= ending)
        case .joining: return Int64(saved.generated) < target && !settings.padsBatch
        case .finishing: return isComplete && settings.isAsynchronous
        case .preempted: return saved.wasPreempted && (isComplete ? settings.isAsynchronous : saved.generated < output)
        }
    }

    /// A member, which has a slot, takes its place among those that run, or will wait.
    mutating func enlist(_ saved: SavedMember, _ row: Int, _ slot: Int) throws(BatchingError) {
        var member = Member()
        member.request = UInt32(truncatingIfNeeded: row)
        member.prompt = Int32(truncatingIfNeeded: prompt(row))
        member.output = Int32(truncatingIfNeeded: output(row))
        member.generated = saved.generated
        member.wasPreempted = saved.wasPreempted
        member.sequence = admissions
        // But for those that catch up it has the KV of all its tokens but the newest.
        member.computed = saved.kind == .catchingUp ? saved.computed : member.known - 1
        member.ending = settings.isAsynchronous ? ending(row) : .foreseen
        if member.ending == .unforeseen, saved.generated >= member.output { member.ending = .reached }
        members.elements[slot] = member
        histories.elements[slot] = MemberHistory()
        tokenRuns.elements[slot] = tokenRun(saved)
        guard saved.kind != .preempted else {
            members.elements[slot].computed = 0
            members.elements[slot].state = .waiting
            return
        }
        admissions += 1
        appendRunning(slot)
        switch saved.kind {
        case .catchingUp:
            members.elements[slot].chunk = saved.chunk
            appendCatchingUp(slot)
        case .decoding: joinDecoding(slot)
        case .joining: try joinAfterwards(slot)
        case .finishing, .preempted: members.elements[slot].state = .finishing
        }
    }

    private mutating func tokenRun(_ saved: SavedMember) -> TokenRun {
        if saved.kind == .joining { return TokenRun(first: iteration) }
        if saved.recent == 0 { return TokenRun() }
        return TokenRun(
            first: iteration - (saved.recent & 2 != 0 ? 2 : 1), newest: iteration - (saved.recent & 1 != 0 ? 1 : 2))
    }

    /// What is saved of them.
    @inline(__always)
    func recentTokens(_ slot: Int) -> UInt8 {
        let newest = recentTokens(slot, from: iteration - 1)
        let both = recentTokens(slot, from: iteration - 2)
        return (newest > 0 ? 1 : 0) | (both > newest ? 2 : 0)
    }

    /// It decodes, but is counted there only once the iteration under way is over.
    private mutating func joinAfterwards(_ slot: Int) throws(BatchingError) {
        let member = members.elements[slot]
        joinDecoding(slot)
        decoding -= 1
        decodingContext -= member.computed
        joining.count += 1
        joining.context += member.computed
        guard member.generated == 0 else { return }
        try firstTokens.reserve(firstTokenCount + 1)
        firstTokens.elements[firstTokenCount] = member.request
        firstTokenCount += 1
    }

    /// The row that was appended last is that of a member.
    /// - Parameter decoding: how many decode so far; those admitted in the iteration under way come last.
    mutating func setPolicyMember(_ slot: Int, isRunning: Bool, _ decoding: inout Int) {
        let member = members.elements[slot]
        let decodes = member.state == .decoding
        if decodes { decoding += 1 }
        let computed = decodes ? member.computed + iteration : member.computed
        policyRows.setMember(
            slot: slot, member,
            computed: isRunning ? computed : settings.hasInstantPrefill ? member.known - 1 : 0,
            isRunning: isRunning, catchesUp: isRunning && (!decodes || decoding > self.decoding))
    }

    /// Whether a member has all its tokens, the last of which are on their way.
    func isComplete(_ slot: Int) -> Bool {
        let member = members.elements[slot]
        return member.state == .finishing || member.ending == .reached
            || (member.state == .waiting && member.generated == member.output)
    }

    mutating func completeMembers() -> Int {
        var count = 0
        for slot in 0..<slotCount where isComplete(slot) { count += 1 }
        return count
    }

    /// The tokens for which a member that runs holds KV blocks.
    func heldTokens(_ slot: Int, isScheduled: Bool) -> Int64 {
        let member = members.elements[slot]
        switch member.state {
        case .decoding: return member.computed + iteration + (isScheduled ? 1 : 0)
        default: return member.computed + Int64(member.chunk)
        }
    }
}
