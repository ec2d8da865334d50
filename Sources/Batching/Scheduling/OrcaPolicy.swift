/// Iteration-level scheduling with KV memory for prompt and output reserved on admission, so that nothing is ever
/// preempted (Yu et al., "Orca", OSDI 2022).
enum OrcaPolicy: SchedulingPolicy {
    static var reservesBlocks: Bool { true }
    static var padsBatch: Bool { false }
    static var schedulesAhead: Bool { false }

    @inline(__always)
    static func schedule<Memory: BlockMemory & ~Copyable, Attribution: AttributionChoice>(
        _ replica: inout Replica<Memory, Attribution>
    ) throws(BatchingError) -> Nanoseconds? {
        var budget = Int64.max
        try replica.scheduleRunning(budget: &budget, threshold: Int64.max)
        try replica.admitWhole()
        return nil
    }
}
