import Batching
import CBatching
import CBatchingSupport

/// Every function on a few requests, with every choice that it has: so the Swift runtime has made whatever it makes at
/// the first use. CBatchingSupport/ready.c says what for. What the functions return does not matter: errors are part
/// of it. It takes some 4 ms.
///
/// A function that is added to the header is called here, too, and a choice is gone through by its list in `Choices`:
/// `make check-readiness` says what is missing.
/// - Returns: 0 if there was no room for all, so that the rest was not made ready.
@_cdecl("cbatching_use_everything")
public func useEverything(_ memory: UnsafeMutableRawPointer) -> Int32 {
    do throws(BatchingError) {
        try useEverything(Scratch(next: memory, left: Int(CBATCHING_SCRATCH_BYTES)))
        return 1
    } catch {
        return 0
    }
}

private func useEverything(_ room: Scratch) throws(BatchingError) {
    var scratch = room
    let few = try Few(&scratch)
    try useWorkloads(few, &scratch)
    useTextbook(few)
    try useEngine(few, &scratch)
    try useLiveEngine(few, &scratch)
    try useMetrics(few, &scratch)
    try useRouters(scratch)
    try useAutoscalers(scratch)
    try useFleet(few, scratch)
    try useAccumulator(few, &scratch)
    useCapacity()
    useCatalogue()
    try useCalibration(scratch)
    try useLiveCalibration(scratch)
    useProfiles()
    useFacts()
}

/// Columns without an allocation, which could fail.
private struct Scratch {
    var next: UnsafeMutableRawPointer
    var left: Int

    mutating func column<Element: BitwiseCopyable>(
        _ count: Int, _ value: (Int) -> Element
    ) throws(BatchingError) -> UnsafeMutablePointer<Element> {
        // In steps of 16 bytes, so that every element is aligned.
        let bytes = (count * MemoryLayout<Element>.stride + 15) & ~15
        if bytes > left { throw BatchingError(.outOfMemory, "CBATCHING_SCRATCH_BYTES is too small") }
        let column = next.bindMemory(to: Element.self, capacity: count)
        for i in 0..<count { column[i] = value(i) }
        next += bytes
        left -= bytes
        return column
    }
}

private func size<Struct>(_: Struct.Type) -> UInt32 { UInt32(MemoryLayout<Struct>.size) }

/// A few requests, which contend for the memory of `useEngine`, and what becomes of them.
private struct Few {
    static let count = 16
    static let blockSize = 4
    var requests = batching_requests()
    var results = batching_results()
    var summary = batching_summary()
    var recorded = batching_recorded()
    var completed = batching_completed()
    let status: UnsafeMutablePointer<Int32>

    init(_ scratch: inout Scratch) throws(BatchingError) {
        let count = Few.count
        let prompt = try scratch.column(count) { Int32(1 + $0 % 9) }
        let output = try scratch.column(count) { Int32(2 + $0 * 7 % 11) }
        // Not in order, so that they are sorted.
        let arrival = try scratch.column(count) { Double(($0 * 5) % count) * 0.015 }
        let start = try scratch.column(count) { _ in 0.0 }
        let first = try scratch.column(count) { _ in 0.0 }
        let end = try scratch.column(count) { _ in 0.0 }
        status = try scratch.column(count) { _ in 0 }
        _ = batching_requests_init(&requests, size(batching_requests.self))
        requests.count = Int64(count)
        requests.prompt_length = UnsafePointer(prompt)
        requests.output_length = UnsafePointer(output)
        requests.arrival_time = UnsafePointer(arrival)
        requests.priority = try UnsafePointer(scratch.column(count) { Int32($0 % 3) })
        requests.tie_break = try UnsafePointer(scratch.column(count) { Int64(-$0) })
        requests.max_tokens = try UnsafePointer(scratch.column(count) { _ in Int32.max })
        requests.hash_offsets = try UnsafePointer(scratch.column(count + 1) { Int64(2 * $0) })
        requests.hash_ids = try UnsafePointer(scratch.column(2 * count) { Int64($0 % 6) })
        requests.hash_block_size = Int32(Few.blockSize)
        _ = batching_results_init(&results, size(batching_results.self))
        results.capacity = Int64(count)
        results.start_time = start
        results.first_token_time = first
        results.end_time = end
        results.status = status
        results.completion_order = try scratch.column(count) { _ in 0 }
        _ = batching_summary_init(&summary, size(batching_summary.self))
        _ = batching_recorded_init(&recorded, size(batching_recorded.self))
        recorded.count = Int64(count)
        recorded.arrival_time = UnsafePointer(arrival)
        recorded.client_arrival_time = UnsafePointer(arrival)
        recorded.start_time = UnsafePointer(start)
        recorded.first_token_time = UnsafePointer(first)
        recorded.end_time = UnsafePointer(end)
        recorded.prompt_length = UnsafePointer(prompt)
        recorded.output_length = UnsafePointer(output)
        _ = batching_completed_init(&completed, size(batching_completed.self))
        completed.count = Int64(count)
        completed.arrival_time = UnsafePointer(arrival)
        completed.start_time = UnsafePointer(start)
        completed.first_token_time = UnsafePointer(first)
        completed.end_time = UnsafePointer(end)
        completed.tokens_generated = UnsafePointer(output)
    }
}

private func useWorkloads(_ few: Few, _ scratch: inout Scratch) throws(BatchingError) {
    let count = Few.count
    let prompt = try scratch.column(count) { _ in Int32(0) }
    let output = try scratch.column(count) { _ in Int32(0) }
    let arrival = try scratch.column(count) { _ in 0.0 }
    let offsets = try scratch.column(count + 1) { _ in Int64(0) }
    let ids = try scratch.column(8 * count) { _ in Int64(0) }
    func generate(_ arrivals: Int32, _ ramp: Int32, _ lengths: Int32, _ thinkTimes: Int32, shared: Bool, closed: Bool) {
        var workload = batching_workload()
        _ = batching_workload_init(&workload, size(batching_workload.self))
        (workload.arrivals, workload.ramp) = (arrivals, ramp)
        (workload.prompt_lengths, workload.output_lengths) = (lengths, lengths)
        (workload.prompt_length_min, workload.prompt_length_max) = (1, 9)
        (workload.output_length_min, workload.output_length_max) = (1, 9)
        (workload.burstiness, workload.ramp_end_rate, workload.ramp_requests) = (0.5, 20, Int64(count))
        (workload.prompt_length_median, workload.prompt_length_sigma, workload.prompt_length_exponent) = (4, 0.5, 1.5)
        (workload.output_length_median, workload.output_length_sigma, workload.output_length_exponent) = (4, 0.5, 1.5)
        if lengths == BATCHING_LENGTHS_EMPIRICAL {
            workload.sample_count = Int64(count)
            workload.sample_prompt_length = few.requests.prompt_length
            workload.sample_output_length = few.requests.output_length
        }
        if shared {
            (workload.prefix_groups, workload.prefix_length, workload.prefix_exponent) = (2, 8, 1)
            (workload.turns_min, workload.turns_max, workload.think_time) = (1, 2, 1)
            (workload.think_times, workload.think_time_sigma) = (thinkTimes, 0.5)
            workload.sessions_closed = closed ? 1 : 0
            workload.hash_block_size = Int32(Few.blockSize)
        } else if ramp == BATCHING_RAMP_NONE {
            (workload.burst_size, workload.on_time, workload.off_time) = (2, 1, 1)
        }
        _ = batching_workload_generate(&workload, Int64(count), prompt, output, arrival)
        var needed: Int64 = 0
        _ = batching_workload_hashes_generate(&workload, Int64(count), offsets, Int64(8 * count), ids, &needed)
        _ = batching_workload_sessions_generate(&workload, Int64(count), ids, arrival)
    }
    let (arrivals, ramps, lengths, thinkTimes) =
        (Choices.arrivals, Choices.ramp, Choices.lengths, Choices.thinkTimes)
    for kind in 0..<3 {
        for i in 0..<max(arrivals.count, ramps.count, lengths.count, thinkTimes.count) {
            generate(
                arrivals[i % arrivals.count], ramps[i % ramps.count], lengths[i % lengths.count],
                thinkTimes[i % thinkTimes.count], shared: kind > 0, closed: kind > 1)
        }
    }
    _ = batching_sample_generate(42, Int64(count), Int64(count / 2), ids)
}

