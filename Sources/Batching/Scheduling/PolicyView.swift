/// A scheduler of the caller's: it looks at the view and fills the decision; throws to stop the run. The fields are those
/// of `batching_policy_view` and `batching_policy_decision` in the C header; its section 6 has the rules.
public typealias CustomScheduler = (PolicyView, inout PolicyDecision) throws(BatchingError) -> Void

/// What a custom policy is shown at the beginning of an iteration: a row for each request in the system, and the limits.
///
/// The columns are the library's: they are only read, and valid only until the policy returns.
public struct PolicyView {
    /// The iteration that is being scheduled: 0, 1, 2, …
    public internal(set) var iteration: Int64 = 0
    /// Now.
    public internal(set) var time = Nanoseconds.zero
    /// Rows: first the running, in order of admission, then the waiting: those preempted, the last of them first, and
    /// then those that never ran, in order of arrival.
    public internal(set) var count = 0
    public internal(set) var runningCount = 0

    /// Its index in the requests of the run.
    public let request: UnsafePointer<Int64>
    /// Seconds.
    public let arrivalTime: UnsafePointer<Double>
    /// At least 1.
    public let promptTokens: UnsafePointer<Int32>
    public let generatedTokens: UnsafePointer<Int32>
    /// Tokens whose KV is there.
    public let computedTokens: UnsafePointer<Int64>
    /// KV blocks that it holds.
    public let kvBlocks: UnsafePointer<Int64>
    public let priority: UnsafePointer<Int32>
    public let tieBreak: UnsafePointer<Int64>
    /// Tokens that it will have generated in the end: what no real scheduler knows.
    public let oracleOutputTokens: UnsafePointer<Int32>

    /// The most requests that run at once.
    public internal(set) var maxNumSeqs = 0
    /// The most tokens of an iteration.
    public internal(set) var maxNumBatchedTokens: Int64 = 0
    /// KV blocks that are free now; `Int.max` without a limit.
    public internal(set) var freeKVBlocks = 0
    /// KV blocks in all; `Int.max` without a limit.
    public internal(set) var usableKVBlocks = 0
    /// Tokens in a KV block.
    public internal(set) var blockSize: Int64 = 1

    init(_ columns: PolicyColumns) {
        request = UnsafePointer(columns.request)
        arrivalTime = UnsafePointer(columns.arrivalTime)
        promptTokens = UnsafePointer(columns.promptTokens)
        generatedTokens = UnsafePointer(columns.generatedTokens)
        computedTokens = UnsafePointer(columns.computedTokens)
        kvBlocks = UnsafePointer(columns.kvBlocks)
        priority = UnsafePointer(columns.priority)
        tieBreak = UnsafePointer(columns.tieBreak)
        oracleOutputTokens = UnsafePointer(columns.oracleOutputTokens)
    }

    public var runningRows: Range<Int> { 0..<runningCount }
    public var waitingRows: Range<Int> { runningCount..<count }

    /// Tokens of a row that it has yet to compute before it generates another: the most that it can be given.
    @inlinable
    public func uncomputedTokens(_ row: Int) -> Int64 {
        Int64(promptTokens[row]) + Int64(generatedTokens[row]) - computedTokens[row]
    }

    /// KV blocks that a row needs, beyond those it holds, to compute so many tokens.
    @inlinable
    public func kvBlocksNeeded(_ row: Int, tokens: Int64) -> Int64 {
        (computedTokens[row] + tokens + blockSize - 1) / blockSize - kvBlocks[row]
    }
}

/// What a custom policy decides. It is empty when the policy is asked.
public struct PolicyDecision {
    /// Elements of each of the columns: as many as the view has rows.
    public let capacity: Int
    /// Rows that compute; the waiting among them are admitted, in this order.
    public let scheduledRow: UnsafeMutablePointer<Int64>
    /// How many tokens each computes.
    public let scheduledTokens: UnsafeMutablePointer<Int32>
    public var scheduledCount = 0
    /// Rows that lose their KV blocks and wait again.
    public let preemptedRow: UnsafeMutablePointer<Int64>
    public var preemptedCount = 0
    /// Whether every running request that decodes and is neither scheduled nor preempted here computes its one token.
    public var decodesRest = false
    /// Whether it need not be asked again as long as everyone who runs decodes, and nothing else happens.
    public var holdsUntilChange = false
    /// Whether those still waiting lack KV blocks; only for `AttributionColumns`.
    public var isShortOfMemory = false
    /// Seconds: with nothing scheduled and nobody preempted, no iteration happens until then, or until the next arrival
    /// if that is sooner. nil: until the next arrival.
    public var waitUntil: Double?

    init(
        capacity: Int, scheduledRow: UnsafeMutablePointer<Int64>, scheduledTokens: UnsafeMutablePointer<Int32>,
        preemptedRow: UnsafeMutablePointer<Int64>
    ) {
        self.capacity = capacity
        self.scheduledRow = scheduledRow
        self.scheduledTokens = scheduledTokens
        self.preemptedRow = preemptedRow
    }

    /// The row computes so many tokens. More than `capacity` calls make the decision invalid.
    @inlinable
    public mutating func schedule(_ row: Int, tokens: Int64) {
        if scheduledCount >= 0, scheduledCount < capacity {
            scheduledRow[scheduledCount] = Int64(row)
            // What does not fit is more than any row needs, and is refused as such.
            scheduledTokens[scheduledCount] = Int32(clamping: tokens)
        }
        scheduledCount += 1
    }

    /// The row, which runs, loses its KV blocks and waits again. More than `capacity` calls make the decision invalid.
    @inlinable
    public mutating func preempt(_ row: Int) {
        if preemptedCount >= 0, preemptedCount < capacity { preemptedRow[preemptedCount] = Int64(row) }
        preemptedCount += 1
    }
}
