// The loop is compiled for the combinations below, each of which costs some 6 kB synchronously and 12 kB ahead, and for no
// others: a model of iteration time, a log or a limit is asked about as the loop runs.
extension EngineRun where Memory: ~Copyable {
    /// Runs on, to the goal or as far as the limits say.
    mutating func proceed(
        _ configuration: borrowing EngineConfig, _ limits: inout RunLimits, _ goal: RunGoal
    ) throws(BatchingError) -> EngineSummary.EndReason {
        let time = IterationTimeModel(configuration.iterationTime)
        // Only vLLM's policy finds prefixes.
        if Memory.findsPrefixes { return try proceed(VLLMPolicy.self, &limits, time, goal) }
        switch configuration.policy {
        case .vllm: return try proceed(VLLMPolicy.self, &limits, time, goal)
        case .static: return try proceed(StaticPolicy.self, &limits, time, goal)
        case .dynamic: return try proceed(DynamicPolicy.self, &limits, time, goal)
        case .continuous: return try proceed(ContinuousPolicy.self, &limits, time, goal)
        case .orca: return try proceed(OrcaPolicy.self, &limits, time, goal)
        case .custom: return try proceed(CustomPolicy.self, &limits, time, goal)
        }
    }

    @inline(__always)
    private mutating func proceed<Policy: SchedulingPolicy>(
        _ policy: Policy.Type, _ limits: inout RunLimits, _ time: IterationTimeModel, _ goal: RunGoal
    ) throws(BatchingError) -> EngineSummary.EndReason {
        if Policy.traits.schedulesAhead, replica.settings.isAsynchronous {
            return try runAhead(policy, &limits, time, goal)
        }
        return try runSynchronously(policy, &limits, time, goal)
    }
}
