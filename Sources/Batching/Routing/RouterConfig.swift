/// A router: its rule and its workers. See "Routers" in the C header for what each field means; here the defaults stand as they
/// are.
public struct RouterConfig {
    /// Its rule.
    public var router = RouterName.roundRobin
    /// least_requests: which of equals.
    public var ties = RouterTies.first
    /// Workers.
    public var workers = 1
    /// nil: all 1.
    public var weight: UnsafePointer<Int64>?
    /// nil: "worker-0", "worker-1", …
    public var name: UnsafePointer<UnsafePointer<CChar>?>?
    /// Of random draws.
    public var seed: UInt64 = 0
    /// Tokens of a block of hash ids.
    public var blockSize = 16
    /// Seconds over which requests a second are counted.
    public var statsWindow = 60.0

    /// How round robin counts.
    public var roundRobinRule = RoundRobinRule.counter
    /// Of which vLLM vllm_dp is.
    public var vllmDPRule = VLLMDPRule.from27
    /// Of which gateway cache_aware is.
    public var cacheAwareRule = CacheAwareRule.sglang
    /// vllm_dp: API-server processes.
    public var clientCount: Int32 = 1
    /// vllm_dp: which of them it is.
    public var clientIndex: Int32 = 0

    /// dynamo_kv.
    public var dynamo = DynamoKVConfig()
    /// Routers that compare prompts.
    public var prefix = PrefixRouterConfig()
    /// scorers.
    public var scorers = ScorersConfig()

    /// The defaults.
    public init() {}

    static var mostWorkers: Int { 65_536 }
}

/// What is Dynamo's own.
public struct DynamoKVConfig {
    /// Whether KV events tell what workers hold.
    public var usesKVEvents = true
    /// Whether prefill tokens count.
    public var tracksPrefillTokens = true
    /// Whether requests share blocks.
    public var assumesKVReuse = true
    /// Whether KV blocks in use count: Dynamo's routers of prefill workers count none.
    public var countsBlocks = true
    /// Credit for a block that is cached.
    public var overlapScoreCredit = 1.0
    /// By how much the credit falls with the backlog.
    public var overlapScoreCreditDecay = 0.0
    /// What a block to prefill costs.
    public var prefillLoadScale = 1.0
    /// What a request in flight costs.
    public var decodeActiveRequestWeight = 0.0
    /// Of the softmax over the costs.
    public var temperature = 0.0
    /// nil: no queue.
    public var queueThreshold: Double?
    /// Of each worker, for the queue.
    public var maxNumBatchedTokens: Int64 = 8192
    /// Which waiting request is next.
    public var waitingOrder = WaitingOrder.fcfs
    /// Seconds after which a block that was routed is forgotten, without KV events.
    public var indexTTL = 120.0

    /// The defaults.
    public init() {}
}

/// What routers that compare prompts have.
public struct PrefixRouterConfig {
    /// cache_aware: a match counts if its share of the prompt is more.
    public var cacheThreshold = 0.3
    /// Loads that differ by more, and …
    public var balanceAbsThreshold: Int64 = 64
    /// … by more than this factor, are out of balance.
    public var balanceRelThreshold = 1.5
    /// Seconds between evictions. nil: none but those that are asked for.
    public var evictionInterval: Double? = 60
    /// Elements that eviction leaves of each worker.
    public var maxTreeSize: Int64 = 67_108_864
    /// ray_prefix: a match counts if its share of the prompt is at least this.
    public var matchRateThreshold = 0.1
    /// ray_prefix: queues that differ by more are out of balance. nil: never.
    public var imbalancedThreshold: Int64?
    /// Characters of a chunk. nil: the rule's own.
    public var chunkSize: Int?
    /// prefix_trie: elements that must match.
    public var prefixMinMatchLength: Int64 = 0
    /// aibrix_prefix: requests in flight that differ by more are out of balance.
    public var aibrixImbalance: Int64 = 8

    /// The defaults.
    public init() {}
}

/// What is the endpoint picker's own.
public struct ScorersConfig {
    /// How many. 0: prefix, queue, KV usage, weighing 3, 2, 2.
    public var count = 0
    /// Which. Required unless there are 0.
    public var scorer: UnsafePointer<Int32>?
    /// nil: all 1.
    public var weight: UnsafePointer<Double>?
    /// 0: the scorer's own.
    public var threshold: UnsafePointer<Double>?
    /// nil, 0: 1; -1: 0.
    public var maxBusyScore: UnsafePointer<Double>?
    /// Blocks of a prompt that are looked up.
    public var maxPrefixBlocks = 256
    /// Blocks that the index keeps of each worker.
    public var lruBlocksPerWorker = 31_250

    /// The defaults.
    public init() {}

    static var most: Int { 64 }
}

