import Batching
import CBatching

extension batching_disaggregation_config {
    static let firstSize = 112

    /// The configuration that the struct describes: what is 0 is its default.
    func configuration() throws(BatchingError) -> DisaggregationConfig {
        guard reserved_2 == 0 else { throw .invalid("config.reserved_2", reserved_2, "must be 0") }
        var configuration = DisaggregationConfig()
        configuration.preset = try choice(preset, "preset")
        configuration.decider = try choice(decider, "decider")
        configuration.decodeChoice = try choice(decode_choice, "decode_choice")
        configuration.transferTokens = try choice(transfer_tokens, "transfer_tokens")
        configuration.overlap = try choice(overlap, "overlap")
        configuration.reserve = try choice(reserve, "reserve")
        configuration.sourceRelease = try choice(source_release, "source_release")
        configuration.firstToken = try choice(first_token, "first_token")
        configuration.linkSharing = try choice(sharing, "sharing")
        configuration.kvBytesPerToken = kv_bytes_per_token
        configuration.linkBandwidth = link_bandwidth
        configuration.linkLatency = link_latency
        if decider_tokens != 0 { configuration.deciderTokens = decider_tokens == -1 ? 0 : decider_tokens }
        if decider_ratio != 0 { configuration.deciderRatio = decider_ratio == -1 ? 0 : decider_ratio }
        if layers != 0 { configuration.layers = layers }
        if reserved_decode_tokens != 0 {
            configuration.reservedDecodeTokens = reserved_decode_tokens == -1 ? 0 : reserved_decode_tokens
        }
        if lease != 0 { configuration.lease = lease }
        return configuration
    }
}

extension batching_admission_config {
    static let firstSize = 136

    /// The configuration that the struct describes: what is 0 is its default.
    func configuration() throws(BatchingError) -> AdmissionConfig {
        var configuration = AdmissionConfig()
        if max_in_flight != 0 { configuration.maxInFlight = max_in_flight }
        if max_queued_tokens != 0 { configuration.maxQueuedTokens = max_queued_tokens }
        if bucket_capacity != 0 { configuration.bucketCapacity = bucket_capacity }
        configuration.bucketRate = bucket_rate
        configuration.bucketCost = try choice(bucket_cost, "bucket_cost")
        if try flag(sheds, "sheds") { configuration.shedPriority = shed_priority }
        if saturation_queue != 0 { configuration.saturationQueue = saturation_queue }
        if saturation_kv != 0 { configuration.saturationKV = saturation_kv }
        if ttft_timeout != 0 { configuration.ttftTimeout = ttft_timeout }
        if e2e_timeout != 0 { configuration.e2eTimeout = e2e_timeout }
        configuration.retries = retries
        if retry_base != 0 { configuration.retryBase = retry_base == -1 ? 0 : retry_base }
        if retry_factor != 0 { configuration.retryFactor = retry_factor }
        if retry_cap != 0 { configuration.retryCap = retry_cap }
        if retry_jitter != 0 { configuration.retryJitter = retry_jitter == -1 ? 0 : retry_jitter }
        configuration.seed = seed
        guard reserved_2 == 0 else { throw .invalid("config.reserved_2", reserved_2, "must be 0") }
        configuration.retriesElsewhere = try flag(retries_elsewhere, "retries_elsewhere")
        if breaker_failures != 0 { configuration.breakerFailures = breaker_failures }
        if breaker_window != 0 { configuration.breakerWindow = breaker_window }
        if breaker_open_time != 0 { configuration.breakerOpenTime = breaker_open_time }
        if max_queued_requests != 0 { configuration.maxQueuedRequests = max_queued_requests }
        if queue_timeout != 0 { configuration.queueTimeout = queue_timeout }
        if breaker_successes != 0 { configuration.breakerSuccesses = breaker_successes }
        return configuration
    }
}

extension batching_fault_config {
    static let firstSize = 80

    /// The configuration that the struct describes: what is 0 is its default.
    func configuration() -> FaultConfig {
        var configuration = FaultConfig()
        configuration.count = Int(fault_count)
        configuration.time = fault_time
        configuration.replica = fault_replica
        configuration.kind = fault_kind
        configuration.factor = fault_factor
        if mean_up_time != 0 { configuration.meanUpTime = mean_up_time }
        if mean_down_time != 0 { configuration.meanDownTime = mean_down_time == -1 ? 0 : mean_down_time }
        configuration.noticeDelay = notice_delay
        configuration.seed = seed
        return configuration
    }
}

extension batching_fleet_scaling_config {
    static let firstSize = 32

    /// The configuration that the struct describes: what is 0 is its default.
    /// - Parameter argument: what its autoscaler is called.
    func configuration(_ argument: StaticString) throws(BatchingError) -> FleetScalingConfig {
        let autoscaler = try batching_autoscaler_config.read(try required(autoscaler, argument))
        var configuration = FleetScalingConfig(autoscaler: try autoscaler.configuration())
        if initial_replicas != 0 { configuration.initialReplicas = initial_replicas == -1 ? 0 : Int(initial_replicas) }
        configuration.startupTime = startup_time
        if let scaling_callback { configuration.callback = asked(scaling_callback) }
        return configuration
    }
}

extension batching_fleet_scaling_config {
    private func asked(_ callback: batching_scaling_callback) -> ScalingCallback {
        ScalingCallback(ForeignFunction(callback, scaling_user_data)) { (readings, foreign) throws(BatchingError) in
            let callback = foreign.function(as: batching_scaling_callback.self)
            var told = batching_scaling_readings(readings)
            var desired: Int64 = -1
            try goOn(calling { callback(&told, &desired, foreign.userData) }, "scaling_callback")
            return desired
        }
    }
}

extension batching_scaling_readings {
    /// What a fleet knows of its replicas.
    fileprivate init(_ readings: ScalingReadings) {
        self.init()
        struct_size = UInt32(MemoryLayout<batching_scaling_readings>.size)
        time = readings.time
        count = Int64(readings.count)
        starting = Int64(readings.starting)
        waiting = readings.waiting
        running = readings.running
        queued_prefill_tokens = readings.queuedPrefillTokens
        scheduled_kv_tokens = readings.scheduledKVTokens
        queued_kv_tokens = readings.queuedKVTokens
        kv_usage = readings.kvUsage
        queued_requests = readings.queuedRequests
        mean_prompt_length = readings.meanPromptLength
        mean_output_length = readings.meanOutputLength
        demand = readings.demand
    }
}

extension batching_fleet_config {
    /// The router that asks `router_callback`.
    func routerCallback() throws(BatchingError) -> RouterCallback {
        let callback = try required(router_callback, "router_callback")
        return RouterCallback(ForeignFunction(callback, router_user_data)) { (view, foreign) throws(BatchingError) in
            let callback = foreign.function(as: batching_router_callback.self)
            var told = batching_router_view(view)
            var worker: Int64 = -1
            try goOn(calling { callback(&told, &worker, foreign.userData) }, "router_callback")
            return worker
        }
    }
}

extension batching_router_view {
    fileprivate init(_ view: RouterView) {
        self.init(
            struct_size: UInt32(MemoryLayout<batching_router_view>.size), reserved: 0, request: Int64(view.request),
            time: view.time, prompt_length: view.promptLength, output_length: view.outputLength, session: view.session,
            count: Int64(view.count), is_up: view.isUp, in_flight: view.inFlight, queued_tokens: view.queuedTokens,
            waiting: view.waiting, running: view.running, kv_use: view.kvUse, cached_tokens: view.cachedTokens)
    }
}
