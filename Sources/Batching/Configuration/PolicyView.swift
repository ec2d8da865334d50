/// A scheduler of the caller's: it looks at the view and fills the decision; throws to stop the run. The fields are those
/// of `batching_policy_view` and `batching_policy_decision` in the C header; its section "Engine: your policy" has
/// the rules.
public typealias CustomScheduler = (PolicyView, inout PolicyDecision) throws(BatchingError) -> Void

/// What a custom policy is shown at the beginning of an iteration: a row for each request in the system, and the limits.
///
/// The first of the rows are the running, in order of admission; then come the waiting: those preempted, the last of them
/// first, and then those that never ran, in order of arrival. The view and its columns are the library's: they are only
/// read, and valid only until the policy returns.
public struct PolicyView {
    /// It stays where it is, and only what changes is written.
    @usableFromInline
    struct Contents {
        @usableFromInline var iteration: Int64 = 0
        @usableFromInline var time = Nanoseconds.zero
        @usableFromInline var count = 0
        @usableFromInline var runningCount = 0
        @usableFromInline var request: UnsafePointer<Int64>
        @usableFromInline var arrivalTime: UnsafePointer<Double>
        @usableFromInline var promptTokens: UnsafePointer<Int32>
        @usableFromInline var generatedTokens: UnsafePointer<Int32>
        @usableFromInline var computedTokens: UnsafePointer<Int64>
        @usableFromInline var kvBlocks: UnsafePointer<Int64>
        @usableFromInline var priority: UnsafePointer<Int32>
        @usableFromInline var tieBreak: UnsafePointer<Int64>
        @usableFromInline var oracleOutputTokens: UnsafePointer<Int32>
        @usableFromInline var maxNumSeqs = 0
        @usableFromInline var maxNumBatchedTokens: Int64 = 0
        @usableFromInline var freeKVBlocks = 0
        @usableFromInline var usableKVBlocks = 0
        @usableFromInline var blockSize: Int64 = 1
        /// What is handed to `lookUp`; nil: there is no prefix cache.
        var prefixes: UnsafeMutableRawPointer?
        /// Tells what a row finds, and how many of its blocks it does not share.
        var lookUp: PrefixFunction = { (_, _, _, _) in }

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
    }

    @usableFromInline let contents: UnsafePointer<Contents>

    @inline(__always)
    init(_ contents: UnsafePointer<Contents>) {
        self.contents = contents
    }

    /// What a view is made of again to look something up; nil: there is no prefix cache.
    package var prefixCache: UnsafeMutableRawPointer? {
        contents.pointee.prefixes == nil ? nil : UnsafeMutableRawPointer(mutating: contents)
    }

    package init?(prefixCache: UnsafeMutableRawPointer?) {
        guard let prefixCache else { return nil }
        contents = UnsafePointer(prefixCache.assumingMemoryBound(to: Contents.self))
    }

    /// The iteration that is being scheduled: 0, 1, 2, …
    @inlinable public var iteration: Int64 { contents.pointee.iteration }
    /// Now.
    @inlinable public var time: Nanoseconds { contents.pointee.time }
    /// Rows: requests that have arrived and are neither rejected nor finished.
    @inlinable public var count: Int { contents.pointee.count }
    /// Those of them that run.
    @inlinable public var runningCount: Int { contents.pointee.runningCount }

    /// The index of each in the requests of the run; of a live engine, the id under which it was submitted.
    @inlinable public var request: UnsafePointer<Int64> { contents.pointee.request }
    /// Seconds.
    @inlinable public var arrivalTime: UnsafePointer<Double> { contents.pointee.arrivalTime }
    /// At least 1.
    @inlinable public var promptTokens: UnsafePointer<Int32> { contents.pointee.promptTokens }
    /// Tokens that each has generated.
    @inlinable public var generatedTokens: UnsafePointer<Int32> { contents.pointee.generatedTokens }
    /// Tokens whose KV is there.
    @inlinable public var computedTokens: UnsafePointer<Int64> { contents.pointee.computedTokens }
    /// KV blocks that each holds.
    @inlinable public var kvBlocks: UnsafePointer<Int64> { contents.pointee.kvBlocks }
    /// As given; lower is more urgent.
    @inlinable public var priority: UnsafePointer<Int32> { contents.pointee.priority }
    /// As given; if none was given the index, or, of a live engine, how many were submitted before it.
    @inlinable public var tieBreak: UnsafePointer<Int64> { contents.pointee.tieBreak }
    /// Tokens that each will have generated in the end: what no real scheduler knows.
    @inlinable public var oracleOutputTokens: UnsafePointer<Int32> { contents.pointee.oracleOutputTokens }

