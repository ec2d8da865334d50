/// What the engine tells of a whole run. Times are seconds.
public struct EngineSummary: Equatable, Sendable {
    /// Why a run ended. The raw values are those of the C header.
    public enum EndReason: Int32, Sendable {
        /// Nothing is left to do.
        case completed = 0
        /// The next iteration would have started at or after the time limit.
        case timeLimit = 100
        /// As many iterations have run as were allowed.
        case iterationLimit = 110
        /// Requests are left, none will arrive, and no iteration can change anything.
        case stuck = 200
    }

    /// The end of the last completion, on a clock that starts at 0.
    public var totalTime = 0.0
    /// Tokens per second: `totalTokens / totalTime`; 0.0 if nothing was completed.
    public var throughput = 0.0
    /// Tokens generated, those of unfinished requests included.
    public var totalTokens: Int64 = 0
    /// Forward passes.
    public var iterations: Int64 = 0
    /// The sum of the iterations' durations.
    public var busyTime = 0.0
    /// The end of the last iteration.
    public var duration = 0.0
    /// Why the run ended.
    public var endReason = EndReason.completed
    /// Requests that have all their tokens.
    public var finished: Int64 = 0
    /// Requests that were rejected on arrival.
    public var rejected: Int64 = 0
    /// Requests that are left at a limit, or stuck, and were sent.
    public var unfinished: Int64 = 0
    /// Requests whose clients left before they had all their tokens.
    public var aborted: Int64 = 0
    /// Requests that were not sent.
    public var notSent: Int64 = 0
    /// Tokens computed in prefills, recomputed ones included.
    public var prefillTokens: Int64 = 0
    /// Sequences decoded, summed over the iterations.
    public var decodeTokens: Int64 = 0
    /// How often a request was preempted.
    public var preemptions: Int64 = 0
    /// Tokens computed once more after a preemption.
    public var recomputedTokens: Int64 = 0
    /// Averaged over [0, duration].
    public var meanRunning = 0.0
    /// The most requests running in an iteration.
    public var peakRunning: Int64 = 0
    /// The most requests left waiting by the scheduling of an iteration.
    public var peakWaiting: Int64 = 0
    /// Share of the KV blocks in use, averaged over [0, duration].
    public var meanKVUse = 0.0
    /// The largest share of the KV blocks in use after scheduling.
    public var peakKVUse = 0.0
    /// Tokens looked up in the prefix cache at first admissions.
    public var prefixCacheQueries: Int64 = 0
    /// Tokens found there, or in tiers beside it.
    public var prefixCacheHits: Int64 = 0
    /// What was loaded from tiers, and written there.
    public var kvOffload = KVOffloadTotals()
}
