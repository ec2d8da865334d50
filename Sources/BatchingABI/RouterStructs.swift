import Batching
import CBatching

extension batching_router_config {
    static let firstSize = 304

    /// The configuration that the struct describes: what is 0 or NULL is its default.
    func configuration() throws(BatchingError) -> RouterConfig {
        guard reserved_2 == 0 else { throw .invalid("config.reserved_2", reserved_2, "must be 0") }
        var configuration = RouterConfig()
        configuration.router = try choice(router, "router")
        configuration.ties = try choice(ties, "ties")
        configuration.workers = Int(workers)
        configuration.weight = weight.map { UnsafePointer($0) }
        configuration.name = name.map { UnsafePointer($0) }
        configuration.seed = seed
        set(&configuration.blockSize, block_size)
        set(&configuration.statsWindow, stats_window)
        configuration.roundRobinRule = try choice(round_robin_rule, "round_robin_rule")
        configuration.vllmDPRule = try choice(vllm_dp_rule, "vllm_dp_rule")
        configuration.cacheAwareRule = try choice(cache_aware_rule, "cache_aware_rule")
        if client_count != 0 { configuration.clientCount = client_count }
        configuration.clientIndex = client_index
        configuration.dynamo = try dynamo()
        configuration.prefix = try prefix()
        configuration.scorers = scorers()
        return configuration
    }

    private func dynamo() throws(BatchingError) -> DynamoKVConfig {
        var dynamo = DynamoKVConfig()
        dynamo.usesKVEvents = try !flag(no_kv_events, "no_kv_events")
        dynamo.tracksPrefillTokens = try !flag(no_prefill_tokens, "no_prefill_tokens")
        dynamo.assumesKVReuse = try !flag(no_kv_reuse, "no_kv_reuse")
        try setOrZero(&dynamo.overlapScoreCredit, overlap_score_credit, "overlap_score_credit")
        dynamo.overlapScoreCreditDecay = overlap_score_credit_decay
        try setOrZero(&dynamo.prefillLoadScale, prefill_load_scale, "prefill_load_scale")
        dynamo.decodeActiveRequestWeight = decode_active_request_weight
        dynamo.temperature = temperature
        if queue_threshold != 0 {
            var threshold = 0.0
            try setOrZero(&threshold, queue_threshold, "queue_threshold")
            dynamo.queueThreshold = threshold
        }
        if max_num_batched_tokens != 0 { dynamo.maxNumBatchedTokens = max_num_batched_tokens }
        dynamo.waitingOrder = try choice(waiting_order, "waiting_order")
        set(&dynamo.indexTTL, index_ttl)
        return dynamo
    }

    private func prefix() throws(BatchingError) -> PrefixRouterConfig {
        var prefix = PrefixRouterConfig()
        try setOrZero(&prefix.cacheThreshold, cache_threshold, "cache_threshold")
        try setOrZero(&prefix.balanceAbsThreshold, balance_abs_threshold, "balance_abs_threshold")
        try setOrZero(&prefix.balanceRelThreshold, balance_rel_threshold, "balance_rel_threshold")
        if eviction_interval == -1 {
            prefix.evictionInterval = nil
        } else if eviction_interval != 0 {
            prefix.evictionInterval = eviction_interval
        }
        try setOrZero(&prefix.maxTreeSize, max_tree_size, "max_tree_size")
        try setOrZero(&prefix.matchRateThreshold, match_rate_threshold, "match_rate_threshold")
        if imbalanced_threshold != 0 {
            var threshold: Int64 = 0
            try setOrZero(&threshold, imbalanced_threshold, "imbalanced_threshold")
            prefix.imbalancedThreshold = threshold
        }
        if chunk_size != 0 { prefix.chunkSize = Int(chunk_size) }
        prefix.prefixMinMatchLength = prefix_min_match_length
        try setOrZero(&prefix.aibrixImbalance, aibrix_imbalance, "aibrix_imbalance")
        return prefix
    }

    private func scorers() -> ScorersConfig {
        var scorers = ScorersConfig()
        scorers.count = Int(scorer_count)
        scorers.scorer = scorer.map { UnsafePointer($0) }
        scorers.weight = scorer_weight.map { UnsafePointer($0) }
        scorers.threshold = scorer_threshold.map { UnsafePointer($0) }
        scorers.maxBusyScore = scorer_max_busy.map { UnsafePointer($0) }
        set(&scorers.maxPrefixBlocks, max_prefix_blocks)
        set(&scorers.lruBlocksPerWorker, lru_blocks_per_worker)
        return scorers
    }

    private func set(_ field: inout Int, _ value: Int64) {
        if value != 0 { field = Int(value) }
    }

    private func set(_ field: inout Double, _ value: Double) {
        if value != 0 { field = value }
    }

    /// Where 0 is the default, and -1 says 0.
    private func setOrZero(_ field: inout Double, _ value: Double, _ name: ErrorText) throws(BatchingError) {
        if value == 0 { return }
        guard value > 0 || value == -1 else { throw .invalid(name, value, "must be at least 0, or -1 for 0") }
        field = value == -1 ? 0 : value
    }

    private func setOrZero(_ field: inout Int64, _ value: Int64, _ name: ErrorText) throws(BatchingError) {
        if value == 0 { return }
        guard value >= -1 else { throw .invalid(name, value, "must be at least 0, or -1 for 0") }
        field = value == -1 ? 0 : value
    }
}

extension batching_routing_request {
    static let firstSize = 88

    /// The request; its columns stay the caller's.
    var question: RoutingRequest {
        var request = RoutingRequest()
        request.request = self.request
        request.time = time
        request.promptLength = prompt_length
        request.outputLength = output_length
        request.hashIds = hash_ids.map { UnsafePointer($0) }
        request.hashCount = Int(hash_count)
        request.text = text.map { UnsafeRawPointer($0).assumingMemoryBound(to: UInt8.self) }
        request.textSize = Int(text_size)
        request.session = session.map { UnsafePointer($0) }
        request.priorityJump = priority_jump
        request.strictPriority = strict_priority
        return request
    }
}

extension batching_worker_metrics {
    static let firstSize = 56

    /// The metrics; their columns stay the caller's.
    var metrics: WorkerMetrics {
        var metrics = WorkerMetrics()
        metrics.count = Int(count)
        metrics.waiting = waiting.map { UnsafePointer($0) }
        metrics.running = running.map { UnsafePointer($0) }
        metrics.kvUsage = kv_usage.map { UnsafePointer($0) }
        metrics.inFlightRequests = in_flight_requests.map { UnsafePointer($0) }
        metrics.inFlightTokens = in_flight_tokens.map { UnsafePointer($0) }
        return metrics
    }
}
