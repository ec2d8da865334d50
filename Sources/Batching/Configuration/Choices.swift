/// The policies. The raw values are those of the C header. A new one is a case here, its line in `PolicyName.visit`, and a
/// file of its own.
public enum PolicyName: Int32, CaseIterable, Sendable {
    /// vLLM's V1 scheduler.
    case vllm = 0
    /// A batch is filled, and runs until its longest member is done.
    case `static` = 100
    /// The same, but the batch also starts once its oldest member has waited long enough.
    case dynamic = 110
    /// A request joins when a slot is free, its whole prompt at once, and leaves when it is done.
    case continuous = 200
    /// The same with KV memory reserved for prompt and output (Yu et al., OSDI 2022).
    case orca = 210
    /// A policy of the caller's.
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

// Their words in JSON.

extension PolicyName {
    /// A policy of the caller's is none that a file could keep.
    init(_ member: JSONMember) throws(BatchingError) {
        let word = try member.string()
        switch true {
        case word == "vllm": self = .vllm
        case word == "static": self = .static
        case word == "dynamic": self = .dynamic
        case word == "continuous": self = .continuous
        case word == "orca": self = .orca
        default:
            throw member.wrong(
                "must be one of \"vllm\", \"static\", \"dynamic\", \"continuous\", \"orca\"")
        }
    }
}

extension QueueOrder {
    init(_ member: JSONMember) throws(BatchingError) {
        let word = try member.string()
        switch true {
        case word == "arrival": self = .arrival
        case word == "priority": self = .priority
        case word == "shortest_output": self = .shortestOutput
        default: throw member.wrong("must be one of \"arrival\", \"priority\", \"shortest_output\"")
        }
    }
}
