/// A member that has finished, and keeps its KV blocks until another replica has fetched them.
struct HeldMember: BitwiseCopyable {
    /// -1: it was preempted as its last token was on its way, and holds none.
    var slot: Int32 = -1
    /// Tokens of its last prefill chunk.
    var lastChunk: Int32 = 0
}

// KV that is computed in one replica and used in another: a slot without a request holds it, in the first until it has been
// fetched, in the second until the request comes.
extension Replica where Memory: ~Copyable {
    /// A member has finished, and its slot keeps its KV blocks.
    @inline(never)
    mutating func keep(
        _ slot: Int, computed: Int64, at end: Nanoseconds, tokens: Int32, iteration: Int64
    ) throws(BatchingError) {
        let request = Int(members.elements[slot].request)
        try noteHeld(HeldMember(slot: Int32(truncatingIfNeeded: slot), lastChunk: lastChunks.elements[slot]))
        members.elements[slot].computed = computed
        members.elements[slot].state = .held
        if Observation.isAny { results.slot?[request] = -1 }
        try tellFinish(request, at: end, tokens: tokens, iteration: iteration)
    }

    mutating func noteHeld(_ member: HeldMember) throws(BatchingError) {
        try held.reserve(heldCount &+ 1)
        held.elements[heldCount] = member
        heldCount &+= 1
    }

    /// KV blocks for a prompt that is to come, and a slot that holds them.
    /// - Returns: the slot, and how many of the blocks were in the cache. nil: too few are free.
    mutating func hold(_ prompt: HeldPrompt) throws(BatchingError) -> (slot: Int, found: Int)? {
        let slot = try takeSlot()
        members.elements[slot] = Member()
        members.elements[slot].computed = prompt.tokens
        members.elements[slot].state = .held
        do throws(BatchingError) {
            if let found = try memory.hold(slot, prompt) { return (slot, found) }
        } catch {
            freeHeld(slot)
            throw error
        }
        freeHeld(slot)
        return nil
    }

    /// What a slot holds is not needed any more.
    mutating func release(held slot: Int) {
        let member = members.elements[slot]
        memory.release(slot, member, computed: member.computed, isPreempted: false)
        freeHeld(slot)
    }

    /// No request has had it, so that none is told.
    private mutating func freeHeld(_ slot: Int) {
        members.elements[slot].state = .none
        members.elements[slot].next = Int32(truncatingIfNeeded: firstFree)
        firstFree = slot
    }

    /// The slot that holds the KV of a candidate that never ran; nil: there is none.
    @inline(__always)
    func heldSlot(_ candidate: Candidate) -> Int? {
        guard candidate.slot < 0, let slots = requests.heldSlot else { return nil }
        let slot = Int(slots[candidate.request])
        return slot < 0 ? nil : slot
    }

    /// The KV that a slot holds is there, and that of a request that has come since.
    /// - Parameter generated: tokens of its output that it has already.
    mutating func fill(held slot: Int, for request: Int, generated: Int32) {
        let member = members.elements + slot
        member.pointee.request = UInt32(truncatingIfNeeded: request)
        member.pointee.prompt = Int32(truncatingIfNeeded: prompt(request))
        member.pointee.output = Int32(truncatingIfNeeded: output(request))
        member.pointee.generated = generated
        memory.settle(slot, member.pointee, computed: member.pointee.computed)
    }

    /// The candidate, the first of the waiting, joins the running, and decodes from here on: the KV of its prompt is there.
    /// - Returns: false, and nothing is changed, if there is no block for its next token.
    /// - Parameter isFirst: false: others wait before it.
    @inline(never)
    mutating func admitHeld(
        _ candidate: Candidate, _ slot: Int, isFirst: Bool = true
    ) throws(BatchingError) -> Bool {
        let member = members.elements + slot
        let (held, known) = (member.pointee.computed, member.pointee.known)
        let needed = memory.needed(from: held, to: known)
        guard needed <= memory.free else { return false }
        try countWithin(Int(truncatingIfNeeded: admissions))
        if isFirst { waiting.removeFirst(members.elements) } else { waiting.removeFirstFresh() }
        // The newest token that it knows is computed, or computed again.
        member.pointee.computed = known &- 1
        member.pointee.sequence = admissions
        admissions &+= 1
        if notesAdmissions { noteAdmission(candidate.request, slot) }
        results.startTime?[candidate.request] = now.seconds
        results.prefixCachedTokens?[candidate.request] = 0
        if isAttributed {
            observer.ledger.admit(candidate.request, arrival: requests.arrival(candidate.request), slot)
        }
        appendRunning(slot)
        try memory.grow(slot, member.pointee, by: needed, from: held, to: known)
        try joinAtOnce(slot, tokens: 1, isDecode: true)
        return true
    }

    /// The first of the waiting was preempted, and there are too few blocks for it: a request behind it, whose KV is there,
    /// goes ahead, since it holds what the other waits for.
    /// - Returns: false, and nothing is changed, if there is none, or no block for its next token.
    @inline(never)
    mutating func admitHeldBehind() throws(BatchingError) -> Bool {
        guard waiting.isByArrival, requests.heldSlot != nil else { return false }
        while waiting.firstFresh < arrived {
            let request = index(at: waiting.firstFresh)
            if isInQueue(request) {
                let candidate = Candidate(request: request, slot: -1)
                guard let slot = heldSlot(candidate) else { return false }
                return try admitHeld(candidate, slot, isFirst: false)
            }
            waiting.skipFresh()
        }
        return false
    }
}
