/// What the mechanism has to know of a policy: what it can do, and what it needs.
struct PolicyTraits {
    /// Whether a member gets, on admission, all the KV blocks that it may ever need.
    var reservesBlocks = false
    /// Whether the members of a batch compute until the longest of them is done.
    var padsBatch = false
    /// Whether it can schedule an iteration before the output of the one before is known.
    var schedulesAhead = false
    /// Whether it computes long prompts in chunks, unless that is disabled.
    var chunksPrompts = false
    /// Whether it looks into the prefix cache, if there is one.
    var findsPrefixes = false
    /// Whether it asks the caller, in rows that are kept for that.
    var asksCaller = false
}

/// What the requests that wait are ordered by, the lowest first.
typealias QueueKey = (RequestColumns, Int) -> Int64