private func useTextbook(_ few: Few) {
    var few = few
    var comparison = batching_comparison()
    _ = batching_comparison_init(&comparison, size(batching_comparison.self))
    _ = batching_static_simulate(&few.requests, 3, 0.01, &few.results, &few.summary)
    _ = batching_continuous_simulate(&few.requests, 3, 0.01, &few.results, &few.summary)
    _ = batching_strategies_compare(&few.requests, 3, 0.01, &comparison)
    // An error with numbers in its sentence, and one without.
    _ = batching_continuous_simulate(&few.requests, -1, .nan, &few.results, &few.summary)
    _ = batching_continuous_simulate(nil, 3, 0.01, nil, nil)
}

/// Admits the waiting requests, one at a time, and lets all decode.
private let decideLittle: batching_policy_callback = { view, decision, _ in
    guard let view, let decision else { return 1 }
    decision.pointee.decode_rest = 1
    guard view.pointee.running_count == 0, view.pointee.count > 0 else { return 0 }
    var (row, tokens): (Int64, Int64) = (0, 0)
    guard batching_policy_look_up(view, &row, 1, &tokens, nil) == BATCHING_OK else { return 1 }
    decision.pointee.scheduled_row?[0] = row
    decision.pointee.scheduled_tokens?[0] = 1
    decision.pointee.scheduled_count = 1
    return 0
}

/// Four choices (asynchronous or not, prefixes cached or not), each with every model of time.
private func choicesAndModels() -> [(Int32, Int32)] {
    (Int32(0)..<4).flatMap { choice in Choices.timeModel.map { (choice, $0) } }
}

/// Whether a policy has those choices.
private func hasChoices(_ policy: Int32) -> Bool { policy == BATCHING_POLICY_VLLM || policy == BATCHING_POLICY_CUSTOM }

private func useLiveEngine(_ few: Few, _ scratch: inout Scratch) throws(BatchingError) {
    var few = few
    let ids = try scratch.column(Few.count) { Int64($0) }
    var (iterations, decisions) = try logs(&scratch)
    let parts = try attribution(&scratch)
    var events = batching_live_engine_events()
    _ = batching_live_engine_events_init(&events, size(batching_live_engine_events.self))
    events.capacity = Int64(Few.count)
    events.time = try scratch.column(Few.count) { _ in 0 }
    events.event = try scratch.column(Few.count) { _ in 0 }
    var state = batching_live_engine_state()
    _ = batching_live_engine_state_init(&state, size(batching_live_engine_state.self))
    for policy in Choices.policy {
        for (choice, model) in choicesAndModels() where hasChoices(policy) || choice == 0 {
            var config = batching_engine_config()
            _ = batching_engine_config_init(&config, size(batching_engine_config.self))
            (config.policy, config.max_num_seqs, config.max_num_batched_tokens) = (policy, 4, 8)
            (config.num_gpu_blocks, config.block_size) = (7, Int32(Few.blockSize))
            if hasChoices(policy) {
                config.async_scheduling = choice & 1
                config.enable_prefix_caching = choice >> 1 & 1
            }
            config.time_model = model
            (config.time_base, config.time_per_decode_token) = (0.01, 1e-5)
            config.time_callback = { _, seconds, _ in
                seconds?.pointee = 0.01
                return 0
            }
            if policy == BATCHING_POLICY_CUSTOM { config.policy_callback = decideLittle }
            config.keep_attribution = model == BATCHING_TIME_AFFINE ? 1 : 0
            var (engine, copy): (OpaquePointer?, OpaquePointer?)
            guard batching_live_engine_create(&config, &engine) == BATCHING_OK else { continue }
            _ = batching_live_engine_submit(engine, &few.requests, ids)
            _ = batching_live_engine_advance(engine, 0.035, 0)
            let arrivals = few.requests.arrival_time
            few.requests.arrival_time = nil
            _ = batching_live_engine_estimate(engine, &few.requests, &few.results)
            few.requests.arrival_time = arrivals
            _ = batching_live_engine_fork(engine, &copy)
            try useBytes(of: engine, config, scratch)
            _ = batching_live_engine_set_output_length(engine, 0, 40)
            _ = batching_live_engine_set_output_length(engine, 1, 1)
            _ = batching_live_engine_abort(engine, 2)
            _ = batching_live_engine_advance(engine, .infinity, 3)
            _ = batching_live_engine_advance_logged(engine, .infinity, 3, &iterations, &decisions)
            _ = batching_live_engine_advance(engine, .infinity, 0)
            _ = batching_live_engine_observe(engine, &state)
            withUnsafePointer(to: parts) {
                events.attribution = config.keep_attribution == 1 ? $0 : nil
                _ = batching_live_engine_poll(engine, &events)
            }
            _ = batching_live_engine_destroy(engine)
            _ = batching_live_engine_destroy(copy)
        }
    }
}

private func useBytes(
    of engine: OpaquePointer?, _ config: batching_engine_config, _ room: Scratch
) throws(BatchingError) {
    var (config, scratch) = (config, room)
    var needed: Int64 = 0
    _ = batching_live_engine_save(engine, nil, 0, &needed)
    let bytes = try scratch.column(Int(needed)) { _ in UInt8(0) }
    _ = batching_live_engine_save(engine, bytes, needed, nil)
    var copy: OpaquePointer?
    _ = batching_live_engine_load(bytes, needed, &config, &copy)
    _ = batching_live_engine_destroy(copy)
    // Too few.
    _ = batching_live_engine_load(bytes, needed - 1, nil, &copy)
}

