/// A policy of the caller's: it is shown a row for each request in the system, and its answer is checked before anything
/// of it is done.
enum CustomPolicy: SchedulingPolicy {
    static var traits: PolicyTraits { PolicyTraits(schedulesAhead: true, findsPrefixes: true, asksCaller: true) }
    static var coastsBesideWaiting: Bool { true }

    static func check(_ configuration: EngineConfig) throws(BatchingError) {
        guard configuration.policyCallback != nil else {
            throw BatchingError(.nullPointer, "policy_callback is NULL: it is required by policy custom")
        }
        guard configuration.queueOrder == .arrival else {
            let order = configuration.queueOrder.rawValue
            throw .invalid("queue_order", order, "must be 0 with policy custom, which orders the waiting requests")
        }
    }

    @inline(__always)
    static func mayCoast<Memory: BlockMemory & ~Copyable, Observation: ObservationChoice>(
        _ replica: borrowing Replica<Memory, Observation>
    ) -> Bool {
        // Coasting takes it that the waiting do not wait for memory.
        if replica.isAttributed, replica.observer.ledger.isShortOfMemory { return false }
        return replica.goesOnUnasked()
    }

    @inline(__always)
    static func schedule<Memory: BlockMemory & ~Copyable, Observation: ObservationChoice>(
        _ replica: inout Replica<Memory, Observation>
    ) throws(BatchingError) -> Nanoseconds? {
        if replica.goesOnUnasked() {
            replica.memory.growDecodes(replica.members.elements, admittedBefore: .max)
            return nil
        }
        return try ask(&replica)
    }

    /// Apart from the loop, which has its registers for the iterations in which the caller is not asked.
    @inline(never)
    private static func ask<Memory: BlockMemory & ~Copyable, Observation: ObservationChoice>(
        _ replica: inout Replica<Memory, Observation>
    ) throws(BatchingError) -> Nanoseconds? {
        try replica.updatePolicyRows()
        replica.walked &+= Int64(replica.policyRows.count)
        // An engine that runs on may have stopped on the way there.
        if replica.now < replica.policyRows.waitsUntil { return replica.policyRows.waitsUntil }
        var decision = replica.policyRows.emptyDecision
        try replica.showPolicy(&decision)
        // From here on nothing is changed before all of the answer has been checked.
        var answer = PolicyAnswer(decision)
        if let wait = decision.waitUntil {
            let time = try answer.checkedWait(until: wait, decision, now: replica.now, replica.iteration)
            replica.policyRows.holdsUntilChange = decision.holdsUntilChange
            replica.policyRows.waits &+= 1
            // A policy that waits so often, and for nothing, is taken to do so without end: as with an empty answer.
            if replica.policyRows.waits <= 1000 &+ 100 &* replica.runningCount {
                replica.policyRows.waitsUntil = time
                return time
            }
        }
        let limits = PolicyLimits(
            iteration: replica.iteration, count: replica.policyRows.count, runningCount: replica.runningCount,
            decoding: replica.decoding, catchingUp: replica.policyRows.catchingUp,
            maxNumSeqs: replica.settings.maxNumSeqs, maxNumBatchedTokens: replica.settings.maxNumBatchedTokens)
        let sums: PolicySums
        if Memory.findsPrefixes { replica.lookUpNamed(answer) }
        do throws(BatchingError) {
            sums = try answer.check(replica.policyRows.columns, limits, decodesRest: decision.decodesRest)
            try replica.carryOut(answer, sums, decodesRest: decision.decodesRest)
        } catch {
            replica.policyRows.clearMarks()
            if Memory.findsPrefixes { replica.forgetNamed(answer) }
            throw error
        }
        replica.policyRows.holdsUntilChange = decision.holdsUntilChange
        if sums.tokens > 0 { replica.policyRows.waits = 0 }
        if replica.isAttributed {
            replica.observer.ledger.isShortOfMemory = answer.preemptedCount > 0 || decision.isShortOfMemory
        }
        return nil
    }
}
