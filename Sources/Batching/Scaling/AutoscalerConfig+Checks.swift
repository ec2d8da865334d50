extension AutoscalerConfig {
    func check() throws(BatchingError) {
        guard maxReplicas >= 1, maxReplicas <= Self.mostReplicas else {
            throw .invalid("max_replicas", Int64(maxReplicas), "must be in 1..\(Self.mostReplicas)")
        }
        guard minReplicas >= 0, minReplicas <= maxReplicas else {
            throw .invalid(
                "min_replicas", Int64(minReplicas), "must be in 0..max_replicas, which is \(maxReplicas)")
        }
        if let interval { try Self.check(positive: interval, "interval") }
        try Self.check(tokens: maxKVTokens, "max_kv_tokens")
        try hpa.check()
        try queueLength.check()
        try planner.check()
        try llmD.check()
        switch autoscaler {
        case .hpa, .queueLength:
            guard hpa.target >= 0.001 else {
                throw .invalid("target", hpa.target, "must be at least 0.001: \(name) compares with it")
            }
        case .dynamoPlanner:
            try planner.checkRequired(maxKVTokens: maxKVTokens)
        case .llmD:
            guard maxKVTokens >= 1 else {
                throw .invalid("max_kv_tokens", maxKVTokens, "must be at least 1: llm_d compares with it")
            }
        }
    }

    private var name: StaticString { autoscaler == .hpa ? "hpa" : "queue_length" }

    fileprivate static func check(positive seconds: Double, _ argument: ErrorText) throws(BatchingError) {
        guard seconds > 0, Nanoseconds.holds(seconds) else {
            throw .invalid(argument, seconds, "must be more than 0 and at most \(Nanoseconds.maximumSeconds)")
        }
    }

    fileprivate static func check(seconds: Double, _ argument: ErrorText) throws(BatchingError) {
        guard Nanoseconds.holds(seconds) else { throw .invalid(argument, seconds, Nanoseconds.requirement) }
    }

    fileprivate static func check(number: Double, _ argument: ErrorText) throws(BatchingError) {
        guard number >= 0, number <= 1e15 else { throw .invalid(argument, number, "must be in 0..1e15") }
    }

    fileprivate static func check(tokens: Int64, _ argument: ErrorText) throws(BatchingError) {
        guard tokens >= 0, tokens <= 1 << 40 else { throw .invalid(argument, tokens, "must be in 0..2^40") }
    }

    fileprivate static func check(replicas: Int64, from least: Int64, _ argument: ErrorText) throws(BatchingError) {
        guard replicas >= least, replicas <= Int64(mostReplicas) else {
            throw .invalid(argument, replicas, "must be in \(least)..\(mostReplicas)")
        }
    }

    /// A share, of which 0 is none.
    fileprivate static func check(share: Double, _ argument: ErrorText) throws(BatchingError) {
        guard share > 0, share <= 1 else { throw .invalid(argument, share, "must be more than 0 and at most 1") }
    }
}

extension HPAConfig {
    fileprivate func check() throws(BatchingError) {
        try AutoscalerConfig.check(number: target, "target")
        guard tolerance >= 0, tolerance < 1 else {
            throw .invalid("tolerance", tolerance, "must be at least 0 and less than 1")
        }
        try AutoscalerConfig.check(seconds: upWindow, "up_window")
        try AutoscalerConfig.check(seconds: downWindow, "down_window")
        try AutoscalerConfig.check(number: up.percent, "up_percent")
        try AutoscalerConfig.check(replicas: up.replicas, from: 0, "up_replicas")
        try AutoscalerConfig.check(positive: up.period, "up_period")
        guard down.percent >= 0, down.percent <= 100 else {
            throw .invalid("down_percent", down.percent, "must be in 0..100")
        }
        try AutoscalerConfig.check(replicas: down.replicas, from: 0, "down_replicas")
        try AutoscalerConfig.check(positive: down.period, "down_period")
    }
}

