/// How many KV blocks a server has, where its log shows that they ran out. The search starts at what the log alone lets guess,
/// and ends where a simulated run is nearest to it: that is sharp, since a block more or less changes which requests are
/// preempted.
struct CalibrationBlocks: ~Copyable {
    /// What was found: the best, and the least and the most that are about as good.
    struct Found {
        var best: Int64
        var least: Int64
        var most: Int64
    }

    private var best: Int64

    /// Losses of numbers that were tried.
    private struct Tried: BitwiseCopyable {
        var blocks: Int64
        var loss: Double
    }

    private let tried: ScratchBuffer<Tried>
    private static let mostTried = 128
    private var count = 0
    // The best fit so far, from which the next begins.
    private var terms: Terms
    private var startup = 0.0
    private var bestLoss = Double.infinity

    /// What a search is about.
    struct Problem {
        let requests: RequestColumns
        var engine: EngineConfig
        let log: UnsafeMutablePointer<CalibrationLog>
        let prior: CalibrationPrior
    }

    /// - Parameters:
    ///   - start: where it begins.
    ///   - other: it begins there if that fits better.
    static func search(
        _ problem: Problem, from start: Int64, or other: Int64, _ budget: inout CalibrationBudget
    ) throws(BatchingError) -> Found {
        var search = try CalibrationBlocks(best: start, terms: problem.prior.median)
        return try search.run(problem, from: start, or: other, &budget)
    }

    private init(best: Int64, terms: Terms) throws(BatchingError) {
        tried = try ScratchBuffer(uninitialized: CalibrationBlocks.mostTried)
        self.best = best
        self.terms = terms
    }

    private mutating func run(
        _ problem: Problem, from start: Int64, or other: Int64, _ budget: inout CalibrationBudget
    ) throws(BatchingError) -> Found {
        let given = try fit(problem, start, rounds: 8, looksForStartup: true, &budget)
        var start = start
        if other != start {
            (terms, startup) = (problem.prior.median, 0)
            if try fit(problem, other, rounds: 8, looksForStartup: true, &budget) < given { start = other }
            best = start
        }
        // Shares of the start, in thousandths.
        let grid: InlineArray<15, Int64> = [-160, -120, -80, -55, -35, -20, -10, 0, 10, 20, 35, 55, 80, 120, 160]
        bestLoss = .infinity
        for index in 0..<15 { try tryOut(problem, start &+ (start &* grid[index] &+ 500) / 1000, &budget) }
        count = 0
        bestLoss = .infinity
        let first = try fit(problem, best, rounds: 6, looksForStartup: true, &budget)
        (tried.elements[0], count) = (Tried(blocks: best, loss: first), 1)
        var step = max(1, start &* 8 / 1000)
        while !budget.isSpent {
            let before = best
            try tryOut(problem, before &- step, &budget)
            if best == before { try tryOut(problem, before &+ step, &budget) }
            if best != before { continue }
            if step == 1 { break }
            step /= 2
        }
        // From block to block the loss is rough.
        let middle = best
        for offset: Int64 in -4...4 { try tryOut(problem, middle &+ offset, &budget) }
        var found = Found(best: best, least: best, most: best)
        let bound = loss(of: best) + CalibrationFit.significant
        for index in 0..<count where tried.elements[index].loss <= bound {
            found.least = min(found.least, tried.elements[index].blocks)
            found.most = max(found.most, tried.elements[index].blocks)
        }
        return found
    }

    private func loss(of blocks: Int64) -> Double {
        for index in 0..<count where tried.elements[index].blocks == blocks { return tried.elements[index].loss }
        return .infinity
    }

    /// Becomes the best if it is better.
    private mutating func tryOut(
        _ problem: Problem, _ blocks: Int64, _ budget: inout CalibrationBudget
    ) throws(BatchingError) {
        guard blocks >= 2, blocks <= Int64(RequestColumns.maximumCount), count < CalibrationBlocks.mostTried,
            loss(of: blocks) == .infinity
        else {
            return
        }
        let loss = try fit(problem, blocks, rounds: 3, looksForStartup: false, &budget)
        tried.elements[count] = Tried(blocks: blocks, loss: loss)
        count += 1
        if loss < self.loss(of: best) || (loss == self.loss(of: best) && blocks < best) { best = blocks }
    }