extension RouterConfig {
    func check() throws(BatchingError) {
        guard workers >= 1, workers <= RouterConfig.mostWorkers else {
            throw .invalid("workers", Int64(workers), "must be in 1..\(RouterConfig.mostWorkers)")
        }
        if let weight {
            for worker in 0..<workers where weight[worker] < 1 || weight[worker] > 2_147_483_647 {
                throw .invalid("weight", worker, weight[worker], "must be in 1..2147483647")
            }
        }
        if let name {
            for worker in 0..<workers where name[worker] == nil {
                throw BatchingError(.nullPointer, "name[\(worker)] is NULL: it is required")
            }
        }
        guard blockSize >= 1, blockSize <= 65_536 else {
            throw .invalid("block_size", Int64(blockSize), "must be in 1..65536")
        }
        try Self.check(positive: statsWindow, "stats_window")
        guard clientCount >= 1, clientCount <= 65_536 else {
            throw .invalid("client_count", clientCount, "must be in 1..65536")
        }
        guard clientIndex >= 0, clientIndex < clientCount else {
            throw .invalid("client_index", clientIndex, "must be in 0..client_count - 1, which is \(clientCount &- 1)")
        }
        try dynamo.check()
        try prefix.check()
        try scorers.check()
    }

    fileprivate static func check(positive seconds: Double, _ argument: ErrorText) throws(BatchingError) {
        guard seconds > 0, Nanoseconds.holds(seconds) else {
            throw .invalid(argument, seconds, "must be more than 0 and at most \(Nanoseconds.maximumSeconds)")
        }
    }

    fileprivate static func check(factor: Double, _ argument: ErrorText) throws(BatchingError) {
        guard factor >= 0, factor <= 1e9 else { throw .invalid(argument, factor, "must be in 0..1e9") }
    }
}

extension DynamoKVConfig {
    func check() throws(BatchingError) {
        try RouterConfig.check(factor: overlapScoreCredit, "overlap_score_credit")
        try RouterConfig.check(factor: overlapScoreCreditDecay, "overlap_score_credit_decay")
        try RouterConfig.check(factor: prefillLoadScale, "prefill_load_scale")
        try RouterConfig.check(factor: decodeActiveRequestWeight, "decode_active_request_weight")
        guard temperature >= 0, temperature <= 1000 else {
            throw .invalid("temperature", temperature, "must be in 0..1000")
        }
        if let queueThreshold { try RouterConfig.check(factor: queueThreshold, "queue_threshold") }
        guard maxNumBatchedTokens >= 1, maxNumBatchedTokens <= 1 << 40 else {
            throw .invalid("max_num_batched_tokens", maxNumBatchedTokens, "must be in 1..2^40")
        }
        try RouterConfig.check(positive: indexTTL, "index_ttl")
    }
}

extension PrefixRouterConfig {
    func check() throws(BatchingError) {
        try RouterConfig.check(factor: cacheThreshold, "cache_threshold")
        try RouterConfig.check(factor: balanceRelThreshold, "balance_rel_threshold")
        try RouterConfig.check(factor: matchRateThreshold, "match_rate_threshold")
        try Self.check(count: balanceAbsThreshold, "balance_abs_threshold")
        if let evictionInterval { try RouterConfig.check(positive: evictionInterval, "eviction_interval") }
        try Self.check(count: maxTreeSize, "max_tree_size")
        if let imbalancedThreshold { try Self.check(count: imbalancedThreshold, "imbalanced_threshold") }
        if let chunkSize, chunkSize < 1 || chunkSize > 1 << 20 {
            throw .invalid("chunk_size", Int64(chunkSize), "must be in 1..1048576")
        }
        try Self.check(count: prefixMinMatchLength, "prefix_min_match_length")
        try Self.check(count: aibrixImbalance, "aibrix_imbalance")
    }

    private static func check(count: Int64, _ argument: ErrorText) throws(BatchingError) {
        guard count >= 0, count <= 1 << 40 else { throw .invalid(argument, count, "must be in 0..2^40") }
    }
}

extension ScorersConfig {
    func check() throws(BatchingError) {
        guard count >= 0, count <= ScorersConfig.most else {
            throw .invalid("scorer_count", Int64(count), "must be in 0..\(ScorersConfig.most)")
        }
        guard count == 0 || scorer != nil else {
            throw BatchingError(.nullPointer, "scorer is NULL: it is required where scorer_count is \(count)")
        }
        for index in 0..<count {
            if let scorer, ScorerName(rawValue: scorer[index]) == nil {
                throw .invalid("scorer", index, scorer[index], "must be a BATCHING_SCORER_ constant")
            }
            if let weight, !(weight[index].magnitude <= 1e9) {
                throw .invalid("scorer_weight", index, weight[index], "must be finite, and in -1e9..1e9")
            }
            if let threshold, !(threshold[index] >= 0 && threshold[index] <= 1e15) {
                throw .invalid("scorer_threshold", index, threshold[index], "must be in 0..1e15")
            }
            if let maxBusyScore, maxBusyScore[index] != -1, !(maxBusyScore[index] >= 0 && maxBusyScore[index] <= 1e9) {
                throw .invalid("scorer_max_busy", index, maxBusyScore[index], "must be in 0..1e9, or -1 for 0")
            }
        }
        guard maxPrefixBlocks >= 1, maxPrefixBlocks <= 1 << 20 else {
            throw .invalid("max_prefix_blocks", Int64(maxPrefixBlocks), "must be in 1..1048576")
        }
        guard lruBlocksPerWorker >= 1, lruBlocksPerWorker <= 1 << 30 else {
            throw .invalid("lru_blocks_per_worker", Int64(lruBlocksPerWorker), "must be in 1..2^30")
        }
    }
}
