import Batching
import CBatching

@implementation @_cdecl("batching_iteration_time_calibrate")
public func batching_iteration_time_calibrate(
    _ config: UnsafePointer<batching_calibration_config>!, _ requests: UnsafePointer<batching_requests>!,
    _ recorded: UnsafePointer<batching_recorded>!, _ calibration: UnsafeMutablePointer<batching_calibration>!
) -> batching_status {
    status { () throws(BatchingError) in
        let config = config == nil ? batching_calibration_config() : try batching_calibration_config.read(config)
        let requests = try batching_requests.read(requests)
        guard requests.client == nil else {
            throw BatchingError(
                .invalidArgument, "requests.client is given: must be NULL, as the log says when each came")
        }
        let recorded = try batching_recorded.columns(recorded)
        _ = try batching_calibration.read(try required(UnsafePointer(calibration), "calibration"))
        let found = try Calibration.fit(
            try requests.engineColumns(), recorded, try config.configuration())
        batching_calibration(found).write(to: calibration)
    }
}

extension batching_calibration_config {
    static let firstSize = 72

    func configuration() throws(BatchingError) -> CalibrationConfig {
        var configuration = CalibrationConfig()
        if let engine { configuration.engine = try batching_engine_config.read(engine).scheduling() }
        if let roofline { configuration.roofline = try batching_roofline.read(roofline).time }
        configuration.scheduling = try choice(scheduling, "scheduling")
        configuration.searchesNumGPUBlocks = try flag(search_num_gpu_blocks, "search_num_gpu_blocks")
        configuration.seed = seed
        if observed_until != 0 { configuration.observedUntil = observed_until }
        guard simulations >= 0 else { throw .invalid("simulations", simulations, "must be at least 0") }
        if simulations != 0 { configuration.simulations = simulations }
        configuration.callback = CalibrationCallback.of(callback, user_data)
        return configuration
    }
}

extension CalibrationCallback {
    static func of(
        _ callback: batching_calibration_callback?, _ userData: UnsafeMutableRawPointer?
    ) -> CalibrationCallback? {
        guard let callback else { return nil }
        return CalibrationCallback(ForeignFunction(callback, userData)) { (progress, foreign) throws(BatchingError) in
            let callback = foreign.function(as: batching_calibration_callback.self)
            var told = batching_calibration_progress()
            told.struct_size = UInt32(MemoryLayout<batching_calibration_progress>.size)
            told.simulations = progress.simulations
            told.most = progress.most
            told.loss = progress.loss
            var isEnough: Int32 = 0
            try goOn(calling { callback(&told, &isEnough, foreign.userData) }, "callback")
            return try flag(isEnough, "callback's answer is_enough")
        }
    }
}

extension batching_calibration {
    static let firstSize = 456

    init(_ found: CalibrationResult) {
        self.init()
        time_base = found.time.base
        time_per_prefill_token = found.time.perPrefillToken
        time_per_decode_token = found.time.perDecodeToken
        time_per_context_token = found.time.perContextToken
        time_per_prefill_context = found.time.perPrefillContext
        time_per_prefill_iteration = found.time.perPrefillIteration
        time_per_prefill_chunk = found.time.perPrefillChunk
        time_startup = found.time.startup
        async_scheduling = found.isAsynchronous ? 1 : 0
        is_complete = found.isComplete ? 1 : 0
        simulations = found.simulations
        residuals = found.residuals
        loss = found.loss
        loss_of_other_scheduling = found.lossOfOtherScheduling
        spread = found.spread
        num_gpu_blocks = found.numGPUBlocks ?? 0
        num_gpu_blocks_least = found.numGPUBlocksRange?.lowerBound ?? num_gpu_blocks
        num_gpu_blocks_most = found.numGPUBlocksRange?.upperBound ?? num_gpu_blocks
        told_base = found.told.base
        told_per_prefill_token = found.told.perPrefillToken
        told_per_decode_token = found.told.perDecodeToken
        told_per_context_token = found.told.perContextToken
        told_per_prefill_context = found.told.perPrefillContext
        told_per_prefill_iteration = found.told.perPrefillIteration
        told_per_prefill_chunk = found.told.perPrefillChunk
        correlation_base_decode = found.correlationOfBaseAndDecode
        correlation_base_context = found.correlationOfBaseAndContext
        correlation_decode_context = found.correlationOfDecodeAndContext
        correlation_prefill_context = found.correlationOfPrefillAndContext
        client_delay = found.clientDelay
        told_client_delay = found.toldClientDelay
        share_without_queueing = found.shareWithoutQueueing
        correlation_base_delay = found.correlationOfBaseAndDelay
        correlation_prefill_iteration_delay = found.correlationOfPrefillIterationAndDelay
        set(found.range)
    }

    private mutating func set(_ range: CalibrationRange) {
        fits = range.fits
        base_least = range.leastTime.base
        base_most = range.mostTime.base
        per_prefill_token_least = range.leastTime.perPrefillToken
        per_prefill_token_most = range.mostTime.perPrefillToken
        per_decode_token_least = range.leastTime.perDecodeToken
        per_decode_token_most = range.mostTime.perDecodeToken
        per_context_token_least = range.leastTime.perContextToken
        per_context_token_most = range.mostTime.perContextToken
        per_prefill_context_least = range.leastTime.perPrefillContext
        per_prefill_context_most = range.mostTime.perPrefillContext
        per_prefill_iteration_least = range.leastTime.perPrefillIteration
        per_prefill_iteration_most = range.mostTime.perPrefillIteration
        per_prefill_chunk_least = range.leastTime.perPrefillChunk
        per_prefill_chunk_most = range.mostTime.perPrefillChunk
        startup_least = range.leastTime.startup
        startup_most = range.mostTime.startup
        client_delay_least = range.leastClientDelay
        client_delay_most = range.mostClientDelay
        mean_ttft_least = range.leastMeanTTFT
        mean_ttft_most = range.mostMeanTTFT
        mean_e2e_least = range.leastMeanE2E
        mean_e2e_most = range.mostMeanE2E
    }
}
