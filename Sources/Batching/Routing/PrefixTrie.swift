/// vLLM production-stack's prefix-aware routing (2026-08): any of the workers that were sent most of the prompt's chunks, from
/// the first on, whatever they have to do. With prefix_min_match_length, a shorter match goes to the worker that was sent the
/// fewest requests of late.
///
/// It keeps a radix tree of all prompts that were routed, each piece that several share once. Like the real one it never drops
/// a prompt. Two prompts have the same chunk where all elements up to its end are the same, and, if it is a shorter last
/// one, where both end there; such an end is an element of its own.
struct PrefixTrie: RouterRule, ~Copyable {
    private let chunkSize: Int
    private let leastMatch: Int64
    private var tree: RadixTree
    private var rates: RequestRates
    private let end: ScratchBuffer<UInt64>
    /// Where the prompt that is being booked is.
    private var walk: RadixWalk

    static var readsText: Bool { true }

    init(_ configuration: RouterConfig) throws(BatchingError) {
        let tree = try RadixTree(workers: configuration.workers)
        let rates = try RequestRates(configuration)
        // No character has this number: it is that of half a UTF-16 pair.
        let end = try ScratchBuffer<UInt64>(count: 1, repeating: 0xD800)
        chunkSize = configuration.prefix.chunkSize ?? 128
        leastMatch = configuration.prefix.prefixMinMatchLength
        self.tree = tree
        self.rates = rates
        self.end = end
        walk = RadixWalk()
    }

    init(copying other: borrowing PrefixTrie, _ copy: inout DeepCopy) {
        (chunkSize, leastMatch, walk) = (other.chunkSize, other.leastMatch, other.walk)
        tree = RadixTree(copying: other.tree, &copy)
        rates = RequestRates(copying: other.rates, &copy)
        end = ScratchBuffer(copying: other.end, &copy)
    }

    mutating func reserve(_ question: RoutingQuestion, _ state: inout RoutingState) throws(BatchingError) {
        let elements = RadixElements(question.prompt)
        try elements.noteWork()
        walk = tree.walk(elements)
        try tree.reserve(walk, elements, matched: walk.matched)
        if leastMatch > 0 { try rates.reserve() }
    }

    mutating func decide(_ question: RoutingQuestion, _ state: inout RoutingState) throws(BatchingError) {
        try RadixElements(question.prompt).noteWork()
        let (node, length) = match(question.prompt, state)
        if Int64(length) < leastMatch { return try rates.decide(at: question.request.time, &state) }
        if node == 0 {
            state.allow { _ in true }
        } else {
            state.beginDecision()
            for tenant in tree.tenants(node) where state.isUp.elements[Int(tenant.worker)] {
                state.allow(Int(tenant.worker))
            }
        }
        if state.wantsScores {
            for place in 0..<state.candidateCount {
                state.scores.elements[Int(state.candidates.elements[place])] = Double(length)
            }
        }
    }

    private func chunk(_ prompt: RoutedPrompt) -> Int { prompt.isText ? chunkSize : 1 }

    /// The node of the last chunk that a worker has that is up, and how long the chunks are up to there. 0: none.
    private func match(_ prompt: RoutedPrompt, _ state: borrowing RoutingState) -> (node: Int, length: Int) {
        let elements = RadixElements(prompt)
        let chunk = chunk(prompt)
        var best = (node: 0, length: 0)
        var walk = RadixWalk()
        while walk.matched < prompt.count {
            let child = tree.child(of: walk.node, elements[walk.matched])
            // Those further down were sent to no others.
            if child < 0 || !isUp(child, state) { return best }
            walk = tree.step(walk, to: child, elements)
            let whole = walk.matched / chunk &* chunk
            if whole > walk.matched &- walk.within { best = (child, whole) }
            if walk.within < Int(tree.nodes.elements[child].count) { return best }
        }
        if walk.matched % chunk > 0 {
            let last = tree.child(of: walk.node, end.elements[0])
            if last >= 0, isUp(last, state) { return (last, (walk.matched / chunk &+ 1) &* chunk) }
        }
        return best
    }

    private func isUp(_ node: Int, _ state: borrowing RoutingState) -> Bool {
        for tenant in tree.tenants(node) where state.isUp.elements[Int(tenant.worker)] { return true }
        return false
    }

    mutating func book(_ question: RoutingQuestion, slot: Int, worker: Int, _ state: inout RoutingState) {
        let prompt = question.prompt
        let number = Int32(truncatingIfNeeded: worker)
        let last = tree.insert(walk, RadixElements(prompt), worker: number, stamp: 0)
        if prompt.count % chunk(prompt) > 0 {
            let end = RadixElements(words: end.elements, count: 1)
            tree.insert(tree.walk(end, from: last), end, worker: number, stamp: 0)
        }
        if leastMatch > 0 { rates.add(worker, time: question.request.time) }
    }
}
