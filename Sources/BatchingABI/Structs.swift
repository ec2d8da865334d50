import Batching
import CBatching

extension batching_requests {
    static let firstSize = 40

    var columns: RequestColumns {
        RequestColumns(
            count: Int(count), promptLength: prompt_length, outputLength: output_length, arrivalTime: arrival_time)
    }

    /// The columns that only the engine looks at, too.
    func engineColumns() throws(BatchingError) -> RequestColumns {
        RequestColumns(
            count: Int(count), promptLength: prompt_length, outputLength: output_length, arrivalTime: arrival_time,
            priority: priority, tieBreak: tie_break, prefixHashes: try prefixHashes(), maxTokens: max_tokens,
            abortTime: abort_time, session: session, delay: delay)
    }

    /// How they are sent; nil: it is not said.
    func clientConfig() throws(BatchingError) -> ClientConfig? {
        guard let client else { return nil }
        return try batching_client.read(client).configuration()
    }

    /// The same for an engine that runs on, whose host is the client.
    func liveColumns() throws(BatchingError) -> RequestColumns {
        if client != nil {
            throw BatchingError(
                .invalidArgument,
                "requests.client is given: must be NULL for a live engine, whose host sends each request")
        }
        return try engineColumns()
    }

    private func prefixHashes() throws(BatchingError) -> PrefixHashes? {
        let coversOutput = try flag(hash_covers_output, "hash_covers_output")
        guard hash_block_size >= 0 else {
            throw BatchingError(.invalidArgument, "hash_block_size is \(hash_block_size): must be at least 0")
        }
        guard let hash_ids else { return nil }
        return PrefixHashes(
            ids: hash_ids, offsets: try required(hash_offsets, "hash_offsets"), blockSize: Int(hash_block_size),
            coversOutput: coversOutput)
    }
}

extension batching_results {
    static let firstSize = 56

    /// The columns of `results`, or none if it is NULL.
    static func columns(
        _ results: UnsafePointer<batching_results>?, holding count: Int64
    ) throws(BatchingError) -> ResultColumns {
        guard results != nil else { return ResultColumns() }
        let results = try read(results)
        try checkCapacity(results.capacity, argument, holding: count, "requests.count")
        return results.columns
    }

    var columns: ResultColumns {
        ResultColumns(
            startTime: start_time, firstTokenTime: first_token_time, endTime: end_time,
            tokensGenerated: tokens_generated, completionOrder: completion_order, preemptions: preemptions,
            prefixCachedTokens: prefix_cached_tokens, status: status, arrivalTime: arrival_time, sentTime: sent_time)
    }
}

extension batching_summary {
    static let firstSize = 48

    init(_ summary: RunSummary) {
        self.init()
        total_time = summary.totalTime
        throughput = summary.throughput
        total_tokens = summary.totalTokens
        iterations = summary.iterations
        busy_time = summary.busyTime
    }

    init(_ summary: EngineSummary) {
        self.init()
        total_time = summary.totalTime
        throughput = summary.throughput
        total_tokens = summary.totalTokens
        iterations = summary.iterations
        busy_time = summary.busyTime
        duration = summary.duration
        end_reason = summary.endReason.rawValue
        finished = summary.finished
        rejected = summary.rejected
        unfinished = summary.unfinished
        prefill_tokens = summary.prefillTokens
        decode_tokens = summary.decodeTokens
        preemptions = summary.preemptions
        recomputed_tokens = summary.recomputedTokens
        mean_running = summary.meanRunning
        peak_running = summary.peakRunning
        peak_waiting = summary.peakWaiting
        mean_kv_use = summary.meanKVUse
        peak_kv_use = summary.peakKVUse
        prefix_cache_queries = summary.prefixCacheQueries
        prefix_cache_hits = summary.prefixCacheHits
        aborted = summary.aborted
        not_sent = summary.notSent
        host_kv_hits = summary.kvOffload.hostHits
        disk_kv_hits = summary.kvOffload.diskHits
        host_kv_loaded = summary.kvOffload.hostLoaded
        disk_kv_loaded = summary.kvOffload.diskLoaded
        host_kv_blocks_written = summary.kvOffload.hostBlocksWritten
        disk_kv_blocks_written = summary.kvOffload.diskBlocksWritten
        kv_load_time = summary.kvOffload.loadTime
    }
}

