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

/// In which order the waiting are admitted. The raw values are those of the C header.
public enum QueueOrder: Int32, CaseIterable, Sendable {
    /// First come, first served.
    case arrival = 0
    /// Lowest value first, then arrival, then `tieBreak`. When blocks run out, the least urgent is preempted.
    case priority = 100
    /// Shortest output first, then arrival, then `tieBreak`: an oracle, since no server knows the output's length.
    case shortestOutput = 200
}