/// Both logs, with all that they can tell.
private func logs(_ scratch: inout Scratch) throws(BatchingError) -> (batching_iteration_log, batching_decision_log) {
    let rows = 64
    var iterations = batching_iteration_log()
    _ = batching_iteration_log_init(&iterations, size(batching_iteration_log.self))
    iterations.capacity = Int64(rows)
    iterations.time = try scratch.column(rows) { _ in 0 }
    iterations.callback = { _, _ in 0 }
    var decisions = batching_decision_log()
    _ = batching_decision_log_init(&decisions, size(batching_decision_log.self))
    decisions.capacity = Int64(rows)
    decisions.request = try scratch.column(rows) { _ in 0 }
    decisions.event = try scratch.column(rows) { _ in 0 }
    decisions.callback = { _, _ in 0 }
    decisions.include_queues = 1
    return (iterations, decisions)
}

/// Some of the parts of each request's time.
private func attribution(_ scratch: inout Scratch) throws(BatchingError) -> batching_attribution {
    var attribution = batching_attribution()
    _ = batching_attribution_init(&attribution, size(batching_attribution.self))
    attribution.capacity = Int64(Few.count)
    attribution.waiting_for_slot = try scratch.column(Few.count) { _ in 0 }
    attribution.decode = try scratch.column(Few.count) { _ in 0 }
    attribution.waiting_for_client = try scratch.column(Few.count) { _ in 0 }
    return attribution
}

private func useEngine(_ few: Few, _ scratch: inout Scratch) throws(BatchingError) {
    var few = few
    var attribution = try attribution(&scratch)
    var (iterations, decisions) = try logs(&scratch)
    for policy in Choices.policy {
        for order in Choices.queueOrder {
            let kinds = order != BATCHING_QUEUE_ARRIVAL ? 1 : hasChoices(policy) ? 4 : 2
            for (choice, model) in choicesAndModels() where choice < kinds {
                var config = batching_engine_config()
                _ = batching_engine_config_init(&config, size(batching_engine_config.self))
                (config.policy, config.queue_order) = (policy, order)
                (config.max_num_seqs, config.max_num_batched_tokens) = (4, 8)
                // So few blocks that some are preempted.
                (config.num_gpu_blocks, config.block_size) = (7, Int32(Few.blockSize))
                if hasChoices(policy) {
                    config.async_scheduling = choice & 1
                    config.enable_prefix_caching = choice >> 1 & 1
                }
                if policy == BATCHING_POLICY_DYNAMIC { config.max_queue_delay = 0.05 }
                if policy == BATCHING_POLICY_CUSTOM { config.policy_callback = decideLittle }
                config.time_model = model
                (config.time_base, config.time_per_decode_token) = (0.01, 1e-5)
                (config.time_per_context_token, config.time_per_prefill_context) = (1e-7, 1e-7)
                config.time_callback = { _, seconds, _ in
                    seconds?.pointee = 0.01
                    return 0
                }
                config.progress_callback = { _, _ in 0 }
                config.progress_interval = 3
                withUnsafeMutablePointer(to: &iterations) { iterations in
                    withUnsafeMutablePointer(to: &decisions) { decisions in
                        withUnsafePointer(to: attribution) { attribution in
                            if choice & 1 == 0 {
                                config.iteration_log = iterations
                                config.decision_log = decisions
                                config.attribution = attribution
                            }
                            _ = batching_simulate(&config, &few.requests, &few.results, &few.summary)
                        }
                    }
                }
            }
        }
    }
    try useClients(&few, &scratch)
    try useIterationTimes(few, scratch)
    useOffload(few, scratch)
    var bands = batching_attribution_bands()
    _ = batching_attribution_bands_init(&bands, size(batching_attribution_bands.self))
    let edges = try scratch.column(3) { Double($0 * 50) }
    _ = batching_attribution_bands_calculate(&attribution, Int64(Few.count), few.status, edges, 2, &bands)
}

/// A roofline with all that it may have, and a table, each in a run and in a live engine.
private func useIterationTimes(_ few: Few, _ room: Scratch) throws(BatchingError) {
    var (few, scratch) = (few, room)
    var roofline = batching_roofline()
    var table = batching_time_table()
    var iterations = batching_iterations()
    _ = batching_roofline_init(&roofline, size(batching_roofline.self))
    _ = batching_time_table_init(&table, size(batching_time_table.self))
    _ = batching_iterations_init(&iterations, size(batching_iterations.self))
    (roofline.experts, roofline.experts_per_token, roofline.tensor_parallel) = (2, 1, 2)
    (roofline.kv_bytes, roofline.window_bytes, roofline.window) = (1, 1, 4)
    (roofline.memory_bandwidth, roofline.kv_share) = (1e3, 1)
    let places = UnsafePointer(try scratch.column(2) { Double($0 + 1) })
    let grid = UnsafePointer(try scratch.column(4) { Double($0) * 1e-3 })
    (table.linear_count, table.linear_tokens, table.linear_seconds) = (2, places, grid)
    (table.decode_sequence_count, table.decode_context_count) = (2, 2)
    (table.decode_sequences, table.decode_contexts, table.decode_seconds) = (places, places, grid)
    (table.prefill_token_count, table.prefill_context_count) = (2, 2)
    (table.prefill_tokens, table.prefill_contexts, table.prefill_seconds) = (places, places, grid)
    let tokens = try scratch.column(2) { Int64($0) * 3 }
    let seconds = try scratch.column(2) { _ in 0.0 }
    (iterations.count, iterations.prefill_tokens) = (2, UnsafePointer(tokens))
    withUnsafePointer(to: roofline) { roofline in
        withUnsafePointer(to: table) { table in
            var config = batching_engine_config()
            _ = batching_engine_config_init(&config, size(batching_engine_config.self))
            (config.time_roofline, config.time_table) = (roofline, table)
            for model in Choices.timeModel where model == BATCHING_TIME_ROOFLINE || model == BATCHING_TIME_TABLE {
                config.time_model = model
                _ = batching_iteration_times_calculate(&config, &iterations, seconds)
                _ = batching_simulate(&config, &few.requests, &few.results, nil)
                var engine: OpaquePointer?
                _ = batching_live_engine_create(&config, &engine)
                try? useBytes(of: engine, config, scratch)
                _ = batching_live_engine_destroy(engine)
            }
        }
    }
}

