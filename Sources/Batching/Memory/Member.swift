/// A request that is running, or was and waits again: one cache line.
struct Member: BitwiseCopyable {
    enum State: UInt8 {
        /// The slot is free.
        case none
        /// Running, with tokens still to be computed before it decodes: looked at in each iteration.
        case catchingUp
        /// Running, one token in every iteration: counted, not looked at.
        case decoding
        /// Running, with its last token scheduled, but not yet known.
        case finishing
        /// Preempted.
        case waiting
        /// Of no request, or of one that is on its way from or to another replica: it only has KV blocks.
        case held
    }

    /// What asynchronous scheduling knows of its end.
    enum Ending: UInt8 {
        /// It ends with as many tokens as were asked for: the last is not followed by another.
        case foreseen
        /// It ends before: while its last token is on its way, one more is scheduled.
        case unforeseen
        /// So it is: its last token has been computed, or is being.
        case reached
    }

    /// Its place in the order of admission.
    var sequence: Int64 = 0
    /// Tokens whose KV is there, or is being computed. While it decodes: less the number of the iteration, so that it
    /// needs no change as the iterations go by.
    var computed: Int64 = 0
    /// The iteration that gives the last token; only while it decodes.
    var due: Int64 = 0
    var request: UInt32 = 0
    /// Prompt tokens, at least 1.
    var prompt: Int32 = 0
    /// Tokens that it will have generated in the end.
    var output: Int32 = 0
    /// Tokens generated; not kept up to date while it decodes.
    var generated: Int32 = 0
    /// Tokens that it computes in this iteration, while it catches up.
    var chunk: Int32 = 0
    /// Neighbours among the running, in order of admission. They also link those preempted, and `next` free slots.
    var previous: Int32 = -1
    var next: Int32 = -1
    /// Neighbours among those due in the same iteration, or among those catching up.
    var previousOfKind: Int32 = -1
    var nextOfKind: Int32 = -1
    var state = State.none
    var wasPreempted = false
    var ending = Ending.foreseen

    /// Tokens known, in order of generation: those that have to be computed before it generates another.
    @inline(__always)
    var known: Int64 { Int64(prompt) &+ Int64(generated) }

    /// Tokens that it can ever have.
    @inline(__always)
    var longest: Int64 { Int64(prompt) &+ Int64(output) }
}

/// What is remembered of a member that was preempted.
struct MemberHistory: BitwiseCopyable {
    var preemptions: Int32 = 0
    /// The most tokens that it ever had computed.
    var mostComputed: Int64 = 0
    /// The tokens with which it was last resumed.
    var resumedWith: Int64 = 0
}
