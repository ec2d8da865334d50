/// Static batching: a batch forms when `maxNumSeqs` requests have arrived, or none are left to come; it runs until its
/// longest member is done, the others as padding, and only then makes room for the next.
enum StaticPolicy: SchedulingPolicy {
    static var reservesBlocks: Bool { true }
    static var padsBatch: Bool { true }
    static var schedulesAhead: Bool { false }

    @inline(__always)
    static func schedule<Memory: BlockMemory & ~Copyable, Attribution: AttributionChoice>(
        _ replica: inout Replica<Memory, Attribution>
    ) throws(BatchingError) -> Nanoseconds? {
        // Everyone in a batch computes one token, those who are done as padding.
        if replica.runningCount > 0 { return nil }
        if replica.waiting.count < replica.settings.maxNumSeqs, replica.expectsArrivals { return Nanoseconds.maximum }
        try replica.admitWhole()
        return nil
    }
}