/// Tiers that KV blocks are written to and loaded from, in a run and in a live engine.
private func useOffload(_ few: Few, _ scratch: Scratch) {
    var few = few
    var offload = batching_kv_offload()
    var config = batching_engine_config()
    _ = batching_kv_offload_init(&offload, size(batching_kv_offload.self))
    _ = batching_engine_config_init(&config, size(batching_engine_config.self))
    (offload.host_tokens, offload.disk_tokens, offload.kv_bytes_per_token) = (8, 64, 1)
    (offload.host_read_bandwidth, offload.disk_write_bandwidth) = (1e3, 1e3)
    (config.enable_prefix_caching, config.num_gpu_blocks, config.block_size) = (1, 12, 4)
    withUnsafePointer(to: offload) { offload in
        config.kv_offload = offload
        for isAsynchronous in Int32(0)...1 {
            config.async_scheduling = isAsynchronous
            _ = batching_simulate(&config, &few.requests, &few.results, &few.summary)
            var engine: OpaquePointer?
            _ = batching_live_engine_create(&config, &engine)
            try? useBytes(of: engine, config, scratch)
            _ = batching_live_engine_destroy(engine)
        }
    }
}

/// Sessions of two turns, sent by few clients.
private func useClients(_ few: inout Few, _ scratch: inout Scratch) throws(BatchingError) {
    var client = batching_client()
    var requests = few.requests
    requests.arrival_time = nil
    requests.delay = UnsafePointer(try scratch.column(Few.count) { _ in 0.01 })
    for areAny in [false, true] {
        requests.session = UnsafePointer(try scratch.column(Few.count) { Int64($0 / 2) * (areAny ? -1 << 40 : 1) })
        for thinkTimes in Choices.thinkTimes {
            _ = batching_client_init(&client, size(batching_client.self))
            (client.max_concurrency, client.clients, client.ramp_up) = (2, 3, 0.1)
            (client.think_time, client.think_time_sigma, client.think_times) = (0.01, 0.5, thinkTimes)
            withUnsafePointer(to: client) { client in
                requests.client = client
                _ = batching_simulate(nil, &requests, &few.results, &few.summary)
            }
        }
    }
}

private func useMetrics(_ few: Few, _ scratch: inout Scratch) throws(BatchingError) {
    var few = few
    // Of a run in which all finished.
    _ = batching_continuous_simulate(&few.requests, 3, 0.01, &few.results, &few.summary)
    var metrics = batching_batch_metrics()
    _ = batching_batch_metrics_init(&metrics, size(batching_batch_metrics.self))
    _ = batching_batch_metrics_calculate(&few.completed, 10, &metrics)
    var latencies = batching_latencies()
    _ = batching_latencies_init(&latencies, size(batching_latencies.self))
    latencies.capacity = Int64(Few.count)
    latencies.total_latency = try scratch.column(Few.count) { _ in 0 }
    _ = batching_latencies_calculate(&few.completed, &latencies)
    let left = try scratch.column(Few.count) { _ in Int32(0) }
    _ = batching_remaining_tokens_calculate(
        Int64(Few.count), few.requests.output_length, few.requests.prompt_length, left)

    var load = batching_load()
    var timeline = batching_load_timeline()
    var loadConfig = batching_load_config()
    _ = batching_load_init(&load, size(batching_load.self))
    _ = batching_load_timeline_init(&timeline, size(batching_load_timeline.self))
    _ = batching_load_config_init(&loadConfig, size(batching_load_config.self))
    loadConfig.slots = 3
    timeline.capacity = 64
    timeline.time = try scratch.column(64) { _ in 0 }
    timeline.running = try scratch.column(64) { _ in 0 }
    for bins in Int64(0)..<2 {
        timeline.bins = bins * 5
        _ = batching_load_calculate(&few.recorded, &loadConfig, &load, &timeline)
    }

    let offsets = try scratch.column(Few.count + 1) { Int64($0 * 2) }
    let times = try scratch.column(2 * Few.count) { Double($0 / 2) + Double($0 % 2) * 0.25 }
    for withTokens in 0..<2 {
        if withTokens == 1 {
            few.recorded.token_times = UnsafePointer(times)
            few.recorded.token_offsets = UnsafePointer(offsets)
        }
        for convention in Choices.convention {
            for method in Choices.percentileMethod {
                try measure(&scratch, convention, method) { config, metrics in
                    _ = batching_serving_metrics_calculate(&few.recorded, config, metrics)
                }
            }
        }
    }
}

/// Calls `body` with a configuration and metrics that want everything.
private func measure(
    _ scratch: inout Scratch, _ convention: Int32, _ method: Int32,
    _ body: (UnsafePointer<batching_serving_metrics_config>, UnsafeMutablePointer<batching_serving_metrics>) -> Void
) throws(BatchingError) {
    // What it takes is free again afterwards.
    var scratch = scratch
    var config = batching_serving_metrics_config()
    _ = batching_serving_metrics_config_init(&config, size(batching_serving_metrics_config.self))
    (config.convention, config.percentile_method) = (convention, method)
    config.percentiles = try UnsafePointer(scratch.column(2) { Double(50 + 49 * $0) })
    config.percentile_count = 2
    (config.slo_ttft, config.slo_tpot, config.slo_itl, config.slo_e2e) = (1, 1, 1, 1)
    var distribution = batching_distribution()
    _ = batching_distribution_init(&distribution, size(batching_distribution.self))
    let distributions = try scratch.column(8) { _ in distribution }
    for i in 0..<8 { distributions[i].percentiles = try scratch.column(2) { _ in 0.0 } }
    var metrics = batching_serving_metrics()
    _ = batching_serving_metrics_init(&metrics, size(batching_serving_metrics.self))
    (metrics.ttft, metrics.tpot, metrics.itl) = (distributions, distributions + 1, distributions + 2)
    (metrics.e2e, metrics.queue_time, metrics.normalized_latency) =
        (distributions + 3, distributions + 4, distributions + 5)
    (metrics.client_queue_time, metrics.e2e_including_client_queue) = (distributions + 6, distributions + 7)
    body(&config, &metrics)
    let values = try scratch.column(5) { Double($0) }
    _ = batching_distribution_calculate(5, values, &config, distributions)
}

