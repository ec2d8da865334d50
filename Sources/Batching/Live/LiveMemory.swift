/// The KV blocks of an engine that runs on. The loop is compiled once for each combination of memory, policy and model of
/// iteration time: here is which there are.
protocol LiveMemory: BlockMemory, ~Copyable {
    init(
        _ configuration: EngineConfig, requests: RequestColumns, reservesBlocks: Bool, ownsBlocks: Bool
    ) throws(BatchingError)

    static func run(_ replica: inout LiveReplica<Self>, _ goal: LiveGoal) throws(BatchingError)

    /// Writes what does not follow from the members that run.
    /// - Parameter slot: of each of them, in order of admission.
    mutating func write(to writer: inout ByteWriter, members: Int, slot: (Int) -> Int) throws(BatchingError)
    /// Reads it, and gives the members their blocks. It is new, but that the members which decode have joined.
    /// - Parameters:
    ///   - running: members, in the first slots, in order of admission.
    ///   - held: tokens for which each holds blocks.
    mutating func read(
        _ reader: inout ByteReader, _ members: UnsafePointer<Member>, running: Int, held: UnsafePointer<Int64>
    ) throws(BatchingError)

    /// Takes over, from an otherwise equal memory, what is cached.
    mutating func copyCache(_ other: borrowing Self) throws(BatchingError)
    /// Has an otherwise equal memory use, and change, what is cached here.
    mutating func lendCache(to other: inout Self) throws(BatchingError)
    /// What is cached is again as it was when it was lent.
    mutating func takeCacheBack(from other: inout Self)

    /// Whether there seemed to be too few blocks where more are counted than there may be.
    var wasShort: Bool { get }
    /// Blocks that members hold: those that several do, for each.
    func held(slots: Int) -> Int
    /// How many of those who decode have so many tokens in their last block, if it is not full.
    func decoding(withRest rest: Int) -> Int32
}

extension CountedBlocks: LiveMemory {
    static func run(_ replica: inout LiveReplica<CountedBlocks>, _ goal: LiveGoal) throws(BatchingError) {
        switch replica.configuration.policy {
        case .vllm: try replica.run(VLLMPolicy.self, goal)
        case .static: try replica.run(StaticPolicy.self, goal)
        case .dynamic: try replica.run(DynamicPolicy.self, goal)
        case .continuous: try replica.run(ContinuousPolicy.self, goal)
        case .orca: try replica.run(OrcaPolicy.self, goal)
        case .custom: try replica.run(CustomPolicy.self, goal)
        }
    }
}

extension CachedBlocks: LiveMemory {
    /// Only vLLM's policy caches prefixes.
    static func run(_ replica: inout LiveReplica<CachedBlocks>, _ goal: LiveGoal) throws(BatchingError) {
        try replica.run(VLLMPolicy.self, goal)
    }
}

extension LiveReplica where Memory: ~Copyable {
    fileprivate mutating func run<Policy: SchedulingPolicy>(
        _ policy: Policy.Type, _ goal: LiveGoal
    ) throws(BatchingError) {
        switch configuration.iterationTime {
        case .constant(let seconds):
            try run(policy, ConstantTime(step: Nanoseconds(validSeconds: seconds)), goal)
        case .affine(let coefficients) where coefficients.isConstant:
            try run(policy, ConstantTime(step: Nanoseconds(validSeconds: coefficients.base)), goal)
        case .affine(let coefficients): try run(policy, AffineTimeModel(coefficients: coefficients), goal)
        case .callback(let callback): try run(policy, CallbackTime(callback: callback), goal)
        }
    }
}
