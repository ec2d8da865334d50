/// Simulates an engine, iteration by iteration: a policy decides which request computes how many tokens, a model says
/// how long that takes, and the clock moves on. See "Engine" in the C header for what each policy decides.
public enum Engine {
    /// Simulates an engine on `requests`.
    /// - Parameters:
    ///   - requests: in any order of arrival.
    ///   - client: how they are sent. nil: as they arrive, and the turns of sessions one after the other.
    ///   - configuration: how the engine schedules, what it has, and how long an iteration takes.
    ///   - results: columns to fill. A run that fails on its way may have written some.
    ///   - iterationLog: nil: not wanted. Its rows are counted in it.
    ///   - decisionLog: the same.
    ///   - attribution: where it writes into which parts the time of each request falls. nil: not wanted, and free.
    /// - Complexity: O(1) an iteration and a request, however many run; O(running) in an iteration in which KV blocks or
    ///   the budget run short, or that is logged.
    public static func simulate(
        _ requests: RequestColumns, client: ClientConfig? = nil, configuration: EngineConfig = EngineConfig(),
        results: ResultColumns = ResultColumns(), attribution: AttributionColumns? = nil,
        iterationLog: inout IterationLog?, decisionLog: inout DecisionLog?
    ) throws(BatchingError) -> EngineSummary {
        try configuration.check()
        try client?.check()
        try iterationLog?.rows.check("iteration_log")
        try decisionLog?.rows.check("decision_log")
        let run = try WholeRun(requests, client, configuration)
        if try run.clockMayOverflow() {
            // Once without outputs, so that nothing is written if it does.
            var nothing: (IterationLog?, DecisionLog?) = (nil, nil)
            _ = try run.run(RunOutputs(ResultColumns()), &nothing.0, &nothing.1)
        }
        return try run.run(RunOutputs(results, attribution), &iterationLog, &decisionLog)
    }

    /// The same without logs.
    public static func simulate(
        _ requests: RequestColumns, client: ClientConfig? = nil, configuration: EngineConfig = EngineConfig(),
        results: ResultColumns = ResultColumns(), attribution: AttributionColumns? = nil
    ) throws(BatchingError) -> EngineSummary {
        var logs: (IterationLog?, DecisionLog?) = (nil, nil)
        return try simulate(
            requests, client: client, configuration: configuration, results: results, attribution: attribution,
            iterationLog: &logs.0,
            decisionLog: &logs.1)
    }
}

/// The columns that a run fills.
struct RunOutputs {
    let results: ResultColumns
    let attribution: AttributionColumns?

    init(_ results: ResultColumns, _ attribution: AttributionColumns? = nil) {
        self.results = results
        self.attribution = attribution
    }
}

/// A run whose input has been checked.
struct WholeRun: ~Copyable {
    private let requests: RequestColumns
    private let client: ClientConfig?
    private let turns: SessionTurns
    private let configuration: EngineConfig
    private let survey: RequestSurvey
    /// nil: the requests are given in order of arrival.
    private let arrivals: TimeOrder?
    /// In which order requests arrive that are only some of the rows of the columns. nil: they are all of them.
    private let part: PermutedOrder?

    init(
        _ requests: RequestColumns, _ client: ClientConfig?, _ configuration: EngineConfig
    ) throws(BatchingError) {
        let survey = try requests.survey()
        if let hashes = requests.prefixHashes { try hashes.check(count: requests.count) }
        try requests.checkEnds()
        let hasClients = client?.clients != nil
        let turns = try SessionTurns(requests, needsScratch: hasClients, firstTurnsWait: hasClients)
        var arrivals: TimeOrder?
        if let arrivalTime = requests.arrivalTime, !survey.isInOrderOfArrival {
            arrivals = try TimeOrder(sorting: arrivalTime, count: requests.count)
        }
        self.arrivals = arrivals
        part = nil
        self.requests = requests
        self.client = client
        self.turns = turns
        self.configuration = configuration
        self.survey = survey
    }

    /// Of some rows of requests that have been checked and have no sessions.
    /// - Parameters:
    ///   - part: `requests.count` rows, in order of arrival.
    ///   - survey: of all rows.
    init(
        part: PermutedOrder, of requests: RequestColumns, _ configuration: EngineConfig, _ survey: RequestSurvey
    ) throws(BatchingError) {
        turns = try SessionTurns(RequestColumns(count: 0), needsScratch: false, firstTurnsWait: false)
        arrivals = nil
        self.part = part
        self.requests = requests
        client = nil
        self.configuration = configuration
        self.survey = survey
    }