/// Every router with every rule that it may have, for prompts that are text and those that are hash ids.
private func useRouters(_ room: Scratch) throws(BatchingError) {
    var scratch = room
    var config = batching_router_config()
    _ = batching_router_config_init(&config, size(batching_router_config.self))
    (config.workers, config.block_size, config.chunk_size, config.lru_blocks_per_worker) = (2, 4, 4, 8)
    config.scorer_count = Int64(Choices.scorer.count)
    config.scorer = UnsafePointer(try scratch.column(Choices.scorer.count) { Choices.scorer[$0] })
    let prompt = RoutedFew(
        hashIds: try scratch.column(4) { UInt64($0 + 1) }, text: try scratch.column(16) { CChar(97 + $0 % 7) },
        session: try scratch.column(4) { CChar($0 < 3 ? 97 : 0) },
        counts: try scratch.column(2) { Int64($0) }, usages: try scratch.column(2) { 0.25 * Double($0) },
        allowed: try scratch.column(2) { _ in 0 }, scores: try scratch.column(2) { _ in 0 })
    for router in Choices.router {
        config.router = router
        useRouter(&config, prompt)
    }
    config.router = BATCHING_ROUTER_ROUND_ROBIN
    for rule in Choices.roundRobinRule {
        config.round_robin_rule = rule
        useRouter(&config, prompt)
    }
    config.router = BATCHING_ROUTER_LEAST_REQUESTS
    for ties in Choices.ties {
        config.ties = ties
        useRouter(&config, prompt)
    }
    config.router = BATCHING_ROUTER_VLLM_DP
    for rule in Choices.vllmDpRule {
        config.vllm_dp_rule = rule
        useRouter(&config, prompt)
    }
    config.router = BATCHING_ROUTER_CACHE_AWARE
    for rule in Choices.cacheAwareRule {
        config.cache_aware_rule = rule
        useRouter(&config, prompt)
    }
    (config.router, config.queue_threshold, config.temperature) = (BATCHING_ROUTER_DYNAMO_KV, -1, 1)
    for order in Choices.waitingOrder {
        config.waiting_order = order
        useRouter(&config, prompt)
        config.no_kv_events = 1
    }
}

/// A prompt, and columns of two workers.
private struct RoutedFew {
    let hashIds: UnsafeMutablePointer<UInt64>
    let text: UnsafeMutablePointer<CChar>
    let session: UnsafeMutablePointer<CChar>
    let counts: UnsafeMutablePointer<Int64>
    let usages: UnsafeMutablePointer<Double>
    let allowed: UnsafeMutablePointer<Int32>
    let scores: UnsafeMutablePointer<Double>
}

private func useRouter(_ config: inout batching_router_config, _ few: RoutedFew) {
    var router: OpaquePointer?
    guard batching_router_create(&config, &router) == BATCHING_OK else { return }
    var metrics = batching_worker_metrics()
    _ = batching_worker_metrics_init(&metrics, size(batching_worker_metrics.self))
    metrics.count = 2
    (metrics.waiting, metrics.running) = (UnsafePointer(few.counts), UnsafePointer(few.counts))
    metrics.kv_usage = UnsafePointer(few.usages)
    var request = batching_routing_request()
    _ = batching_routing_request_init(&request, size(batching_routing_request.self))
    (request.prompt_length, request.hash_ids, request.hash_count) = (17, UnsafePointer(few.hashIds), 4)
    var (worker, released, waiting) = (Int64(0), Int64(0), Int64(0))
    _ = batching_router_stored(router, 1, few.hashIds, 4, 0)
    for id in Int64(0)..<6 {
        (request.request, request.time) = (id, Double(id))
        if id >= 3 { (request.text, request.text_size) = (UnsafePointer(few.text), 16) }
        if id == 4 { _ = batching_router_observe(router, &metrics) }
        request.session = id % 2 == 1 ? UnsafePointer(few.session) : nil
        _ = batching_router_explain(router, &request, few.allowed, few.scores)
        if id == 2 {
            _ = batching_router_book(router, &request, 1)
        } else {
            _ = batching_router_route(router, &request, &worker)
        }
        if id % 2 == 0 { _ = batching_router_first_token(router, id, Double(id)) }
        _ = batching_router_output_block(router, id, 0.5)
    }
    _ = batching_router_load(router, few.counts, nil, &waiting)
    var copy: OpaquePointer?
    if batching_router_fork(router, &copy) == BATCHING_OK { _ = batching_router_destroy(copy) }
    _ = batching_router_set_worker(router, 0, 0, 6)
    _ = batching_router_set_worker(router, 0, 1, 6)
    for id in Int64(0)..<7 { _ = batching_router_finished(router, id, 7) }
    for _ in 0..<6 { _ = batching_router_release(router, &released, &worker) }
    _ = batching_router_removed(router, 1, few.hashIds, 4)
    _ = batching_router_evict(router, 0)
    _ = batching_router_destroy(router)
}

/// Every autoscaler with every choice that it has, of which some decide without what they need.
private func useAutoscalers(_ room: Scratch) throws(BatchingError) {
    var scratch = room
    var config = batching_autoscaler_config()
    _ = batching_autoscaler_config_init(&config, size(batching_autoscaler_config.self))
    (config.target, config.max_kv_tokens, config.context_length) = (1, 100, 100)
    (config.prefill_up_tokens, config.decode_up_percent) = (10, 50)
    (config.max_num_batched_tokens, config.max_num_seqs) = (100, 10)
    (config.min_replicas, config.max_replicas, config.up_window) = (-1, 8, 30)
    let counts = UnsafePointer(try scratch.column(2) { Int64(60 * $0) })
    let numbers = UnsafePointer(try scratch.column(2) { 0.25 * Double($0) })
    for autoscaler in Choices.autoscaler {
        config.autoscaler = autoscaler
        useAutoscaler(&config, counts, numbers)
    }
    config.autoscaler = BATCHING_AUTOSCALER_QUEUE_LENGTH
    for metric in Choices.scalingMetric {
        config.scaling_metric = metric
        useAutoscaler(&config, counts, numbers)
    }
    config.autoscaler = BATCHING_AUTOSCALER_DYNAMO_PLANNER
    for component in Choices.component {
        config.component = component
        for target in Choices.scalingTarget {
            config.scaling_target = target
            useAutoscaler(&config, counts, numbers)
        }
    }
}

private func useAutoscaler(
    _ config: inout batching_autoscaler_config, _ counts: UnsafePointer<Int64>, _ numbers: UnsafePointer<Double>
) {
    var autoscaler: OpaquePointer?
    guard batching_autoscaler_create(&config, &autoscaler) == BATCHING_OK else { return }
    var readings = batching_scaling_readings()
    _ = batching_scaling_readings_init(&readings, size(batching_scaling_readings.self))
    var desired: Int64 = 0
    for decision in Int64(0)..<6 {
        readings.time = 20 * Double(decision)
        (readings.count, readings.starting, readings.queued_requests) = (decision % 3, decision / 4, decision % 2)
        (readings.demand, readings.capacity) = (3, decision % 2 == 1 ? 2 : 0)
        if decision > 0 {
            (readings.waiting, readings.running, readings.queued_prefill_tokens) = (counts, counts, counts)
            (readings.scheduled_kv_tokens, readings.queued_kv_tokens) = (counts, counts)
            (readings.kv_usage, readings.metric) = (numbers, numbers)
            (readings.estimated_ttft, readings.estimated_itl, readings.own_ttft) = (numbers, numbers, numbers)
            (readings.merged_ttft, readings.merged_itl) = (numbers, numbers)
        }
        _ = batching_autoscaler_decide(autoscaler, &readings, &desired)
    }
    readings.waiting = nil
    _ = batching_autoscaler_decide(autoscaler, &readings, &desired)
    _ = batching_autoscaler_destroy(autoscaler)
}

