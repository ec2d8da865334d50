// The loop is compiled for each policy, and no more than this:
//
// - twice for each, for whole runs of which only results are wanted, and for all others (see `ObservationChoice`): a loop
//   that asks in each iteration whether anything is logged or attributed takes 8% to 12% longer;
// - for vllm and custom once more for a memory that finds prefixes: a run that only counts its blocks takes a quarter of the
//   time;
// - for vllm and custom once more ahead, which is another loop.
//
// A copy costs some 5 kB, 7 kB ahead. A model of iteration time, a log or a limit is asked about as the loop runs.
extension EngineRun: PolicyVisitor where Memory: ~Copyable {
    /// Runs on, to the goal or as far as the limits say.
    mutating func proceed(_ policy: PolicyName) throws(BatchingError) -> EngineSummary.EndReason {
        try policy.visit(&self)
        return endReason
    }

    @inline(__always)
    mutating func visit<Policy: SchedulingPolicy>(_ policy: Policy.Type) throws(BatchingError) {
        // Nothing is compiled for a policy and a memory of which it makes no use.
        if Memory.findsPrefixes, !Policy.traits.findsPrefixes { return }
        if Policy.traits.schedulesAhead, replica.settings.isAsynchronous {
            endReason = try runAhead(policy)
        } else {
            endReason = try runSynchronously(policy)
        }
    }
}
