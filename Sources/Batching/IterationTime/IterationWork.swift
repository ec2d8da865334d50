/// One iteration (a forward pass of the model), as an iteration-time model sees it.
public struct IterationWork: Sendable {
    /// 0, 1, 2, …
    public internal(set) var number: Int64 = 0
    /// When it was scheduled.
    public internal(set) var time = Nanoseconds.zero
    /// Requests running, those that get nothing in this iteration included.
    public internal(set) var running = 0
    /// Requests waiting after the scheduling.
    public internal(set) var waiting = 0
    /// Tokens of all prefill chunks, those of recomputation included.
    public internal(set) var prefillTokens: Int64 = 0
    /// Prefill chunks: the requests that those tokens belong to.
    public internal(set) var prefillChunks: Int64 = 0
    /// Sequences that decode: each computes one token.
    public internal(set) var decodeTokens: Int64 = 0
    /// Over those sequences: the sum of the tokens that each attends to, its newest included.
    public internal(set) var contextTokens: Int64 = 0
    /// Over the chunks: the sum of tokens x context, where a chunk's context is the number of its request's tokens whose
    /// KV is there after it.
    public internal(set) var prefillContext = 0.0
    /// KV blocks in use after the scheduling.
    public internal(set) var usedBlocks = 0
    /// Requests that it preempted.
    public internal(set) var preemptions = 0
    /// How long it takes to load the KV blocks from tiers that the requests admitted in it found there.
    public internal(set) var load = Nanoseconds.zero

    /// Whether any request computes anything.
    @inline(__always)
    var isAny: Bool { decodeTokens &+ prefillTokens > 0 }
}
