/// Ray Serve LLM's prefix-aware router (2.60): the replicas that have most of the prompt, or, if that is little, those that
/// have been sent least; of these the one with the fewest requests in flight, the first of equals. Where those differ much,
/// the less loaded of two at random.
///
/// It keeps a radix tree of all prompts that were routed, each piece that several share once. As the real one by default, it
/// never evicts.
struct RayPrefix: RouterRule, ~Copyable {
    private let matchRateThreshold: Double
    private let imbalancedThreshold: Int64?
    private var tree: RadixTree
    private var pair: PowerOfTwo
    /// Where the prompt that is being routed or booked is.
    private var walk: RadixWalk
    private var isPrepared: Bool
    /// What was decided: two at random.
    private var isPair: Bool

    static var readsText: Bool { true }

    init(_ configuration: RouterConfig) throws(BatchingError) {
        let tree = try RadixTree(workers: configuration.workers)
        pair = try PowerOfTwo(configuration)
        matchRateThreshold = configuration.prefix.matchRateThreshold
        imbalancedThreshold = configuration.prefix.imbalancedThreshold
        self.tree = tree
        (walk, isPrepared, isPair) = (RadixWalk(), false, false)
    }

    init(copying other: borrowing RayPrefix, _ copy: inout DeepCopy) {
        (matchRateThreshold, imbalancedThreshold) = (other.matchRateThreshold, other.imbalancedThreshold)
        tree = RadixTree(copying: other.tree, &copy)
        pair = PowerOfTwo(copying: other.pair, &copy)
        (walk, isPrepared, isPair) = (other.walk, other.isPrepared, other.isPair)
    }

    mutating func reserve(_ question: RoutingQuestion, _ state: inout RoutingState) throws(BatchingError) {
        isPrepared = false
        let elements = RadixElements(question.prompt)
        walk = try counted(elements)
        try tree.reserve(walk, elements, matched: walk.matched)
        isPrepared = true
    }

    private func counted(_ elements: RadixElements) throws(BatchingError) -> RadixWalk {
        try elements.noteWork()
        return tree.walk(elements)
    }

    mutating func decide(_ question: RoutingQuestion, _ state: inout RoutingState) throws(BatchingError) {
        let prompt = question.prompt
        let walk = isPrepared ? walk : try counted(RadixElements(prompt))
        isPrepared = false
        isPair = isOutOfBalance(state)
        if isPair { return pair.decide(question, &state) }
        let share = prompt.count > 0 ? Double(walk.matched) / Double(prompt.count) : 0
        if share < matchRateThreshold {
            let sizes = tree.sizes.elements
            state.allowLeast { sizes[$0] }
        } else if walk.node == 0 {
            state.allow { _ in true }
        } else {
            state.beginDecision()
            for tenant in tree.tenants(walk.node) { state.allow(Int(tenant.worker)) }
        }
        allowFirstLeastLoaded(&state)
    }

    private func isOutOfBalance(_ state: borrowing RoutingState) -> Bool {
        guard let imbalancedThreshold else { return false }
        let (fewest, most) = state.requestRange()
        return most &- fewest > imbalancedThreshold
    }

    /// Leaves one of those allowed; the scores are what they have in flight.
    private func allowFirstLeastLoaded(_ state: inout RoutingState) {
        let (requests, candidates) = (state.requests.elements, state.candidates.elements)
        var least = Int(candidates[0])
        for place in 0..<state.candidateCount {
            let worker = Int(candidates[place])
            if state.wantsScores { state.scores.elements[worker] = Double(requests[worker]) }
            if requests[worker] < requests[least] { least = worker }
        }
        state.allowOnly(least)
    }

    mutating func choose(_ state: inout RoutingState) -> Int {
        isPair ? pair.choose(&state) : Int(state.candidates.elements[0])
    }

    mutating func book(_ question: RoutingQuestion, slot: Int, worker: Int, _ state: inout RoutingState) {
        isPrepared = false
        tree.insert(walk, RadixElements(question.prompt), worker: Int32(truncatingIfNeeded: worker), stamp: 0)
    }

    /// A replica that leaves is taken from the tree.
    mutating func workerChanged(_ worker: Int, _ state: inout RoutingState) {
        if !state.isUp.elements[worker] { tree.remove(Int32(truncatingIfNeeded: worker)) }
    }
}