    /// Whether the end of the run is anywhere near the end of the clock. A guess on the safe side of any sane run, not a
    /// bound: how much is computed again after preemptions cannot be known.
    func clockMayOverflow() throws(BatchingError) -> Bool {
        // A policy of the caller is asked once for each iteration, and not in a trial, too.
        if configuration.policy.policy.traits.asksCaller { return false }
        let tokens = Double(survey.totalTokens) + Double(requests.count)
        let longest = Double(survey.longestPrompt) + Double(survey.longestOutput)
        guard let perIteration = try configuration.iterationTime.longest(tokens: longest) else { return false }
        let loads = configuration.kvOffload?.secondsOfLoads(tokens: tokens) ?? 0
        let busy = 4 * tokens * perIteration + 4 * loads
        return try longestWait() + survey.lastArrival.seconds + busy >= Nanoseconds.maximumSeconds
    }

    /// Seconds, about: as if all sessions and clients were one.
    private func longestWait() throws(BatchingError) -> Double {
        let count = requests.count
        var sum = 2 * (client?.thinkTimes.mean ?? 0) * Double(count)
        if let delay = requests.delay {
            for index in 0..<count {
                try Work.row(index)
                sum += delay[index]
            }
        }
        return sum
    }

    borrowing func run(
        _ outputs: RunOutputs, _ iterationLog: inout IterationLog?, _ decisionLog: inout DecisionLog?
    ) throws(BatchingError) -> EngineSummary {
        if configuration.cachesPrefixes {
            return try run(try CachedBlocks(configuration, requests: requests), outputs, &iterationLog, &decisionLog)
        }
        let traits = configuration.policy.policy.traits
        let memory = try CountedBlocks(configuration, requests: requests, reservesBlocks: traits.reservesBlocks)
        return try run(memory, outputs, &iterationLog, &decisionLog)
    }

    private borrowing func run<Memory: BlockMemory & ~Copyable>(
        _ memory: consuming Memory, _ outputs: RunOutputs, _ iterationLog: inout IterationLog?,
        _ decisionLog: inout DecisionLog?
    ) throws(BatchingError) -> EngineSummary {
        if outputs.attribution == nil, iterationLog == nil, decisionLog == nil {
            return try run(Unobserved.self, memory, outputs, &iterationLog, &decisionLog)
        }
        return try run(Observed.self, memory, outputs, &iterationLog, &decisionLog)
    }

    private borrowing func run<Memory: BlockMemory & ~Copyable, Observation: ObservationChoice>(
        _: Observation.Type, _ memory: consuming Memory, _ outputs: RunOutputs, _ iterationLog: inout IterationLog?,
        _ decisionLog: inout DecisionLog?
    ) throws(BatchingError) -> EngineSummary {
        let order: PermutedOrder? =
            switch arrivals {
            case .some(let arrivals): arrivals.order
            case .none: part
            }
        let policy = configuration.policy.policy
        let queueKey = policy.queueKey(configuration.queueOrder)
        let loop = try ClosedLoop.begin(requests, client, turns, arrivalOrder: order)
        // A queue in order of arrival does not look at the times.
        let looksAtTimes =
            queueKey != nil || outputs.attribution != nil || policy.traits.padsBatch || policy.traits.asksCaller
        let keepsTimes = loop.isUsed && looksAtTimes && outputs.results.sentTime == nil
        let sentTime = try ScratchBuffer<Double>(uninitialized: keepsTimes ? requests.count : 0)
        let observer = try RunObserver(
            attribution: outputs.attribution, count: requests.count, iterationLog: iterationLog,
            decisionLog: decisionLog)
        var replica = try Replica<Memory, Observation>(
            requests, results: outputs.results, settings: ReplicaSettings(configuration, policy.traits),
            queueOrder: configuration.queueOrder, queueKey: queueKey,
            arrivalOrder: order, survey: survey, memory: memory,
            observer: observer, loop: loop, sentTime: keepsTimes ? sentTime.elements : outputs.results.sentTime)
        try replica.keepPolicyRows(configuration)
        var run = try EngineRun(replica, configuration)
        let reason = try run.proceed(configuration.policy)
        try run.landLast()
        try run.replica.close(reason == .stuck ? .stuck : .unfinished)
        iterationLog = run.replica.observer.iterationLog
        decisionLog = run.replica.observer.decisionLog
        return EngineSummary(&run.replica, reason)
    }
}

extension EngineSummary {
    init<Memory: BlockMemory & ~Copyable, Observation: ObservationChoice>(
        _ replica: inout Replica<Memory, Observation>, _ reason: EndReason
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
        notSent = replica.loop.isUsed ? Int64(replica.requests.count - replica.arrived) : 0
        unfinished = Int64(replica.requests.count) - finished - rejected - aborted - notSent
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
        kvOffload = replica.memory.offloadTotals
    }
}
