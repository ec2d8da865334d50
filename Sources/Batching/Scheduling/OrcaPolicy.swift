/// Iteration-level scheduling with KV memory for prompt and output reserved on admission, so that nothing is ever
/// preempted (Yu et al., "Orca", OSDI 2022).
enum OrcaPolicy: SchedulingPolicy {
    static var traits: PolicyTraits { PolicyTraits(reservesBlocks: true) }

    @inline(__always)
    static func schedule<Memory: BlockMemory & ~Copyable, Observation: ObservationChoice>(
        _ replica: inout Replica<Memory, Observation>
    ) throws(BatchingError) -> Nanoseconds? {
        var budget = Int64.max
        try replica.scheduleRunning(budget: &budget, threshold: Int64.max)
        try replica.admitWhole()
        return nil
    }
}
