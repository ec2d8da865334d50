/// What vLLM 0.33's V1 scheduler decides (vllm/v1/core/sched/scheduler.py): the running first, in order of admission,
/// then, if none was preempted, the waiting, in order until one does not fit.
enum VLLMPolicy: SchedulingPolicy {
    static var traits: PolicyTraits { PolicyTraits(schedulesAhead: true, chunksPrompts: true, findsPrefixes: true) }

    static func check(_ configuration: EngineConfig) throws(BatchingError) {
        let (budget, slots) = (configuration.maxNumBatchedTokens, configuration.maxNumSeqs)
        guard budget >= slots else {
            throw .invalid("max_num_batched_tokens", budget, "must be at least max_num_seqs, which is \(slots)")
        }
    }

    @inline(__always)
    static func schedule<Memory: BlockMemory & ~Copyable, Observation: ObservationChoice>(
        _ replica: inout Replica<Memory, Observation>
    ) throws(BatchingError) -> Nanoseconds? {
        // The threshold keeps a long prompt from delaying others: it does not hold if there are none.
        let isAlone = replica.runningCount &+ replica.waiting.count <= 1
        let threshold = isAlone ? Int64.max : replica.settings.longPrefillTokenThreshold
        var budget = replica.settings.maxNumBatchedTokens
        try replica.scheduleRunning(budget: &budget, threshold: threshold)
        if replica.isAttributed { replica.observer.ledger.isShortOfMemory = replica.preempted > 0 }
        guard replica.preempted == 0 else { return nil }
        while budget > 0, replica.waiting.count > 0, replica.runningCount < replica.settings.maxNumSeqs {
            if try !admitFirst(&replica, &budget, threshold) { break }
        }
        return nil
    }

    /// Admits the first of the waiting if it fits. No other overtakes it.
    @inline(never)
    private static func admitFirst<Memory: BlockMemory & ~Copyable, Observation: ObservationChoice>(
        _ replica: inout Replica<Memory, Observation>, _ budget: inout Int64, _ threshold: Int64
    ) throws(BatchingError) -> Bool {
        let blockSize = replica.memory.blockSize
        let candidate = replica.firstWaiting()
        if let slot = replica.heldSlot(candidate) {
            guard try replica.admitHeld(candidate, slot) else { return false }
            budget &-= 1
            return true
        }
        let known = replica.known(candidate)
        var hit = try replica.memory.lookUp(candidate, tokens: known)
        if Memory.findsPrefixes, replica.memory.offloads {
            hit.loaded = replica.memory.loadable(candidate, tokens: known, behind: hit, at: replica.now)
            hit.time = replica.now
            replica.walked &+= Int64(hit.loaded)
        }
        let computed = replica.settings.hasInstantPrefill ? known &- 1 : Int64(hit.all) &* blockSize.tokens
        var tokens = min(known &- computed, threshold)
        if !replica.settings.chunksPrefill, tokens > budget { return false }
        tokens = min(tokens, budget)
        let watermark = replica.runningCount > 0 ? replica.settings.watermarkBlocks : 0
        let grown = replica.settings.reservesFullPrompt ? known : computed &+ tokens
        let needed = blockSize.holding(grown) &- hit.blocks &+ hit.idle &+ watermark
        if needed > replica.memory.free {
            if candidate.slot >= 0, try replica.admitHeldBehind() {
                budget &-= 1
                return true
            }
            replica.memory.noteShortage()
            if replica.isAttributed { replica.observer.ledger.isShortOfMemory = true }
            return false
        }
        try replica.admit(candidate, hit, computed: computed, tokens: tokens, room: computed &+ tokens)
        budget &-= tokens
        return true
    }
}
