/// llm-d's endpoint picker (Gateway API inference extension, pkg/epp of 2026-05-17): each scorer gives each worker a score in
/// [0, 1], and the highest weighted sum wins; of equals any.
///
/// It keeps, with the scorer `prefix`, the blocks of prompts that were routed: of each worker the `lru_blocks_per_worker`
/// that were used last. Of a prompt with more blocks than that it keeps all, as the real one does: those that the prompt
/// itself pushed out stay until it is routed to the same worker once more. With `precise_prefix`, the blocks that KV events
/// tell of. A worker that is down keeps its blocks.
struct ScorersRouter: RouterRule, ~Copyable {
    static var needs: RouterNeeds { RouterNeeds(metrics: true) }

    static var readsText: Bool { true }

    private let scorers: ScratchBuffer<Scorer>
    private let count: Int
    private let usesPrefix: Bool
    private let usesPrecisePrefix: Bool
    private let totals: ScratchBuffer<Double>
    /// What one scorer compares.
    private let values: ScratchBuffer<Int64>
    private var matches: BlockMatches

    // The prompts that were routed.
    private let blockCharacters: Int
    private let mostBlocks: Int
    private let lruBlocks: Int
    private var prompt: PromptBlocks
    private var routed: BlockHolders
    private var recent: RecentBlocks
    /// What KV events told.
    private var stored: BlockHolders

    init(_ configuration: RouterConfig) throws(BatchingError) {
        let (workers, settings) = (configuration.workers, configuration.scorers)
        let count = settings.scorerCount
        let scorers = try ScratchBuffer<Scorer>(uninitialized: count)
        var (usesPrefix, usesPrecisePrefix) = (false, false)
        for index in 0..<count {
            let scorer = settings.scorer(index)
            scorers.elements[index] = scorer
            if scorer.name == .prefix { usesPrefix = true }
            if scorer.name == .precisePrefix { usesPrecisePrefix = true }
        }
        let totals = try ScratchBuffer<Double>(count: workers, repeating: 0)
        let values = try ScratchBuffer<Int64>(count: workers, repeating: 0)
        let matches = try BlockMatches(workers: workers)
        let prompt = try PromptBlocks()
        let routed = try BlockHolders(workers: workers)
        let recent = try RecentBlocks(lines: workers)
        let stored = try BlockHolders(workers: workers)
        self.scorers = scorers
        self.count = count
        self.usesPrefix = usesPrefix
        self.usesPrecisePrefix = usesPrecisePrefix
        self.totals = totals
        self.values = values
        self.matches = matches
        blockCharacters = 4 &* configuration.blockSize
        mostBlocks = settings.maxPrefixBlocks
        lruBlocks = settings.lruBlocksPerWorker
        self.prompt = prompt
        self.routed = routed
        self.recent = recent
        self.stored = stored
    }

    init(copying other: borrowing ScorersRouter, _ copy: inout DeepCopy) {
        scorers = ScratchBuffer(copying: other.scorers, &copy)
        (count, usesPrefix, usesPrecisePrefix) = (other.count, other.usesPrefix, other.usesPrecisePrefix)
        totals = ScratchBuffer(copying: other.totals, &copy)
        values = ScratchBuffer(copying: other.values, &copy)
        matches = BlockMatches(copying: other.matches, &copy)
        (blockCharacters, mostBlocks, lruBlocks) = (other.blockCharacters, other.mostBlocks, other.lruBlocks)
        prompt = PromptBlocks(copying: other.prompt, &copy)
        routed = BlockHolders(copying: other.routed, &copy)
        recent = RecentBlocks(copying: other.recent, &copy)
        stored = BlockHolders(copying: other.stored, &copy)
    }

    mutating func decide(_ question: RoutingQuestion, _ state: inout RoutingState) throws(BatchingError) {
        // One that is routed has been looked at by `reserve`.
        if state.wantsScores { try takePrompt(question) }
        let (workers, isUp) = (state.workers, state.isUp.elements)
        let totals = totals.elements
        totals.update(repeating: 0, count: workers)
        for index in 0..<count {
            let scorer = scorers.elements[index]
            switch scorer.name {
            case .queue: addRange(scorer, state.waiting.elements, state, mostIsBest: false)
            case .running: addRange(scorer, state.running.elements, state, mostIsBest: false)
            case .precisePrefix:
                try matchPrecisely(question)
                addRange(scorer, values.elements, state, mostIsBest: true)
            case .active: addActive(scorer, state)
            case .prefix:
                try matches.countAll(prompt.ids, count: prompt.count, routed)
                let (counts, all) = (matches.counts.elements, Double(prompt.count))
                add(scorer, state) { all > 0 ? Double(counts[$0]) / all : 0 }
            case .kvUsage:
                let kvUsage = state.kvUsage.elements
                add(scorer, state) { 1 - kvUsage[$0] }
            case .loadAware:
                let waiting = state.waiting.elements
                add(scorer, state) {
                    let load = min(Double(waiting[$0]), scorer.threshold) / scorer.threshold
                    return 0.5 * (1 - load)
                }
            case .tokenLoad:
                for worker in 0..<workers { values.elements[worker] = state.activeTokens(worker) }
                let tokens = values.elements
                add(scorer, state) { 1 - min(Double(tokens[$0]), scorer.threshold) / scorer.threshold }
            }
        }
        if state.wantsScores {
            for worker in 0..<workers where isUp[worker] { state.scores.elements[worker] = totals[worker] }
        }
        state.allowLeast { -totals[$0] }
    }

    mutating func reserve(_ question: RoutingQuestion, _ state: inout RoutingState) throws(BatchingError) {
        try takePrompt(question)
        try routed.reserve(prompt.count)
        try recent.reserve(prompt.count)
    }

