/// Static batching: a batch forms when `maxNumSeqs` requests have arrived, or none are left to come; it runs until its
/// longest member is done, the others as padding, and only then makes room for the next.
enum StaticPolicy: SchedulingPolicy {
    static var reservesBlocks: Bool { true }
    static var padsBatch: Bool { true }
    static var schedulesAhead: Bool { false }

    @inline(__always)
    static func schedule<Memory: BlockMemory & ~Copyable>(
        _ replica: inout Replica<Memory>
    ) throws(BatchingError) -> Nanoseconds? {
        if replica.runningCount > 0 {
            replica.scheduleBatch()
        } else if replica.waiting.count >= replica.settings.maxNumSeqs || !replica.expectsArrivals {
            try replica.admitWhole()
        } else {
            return Nanoseconds.maximum
        }
        return nil
    }
}
