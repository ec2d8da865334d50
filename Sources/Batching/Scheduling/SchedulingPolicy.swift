/// Decides, at the beginning of each iteration, which requests compute how many tokens. It sees what a real scheduler would
/// see: the requests that have arrived, and nothing of the future. A new one is a file of its own, a `PolicyName` and its
/// line in `PolicyName.visit`.
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

/// What is to be done with a policy's type.
protocol PolicyVisitor: ~Copyable {
    mutating func visit<Policy: SchedulingPolicy>(_ policy: Policy.Type) throws(BatchingError)
}

extension PolicyName {
    /// From the name to the type: the one dispatch. What visits it is compiled for each of them.
    @inline(__always)
    func visit<Visitor: PolicyVisitor & ~Copyable>(_ visitor: inout Visitor) throws(BatchingError) {
        switch self {
        case .vllm: try visitor.visit(VLLMPolicy.self)
        case .static: try visitor.visit(StaticPolicy.self)
        case .dynamic: try visitor.visit(DynamicPolicy.self)
        case .continuous: try visitor.visit(ContinuousPolicy.self)
        case .orca: try visitor.visit(OrcaPolicy.self)
        case .custom: try visitor.visit(CustomPolicy.self)
        }
    }

    /// For what is asked once, and not in each iteration.
    var policy: any SchedulingPolicy.Type {
        var finder = PolicyFinder()
        // Finding throws nothing.
        try? visit(&finder)
        return finder.policy
    }
}

private struct PolicyFinder: PolicyVisitor {
    var policy: any SchedulingPolicy.Type = VLLMPolicy.self

    mutating func visit<Policy: SchedulingPolicy>(_ policy: Policy.Type) throws(BatchingError) { self.policy = policy }
}

extension EngineConfig {
    /// Throws unless every value is in its range, and all of them suit the policy.
    func check() throws(BatchingError) {
        try checkRanges()
        try policy.policy.check(self)
        guard cachesPrefixes else {
            guard kvOffload == nil else {
                throw BatchingError(
                    .invalidArgument, "kv_offload is given: must be NULL without enable_prefix_caching")
            }
            return
        }
        guard policy.policy.traits.findsPrefixes else {
            throw .invalid("enable_prefix_caching", 1, "must be 0 for every policy but vllm and custom")
        }
        guard numGPUBlocks != nil else {
            throw .invalid("enable_prefix_caching", 1, "must be 0 without num_gpu_blocks")
        }
        guard !hasInstantPrefill else {
            throw .invalid("enable_prefix_caching", 1, "must be 0 with instant_prefill: then nothing is prefilled")
        }
    }
}
