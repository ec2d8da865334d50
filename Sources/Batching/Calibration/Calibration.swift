/// Fits the times of iterations to the log of a server: see "Calibration" in the C header.
public enum Calibration {
    private static var mostRequests: Int { 1_000_000 }
    private static var fewestResiduals: Int { 16 }

    /// - Parameters:
    ///   - requests: what the server was asked, with hash ids if it had a prefix cache; no sessions.
    ///   - recorded: what became of the same requests, in the same order, with first token times.
    ///   - configuration: how the server schedules, and what is expected.
    public static func fit(
        _ requests: RequestColumns, _ recorded: RecordedColumns,
        _ configuration: CalibrationConfig = CalibrationConfig()
    ) throws(BatchingError) -> CalibrationResult {
        let firstToken = try checked(requests, recorded)
        var engine = try checkedEngine(configuration, requests)
        let prior = try configuration.roofline.map { (roofline) throws(BatchingError) in try CalibrationPrior(roofline)
        }
        let log = try allocated(
            try CalibrationLog(
                recorded, firstToken: firstToken, arrival: requests.arrivalTime,
                until: configuration.observedUntil ?? .infinity))
        defer { deallocate(log) }
        try check(log)
        var random = RandomStream(seed: configuration.seed, purpose: .calibration)
        var budget = CalibrationBudget(configuration)

        let triesBoth = configuration.scheduling == .both
        // vLLM's own default first.
        if triesBoth { engine.isAsynchronous = engine.policy.policy.traits.schedulesAhead }
        var blocks: CalibrationBlocks.Found?
        if configuration.searchesNumGPUBlocks {
            blocks = try search(requests, recorded, firstToken, engine, log, prior, configuration, &budget)
            if let blocks { engine.numGPUBlocks = blocks.best }
        }
        var found = try fit(requests, engine, log, prior, triesBoth: triesBoth, &random, &budget)
        found.numGPUBlocks = engine.numGPUBlocks
        if let blocks { found.numGPUBlocksRange = blocks.least...blocks.most }
        return found
    }

    private static func search(
        _ requests: RequestColumns, _ recorded: RecordedColumns, _ firstToken: UnsafePointer<Double>,
        _ engine: EngineConfig, _ log: UnsafeMutablePointer<CalibrationLog>, _ prior: CalibrationPrior?,
        _ configuration: CalibrationConfig, _ budget: inout CalibrationBudget
    ) throws(BatchingError) -> CalibrationBlocks.Found? {
        let guess = try CalibrationBlocks.guess(
            requests, recorded, firstToken: firstToken, engine, until: configuration.observedUntil ?? .infinity)
        guard let guess else { return nil }
        let start = configuration.engine.numGPUBlocks ?? guess
        var engine = engine
        engine.numGPUBlocks = start
        var fit = try CalibrationFit(try CalibrationSimulator(requests, engine), log, prior ?? .unknown)
        if prior == nil { try fit.scalePrior(&budget) }
        let problem = CalibrationBlocks.Problem(requests: requests, engine: engine, log: log, prior: fit.prior)
        return try CalibrationBlocks.search(problem, from: start, or: guess, &budget)
    }

    private static func fit(
        _ requests: RequestColumns, _ engine: EngineConfig, _ log: UnsafeMutablePointer<CalibrationLog>,
        _ prior: CalibrationPrior?, triesBoth: Bool, _ random: inout RandomStream, _ budget: inout CalibrationBudget
    ) throws(BatchingError) -> CalibrationResult {
        var other = engine
        other.isAsynchronous.toggle()
        var first = try begin(requests, engine, log, prior, triesBoth, &random, &budget)
        guard triesBoth else {
            try complete(&first, &random, &budget)
            try improve(&first, &random, &budget)
            return try result(&first, log, budget, other: .nan)
        }
        var second = try begin(requests, other, log, prior, true, &random, &budget)
        // The one that is behind may still turn out to be better.
        let bound = 1.3 * min(first.loss, second.loss) + CalibrationFit.significant
        let (goesOn, otherGoesOn) = (first.loss <= bound, second.loss <= bound)
        if goesOn { try complete(&first, &random, &budget) }
        if otherGoesOn { try complete(&second, &random, &budget) }
        if first.loss <= second.loss {
            try improve(&first, &random, &budget)
        } else {
            try improve(&second, &random, &budget)
        }
        let dataLoss = (try first.finish(), try second.finish())
        return first.loss <= second.loss
            ? try result(&first, log, budget, other: dataLoss.1)
            : try result(&second, log, budget, other: dataLoss.0)
    }

