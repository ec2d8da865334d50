import Batching
import CBatching

extension batching_config: VersionedStruct {
    static let argument: StaticString = "config"
    static let firstSize = 216

    /// The configuration that the struct describes: what is 0 or NULL is its default.
    func configuration() throws(BatchingError) -> EngineConfiguration {
        var configuration = EngineConfiguration()
        configuration.policy = try choice(policy, "policy")
        if configuration.policy == .custom { configuration.customPolicy = try customScheduler() }
        configuration.queueOrder = try choice(queue_order, "queue_order")
        set(&configuration.maxNumSeqs, max_num_seqs)
        set(&configuration.maxNumBatchedTokens, max_num_batched_tokens)
        configuration.longPrefillTokenThreshold = long_prefill_token_threshold
        set(&configuration.maxModelLength, max_model_len)
        configuration.chunksPrefill = try !flag(disable_chunked_prefill, "disable_chunked_prefill")
        configuration.reservesFullPrompt = try !flag(disable_reserve_full_isl, "disable_reserve_full_isl")
        configuration.isAsynchronous = try flag(async_scheduling, "async_scheduling")
        configuration.hasInstantPrefill = try flag(instant_prefill, "instant_prefill")
        configuration.maxQueueDelay = max_queue_delay
        set(&configuration.numGPUBlocks, num_gpu_blocks)
        if block_size != 0 { configuration.blockSize = Int64(block_size) }
        configuration.cachesPrefixes = try flag(enable_prefix_caching, "enable_prefix_caching")
        configuration.watermark = watermark
        configuration.admitsOversized = try flag(admit_oversized, "admit_oversized")
        configuration.iterationTime = try iterationTime()
        if time_limit != 0 { configuration.timeLimit = time_limit }
        set(&configuration.iterationLimit, iteration_limit)
        configuration.progress = progress()
        set(&configuration.progressInterval, progress_interval)
        return configuration
    }

    /// Nothing but the callbacks that there are.
    func callbacks() throws(BatchingError) -> EngineConfiguration {
        var configuration = EngineConfiguration()
        if policy_callback != nil { configuration.customPolicy = try customScheduler() }
        if time_callback != nil { configuration.iterationTime = try calledTime() }
        configuration.progress = progress()
        set(&configuration.progressInterval, progress_interval)
        return configuration
    }

    private func set(_ field: inout Int64, _ value: Int64) {
        if value != 0 { field = value }
    }

    private func set(_ field: inout Int64?, _ value: Int64) {
        if value != 0 { field = value }
    }

    private func iterationTime() throws(BatchingError) -> IterationTime {
        switch time_model {
        case BATCHING_TIME_CONSTANT: return .constant(time_base == 0 ? 0.01 : time_base)
        case BATCHING_TIME_AFFINE:
            return .affine(
                AffineTime(
                    base: time_base, perPrefillToken: time_per_prefill_token, perDecodeToken: time_per_decode_token,
                    perContextToken: time_per_context_token, perPrefillContext: time_per_prefill_context))
        case BATCHING_TIME_CALLBACK: return try calledTime()
        default:
            throw BatchingError(
                .invalidArgument,
                "time_model is \(time_model): must be one of \(BATCHING_TIME_CONSTANT), \(BATCHING_TIME_AFFINE), "
                    + "\(BATCHING_TIME_CALLBACK)")
        }
    }

    private func calledTime() throws(BatchingError) -> IterationTime {
        let callback = try required(time_callback, "time_callback")
        let userData = time_user_data
        return .callback { (work: IterationWork) throws(BatchingError) -> Double in
            var iteration = batching_iteration(work)
            var seconds = Double.nan
            try goOn(calling { callback(&iteration, &seconds, userData) }, "time_callback")
            return seconds
        }
    }

    private func progress() -> ((EngineProgress) throws(BatchingError) -> Void)? {
        guard let callback = progress_callback else { return nil }
        let userData = progress_user_data
        return { (progress: EngineProgress) throws(BatchingError) in
            var progress = batching_progress(progress)
            try goOn(calling { callback(&progress, userData) }, "progress_callback")
        }
    }
}

/// Throws unless a callback returned 0.
func goOn(_ answer: Int32, _ name: StaticString) throws(BatchingError) {
    guard answer == 0 else { throw BatchingError(.cancelled, "\(name) returned \(answer): the run was stopped") }
}

extension batching_iteration {
    init(_ work: IterationWork) {
        self.init()
        struct_size = UInt32(MemoryLayout<batching_iteration>.size)
        number = work.number
        time = work.time.seconds
        running = Int64(work.running)
        waiting = Int64(work.waiting)
        prefill_tokens = work.prefillTokens
        decode_tokens = work.decodeTokens
        context_tokens = work.contextTokens
        prefill_context = work.prefillContext
        kv_blocks_used = Int64(work.usedBlocks)
        preemptions = Int64(work.preemptions)
    }
}

extension batching_progress {
    init(_ progress: EngineProgress) {
        self.init()
        struct_size = UInt32(MemoryLayout<batching_progress>.size)
        iterations = progress.iterations
        time = progress.time.seconds
        arrived = Int64(progress.arrived)
        finished = Int64(progress.finished)
        count = Int64(progress.count)
    }
}

/// The rows of a log of the caller.
private func rows(
    _ capacity: Int64, _ callback: batching_log_callback?, _ userData: UnsafeMutableRawPointer?, _ name: StaticString
) -> LogRows {
    guard let callback else { return LogRows(capacity: Int(capacity)) }
    return LogRows(capacity: Int(capacity)) { (filled: Int) throws(BatchingError) in
        try goOn(calling { callback(Int64(filled), userData) }, name)
    }
}

extension batching_iteration_log: VersionedStruct {
    static let argument: StaticString = "iteration_log"
    static let firstSize = 128

    var log: IterationLog {
        var log = IterationLog(rows: rows(capacity, callback, user_data, "the callback of the iteration log"))
        log.time = time
        log.startTime = start_time
        log.duration = duration
        log.running = running
        log.waiting = waiting
        log.prefillTokens = prefill_tokens
        log.decodeTokens = decode_tokens
        log.usedBlocks = kv_blocks_used
        log.keptBlocks = kv_blocks_kept
        log.preemptions = preemptions
        log.finished = finished
        return log
    }
}

extension batching_decision_log: VersionedStruct {
    static let argument: StaticString = "decision_log"
    static let firstSize = 80

    func log() throws(BatchingError) -> DecisionLog {
        guard reserved_2 == 0 else {
            throw BatchingError(.invalidArgument, "decision_log.reserved_2 is \(reserved_2): must be 0")
        }
        var log = DecisionLog(rows: rows(capacity, callback, user_data, "the callback of the decision log"))
        log.iteration = iteration
        log.request = request
        log.event = event
        log.tokens = tokens
        log.includesQueues = try flag(include_queues, "include_queues")
        return log
    }
}
