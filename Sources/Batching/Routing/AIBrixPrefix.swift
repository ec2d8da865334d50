/// AIBrix' prefix-cache (pkg/plugins/gateway/algorithms of 2026-08): the longest match of the prompt among workers that are
/// not much busier than the others. From its source: no recording proves it.
///
/// It keeps the 200,000 blocks of routed prompts that were routed last, each for 20 minutes. A worker that is down keeps
/// its blocks.
struct AIBrixPrefix: RouterRule, ~Copyable {
    static var readsText: Bool { true }

    private let imbalance: Int64
    private let blockCharacters: Int
    private var prompt: PromptBlocks
    private var matches: BlockMatches
    private var routed: BlockHolders
    /// One line: the blocks of all workers.
    private var recent: RecentBlocks
    /// The latest time of a request: in a line, times do not go back.
    private var clock: Double

    private static var mostBlocks: Int { 200_000 }
    private static var blockLife: Double { 20 * 60 }
    private static var characters: Int { 4 }

    init(_ configuration: RouterConfig) throws(BatchingError) {
        let prompt = try PromptBlocks()
        let matches = try BlockMatches(workers: configuration.workers)
        let routed = try BlockHolders(workers: configuration.workers)
        let recent = try RecentBlocks(lines: 1)
        imbalance = configuration.prefix.aibrixImbalance
        blockCharacters = configuration.prefix.chunkSize ?? Self.characters
        self.prompt = prompt
        self.matches = matches
        self.routed = routed
        self.recent = recent
        clock = 0
    }

    init(copying other: borrowing AIBrixPrefix, _ copy: inout DeepCopy) {
        (imbalance, blockCharacters, clock) = (other.imbalance, other.blockCharacters, other.clock)
        prompt = PromptBlocks(copying: other.prompt, &copy)
        matches = BlockMatches(copying: other.matches, &copy)
        routed = BlockHolders(copying: other.routed, &copy)
        recent = RecentBlocks(copying: other.recent, &copy)
    }

    mutating func decide(_ question: RoutingQuestion, _ state: inout RoutingState) throws(BatchingError) {
        // One that is routed has been looked at by `reserve`.
        if state.wantsScores { try takePrompt(question) }
        try Self.count(prompt, routed, recent, at: max(clock, question.request.time), &matches)
        let load = AIBrixLoad(state)
        let isImbalanced = load.most &- load.fewest > imbalance
        let (isUp, requests, counts) = (state.isUp.elements, state.requests.elements, matches.counts.elements)
        state.beginDecision()
        var best = (percent: -1, requests: Int64(0))
        for worker in 0..<state.workers where isUp[worker] {
            if isImbalanced, requests[worker] > load.fewest { continue }
            // Whole percents: of a long prompt, matches that differ little are equal.
            let percent = prompt.count > 0 ? Int(counts[worker]) &* 100 / prompt.count : 0
            if state.wantsScores { state.scores.elements[worker] = Double(percent) }
            if counts[worker] == 0 || Double(requests[worker]) > load.limit { continue }
            if percent < best.percent || (percent == best.percent && requests[worker] > best.requests) { continue }
            if percent > best.percent || requests[worker] < best.requests { state.beginDecision() }
            best = (percent, requests[worker])
            state.allow(worker)
        }
        if state.candidateCount == 0 { state.allowLeast { requests[$0] } }
    }

    mutating func reserve(_ question: RoutingQuestion, _ state: inout RoutingState) throws(BatchingError) {
        try takePrompt(question)
        let most = min(prompt.count, Self.mostBlocks &+ 1)
        try routed.reserve(most)
        try recent.reserve(most)
    }

    mutating func book(_ question: RoutingQuestion, slot: Int, worker: Int, _ state: inout RoutingState) {
        clock = max(clock, question.request.time)
        while let oldest = recent.oldest(0), Self.isOver(oldest.time, at: clock) { removeOldest(oldest.block) }
        var walk = BlockHolders.Walk()
        for place in 0..<prompt.count {
            let block = routed.add(prompt.ids, place, count: prompt.count, worker: worker, &walk)
            recent.use(block, line: 0, time: clock)
            if recent.count > Self.mostBlocks, let oldest = recent.oldest(0) { removeOldest(oldest.block) }
        }
    }

    private mutating func removeOldest(_ block: Int) {
        recent.removeOldest(0)
        routed.remove(block)
    }

    private mutating func takePrompt(_ question: RoutingQuestion) throws(BatchingError) {
        try prompt.take(question.prompt, characters: blockCharacters, most: Int(Int32.max), countsRest: false)
    }

    private static func isOver(_ time: Double, at now: Double) -> Bool { now - time > blockLife }

    /// Counts the leading blocks that each worker holds. What is over is not removed here, since a request that is only
    /// explained changes nothing.
    private static func count(
        _ prompt: borrowing PromptBlocks, _ routed: borrowing BlockHolders, _ recent: borrowing RecentBlocks,
        at now: Double, _ matches: inout BlockMatches
    ) throws(BatchingError) {
        guard let oldest = recent.oldest(0), isOver(oldest.time, at: now) else {
            return try matches.countLeading(prompt.ids, count: prompt.count, routed)
        }
        try matches.countLeading(prompt.ids, count: prompt.count, routed) {
            recent.time($0, line: 0).map { isOver($0, at: now) } ?? true
        }
    }

    /// Requests in flight at the workers that are up.
    private struct AIBrixLoad {
        var fewest = Int64.max
        var most: Int64 = 0
        /// The mean and one standard deviation (of a sample); of one worker the mean.
        var limit = 0.0

        init(_ state: borrowing RoutingState) {
            let (isUp, requests) = (state.isUp.elements, state.requests.elements)
            var sum: Int64 = 0
            for worker in 0..<state.workers where isUp[worker] {
                sum &+= requests[worker]
                fewest = min(fewest, requests[worker])
                most = max(most, requests[worker])
            }
            let mean = Double(sum) / Double(state.upCount)
            var squares = 0.0
            for worker in 0..<state.workers where isUp[worker] {
                let difference = Double(requests[worker]) - mean
                squares += difference * difference
            }
            let deviation = state.upCount > 1 ? (squares / Double(state.upCount &- 1)).squareRoot() : 0
            limit = mean + deviation
        }
    }
}
