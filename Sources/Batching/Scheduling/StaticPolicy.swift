/// Static batching: a batch forms when `maxNumSeqs` requests have arrived, or none are left to come; it runs until its
/// longest member is done, the others as padding, and only then makes room for the next.
enum StaticPolicy: SchedulingPolicy {
    static var traits: PolicyTraits { PolicyTraits(reservesBlocks: true, padsBatch: true) }

    @inline(__always)
    static func schedule<Memory: BlockMemory & ~Copyable, Observation: ObservationChoice>(
        _ replica: inout Replica<Memory, Observation>
    ) throws(BatchingError) -> Nanoseconds? {
        // Every member of a batch computes one token, those that are done as padding.
        if replica.runningCount > 0 { return nil }
        if replica.waiting.count < replica.settings.maxNumSeqs, replica.expectsArrivals { return Nanoseconds.maximum }
        try replica.admitWhole()
        return nil
    }
}
