/// Continuous batching: a request joins whenever a slot is free, its whole prompt in one iteration, and leaves when it is
/// done. KV blocks are given as tokens come; when they run out, the last of the running is preempted.
enum ContinuousPolicy: SchedulingPolicy {
    static var traits: PolicyTraits { PolicyTraits() }

    @inline(__always)
    static func schedule<Memory: BlockMemory & ~Copyable, Observation: ObservationChoice>(
        _ replica: inout Replica<Memory, Observation>
    ) throws(BatchingError) -> Nanoseconds? {
        var budget = Int64.max
        try replica.scheduleRunning(budget: &budget, threshold: Int64.max)
        if replica.preempted == 0 {
            try replica.admitWhole()
        } else if replica.isAttributed {
            replica.observer.ledger.isShortOfMemory = true
        }
        return nil
    }
}
