/// Simulates an engine, iteration by iteration: a policy decides who computes how many tokens, a model says how long that
/// takes, and the clock moves on. See section 6 of the C header for what each policy decides.
public enum Engine {
    /// Simulates an engine on `requests`.
    /// - Parameters:
    ///   - requests: in any order of arrival.
    ///   - configuration: how the engine schedules, what it has, and how long an iteration takes.
    ///   - results: columns to fill. A run that fails on its way may have written some.
    ///   - iterationLog: nil: not wanted. Its rows are counted in it.
    ///   - decisionLog: the same.
    ///   - attribution: where it writes into which parts the time of each request falls. nil: not wanted, and free.
    /// - Complexity: O(1) an iteration and a request, however many run; O(running) in an iteration in which KV blocks or
    ///   the budget run short, or that is logged.
    public static func simulate(
        _ requests: RequestColumns, configuration: EngineConfig = EngineConfig(),
        results: ResultColumns = ResultColumns(), attribution: AttributionColumns? = nil,
        iterationLog: inout IterationLog?, decisionLog: inout DecisionLog?
    ) throws(BatchingError) -> EngineSummary {
        try configuration.check()
        try iterationLog?.rows.check("iteration_log")
        try decisionLog?.rows.check("decision_log")
        let run = try EngineRun(requests, configuration)
        if run.clockMayOverflow {
            // Once without outputs, so that nothing is written if it does.
            var nothing: (IterationLog?, DecisionLog?) = (nil, nil)
            _ = try run.run(RunOutputs(ResultColumns()), &nothing.0, &nothing.1)
        }
        return try run.run(RunOutputs(results, attribution), &iterationLog, &decisionLog)
    }

    /// The same without logs.
    public static func simulate(
        _ requests: RequestColumns, configuration: EngineConfig = EngineConfig(),
        results: ResultColumns = ResultColumns(), attribution: AttributionColumns? = nil
    ) throws(BatchingError) -> EngineSummary {
        var logs: (IterationLog?, DecisionLog?) = (nil, nil)
        return try simulate(
            requests, configuration: configuration, results: results, attribution: attribution, iterationLog: &logs.0,
            decisionLog: &logs.1)
    }
}

/// The columns that a run fills.
private struct RunOutputs {
    let results: ResultColumns
    let attribution: AttributionColumns?

    init(_ results: ResultColumns, _ attribution: AttributionColumns? = nil) {
        self.results = results
        self.attribution = attribution
    }
}

/// A run whose input has been checked.
private struct EngineRun: ~Copyable {
    let requests: RequestColumns
    let configuration: EngineConfig
    let survey: RequestSurvey
    /// nil: the requests are given in order of arrival.
    let arrivals: TimeOrder?

    init(_ requests: RequestColumns, _ configuration: EngineConfig) throws(BatchingError) {
        let survey = try requests.survey()
        if let hashes = requests.prefixHashes { try hashes.check(count: requests.count) }
        try requests.checkEnds()
        var arrivals: TimeOrder?
        if let arrivalTime = requests.arrivalTime, !survey.isInOrderOfArrival {
            arrivals = try TimeOrder(sorting: arrivalTime, count: requests.count)
        }
        self.arrivals = arrivals
        self.requests = requests
        self.configuration = configuration
        self.survey = survey
    }

    /// Whether the end of the run is anywhere near the end of the clock. A guess on the safe side of any sane run, not a
    /// bound: how much is computed again after preemptions cannot be known.
    var clockMayOverflow: Bool {
        // A policy of the caller is asked once for each iteration, and not in a trial, too.
        if configuration.policy == .custom { return false }
        let tokens = Double(survey.totalTokens) + Double(requests.count)
        let perIteration: Double
        switch configuration.iterationTime {
        case .constant(let seconds): perIteration = seconds
        case .affine(let model):
            let longest = Double(survey.longestPrompt) + Double(survey.longestOutput)
            perIteration =
                model.base + model.perDecodeToken + model.perContextToken * longest
                + (model.perPrefillToken + model.perPrefillContext * longest) * longest
        case .callback: return false
        }
        return survey.lastArrival.seconds + 4 * tokens * perIteration >= Nanoseconds.maximumSeconds
    }

    borrowing func run(
        _ outputs: RunOutputs, _ iterationLog: inout IterationLog?, _ decisionLog: inout DecisionLog?
    ) throws(BatchingError) -> EngineSummary {
        switch configuration.policy {
        case .vllm where configuration.cachesPrefixes:
            let memory = try CachedBlocks(configuration, requests: requests)
            return try run(VLLMPolicy.self, memory, outputs, &iterationLog, &decisionLog)
        case .vllm: return try run(VLLMPolicy.self, outputs, &iterationLog, &decisionLog)
        case .static: return try run(StaticPolicy.self, outputs, &iterationLog, &decisionLog)
        case .dynamic: return try run(DynamicPolicy.self, outputs, &iterationLog, &decisionLog)
        case .continuous: return try run(ContinuousPolicy.self, outputs, &iterationLog, &decisionLog)
        case .orca: return try run(OrcaPolicy.self, outputs, &iterationLog, &decisionLog)
        case .custom: return try run(CustomPolicy.self, outputs, &iterationLog, &decisionLog)
        }
    }

