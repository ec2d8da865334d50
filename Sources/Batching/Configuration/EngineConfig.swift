/// How an engine schedules, what it has, and how long an iteration takes. The fields are those of `batching_engine_config` in
/// the C header, which describes them; where that says "0: …", nil is that default here.
public struct EngineConfig {
    /// Which policy decides which requests compute how many tokens.
    public var policy = PolicyName.vllm
    package var policyCallback: PolicyCallback?
    /// In which order the waiting are admitted.
    public var queueOrder = QueueOrder.arrival
    /// The most requests that run at once; at least 1.
    public var maxNumSeqs: Int64 = 256
    /// The most tokens of an iteration; at least 1, and with vllm at least `maxNumSeqs`. Until it is set: 2048, or `maxNumSeqs` if that is more.
    public var maxNumBatchedTokens: Int64 {
        get { givenMaxNumBatchedTokens ?? max(2048, maxNumSeqs) }
        set { givenMaxNumBatchedTokens = newValue }
    }
    /// nil: not set.
    package private(set) var givenMaxNumBatchedTokens: Int64?
    /// 0: no such limit.
    public var longPrefillTokenThreshold: Int64 = 0
    /// nil: no limit.
    public var maxModelLength: Int64?
    /// Whether a prompt may be computed in chunks.
    public var chunksPrefill = true
    /// Whether a request is admitted only if KV blocks for all its known tokens are free.
    public var reservesFullPrompt = true
    /// Whether an iteration is scheduled before the output of the one before is known.
    public var isAsynchronous = false
    /// Whether prompts cost nothing: a request decodes as it is admitted.
    public var hasInstantPrefill = false
    /// Seconds.
    public var maxQueueDelay = 0.0

    /// vLLM's null block included. nil: no limit.
    public var numGPUBlocks: Int64?
    /// Tokens in a KV block, 1...65,536.
    public var blockSize: Int64 = 16
    /// Whether KV blocks of requests that are gone are found again by their content.
    public var cachesPrefixes = false
    /// Share of the KV blocks that an admission leaves free; at least 0, below 1.
    public var watermark = 0.0
    /// Whether a request that can never fit waits instead of being rejected.
    public var admitsOversized = false

    /// How long an iteration takes.
    public var iterationTime = IterationTime.constant(0.01)

    /// Seconds. nil: no limit.
    public var timeLimit: Double?
    /// nil: no limit.
    public var iterationLimit: Int64?
    package var progressCallback: ProgressCallback?
    /// Iterations between two calls of the progress callback; at least 1.
    public var progressInterval: Int64 = 4096

    /// Of a live engine: whether the event that ends a request tells the parts of its time.
    public var keepsAttribution = false

    /// Where KV blocks stay that leave the memory of the GPU. nil: nowhere.
    public var kvOffload: KVOffload?

    /// All as by default.
    public init() {}
}

/// How far a run has come.
public struct EngineProgress: Sendable {
    /// Iterations so far.
    public var iterations: Int64
    /// Where the clock of the run is.
    public var time: Nanoseconds
    /// Requests that have arrived, rejected ones included.
    public var arrived: Int
    /// Requests that have all their tokens.
    public var finished: Int
    /// Requests in all; of a live engine, those submitted so far.
    public var count: Int
}

extension EngineConfig {
    /// Throws unless every value is in its range.
    func checkRanges() throws(BatchingError) {
        let largest = Int64(RequestColumns.maximumCount)
        func check(_ value: Int64?, _ name: StaticString, atLeast least: Int64) throws(BatchingError) {
            if let value, value < least { throw .invalid("\(name)", value, "must be at least \(least)") }
        }
        try check(maxNumSeqs, "max_num_seqs", atLeast: 1)
        try check(maxNumBatchedTokens, "max_num_batched_tokens", atLeast: 1)
        try check(longPrefillTokenThreshold, "long_prefill_token_threshold", atLeast: 0)
        try check(maxModelLength, "max_model_len", atLeast: 1)
        try check(numGPUBlocks, "num_gpu_blocks", atLeast: 2)
        try check(iterationLimit, "iteration_limit", atLeast: 1)
        try check(progressInterval, "progress_interval", atLeast: 1)
        func check(_ value: Int64?, _ name: StaticString, atMost largest: Int64) throws(BatchingError) {
            if let value, value > largest { throw .invalid("\(name)", value, "must be at most \(largest)") }
        }
        try check(maxNumSeqs, "max_num_seqs", atMost: largest)
        try check(maxNumBatchedTokens, "max_num_batched_tokens", atMost: largest)
        try check(longPrefillTokenThreshold, "long_prefill_token_threshold", atMost: largest)
        try check(numGPUBlocks, "num_gpu_blocks", atMost: largest)
        guard (1...65_536).contains(blockSize) else {
            throw .invalid("block_size", blockSize, "must be between 1 and 65536")
        }
        guard watermark >= 0, watermark < 1 else {
            throw .invalid("watermark", watermark, "must be at least 0 and below 1")
        }
        _ = try Nanoseconds(seconds: maxQueueDelay, argument: "max_queue_delay")
        _ = try Nanoseconds(seconds: timeLimit ?? 0, argument: "time_limit")
        try iterationTime.check()
        try kvOffload?.check(blockSize: blockSize)
    }
}