    private static func begin(
        _ requests: RequestColumns, _ engine: EngineConfig, _ log: UnsafeMutablePointer<CalibrationLog>,
        _ prior: CalibrationPrior?, _ isTrial: Bool, _ random: inout RandomStream, _ budget: inout CalibrationBudget
    ) throws(BatchingError) -> CalibrationFit {
        let simulator = try CalibrationSimulator(requests, engine)
        var fit = try CalibrationFit(simulator, log, prior ?? .unknown)
        if prior == nil { try fit.scalePrior(&budget) }
        try fit.iterate(rounds: 14, &budget)
        try fit.findStartup(&budget)
        if fit.startup > 0 { try fit.iterate(rounds: 14, below: fit.loss, &budget) }
        try fit.findDelay(&budget)
        if isTrial {
            try fit.kick(10, &random, &budget)
            try fit.refine(evaluations: 120, restarts: 1, &random, &budget)
        }
        return fit
    }

    private static func complete(
        _ fit: inout CalibrationFit, _ random: inout RandomStream, _ budget: inout CalibrationBudget
    ) throws(BatchingError) {
        try fit.kick(150, &random, &budget)
        try fit.refine(evaluations: 600, restarts: 2, &random, &budget)
    }

    /// Steps of other sizes, as long as any of them gains anything.
    private static func improve(
        _ fit: inout CalibrationFit, _ random: inout RandomStream, _ budget: inout CalibrationBudget
    ) throws(BatchingError) {
        budget.isDone = !budget.isSpent
        var (round, gained) = (0, 0)
        while !budget.isSpent, round - gained < 4 {
            let before = fit.loss
            let size: Double =
                switch round % 4 {
                case 0: 0.25
                case 1: 1
                case 2: 0.06
                default: 3
                }
            try fit.kick(50, size: size, &random, &budget)
            try fit.refine(evaluations: 200, restarts: 1, size: min(size, 1), &random, &budget)
            round += 1
            if fit.loss < 0.99 * before { gained = round }
        }
    }

    private static func result(
        _ fit: inout CalibrationFit, _ log: UnsafeMutablePointer<CalibrationLog>, _ budget: CalibrationBudget,
        other: Double
    ) throws(BatchingError) -> CalibrationResult {
        var result = CalibrationResult()
        result.loss = try fit.settleDelay(try fit.finish())
        result.time = fit.time
        result.isAsynchronous = fit.simulator.isAsynchronous
        result.isComplete = budget.isDone
        result.simulations = budget.simulations
        result.residuals = Int64(log.pointee.residualCount)
        result.lossOfOtherScheduling = other
        let certainty = try fit.certainty()
        result.spread = log.pointee.spread()
        result.told = certainty.told.affine
        result.correlationOfBaseAndDecode = certainty.correlation(0, 2)
        result.correlationOfBaseAndContext = certainty.correlation(0, 3)
        result.correlationOfDecodeAndContext = certainty.correlation(2, 3)
        result.correlationOfPrefillAndContext = certainty.correlation(1, 4)
        result.clientDelay = log.pointee.figures.delay
        result.toldClientDelay = fit.delay.told
        result.shareWithoutQueueing = fit.shareWithoutQueueing
        result.correlationOfBaseAndDelay = fit.delay.correlationWithBase
        result.correlationOfPrefillIterationAndDelay = fit.delay.correlationWithPrefillIteration
        result.range = try fit.range()
        return result
    }
}

// What is given.
extension Calibration {
    /// Throws unless every value is in its range, whatever the log.
    static func check(_ configuration: CalibrationConfig) throws(BatchingError) {
        var engine = try scheduling(configuration)
        // What is given, or was found, is less.
        if configuration.searchesNumGPUBlocks, engine.numGPUBlocks == nil {
            engine.numGPUBlocks = Int64(RequestColumns.maximumCount)
        }
        try engine.check()
    }