    private borrowing func run<Policy: SchedulingPolicy>(
        _ policy: Policy.Type, _ outputs: RunOutputs, _ iterationLog: inout IterationLog?,
        _ decisionLog: inout DecisionLog?
    ) throws(BatchingError) -> EngineSummary {
        let memory = try CountedBlocks(configuration, requests: requests, reservesBlocks: Policy.reservesBlocks)
        return try run(policy, memory, outputs, &iterationLog, &decisionLog)
    }

    private borrowing func run<Policy: SchedulingPolicy, Memory: BlockMemory & ~Copyable>(
        _ policy: Policy.Type, _ memory: consuming Memory, _ outputs: RunOutputs,
        _ iterationLog: inout IterationLog?, _ decisionLog: inout DecisionLog?
    ) throws(BatchingError) -> EngineSummary {
        if outputs.attribution == nil {
            return try run(policy, Unattributed.self, memory, outputs, &iterationLog, &decisionLog)
        }
        return try run(policy, Attributed.self, memory, outputs, &iterationLog, &decisionLog)
    }

    private borrowing func run<
        Policy: SchedulingPolicy, Memory: BlockMemory & ~Copyable, Attribution: AttributionChoice
    >(
        _ policy: Policy.Type, _: Attribution.Type, _ memory: consuming Memory, _ outputs: RunOutputs,
        _ iterationLog: inout IterationLog?, _ decisionLog: inout DecisionLog?
    ) throws(BatchingError) -> EngineSummary {
        let order: PermutedOrder? =
            switch arrivals {
            case .some(let arrivals): arrivals.order
            case .none: nil
            }
        let settings = ReplicaSettings(
            configuration, reservesBlocks: Policy.reservesBlocks, padsBatch: Policy.padsBatch)
        var replica = try Replica<Memory, Attribution>(
            requests, results: outputs.results, settings: settings, queueOrder: configuration.queueOrder,
            arrivalOrder: order, survey: survey, memory: memory, attribution: outputs.attribution,
            iterationLog: iterationLog, decisionLog: decisionLog)
        try replica.keepPolicyRows(configuration)
        var limits = RunLimits(configuration)
        let reason: EngineSummary.EndReason
        switch configuration.iterationTime {
        case .constant(let seconds):
            let time = ConstantTime(step: Nanoseconds(validSeconds: seconds))
            reason = try loop(policy, &replica, &limits, time)
        case .affine(let coefficients) where coefficients.isConstant:
            let time = ConstantTime(step: Nanoseconds(validSeconds: coefficients.base))
            reason = try loop(policy, &replica, &limits, time)
        case .affine(let coefficients):
            reason = try loop(policy, &replica, &limits, AffineTimeModel(coefficients: coefficients))
        case .callback(let callback):
            reason = try loop(policy, &replica, &limits, CallbackTime(callback: callback))
        }
        try replica.close(reason == .stuck ? .stuck : .unfinished)
        iterationLog = replica.iterationLog
        decisionLog = replica.decisionLog
        return EngineSummary(replica, reason)
    }

    @inline(__always)
    private func loop<
        Policy: SchedulingPolicy, Memory: BlockMemory & ~Copyable, Attribution: AttributionChoice,
        Time: IterationTimeModel
    >(
        _ policy: Policy.Type, _ replica: inout Replica<Memory, Attribution>, _ limits: inout RunLimits, _ time: Time
    ) throws(BatchingError) -> EngineSummary.EndReason {
        if Policy.schedulesAhead, replica.settings.isAsynchronous {
            return try EngineLoop<Policy, Memory, Attribution, Time>.runAsynchronously(&replica, &limits, time)
        }
        return try EngineLoop<Policy, Memory, Attribution, Time>.runSynchronously(&replica, &limits, time)
    }
}

extension EngineSummary {
    fileprivate init<Memory: BlockMemory & ~Copyable, Attribution: AttributionChoice>(
        _ replica: borrowing Replica<Memory, Attribution>, _ reason: EndReason
    ) {
        let totals = replica.totals
        let duration = Double(totals.duration.count)
        totalTime = totals.lastCompletion.seconds
        totalTokens = totals.tokens
        throughput = totalTime > 0 ? Double(totalTokens) / totalTime : 0
        iterations = replica.iteration
        busyTime = Nanoseconds(totals.busyTime).seconds
        self.duration = totals.duration.seconds
        endReason = reason
        finished = Int64(totals.finished)
        rejected = Int64(totals.rejected)
        aborted = Int64(totals.aborted)
        unfinished = Int64(replica.requests.count) - finished - rejected - aborted
        prefillTokens = totals.prefillTokens
        decodeTokens = totals.decodeTokens
        preemptions = totals.preemptions
        recomputedTokens = totals.recomputedTokens
        meanRunning = duration > 0 ? Double(totals.runningTime) / duration : 0
        peakRunning = Int64(totals.peakRunning)
        peakWaiting = Int64(totals.peakWaiting)
        if replica.memory.isLimited {
            let usable = Double(replica.memory.usable)
            meanKVUse = duration > 0 ? Double(totals.blockTime) / (duration * usable) : 0
            peakKVUse = Double(totals.peakUsedBlocks) / usable
        }
        prefixCacheQueries = totals.prefixCacheQueries
        prefixCacheHits = totals.prefixCacheHits
    }
}