    mutating func book(_ question: RoutingQuestion, slot: Int, worker: Int, _ state: inout RoutingState) {
        var walk = BlockHolders.Walk()
        for place in 0..<prompt.count {
            let block = routed.add(prompt.ids, place, count: prompt.count, worker: worker, &walk)
            recent.use(block, line: worker, time: 0)
        }
        let excess = recent.count(worker) &- lruBlocks
        if excess > 0 { removeOldest(excess, worker) }
        // The real one adds the whole prompt to its index after that.
        if prompt.count > lruBlocks { routed.add(prompt.ids, 0..<prompt.count, worker: worker) }
    }

    private mutating func removeOldest(_ count: Int, _ worker: Int) {
        Self.touchOldest(recent, worker, count, &routed)
        for _ in 0..<count {
            guard let oldest = recent.oldest(worker) else { return }
            recent.removeOldest(worker)
            routed.remove(oldest.block, worker: worker)
        }
    }

    private static func touchOldest(
        _ recent: borrowing RecentBlocks, _ worker: Int, _ count: Int, _ routed: inout BlockHolders
    ) {
        recent.forOldest(worker, count: count) { routed.touch($0) }
    }

    mutating func stored(
        _ worker: Int, _ hashIds: UnsafePointer<UInt64>, count: Int, first: Int
    ) throws(BatchingError) {
        guard usesPrecisePrefix else { return }
        try stored.reserve(count &- first)
        try Work.done(Int64(count &- first))
        stored.add(hashIds, first..<count, worker: worker)
    }

    mutating func removed(_ worker: Int, _ hashIds: UnsafePointer<UInt64>, count: Int) throws(BatchingError) {
        guard usesPrecisePrefix else { return }
        try Work.done(Int64(count))
        for place in 0..<count {
            let number = stored.number(of: hashIds[place])
            if number >= 0 { stored.remove(number, worker: worker) }
        }
    }
}

// Scores.
extension ScorersRouter {
    private mutating func takePrompt(_ question: RoutingQuestion) throws(BatchingError) {
        if usesPrefix {
            try prompt.take(question.prompt, characters: blockCharacters, most: mostBlocks, countsRest: true)
        }
    }

    /// Sets the values to how much of the prompt each worker has, as KV events tell.
    private mutating func matchPrecisely(_ question: RoutingQuestion) throws(BatchingError) {
        let request = question.request
        let ids = request.hashIds ?? UnsafePointer(ScratchBuffer<UInt64>.nothing)
        try matches.countLeading(ids, count: request.hashCount, stored)
        for worker in 0..<stored.workers { values.elements[worker] = Int64(matches.counts.elements[worker]) }
    }

    /// Adds what a scorer gives, at least 0 and at most 1, times its weight.
    @inline(__always)
    private func add(_ scorer: Scorer, _ state: borrowing RoutingState, _ score: (Int) -> Double) {
        let (totals, isUp) = (totals.elements, state.isUp.elements)
        for worker in 0..<state.workers where isUp[worker] {
            totals[worker] += min(1, max(0, score(worker))) * scorer.weight
        }
    }

    /// Linear between the fewest and the most of the workers that are up, from 0 to 1 or from 1 to 0; all equal: 1.
    private func addRange(
        _ scorer: Scorer, _ values: UnsafePointer<Int64>, _ state: borrowing RoutingState, mostIsBest: Bool
    ) {
        let isUp = state.isUp.elements
        var (low, high) = (Int64.max, Int64.min)
        for worker in 0..<state.workers where isUp[worker] {
            low = min(low, values[worker])
            high = max(high, values[worker])
        }
        if low == high { return add(scorer, state) { _ in 1 } }
        let width = Double(high &- low)
        add(scorer, state) { Double(mostIsBest ? values[$0] &- low : high &- values[$0]) / width }
    }

    private func addActive(_ scorer: Scorer, _ state: borrowing RoutingState) {
        let isUp = state.isUp.elements
        let values = values.elements
        var most: Int64 = 0
        for worker in 0..<state.workers where isUp[worker] {
            values[worker] = state.activeRequests(worker)
            most = max(most, values[worker])
        }
        add(scorer, state) {
            if Double(values[$0]) <= scorer.threshold { return 1 }
            return Double(most &- values[$0]) / Double(most) * scorer.maxBusyScore
        }
    }
}

/// A scorer, as it is used.
struct Scorer: BitwiseCopyable {
    var name: ScorerName
    var weight: Double
    var threshold: Double
    var maxBusyScore: Double
}

extension ScorersConfig {
    fileprivate var scorerCount: Int { count == 0 ? 3 : count }

    /// The scorer at a place, with the defaults that are not given.
    fileprivate func scorer(_ index: Int) -> Scorer {
        guard count > 0 else {
            let name = index == 0 ? ScorerName.prefix : index == 1 ? .queue : .kvUsage
            return Scorer(name: name, weight: index == 0 ? 3 : 2, threshold: 0, maxBusyScore: 1)
        }
        let name = scorer.flatMap { ScorerName(rawValue: $0[index]) } ?? .queue
        var threshold = self.threshold?[index] ?? 0
        if threshold == 0 { threshold = name == .loadAware ? 128 : name == .tokenLoad ? 4_194_304 : 0 }
        let maxBusyScore = self.maxBusyScore?[index] ?? 0
        return Scorer(
            name: name, weight: weight?[index] ?? 1, threshold: threshold,
            maxBusyScore: maxBusyScore == 0 ? 1 : max(maxBusyScore, 0))
    }
}
