/// The policies. The raw values are those of the C header. A new one is a case here, its lines in
/// `PolicyName.policy`, `Engine.run` and `CountedBlocks.run`, and a file of its own.
public enum PolicyName: Int32, CaseIterable, Sendable {
    case vllm = 0
    case `static` = 100
    case dynamic = 110
    case continuous = 200
    case orca = 210
    case custom = 300
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

/// Decides, at the beginning of each iteration, who computes how many tokens. It sees what a real scheduler would see: the
/// requests that have arrived, and nothing of the future. The engine is compiled once for each policy.
protocol SchedulingPolicy {
    /// Whether a member gets, on admission, all the KV blocks that it may ever need.
    static var reservesBlocks: Bool { get }
    /// Whether the members of a batch compute until the longest of them is done.
    static var padsBatch: Bool { get }

    /// Whether it can schedule an iteration before the output of the one before is known.
    static var schedulesAhead: Bool { get }

    /// Whether those who wait are not looked at while everyone who runs decodes.
    static var coastsBesideWaiting: Bool { get }
    /// Whether iterations in which nothing happens need no scheduling.
    static func mayCoast<Memory: BlockMemory & ~Copyable, Attribution: AttributionChoice>(
        _ replica: borrowing Replica<Memory, Attribution>
    ) -> Bool

    /// Makes the decisions of one iteration. Returns nil once they are made, or, if it would rather wait for more
    /// requests, how long at most: until then no iteration happens unless a request arrives.
    static func schedule<Memory: BlockMemory & ~Copyable, Attribution: AttributionChoice>(
        _ replica: inout Replica<Memory, Attribution>
    ) throws(BatchingError) -> Nanoseconds?
}

extension SchedulingPolicy {
    static var coastsBesideWaiting: Bool { padsBatch }

    @inline(__always)
    static func mayCoast<Memory: BlockMemory & ~Copyable, Attribution: AttributionChoice>(
        _ replica: borrowing Replica<Memory, Attribution>
    ) -> Bool {
        true
    }
}