extension batching_completed {
    static let firstSize = 56

    /// The columns of `completed`. Those that are required may be NULL where there is nothing to read.
    static func columns(
        _ completed: UnsafePointer<batching_completed>?
    ) throws(BatchingError) -> (columns: CompletedColumns, count: Int64) {
        let completed = try read(completed)
        let columns = CompletedColumns(
            count: Int(completed.count), arrivalTime: completed.arrival_time,
            startTime: try requiredColumn(completed.start_time, "completed.start_time", count: completed.count),
            firstTokenTime: completed.first_token_time,
            endTime: try requiredColumn(completed.end_time, "completed.end_time", count: completed.count),
            tokensGenerated: try requiredColumn(
                completed.tokens_generated, "completed.tokens_generated", count: completed.count))
        return (columns, completed.count)
    }
}

extension batching_latencies {
    static let firstSize = 48

    static func columns(
        _ latencies: UnsafePointer<batching_latencies>?, holding count: Int64
    ) throws(BatchingError) -> LatencyColumns {
        let latencies = try read(latencies)
        try checkCapacity(latencies.capacity, argument, holding: count, "completed.count")
        return LatencyColumns(
            queueTime: latencies.queue_time, processingTime: latencies.processing_time,
            totalLatency: latencies.total_latency, timeToFirstToken: latencies.time_to_first_token)
    }
}

extension batching_batch_metrics {
    static let firstSize = 80

    init(_ metrics: BatchMetrics) {
        self.init()
        throughput = metrics.throughput
        total_tokens = metrics.totalTokens
        avg_latency = metrics.averageLatency
        p50_latency = metrics.p50Latency
        p95_latency = metrics.p95Latency
        p99_latency = metrics.p99Latency
        avg_queue_time = metrics.averageQueueTime
        avg_time_to_first_token = metrics.averageTimeToFirstToken
        gpu_utilization = metrics.gpuUtilization
    }
}

extension batching_comparison {
    static let firstSize = 56

    init(_ comparison: StrategyComparison) {
        self.init()
        static_throughput = comparison.staticThroughput
        continuous_throughput = comparison.continuousThroughput
        static_avg_latency = comparison.staticAverageLatency
        continuous_avg_latency = comparison.continuousAverageLatency
        throughput_improvement = comparison.throughputImprovement
        latency_improvement = comparison.latencyImprovement
    }
}

/// A switch that is 0 or 1.
func flag(_ value: Int32, _ name: StaticString) throws(BatchingError) -> Bool {
    guard value == 0 || value == 1 else {
        throw BatchingError(.invalidArgument, "\(name) is \(value): must be 0 or 1")
    }
    return value == 1
}

/// A column that must not be NULL, unless there is nothing to read.
func requiredColumn<Element>(
    _ pointer: UnsafePointer<Element>?, _ name: StaticString, count: Int64
) throws(BatchingError) -> UnsafePointer<Element> {
    if count == 0, pointer == nil {
        // Any aligned address will do for a column without elements.
        return UnsafePointer(bitPattern: MemoryLayout<Element>.alignment).unsafelyUnwrapped
    }
    return try required(pointer, name)
}

/// A constant of the header as the case of the enumeration that it stands for.
func choice<Choice: RawRepresentable<Int32>>(
    _ value: Int32, _ name: StaticString
) throws(BatchingError) -> Choice {
    if let choice = Choice(rawValue: value) { return choice }
    var text: ErrorText = "\(name) is \(value): must be one of "
    var separator: StaticString = ""
    // Not by `allCases`, an array, for which there may be no memory. No constant of a choice is above 1000.
    var known: Int32 = 0
    while known <= 1000 {
        if Choice(rawValue: known) != nil {
            text = "\(text)\(separator)\(known)"
            separator = ", "
        }
        known &+= 1
    }
    throw BatchingError(.invalidArgument, text)
}

/// Throws unless the output columns of a struct have enough elements.
func checkCapacity(
    _ capacity: Int64, _ argument: StaticString, holding count: Int64, _ needed: StaticString
) throws(BatchingError) {
    guard capacity >= 0 else {
        throw BatchingError(.invalidArgument, "\(argument).capacity is \(capacity): must be at least 0")
    }
    guard capacity >= count else {
        throw BatchingError(
            .capacity, "\(argument).capacity is \(capacity): must be at least \(needed), which is \(count)")
    }
}
