/// Decides, at the beginning of each iteration, which requests compute how many tokens. It sees what a real scheduler would
/// see: the requests that have arrived, and nothing of the future. A new one is a file of its own, a `PolicyName` and its
/// lines in the two switches, here and in `EngineRun.proceed`.
protocol SchedulingPolicy {
    /// What it can do, and needs of the mechanism.
    static var traits: PolicyTraits { get }

    /// Whether the waiting are not looked at while every request that runs decodes.
    static var coastsBesideWaiting: Bool { get }
    /// Whether iterations in which nothing happens need no scheduling.
    static func mayCoast<Memory: BlockMemory & ~Copyable, Observation: ObservationChoice>(
        _ replica: borrowing Replica<Memory, Observation>
    ) -> Bool

    /// Throws unless a configuration, whose values are in their ranges, suits it.
    static func check(_ configuration: EngineConfig) throws(BatchingError)

    /// By what it orders the waiting; nil: by arrival.
    static func queueKey(_ order: QueueOrder) -> QueueKey?

    /// Makes the decisions of one iteration. Returns nil once they are made, or, if it would rather wait for more
    /// requests, how long at most: until then no iteration happens unless a request arrives.
    static func schedule<Memory: BlockMemory & ~Copyable, Observation: ObservationChoice>(
        _ replica: inout Replica<Memory, Observation>
    ) throws(BatchingError) -> Nanoseconds?
}

extension SchedulingPolicy {
    static var coastsBesideWaiting: Bool { traits.padsBatch }

    @inline(__always)
    static func mayCoast<Memory: BlockMemory & ~Copyable, Observation: ObservationChoice>(
        _ replica: borrowing Replica<Memory, Observation>
    ) -> Bool {
        true
    }

    static func check(_ configuration: EngineConfig) throws(BatchingError) {}

    static func queueKey(_ order: QueueOrder) -> QueueKey? {
        switch order {
        case .arrival: nil
        case .priority: { (requests, request) in Int64(requests.priority?[request] ?? 0) }
        case .shortestOutput: { (requests, request) in requests.output(request) }
        }
    }
}

extension PolicyName {
    var policy: any SchedulingPolicy.Type {
        switch self {
        case .vllm: VLLMPolicy.self
        case .static: StaticPolicy.self
        case .dynamic: DynamicPolicy.self
        case .continuous: ContinuousPolicy.self
        case .orca: OrcaPolicy.self
        case .custom: CustomPolicy.self
        }
    }
}

extension EngineConfig {
    /// Throws unless every value is in its range, and all of them suit the policy.
    func check() throws(BatchingError) {
        try checkRanges()
        try policy.policy.check(self)
        guard cachesPrefixes else { return }
        guard policy.policy.traits.findsPrefixes else {
            throw .invalid("enable_prefix_caching", 1, "must be 0 for every policy but vllm")
        }
        guard numGPUBlocks != nil else {
            throw .invalid("enable_prefix_caching", 1, "must be 0 without num_gpu_blocks")
        }
        guard !hasInstantPrefill else {
            throw .invalid("enable_prefix_caching", 1, "must be 0 with instant_prefill: then nothing is prefilled")
        }
    }
}