extension EngineConfig {
    /// Writes it, all but its callbacks, which no other process could call; or reads it, with the callbacks that it has
    /// already.
    /// - Parameter storage: for what its model of time points to.
    mutating func code(_ coder: inout some ByteCoder, _ storage: inout TableStorage) throws(BatchingError) {
        try coder.code(choice: &policy)
        try coder.code(choice: &queueOrder)
        try coder.code(&maxNumSeqs)
        try coder.code(&maxNumBatchedTokens)
        try coder.code(&longPrefillTokenThreshold)
        try coder.code(optional: &maxModelLength)
        try coder.code(&chunksPrefill)
        try coder.code(&reservesFullPrompt)
        try coder.code(&isAsynchronous)
        try coder.code(&hasInstantPrefill)
        try coder.code(seconds: &maxQueueDelay)
        try coder.code(optional: &numGPUBlocks)
        try coder.code(&blockSize)
        try coder.code(&cachesPrefixes)
        try coder.code(bits: &watermark)
        try coder.code(&admitsOversized)
        try iterationTime.code(&coder, &storage)
        if coder.has(version: 3) { try coder.code(&keepsAttribution) }
        if coder.has(version: 5) { try codeOffload(&coder) }
    }

    private mutating func codeOffload(_ coder: inout some ByteCoder) throws(BatchingError) {
        var isThere = kvOffload != nil
        try coder.code(&isThere)
        guard isThere else { return }
        var offload = kvOffload ?? KVOffload()
        try offload.code(&coder)
        kvOffload = offload
    }
}

extension EngineConfig {
    /// From an object that has its fields, all but the times, by their names in Python: whichever the member is of.
    mutating func take(_ member: inout JSONMember, _ decimals: DecimalReader) throws(BatchingError) {
        if member.take("policy") { policy = try PolicyName(member) }
        if member.take("queue_order") { queueOrder = try QueueOrder(member) }
        try member.take("max_num_seqs", &maxNumSeqs)
        var tokens: Int64?
        try member.take("max_num_batched_tokens", &tokens)
        if let tokens { maxNumBatchedTokens = tokens }
        try member.take("long_prefill_token_threshold", &longPrefillTokenThreshold)
        try member.take("max_model_len", &maxModelLength)
        try member.take("enable_chunked_prefill", &chunksPrefill)
        try member.take("scheduler_reserve_full_isl", &reservesFullPrompt)
        try member.take("async_scheduling", &isAsynchronous)
        try member.take("instant_prefill", &hasInstantPrefill)
        try member.take("max_queue_delay", &maxQueueDelay)
        try member.take("num_gpu_blocks", &numGPUBlocks)
        try member.take("block_size", &blockSize)
        try member.take("enable_prefix_caching", &cachesPrefixes)
        try member.take("watermark", &watermark)
        try member.take("admit_oversized", &admitsOversized)
        if member.take("kv_offload"), !member.isNull { kvOffload = try KVOffload(member, decimals) }
    }
}

/// What a run needs of its configuration, in the form in which it is needed.
struct ReplicaSettings {
    let maxNumSeqs: Int
    let maxNumBatchedTokens: Int64
    /// `Int64.max`: no such limit.
    let longPrefillTokenThreshold: Int64
    /// `Int64.max`: no limit.
    let maxModelLength: Int64
    let chunksPrefill: Bool
    let reservesFullPrompt: Bool
    let hasInstantPrefill: Bool
    let maxQueueDelay: Nanoseconds
    let watermarkBlocks: Int
    let admitsOversized: Bool
    let isAsynchronous: Bool
    /// Whether chunked prefill is disabled in a policy that has it.
    let limitsPrompts: Bool
    let reservesBlocks: Bool
    let padsBatch: Bool
    let asksCaller: Bool

    init(_ configuration: EngineConfig, _ traits: PolicyTraits) {
        let threshold = configuration.longPrefillTokenThreshold
        maxNumSeqs = Int(configuration.maxNumSeqs)
        maxNumBatchedTokens = configuration.maxNumBatchedTokens
        longPrefillTokenThreshold = threshold == 0 ? .max : threshold
        maxModelLength = configuration.maxModelLength ?? .max
        chunksPrefill = configuration.chunksPrefill
        reservesFullPrompt = configuration.reservesFullPrompt
        hasInstantPrefill = configuration.hasInstantPrefill
        maxQueueDelay = Nanoseconds(validSeconds: configuration.maxQueueDelay)
        watermarkBlocks = Int(configuration.watermark * Double(configuration.numGPUBlocks ?? 0))
        admitsOversized = configuration.admitsOversized
        isAsynchronous = traits.schedulesAhead && configuration.isAsynchronous
        limitsPrompts = traits.chunksPrompts && !configuration.chunksPrefill
        reservesBlocks = traits.reservesBlocks
        padsBatch = traits.padsBatch
        asksCaller = traits.asksCaller
    }
}