/// A fleet of two pools behind every router: one engine caches prefixes, the others run asynchronously.
private func useFleet(_ few: Few, _ room: Scratch) throws(BatchingError) {
    var (few, scratch) = (few, room)
    let engines = try scratch.column(2) { pool in
        var engine = batching_engine_config()
        _ = batching_engine_config_init(&engine, size(batching_engine_config.self))
        (engine.time_model, engine.time_base, engine.max_num_seqs) = (BATCHING_TIME_CONSTANT, 0.125, 2)
        (engine.block_size, engine.num_gpu_blocks) = (Int32(Few.blockSize), 9)
        (engine.enable_prefix_caching, engine.async_scheduling) = (pool == 0 ? 1 : 0, pool == 0 ? 0 : 1)
        return engine
    }
    var router = batching_router_config()
    _ = batching_router_config_init(&router, size(batching_router_config.self))
    router.no_kv_events = 1
    var config = batching_fleet_config()
    _ = batching_fleet_config_init(&config, size(batching_fleet_config.self))
    config.pool_count = 2
    config.engine = UnsafePointer(try scratch.column(2) { UnsafePointer(engines + $0) })
    config.replicas = UnsafePointer(try scratch.column(2) { Int64($0 + 1) })
    var results = batching_fleet_results()
    _ = batching_fleet_results_init(&results, size(batching_fleet_results.self))
    (results.capacity, results.replica_capacity) = (Int64(Few.count), 3)
    results.replica = try scratch.column(Few.count) { _ in 0 }
    results.routed_time = try scratch.column(Few.count) { _ in 0 }
    results.tokens = try scratch.column(3) { _ in 0 }
    results.duration = try scratch.column(3) { _ in 0 }
    var client = batching_client()
    _ = batching_client_init(&client, size(batching_client.self))
    (client.max_concurrency, client.clients) = (2, 3)
    few.requests.session = UnsafePointer(try scratch.column(Few.count) { Int64($0 / 2) })
    let arrivals = few.requests.arrival_time
    for name in Choices.router {
        router.router = name
        withUnsafePointer(to: router) { router in
            withUnsafePointer(to: client) { client in
                config.router = router
                _ = batching_fleet_simulate(&config, &few.requests, &few.results, &results, &few.summary)
                (few.requests.client, few.requests.arrival_time) = (client, nil)
                _ = batching_fleet_simulate(&config, &few.requests, &few.results, &results, &few.summary)
                (few.requests.client, few.requests.arrival_time) = (nil, arrivals)
                useLiveFleet(few, config)
            }
        }
    }
    config.router = nil
    var (logged, log) = (config, batching_decision_log())
    _ = batching_decision_log_init(&log, size(batching_decision_log.self))
    let logs = try scratch.column(3) { _ in log }
    logged.iteration_log = try scratch.column(3) { _ in nil }
    logged.decision_log = try scratch.column(3) { logs + $0 }
    _ = batching_fleet_simulate(&logged, &few.requests, nil, nil, nil)
    few.requests.session = nil
    try useFleetApart(few, scratch, config)
    try useFleetOperated(few, scratch, config)
}

/// Pools that prefill and decode, in every way, with KV events.
private func useFleetApart(
    _ few: Few, _ room: Scratch, _ given: batching_fleet_config
) throws(BatchingError) {
    var (few, scratch, config) = (few, room, given)
    var router = batching_router_config()
    _ = batching_router_config_init(&router, size(batching_router_config.self))
    router.router = BATCHING_ROUTER_DYNAMO_KV
    let roles = [Choices.role[1], Choices.role[2]]
    config.role = UnsafePointer(try scratch.column(2) { roles[$0] })
    var apart = batching_disaggregation_config()
    _ = batching_disaggregation_config_init(&apart, size(batching_disaggregation_config.self))
    (apart.kv_bytes_per_token, apart.link_bandwidth, apart.lease) = (1000, 1e6, 0.5)
    let ways: [(WritableKeyPath<batching_disaggregation_config, Int32>, [Int32])] = [
        (\.preset, Choices.preset), (\.decider, Choices.decider), (\.decode_choice, Choices.decodeChoice),
        (\.transfer_tokens, Choices.transferTokens), (\.overlap, Choices.overlap), (\.reserve, Choices.reserve),
        (\.source_release, Choices.sourceRelease), (\.first_token, Choices.firstToken), (\.sharing, Choices.sharing),
    ]
    for (field, choices) in ways {
        for choice in choices {
            var own = apart
            own[keyPath: field] = choice
            withUnsafePointer(to: router) { router in
                withUnsafePointer(to: own) { own in
                    (config.router, config.disaggregation) = (router, own)
                    _ = batching_fleet_simulate(&config, &few.requests, &few.results, nil, &few.summary)
                    useLiveFleet(few, config)
                }
            }
        }
    }
}

/// The same as its host's time goes by, and a copy of it.
private func useLiveFleet(_ given: Few, _ config: batching_fleet_config) {
    var (few, config) = (given, config)
    few.results.completion_order = nil
    var events = batching_fleet_events()
    _ = batching_fleet_events_init(&events, size(batching_fleet_events.self))
    events.capacity = Int64(Few.count)
    var state = batching_fleet_state()
    _ = batching_fleet_state_init(&state, size(batching_fleet_state.self))
    var (fleet, copy): (OpaquePointer?, OpaquePointer?)
    guard batching_fleet_create(&config, &fleet) == BATCHING_OK else { return }
    _ = batching_fleet_submit(fleet, &few.requests, nil)
    _ = batching_fleet_advance(fleet, 0.3)
    few.requests.arrival_time = nil
    _ = batching_fleet_estimate(fleet, &few.requests, &few.results, nil)
    _ = batching_fleet_fork(fleet, &copy)
    _ = batching_fleet_abort(copy, 0)
    _ = batching_fleet_advance(copy, .infinity)
    _ = batching_fleet_advance(fleet, .infinity)
    _ = batching_fleet_observe(fleet, &state)
    withUnsafePointer(to: few.results) {
        events.results = $0
        _ = batching_fleet_poll(fleet, &events)
    }
    _ = batching_fleet_destroy(fleet)
    _ = batching_fleet_destroy(copy)
}