    /// Only how it schedules and what it has: neither times nor callbacks, and no limits of a run.
    private static func scheduling(_ configuration: CalibrationConfig) throws(BatchingError) -> EngineConfig {
        guard configuration.simulations >= 1 else {
            throw .invalid("simulations", configuration.simulations, "must be at least 1")
        }
        if let until = configuration.observedUntil {
            _ = try Nanoseconds(seconds: until, argument: "observed_until")
        }
        try configuration.roofline?.check()
        var engine = configuration.engine
        guard !engine.policy.policy.traits.asksCaller else {
            throw BatchingError(.invalidArgument, "policy is that of the caller: must be one of the library's")
        }
        engine.iterationTime = .constant(0.01)
        engine.timeLimit = nil
        engine.iterationLimit = nil
        engine.progressCallback = nil
        engine.keepsAttribution = false
        return engine
    }

    private static func checkedEngine(
        _ configuration: CalibrationConfig, _ requests: RequestColumns
    ) throws(BatchingError) -> EngineConfig {
        var engine = try scheduling(configuration)
        if configuration.searchesNumGPUBlocks, engine.numGPUBlocks == nil {
            // Enough for all, if nothing is found.
            var blocks: Int64 = 2
            for row in 0..<requests.count {
                try Work.row(row)
                let tokens = Int64(requests.promptLength?[row] ?? 0) &+ Int64(requests.outputLength?[row] ?? 1)
                blocks = min(
                    blocks &+ max(tokens, 0) / max(engine.blockSize, 1) &+ 1, Int64(RequestColumns.maximumCount))
            }
            engine.numGPUBlocks = blocks
        }
        try engine.check()
        return engine
    }

    /// - Returns: the first token times.
    private static func checked(
        _ requests: RequestColumns, _ recorded: RecordedColumns
    ) throws(BatchingError) -> UnsafePointer<Double> {
        try Validation.count(requests.count, "requests.count")
        guard requests.count <= mostRequests else {
            throw .invalid("requests.count", requests.count, "must be at most \(mostRequests)")
        }
        guard recorded.count == requests.count else {
            throw .invalid("recorded.count", recorded.count, "must be requests.count, which is \(requests.count)")
        }
        guard requests.session == nil, requests.delay == nil else {
            throw BatchingError(
                .invalidArgument, "requests.session is given: must be NULL, as the log says when each came")
        }
        guard let firstToken = recorded.firstTokenTime else {
            throw BatchingError(.nullPointer, "recorded.first_token_time is NULL: it is required")
        }
        for row in 0..<requests.count where recorded.succeeded(row) {
            try Work.row(row)
            let (arrival, first, end) = (requests.arrivalTime?[row] ?? 0, firstToken[row], recorded.endTime[row])
            guard Nanoseconds.holds(first) else {
                throw .invalid("recorded.first_token_time", row, first, Nanoseconds.requirement)
            }
            guard Nanoseconds.holds(end) else {
                throw .invalid("recorded.end_time", row, end, Nanoseconds.requirement)
            }
            guard first >= arrival else {
                throw .invalid(
                    "recorded.first_token_time", row, first, "must be at least arrival_time, which is \(arrival)")
            }
            guard end >= first else {
                throw .invalid("recorded.end_time", row, end, "must be at least first_token_time, which is \(first)")
            }
            guard recorded.outputLength[row] == requests.outputLength?[row] ?? 1 else {
                throw .invalid(
                    "recorded.output_length", row, recorded.outputLength[row],
                    "must be requests.output_length, which is \(requests.outputLength?[row] ?? 1)")
            }
        }
        return firstToken
    }

    private static func check(_ log: UnsafeMutablePointer<CalibrationLog>) throws(BatchingError) {
        let count = log.pointee.residualCount
        guard count >= fewestResiduals else {
            throw .invalid(
                "recorded", count, "spans of requests that count: there must be at least \(fewestResiduals)")
        }
        guard log.pointee.varies else {
            throw BatchingError(
                .invalidArgument,
                "recorded has the same TTFT and the same time to decode in every request: nothing follows")
        }
    }
}