extension QueueLengthConfig {
    fileprivate func check() throws(BatchingError) {
        try AutoscalerConfig.check(number: activation, "activation")
        try AutoscalerConfig.check(seconds: cooldown, "cooldown")
    }
}

extension PlannerConfig {
    fileprivate func check() throws(BatchingError) {
        try AutoscalerConfig.check(tokens: contextLength, "context_length")
        try AutoscalerConfig.check(replicas: Int64(minEndpoint), from: 1, "min_endpoint")
        try AutoscalerConfig.check(tokens: prefillUpTokens, "prefill_up_tokens")
        try AutoscalerConfig.check(tokens: prefillDownTokens, "prefill_down_tokens")
        try AutoscalerConfig.check(number: decodeUpPercent, "decode_up_percent")
        try AutoscalerConfig.check(number: decodeDownPercent, "decode_down_percent")
        try AutoscalerConfig.check(positive: ttftSLA, "ttft_sla")
        try AutoscalerConfig.check(positive: itlSLA, "itl_sla")
        guard downSensitivity >= 0, downSensitivity <= 1 else {
            throw .invalid("down_sensitivity", downSensitivity, "must be in 0..1")
        }
        try AutoscalerConfig.check(positive: throughputInterval, "throughput_interval")
        try AutoscalerConfig.check(replicas: Int64(throughputStep), from: 1, "throughput_step")
        try AutoscalerConfig.check(replicas: gpusPerReplica, from: 1, "gpus_per_replica")
        if let gpuBudget {
            let least = Int64(minEndpoint) &* gpusPerReplica
            guard gpuBudget >= least, gpuBudget <= 1 << 40 else {
                throw .invalid(
                    "gpu_budget", gpuBudget,
                    "must be at least min_endpoint x gpus_per_replica, which is \(least), and at most 2^40")
            }
        }
    }

    /// What the load step compares with must be given.
    fileprivate func checkRequired(maxKVTokens: Int64) throws(BatchingError) {
        guard hasLoadStep, target != .sla else { return }
        if component == .prefill {
            if target == .load {
                guard prefillUpTokens > prefillDownTokens else {
                    throw .invalid(
                        "prefill_up_tokens", prefillUpTokens,
                        "must be more than prefill_down_tokens, which is \(prefillDownTokens)")
                }
            } else if contextLength < 1 {
                throw .invalid("context_length", contextLength, "must be at least 1: dynamo_planner compares with it")
            }
        } else {
            guard maxKVTokens >= 1 else {
                throw .invalid("max_kv_tokens", maxKVTokens, "must be at least 1: dynamo_planner compares with it")
            }
            if target == .load, !(decodeUpPercent > decodeDownPercent) {
                throw .invalid(
                    "decode_up_percent", decodeUpPercent,
                    "must be more than decode_down_percent, which is \(decodeDownPercent)")
            }
        }
    }
}

extension LLMDConfig {
    fileprivate func check() throws(BatchingError) {
        try AutoscalerConfig.check(share: kvThreshold, "kv_threshold")
        try AutoscalerConfig.check(number: queueThreshold, "queue_threshold")
        try AutoscalerConfig.check(share: upThreshold, "up_threshold")
        guard downBoundary > 0, downBoundary <= upThreshold else {
            throw .invalid(
                "down_boundary", downBoundary, "must be more than 0 and at most up_threshold, which is \(upThreshold)")
        }
        try AutoscalerConfig.check(tokens: maxNumBatchedTokens, "max_num_batched_tokens")
        try AutoscalerConfig.check(tokens: maxNumSeqs, "max_num_seqs")
        guard maxNumBatchedTokens == 0 || maxNumSeqs > 0 else {
            throw .invalid(
                "max_num_seqs", maxNumSeqs,
                "must be at least 1 where max_num_batched_tokens is \(maxNumBatchedTokens)")
        }
    }
}