/// Replicas that come and go, and requests that are turned away, with everything that may decide.
private func useFleetOperated(
    _ few: Few, _ room: Scratch, _ given: batching_fleet_config
) throws(BatchingError) {
    var (few, scratch, config) = (few, room, given)
    var admission = batching_admission_config()
    _ = batching_admission_config_init(&admission, size(batching_admission_config.self))
    (admission.bucket_capacity, admission.bucket_rate, admission.retries) = (100, 100, 1)
    (admission.ttft_timeout, admission.e2e_timeout, admission.max_queued_tokens) = (1, 2, 1000)
    (admission.retries_elsewhere, admission.breaker_failures, admission.breaker_open_time) = (1, 1, 0.25)
    var faults = batching_fault_config()
    _ = batching_fault_config_init(&faults, size(batching_fault_config.self))
    faults.fault_count = Int64(Choices.faultKind.count)
    faults.fault_time = UnsafePointer(try scratch.column(Choices.faultKind.count) { 0.25 * Double($0) })
    faults.fault_replica = UnsafePointer(try scratch.column(Choices.faultKind.count) { _ in Int32(1) })
    faults.fault_kind = UnsafePointer(try scratch.column(Choices.faultKind.count) { Choices.faultKind[$0] })
    faults.fault_factor = UnsafePointer(try scratch.column(Choices.faultKind.count) { _ in 2.0 })
    var autoscaler = batching_autoscaler_config()
    _ = batching_autoscaler_config_init(&autoscaler, size(batching_autoscaler_config.self))
    (autoscaler.target, autoscaler.interval) = (1, 0.25)
    var scaling = batching_fleet_scaling_config()
    _ = batching_fleet_scaling_config_init(&scaling, size(batching_fleet_scaling_config.self))
    scaling.startup_time = 0.25
    config.router_callback = { _, worker, _ in
        worker?.pointee = 0
        return 0
    }
    for (cost, chooser) in [
        (Choices.bucketCost[0], Choices.chooser[0]), (Choices.bucketCost[1], Choices.chooser[1]),
        (Choices.bucketCost[0], Choices.chooser[2]), (Choices.bucketCost[1], Choices.chooser[3]),
    ] {
        admission.bucket_cost = cost
        config.chooser = chooser
        withUnsafePointer(to: autoscaler) { autoscaler in
            scaling.autoscaler = autoscaler
            withUnsafePointer(to: admission) { admission in
                withUnsafePointer(to: faults) { faults in
                    withUnsafePointer(to: scaling) { scaling in
                        (config.admission, config.faults, config.scaling) = (admission, faults, scaling)
                        config.decode_scaling = config.role == nil ? nil : scaling
                        _ = batching_fleet_simulate(&config, &few.requests, &few.results, nil, &few.summary)
                        useLiveFleet(few, config)
                    }
                }
            }
        }
    }
}

private func useAccumulator(_ few: Few, _ scratch: inout Scratch) throws(BatchingError) {
    var config = batching_accumulator_config()
    _ = batching_accumulator_config_init(&config, size(batching_accumulator_config.self))
    // Small, so that it costs little.
    (config.slot_count, config.max_requests, config.max_gaps, config.window) = (2, 8, 16, 10)
    (config.slo_ttft, config.slo_tpot, config.slo_itl, config.slo_e2e) = (1, 1, 1, 1)
    var live: OpaquePointer?
    guard batching_accumulator_create(&config, &live) == BATCHING_OK else { return }
    let (finished, failed) = (Choices.finishedReason, Choices.failedReason)
    for request in Int64(0)..<8 {
        let time = Double(request) * 3
        _ = batching_accumulator_arrived(live, request, time, 5)
        _ = batching_accumulator_started(live, request, time)
        _ = batching_accumulator_tokens(live, request, time + 0.5, 1)
        _ = batching_accumulator_tokens(live, request, time + 1, 2)
        if request % 3 == 2 {
            _ = batching_accumulator_failed(live, request, time + 1, failed[Int(request / 3) % failed.count])
        } else {
            _ = batching_accumulator_finished(live, request, time + 1, finished[Int(request) % finished.count])
        }
    }
    var events = batching_accumulator_events()
    _ = batching_accumulator_events_init(&events, size(batching_accumulator_events.self))
    events.count = 2
    let (event, request) = (try scratch.column(2) { _ in Int32(0) }, try scratch.column(2) { _ in Int64(0) })
    (events.event, events.request) = (UnsafePointer(event), UnsafePointer(request))
    events.time = try UnsafePointer(scratch.column(2) { _ in 24 })
    events.value = try UnsafePointer(scratch.column(2) { _ in 0 })
    var accepted: Int64 = 0
    for (i, second) in Choices.accumulatorEvent.enumerated() {
        (event[0], event[1]) = (BATCHING_ACCUMULATOR_ARRIVED, second)
        (request[0], request[1]) = (Int64(100 + i), Int64(100 + i))
        _ = batching_accumulator_add(live, &events, &accepted)
        // So that nothing is in flight when the copy is merged, which has the same requests.
        _ = batching_accumulator_failed(live, request[0], 24, BATCHING_FAILED_ABORT)
    }
    _ = batching_accumulator_advance(live, 25)
    var state = batching_accumulator_state()
    _ = batching_accumulator_state_init(&state, size(batching_accumulator_state.self))
    _ = batching_accumulator_observe(live, &state)
    for method in Choices.percentileMethod {
        try measure(&scratch, BATCHING_CONVENTION_VLLM, method) { config, metrics in
            for scope in Choices.accumulatorScope {
                _ = batching_accumulator_measure(live, scope, config, metrics)
            }
        }
    }
    // Too small a buffer is an error that tells how much is needed.
    var needed: Int64 = 0
    _ = batching_accumulator_prometheus(live, "model", "0", 0, nil, 0, &needed)
    _ = batching_accumulator_save(live, nil, 0, &needed)
    let bytes = try scratch.column(Int(needed)) { _ in UInt8(0) }
    _ = batching_accumulator_save(live, bytes, needed, &needed)
    var copy: OpaquePointer?
    if batching_accumulator_load(bytes, needed, &copy) == BATCHING_OK {
        _ = batching_accumulator_merge(live, copy)
        _ = batching_accumulator_destroy(copy)
    }
    _ = batching_accumulator_destroy(live)
}

private func useCapacity() {
    var intensity = 0.0
    _ = batching_arithmetic_intensity_calculate(4, 1e9, 2, &intensity)
    var batchSize: Int64 = 0
    _ = batching_optimal_batch_size_calculate(1e10, 1e9, 1e5, 1000, &batchSize)
}

/// A log of a few requests, with all that is known of the server and without.
private func useCalibration(_ room: Scratch) throws(BatchingError) {
    var scratch = room
    let count = 16
    var config = batching_calibration_config()
    var requests = batching_requests()
    var recorded = batching_recorded()
    var found = batching_calibration()
    var roofline = batching_roofline()
    _ = batching_calibration_config_init(&config, size(batching_calibration_config.self))
    _ = batching_requests_init(&requests, size(batching_requests.self))
    _ = batching_recorded_init(&recorded, size(batching_recorded.self))
    _ = batching_calibration_init(&found, size(batching_calibration.self))
    _ = batching_roofline_init(&roofline, size(batching_roofline.self))
    roofline.per_iteration = 0.01
    let lengths = UnsafePointer(try scratch.column(count) { Int32($0 + 1) })
    (requests.count, recorded.count) = (Int64(count), Int64(count))
    (requests.output_length, recorded.output_length) = (lengths, lengths)
    recorded.first_token_time = UnsafePointer(try scratch.column(count) { 0.1 + 0.01 * Double($0) })
    recorded.end_time = UnsafePointer(try scratch.column(count) { 0.5 + 0.02 * Double($0) })
    config.callback = { progress, isEnough, _ in
        isEnough?.pointee = (progress?.pointee.simulations ?? 0) >= 40 ? 1 : 0
        return 0
    }
    for scheduling in Choices.scheduling {
        config.scheduling = scheduling
        _ = batching_iteration_time_calibrate(&config, &requests, &recorded, &found)
        withUnsafePointer(to: roofline) { roofline in
            config.roofline = roofline
            _ = batching_iteration_time_calibrate(&config, &requests, &recorded, &found)
            config.roofline = nil
        }
    }
}

