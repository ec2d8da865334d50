import Batching
import CBatching

extension batching_engine_config {
    static let firstSize = 216

    /// The configuration that the struct describes: what is 0 or NULL is its default.
    func configuration() throws(BatchingError) -> EngineConfig {
        var configuration = EngineConfig()
        configuration.policy = try choice(policy, "policy")
        if configuration.policy == .custom { configuration.policyCallback = try policyCallback() }
        configuration.queueOrder = try choice(queue_order, "queue_order")
        set(&configuration.maxNumSeqs, max_num_seqs)
        if max_num_batched_tokens != 0 { configuration.maxNumBatchedTokens = max_num_batched_tokens }
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
        configuration.progressCallback = progressCallback()
        set(&configuration.progressInterval, progress_interval)
        configuration.keepsAttribution = try flag(keep_attribution, "keep_attribution")
        if kv_offload != nil { configuration.kvOffload = try batching_kv_offload.read(kv_offload).offload() }
        guard reserved_2 == 0 else { throw .invalid("config.reserved_2", reserved_2, "must be 0") }
        return configuration
    }

    /// The struct that describes a configuration: all but its times, which are 0, its limits and its callbacks.
    init(settingsOf engine: EngineConfig) {
        self.init()
        policy = engine.policy.rawValue
        queue_order = engine.queueOrder.rawValue
        max_num_seqs = engine.maxNumSeqs
        max_num_batched_tokens = engine.givenMaxNumBatchedTokens ?? 0
        long_prefill_token_threshold = engine.longPrefillTokenThreshold
        max_model_len = engine.maxModelLength ?? 0
        disable_chunked_prefill = engine.chunksPrefill ? 0 : 1
        disable_reserve_full_isl = engine.reservesFullPrompt ? 0 : 1
        async_scheduling = engine.isAsynchronous ? 1 : 0
        instant_prefill = engine.hasInstantPrefill ? 1 : 0
        max_queue_delay = engine.maxQueueDelay
        num_gpu_blocks = engine.numGPUBlocks ?? 0
        block_size = Int32(clamping: engine.blockSize)
        enable_prefix_caching = engine.cachesPrefixes ? 1 : 0
        watermark = engine.watermark
        admit_oversized = engine.admitsOversized ? 1 : 0
    }

    /// How it schedules, and what it has: without times, which are to be found, and without callbacks.
    func scheduling() throws(BatchingError) -> EngineConfig {
        var config = self
        (config.time_model, config.time_base) = (BATCHING_TIME_CONSTANT, 0)
        config.progress_callback = nil
        return try config.configuration()
    }

    /// Nothing but the callbacks that there are.
    func callbacks() throws(BatchingError) -> EngineConfig {
        var configuration = EngineConfig()
        if policy_callback != nil { configuration.policyCallback = try policyCallback() }
        if time_callback != nil { configuration.iterationTime = .callback(try timeCallback()) }
        configuration.progressCallback = progressCallback()
        set(&configuration.progressInterval, progress_interval)
        return configuration
    }

    private func set(_ field: inout Int64, _ value: Int64) {
        if value != 0 { field = value }
    }

    private func set(_ field: inout Int64?, _ value: Int64) {
        if value != 0 { field = value }
    }

    private func progressCallback() -> ProgressCallback? {
        guard let callback = progress_callback else { return nil }
        return ProgressCallback(ForeignFunction(callback, progress_user_data)) {
            (state, foreign) throws(BatchingError) in
            let callback = foreign.function(as: batching_progress_callback.self)
            var progress = batching_progress(state)
            try goOn(calling { callback(&progress, foreign.userData) }, "progress_callback")
        }
    }
}

extension batching_kv_offload {
    static let firstSize = 72

    func offload() throws(BatchingError) -> KVOffload {
        guard reserved_2 == 0 else { throw .invalid("kv_offload.reserved_2", reserved_2, "must be 0") }
        return KVOffload(
            host: KVOffload.Tier(
                tokens: host_tokens, readBandwidth: host_read_bandwidth, writeBandwidth: host_write_bandwidth),
            disk: KVOffload.Tier(
                tokens: disk_tokens, readBandwidth: disk_read_bandwidth, writeBandwidth: disk_write_bandwidth),
            kvBytesPerToken: kv_bytes_per_token, loadsBlock: try flag(loads_block, "kv_offload.loads_block"))
    }

    init(_ offload: KVOffload) {
        self.init()
        struct_size = UInt32(MemoryLayout<batching_kv_offload>.size)
        host_tokens = offload.host.tokens
        host_read_bandwidth = offload.host.readBandwidth
        host_write_bandwidth = offload.host.writeBandwidth
        disk_tokens = offload.disk.tokens
        disk_read_bandwidth = offload.disk.readBandwidth
        disk_write_bandwidth = offload.disk.writeBandwidth
        kv_bytes_per_token = offload.kvBytesPerToken
        loads_block = offload.loadsBlock ? 1 : 0
    }
}

extension ForeignFunction {
    init<Function>(_ function: Function, _ userData: UnsafeMutableRawPointer?) {
        self.init(unsafeBitCast(function, to: UnsafeRawPointer.self), userData: userData)
    }

    /// The function that it was made of, of the same type.
    @inline(__always)
    func function<Function>(as type: Function.Type) -> Function {
        unsafeBitCast(address.unsafelyUnwrapped, to: type)
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
        prefill_chunks = work.prefillChunks
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
    _ capacity: Int64, _ callback: batching_log_callback?, _ userData: UnsafeMutableRawPointer?,
    _ flush: @escaping FlushCallback.Body
) -> LogRows {
    LogRows(
        capacity: Int(capacity), flush: callback.map { FlushCallback(ForeignFunction($0, userData), flush) })
}

/// Hands over the rows that are filled.
@inline(__always)
private func flush(_ filled: Int, _ foreign: ForeignFunction, _ name: StaticString) throws(BatchingError) {
    let callback = foreign.function(as: batching_log_callback.self)
    try goOn(calling { callback(Int64(filled), foreign.userData) }, name)
}

extension batching_iteration_log {
    static let firstSize = 128

    var log: IterationLog {
        var log = IterationLog(
            rows: rows(capacity, callback, user_data) { (filled, foreign) throws(BatchingError) in
                try flush(filled, foreign, "the callback of the iteration log")
            })
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

extension batching_decision_log {
    static let firstSize = 80

    func log() throws(BatchingError) -> DecisionLog {
        guard reserved_2 == 0 else {
            throw BatchingError(.invalidArgument, "decision_log.reserved_2 is \(reserved_2): must be 0")
        }
        var log = DecisionLog(
            rows: rows(capacity, callback, user_data) { (filled, foreign) throws(BatchingError) in
                try flush(filled, foreign, "the callback of the decision log")
            })
        log.iteration = iteration
        log.request = request
        log.event = event
        log.tokens = tokens
        log.includesQueues = try flag(include_queues, "include_queues")
        return log
    }
}
