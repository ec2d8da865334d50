import Batching
import CBatching

extension batching_autoscaler_config {
    static let firstSize = 312

    /// The configuration that the struct describes: what is 0 is its default.
    func configuration() throws(BatchingError) -> AutoscalerConfig {
        var configuration = AutoscalerConfig()
        configuration.autoscaler = try choice(autoscaler, "autoscaler")
        var least: Int64 = 1
        try setOrZero(&least, min_replicas, "min_replicas")
        configuration.minReplicas = Int(least)
        if max_replicas != 0 { configuration.maxReplicas = Int(max_replicas) }
        if interval != 0 { configuration.interval = interval }
        configuration.maxKVTokens = max_kv_tokens
        configuration.hpa = try hpa()
        configuration.queueLength.activation = activation
        try setOrZero(&configuration.queueLength.cooldown, cooldown, "cooldown")
        configuration.planner = try planner()
        configuration.llmD = llmD()
        return configuration
    }

    private func hpa() throws(BatchingError) -> HPAConfig {
        var hpa = HPAConfig()
        hpa.metric = try choice(scaling_metric, "scaling_metric")
        hpa.target = target
        try setOrZero(&hpa.tolerance, tolerance, "tolerance")
        hpa.upWindow = up_window
        try setOrZero(&hpa.downWindow, down_window, "down_window")
        try setOrZero(&hpa.up.percent, up_percent, "up_percent")
        try setOrZero(&hpa.up.replicas, up_replicas, "up_replicas")
        try setOrZero(&hpa.down.percent, down_percent, "down_percent")
        hpa.down.replicas = down_replicas
        if up_period != 0 { hpa.up.period = up_period }
        if down_period != 0 { hpa.down.period = down_period }
        return hpa
    }

    private func planner() throws(BatchingError) -> PlannerConfig {
        var planner = PlannerConfig()
        planner.component = try choice(component, "component")
        planner.target = try choice(scaling_target, "scaling_target")
        planner.hasLoadStep = try !flag(no_load_step, "no_load_step")
        planner.whileStarting = try flag(while_starting, "while_starting")
        planner.contextLength = context_length
        if min_endpoint != 0 { planner.minEndpoint = Int(min_endpoint) }
        planner.prefillUpTokens = prefill_up_tokens
        planner.prefillDownTokens = prefill_down_tokens
        planner.decodeUpPercent = decode_up_percent
        planner.decodeDownPercent = decode_down_percent
        if ttft_sla != 0 { planner.ttftSLA = ttft_sla }
        if itl_sla != 0 { planner.itlSLA = itl_sla }
        try setOrZero(&planner.downSensitivity, down_sensitivity, "down_sensitivity")
        if throughput_interval != 0 { planner.throughputInterval = throughput_interval }
        if throughput_step != 0 { planner.throughputStep = Int(throughput_step) }
        if gpu_budget != 0 { planner.gpuBudget = gpu_budget == -1 ? nil : gpu_budget }
        if gpus_per_replica != 0 { planner.gpusPerReplica = gpus_per_replica }
        return planner
    }

    private func llmD() -> LLMDConfig {
        var llmD = LLMDConfig()
        if kv_threshold != 0 { llmD.kvThreshold = kv_threshold }
        if queue_threshold != 0 { llmD.queueThreshold = queue_threshold }
        if up_threshold != 0 { llmD.upThreshold = up_threshold }
        if down_boundary != 0 { llmD.downBoundary = down_boundary }
        llmD.maxNumBatchedTokens = max_num_batched_tokens
        llmD.maxNumSeqs = max_num_seqs
        return llmD
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

extension batching_scaling_readings {
    static let firstSize = 176

    /// The readings; their columns stay the caller's.
    var readings: ScalingReadings {
        var readings = ScalingReadings()
        readings.time = time
        readings.count = Int(count)
        readings.starting = Int(starting)
        readings.waiting = waiting.map { UnsafePointer($0) }
        readings.running = running.map { UnsafePointer($0) }
        readings.queuedPrefillTokens = queued_prefill_tokens.map { UnsafePointer($0) }
        readings.scheduledKVTokens = scheduled_kv_tokens.map { UnsafePointer($0) }
        readings.queuedKVTokens = queued_kv_tokens.map { UnsafePointer($0) }
        readings.kvUsage = kv_usage.map { UnsafePointer($0) }
        readings.estimatedTTFT = estimated_ttft.map { UnsafePointer($0) }
        readings.estimatedITL = estimated_itl.map { UnsafePointer($0) }
        readings.mergedTTFT = merged_ttft.map { UnsafePointer($0) }
        readings.ownTTFT = own_ttft.map { UnsafePointer($0) }
        readings.mergedITL = merged_itl.map { UnsafePointer($0) }
        readings.metric = metric.map { UnsafePointer($0) }
        readings.queuedRequests = queued_requests
        readings.metricOutside = metric_outside
        readings.meanPromptLength = mean_prompt_length
        readings.meanOutputLength = mean_output_length
        readings.demand = demand
        readings.capacity = capacity
        return readings
    }
}