    private mutating func fit(
        _ problem: Problem, _ blocks: Int64, rounds: Int, looksForStartup: Bool, _ budget: inout CalibrationBudget
    ) throws(BatchingError) -> Double {
        var engine = problem.engine
        engine.numGPUBlocks = blocks
        var fit = try CalibrationFit(
            try CalibrationSimulator(problem.requests, engine), problem.log, problem.prior)
        fit.start(at: terms, startup: startup)
        try fit.iterate(rounds: rounds, &budget)
        if looksForStartup { try fit.findStartup(&budget) }
        if fit.loss < bestLoss { (terms, startup, bestLoss) = (fit.terms, fit.startup, fit.loss) }
        return fit.loss
    }
}

// What the log alone lets guess.
extension CalibrationBlocks {
    /// A request has its first token or its end, or has waited for a second.
    private struct Event: BitwiseCopyable {
        enum Kind: UInt8 {
            case end
            case waited
            case first
        }

        var time: Double
        var kind: Kind
        var row: Int32
    }

    /// About how many blocks were in use where requests waited though slots were free; nil: they hardly ever did. Tokens
    /// come at an even pace; a block that is shared counts for each request.
    /// - Complexity: O(n log n).
    static func guess(
        _ requests: RequestColumns, _ recorded: RecordedColumns, firstToken: UnsafePointer<Double>,
        _ engine: EngineConfig,
        until: Double
    ) throws(BatchingError) -> Int64? {
        let events = try ScratchBuffer<Event>(uninitialized: 3 * requests.count)
        let used = try ScratchBuffer<Double>(uninitialized: 2 * requests.count)
        var count = 0
        for row in 0..<requests.count where recorded.succeeded(row) {
            try Work.row(row)
            let (arrival, first, end) = (requests.arrivalTime?[row] ?? 0, firstToken[row], recorded.endTime[row])
            if first > arrival + 1 {
                events.elements[count] = Event(time: arrival + 1, kind: .waited, row: Int32(row))
                count += 1
            }
            events.elements[count] = Event(time: first, kind: .first, row: Int32(row))
            events.elements[count + 1] = Event(time: end, kind: .end, row: Int32(row))
            count += 2
        }
        try Heap.sort(events.elements, count: count, step: Work.row) { (a, b) in
            a.time < b.time || (a.time == b.time && (a.kind.rawValue, a.row) < (b.kind.rawValue, b.row))
        }
        // The tokens of those that run are `tokens` + `pace` x time.
        var (tokens, pace) = (0.0, 0.0)
        var (running, waiting, samples, looked) = (0, 0, 0, 0)
        let slots = 0.95 * Double(engine.maxNumSeqs)
        for index in 0..<count {
            try Work.row(index)
            let event = events.elements[index]
            if event.time > until { break }
            let row = Int(event.row)
            let (first, end) = (firstToken[row], recorded.endTime[row])
            let generated = Double(recorded.outputLength[row]) - 1
            let own = end > first ? generated / (end - first) : 0
            let prompt = Double(requests.promptLength?[row] ?? 0) + 1
            switch event.kind {
            case .waited: waiting += 1
            case .first:
                if first > (requests.arrivalTime?[row] ?? 0) + 1 { waiting -= 1 }
                running += 1
                tokens += prompt - own * first
                pace += own
            case .end:
                running -= 1
                tokens -= prompt - own * first
                pace -= own
            }
            guard event.kind != .waited else { continue }
            looked += 1
            if waiting > 0, Double(running) < slots {
                // Half a block of each is empty, on average.
                let blocks = (tokens + pace * event.time) / Double(engine.blockSize) + 0.5 * Double(running)
                used.elements[samples] = blocks
                samples += 1
            }
        }
        guard samples >= 20, 10 * samples >= looked else { return nil }
        let blocks = Selection.median(used.elements, samples)
        return blocks >= 2 && blocks < Double(RequestColumns.maximumCount) ? Int64(blocks) : nil
    }
}
