/// A request that runs, or was preempted.
struct SavedMember {
    enum Kind: UInt8 {
        case catchingUp
        case decoding
        /// Admitted in the iteration under way, which completes its known tokens.
        case joining
        case finishing
        case preempted
    }

    var kind = Kind.preempted
    var wasPreempted = false
    var generated: Int32 = 0
    /// Of those that catch up: tokens whose KV is there, and those that the iteration under way computes.
    var computed: Int64 = 0
    var chunk: Int32 = 0
    /// Whether the iteration before the one under way gave it a token, and, in the second bit, the one before that.
    var recent: UInt8 = 0

    mutating func code(_ coder: inout some ByteCoder) throws(BatchingError) {
        var raw = kind.rawValue
        try coder.code(&raw, from: 0, to: Kind.preempted.rawValue)
        kind = Kind(rawValue: raw) ?? .preempted
        try coder.code(&wasPreempted)
        try coder.code(&generated, from: 0, to: .max)
        try coder.code(&computed, from: 0, to: Int64(1) << 33)
        try coder.code(&chunk, from: 0, to: .max)
        try coder.code(&recent, from: 0, to: 3)
    }
}
