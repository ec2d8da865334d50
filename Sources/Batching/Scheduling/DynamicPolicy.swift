/// Dynamic batching: a batch forms when it is full or its oldest member has waited `maxQueueDelay`; then as static.
enum DynamicPolicy: SchedulingPolicy {
    static var traits: PolicyTraits { PolicyTraits(reservesBlocks: true, padsBatch: true) }

    @inline(__always)
    static func schedule<Memory: BlockMemory & ~Copyable, Observation: ObservationChoice>(
        _ replica: inout Replica<Memory, Observation>
    ) throws(BatchingError) -> Nanoseconds? {
        // Every member of a batch computes one token, those that are done as padding.
        if replica.runningCount > 0 { return nil }
        if replica.waiting.count < replica.settings.maxNumSeqs {
            let latest = replica.earliestWaiting.advanced(by: 1, of: replica.settings.maxQueueDelay)
            if replica.now < latest ?? .maximum { return latest ?? .maximum }
        }
        try replica.admitWhole()
        return nil
    }
}