    /// The most requests that run at once.
    @inlinable public var maxNumSeqs: Int { contents.pointee.maxNumSeqs }
    /// The most tokens of an iteration.
    @inlinable public var maxNumBatchedTokens: Int64 { contents.pointee.maxNumBatchedTokens }
    /// KV blocks that no request holds; `Int.max` without a limit.
    @inlinable public var freeKVBlocks: Int { contents.pointee.freeKVBlocks }
    /// KV blocks in all; `Int.max` without a limit.
    @inlinable public var usableKVBlocks: Int { contents.pointee.usableKVBlocks }
    /// Tokens in a KV block.
    @inlinable public var blockSize: Int64 { contents.pointee.blockSize }

    /// The rows that run, in order of admission.
    @inlinable public var runningRows: Range<Int> { 0..<runningCount }
    /// The rows that wait: those preempted, the latest first, then the others in order of arrival.
    @inlinable public var waitingRows: Range<Int> { runningCount..<count }

    /// Tokens of a row that it has yet to compute before it generates another: the most that it can be given, less what it
    /// finds in a prefix cache. 0 asynchronously, while its last token is on its way.
    @inlinable public func uncomputedTokens(_ row: Int) -> Int64 {
        Int64(promptTokens[row]) &+ Int64(generatedTokens[row]) &- computedTokens[row]
    }

    /// What the prefix cache has of a row that waits: the tokens that it need not compute if it is admitted in this iteration,
    /// in full blocks, at most all but one that it knows. And of those blocks, or of those that a row that runs holds, how
    /// many no other request holds: they are taken from `freeKVBlocks` with its admission, or given back as it is preempted.
    /// Blocks that are loaded from tiers are among both.
    ///
    /// All rows of a decision find what is there now: none finds what another will compute in the same iteration.
    /// - Complexity: O(blocks found, or held).
    public func lookUp(_ row: Int) -> (cachedTokens: Int64, unsharedKVBlocks: Int) {
        guard row >= 0, row < count else { return (0, 0) }
        guard let prefixes = contents.pointee.prefixes else { return (0, row < runningCount ? Int(kvBlocks[row]) : 0) }
        var (tokens, unshared): (Int64, Int64) = (0, 0)
        contents.pointee.lookUp(prefixes, row, &tokens, &unshared)
        return (tokens, Int(unshared))
    }

    /// KV blocks that a row needs, beyond those it holds, to compute so many tokens.
    @inlinable public func kvBlocksNeeded(_ row: Int, tokens: Int64) -> Int64 {
        let grown = computedTokens[row] &+ max(0, tokens)
        return grown / blockSize &+ (grown % blockSize > 0 ? 1 : 0) &- kvBlocks[row]
    }
}

/// Tells what the row of a view finds, from what is handed to it.
typealias PrefixFunction =
    @convention(c) (UnsafeMutableRawPointer, Int, UnsafeMutablePointer<Int64>, UnsafeMutablePointer<Int64>) -> Void

/// What a custom policy decides. It is empty when the policy is asked.
public struct PolicyDecision {
    /// Elements of each of the columns: as many as the view has rows.
    public let capacity: Int
    /// Rows that compute; the waiting among them are admitted, in this order.
    public let scheduledRow: UnsafeMutablePointer<Int64>
    /// How many tokens each computes.
    public let scheduledTokens: UnsafeMutablePointer<Int32>
    /// To be written: elements of `scheduledRow` and `scheduledTokens`.
    public var scheduledCount = 0
    /// Rows that lose their KV blocks and wait again.
    public let preemptedRow: UnsafeMutablePointer<Int64>
    /// To be written: elements of `preemptedRow`.
    public var preemptedCount = 0
    /// Whether every running request that decodes and is neither scheduled nor preempted here computes its one token.
    public var decodesRest = false
    /// Whether it need not be asked again as long as every request that runs decodes, and nothing else happens.
    public var holdsUntilChange = false
    /// Whether those still waiting lack KV blocks; only for `AttributionColumns`.
    public var isShortOfMemory = false
    /// Seconds: with no request scheduled or preempted, no iteration happens until then, or until the next arrival
    /// if that is sooner. nil: until the next arrival.
    public var waitUntil: Double?

    @inline(__always)
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
    @inlinable public mutating func schedule(_ row: Int, tokens: Int64) {
        if scheduledCount >= 0, scheduledCount < capacity {
            scheduledRow[scheduledCount] = Int64(row)
            // What does not fit is more than any row needs, and is refused as such.
            scheduledTokens[scheduledCount] = Int32(clamping: tokens)
        }
        scheduledCount &+= 1
    }

    /// The row, which runs, loses its KV blocks and waits again. More than `capacity` calls make the decision invalid.
    @inlinable public mutating func preempt(_ row: Int) {
        if preemptedCount >= 0, preemptedCount < capacity { preemptedRow[preemptedCount] = Int64(row) }
        preemptedCount &+= 1
    }
}