/// More requests than are kept, some of them in flight; a copy is fitted.
private func useLiveCalibration(_ room: Scratch) throws(BatchingError) {
    var scratch = room
    var config = batching_calibration_config()
    var engine = batching_engine_config()
    var state = batching_live_calibration_state()
    var log = batching_live_calibration_log()
    var found = batching_calibration()
    _ = batching_calibration_config_init(&config, size(batching_calibration_config.self))
    _ = batching_engine_config_init(&engine, size(batching_engine_config.self))
    _ = batching_live_calibration_state_init(&state, size(batching_live_calibration_state.self))
    _ = batching_live_calibration_log_init(&log, size(batching_live_calibration_log.self))
    _ = batching_calibration_init(&found, size(batching_calibration.self))
    (engine.enable_prefix_caching, engine.num_gpu_blocks) = (1, 100)
    (config.scheduling, config.simulations) = (BATCHING_SCHEDULING_GIVEN, 3)
    var (live, copy): (OpaquePointer?, OpaquePointer?) = (nil, nil)
    let isMade = withUnsafePointer(to: engine) { engine in
        config.engine = engine
        return batching_live_calibration_create(&config, 17, &live) == BATCHING_OK
    }
    guard isMade else { return }
    let hashes = UnsafePointer(try scratch.column(2) { Int64($0) })
    for request in Int64(0)..<19 {
        let (time, length) = (0.01 * Double(request), Int32(request + 1))
        _ = batching_live_calibration_arrived(live, request, time, 40, request % 2 == 0 ? length : 0, hashes, 2)
    }
    for request in Int64(1)..<18 {
        let (time, length) = (1 + 0.02 * Double(request), Int32(request + 1))
        _ = batching_live_calibration_first_token(live, request, time)
        _ = batching_live_calibration_finished(live, request, time + 0.1, length)
    }
    if batching_live_calibration_fork(live, &copy) == BATCHING_OK {
        _ = batching_live_calibration_fit(
            copy, 0,
            { progress, isEnough, _ in
                isEnough?.pointee = (progress?.pointee.simulations ?? 0) >= 2 ? 1 : 0
                return 0
            }, nil, &found)
        _ = batching_live_calibration_destroy(copy)
    }
    // One is forgotten, beside which all others ran: too few count.
    _ = batching_live_calibration_failed(live, 0, 2)
    _ = batching_live_calibration_observe(live, &state)
    _ = batching_live_calibration_log_write(live, &log)
    _ = batching_live_calibration_fit(live, 0, nil, nil, &found)
    _ = batching_live_calibration_destroy(live)
}

/// One of each model of times, with numbers that are short and long; and one that is none.
private func useProfiles() {
    useProfile("0.5,\"model\":\"M\",\"gpu\":\"\\u00e9\",\"client_delay\":1.5e-40,\"notes\":{\"a\":[null]}}")
    useProfile("{\"base\":1e-3},\"engine\":{\"policy\":\"orca\",\"queue_order\":\"arrival\",\"num_gpu_blocks\":null}}")
    useProfile("{\"model\":\"roofline\",\"layers\":2}}")
    useProfile(
        "{\"model\":\"table\",\"linear_tokens\":[1],\"linear_seconds\":[1e-60],\"decode_sequences\":[1],"
            + "\"decode_contexts\":[1],\"decode_seconds\":[[0]]}}")
    useProfile("-1}")
    useProfile("x")
}

private func useProfile(_ rest: ErrorText) {
    let json: ErrorText = "{\"format\":\"batching profile\",\"version\":1,\"iteration_time\":\(rest)"
    json.withUTF8 { bytes in
        guard let address = bytes.baseAddress else { return }
        var profile: OpaquePointer?
        let text = UnsafeRawPointer(address).assumingMemoryBound(to: CChar.self)
        guard batching_profile_create(text, Int64(bytes.count), &profile) == BATCHING_OK else { return }
        var config = batching_engine_config()
        var facts = batching_profile_facts()
        _ = batching_engine_config_init(&config, size(batching_engine_config.self))
        _ = batching_profile_facts_init(&facts, size(batching_profile_facts.self))
        _ = batching_profile_get(profile, &config, &facts)
        _ = batching_profile_destroy(profile)
    }
}

/// A model with experts on two GPUs, with every type of weights; one name of each kind is not known.
private func useCatalogue() {
    var (gpu, model) = (batching_gpu(), batching_model())
    _ = batching_gpu_init(&gpu, size(batching_gpu.self))
    _ = batching_model_init(&model, size(batching_model.self))
    var count: Int64 = 0
    _ = batching_gpus_count(&count)
    _ = batching_models_count(&count)
    _ = batching_gpu_find("H100-SMX", &gpu)
    _ = batching_model_find("gpt-4", &model)
    _ = batching_gpu_find("H100-SXM", &gpu)
    _ = batching_model_find("gpt-oss-20b", &model)
    _ = batching_gpu_get(0, &gpu)
    _ = batching_model_get(0, &model)
    var deployment = batching_deployment()
    var memory = batching_deployment_memory()
    var roofline = batching_roofline()
    _ = batching_deployment_init(&deployment, size(batching_deployment.self))
    _ = batching_deployment_memory_init(&memory, size(batching_deployment_memory.self))
    _ = batching_roofline_init(&roofline, size(batching_roofline.self))
    deployment.tensor_parallel = 2
    withUnsafePointer(to: &model) { model in
        withUnsafePointer(to: &gpu) { gpu in
            (deployment.model, deployment.gpu) = (model, gpu)
            for dtype in Choices.dtype {
                (deployment.weight_dtype, deployment.kv_dtype) = (dtype, dtype)
                _ = batching_deployment_memory_calculate(&deployment, &memory)
                _ = batching_deployment_roofline_calculate(&deployment, &roofline)
            }
        }
    }
}

/// What is told of the library and the thread, which has no callback yet.
private func useFacts() {
    _ = batching_version()
    _ = batching_version_number()
    _ = batching_status_name(BATCHING_OK)
    _ = batching_last_error()
    _ = batching_interrupt_set(nil, nil)
}
