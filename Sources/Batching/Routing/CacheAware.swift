/// The cache_aware policy of three gateways that share an ancestor: sglang-router 0.3.2, vllm-router 0.1.17, smg 1.13.0. One
/// radix tree over the prompts that were routed, with the workers that each piece was sent to, and thresholds of balance.
///
/// It keeps the tree: all prompts that eviction has left, each piece that several share once.
struct CacheAware: RouterRule, ~Copyable {
    private let rule: CacheAwareRule
    // The real ones compare 32-bit floats.
    private let cacheThreshold: Float
    private let balanceRelThreshold: Float
    private let balanceAbsThreshold: Int64
    private let evictionInterval: Double?
    private let maxTreeSize: Int64

    private var tree: RadixTree
    /// A counter of matches and additions, which is its clock.
    private var epoch: Int64
    /// nil: no request has come yet.
    private var nextEviction: Double?

    // Where the prompt that is being routed or booked is; what decides is looked at once.
    private var walk: RadixWalk
    private var isUnbalanced: Bool
    private var isPrepared: Bool

    static var readsText: Bool { true }

    init(_ configuration: RouterConfig) throws(BatchingError) {
        let prefix = configuration.prefix
        let tree = try RadixTree(workers: configuration.workers)
        rule = configuration.cacheAwareRule
        cacheThreshold = Float(prefix.cacheThreshold)
        balanceRelThreshold = Float(prefix.balanceRelThreshold)
        balanceAbsThreshold = prefix.balanceAbsThreshold
        evictionInterval = prefix.evictionInterval
        maxTreeSize = prefix.maxTreeSize
        self.tree = tree
        epoch = -1
        (walk, isUnbalanced, isPrepared) = (RadixWalk(), false, false)
        for _ in 0..<configuration.workers { noteRegistration() }
    }

    init(copying other: borrowing CacheAware, _ copy: inout DeepCopy) {
        (rule, cacheThreshold) = (other.rule, other.cacheThreshold)
        (balanceRelThreshold, balanceAbsThreshold) = (other.balanceRelThreshold, other.balanceAbsThreshold)
        (evictionInterval, maxTreeSize) = (other.evictionInterval, other.maxTreeSize)
        tree = RadixTree(copying: other.tree, &copy)
        (epoch, nextEviction) = (other.epoch, other.nextEviction)
        (walk, isUnbalanced, isPrepared) = (other.walk, other.isUnbalanced, other.isPrepared)
    }

    /// A worker is registered with an empty prompt; sglang-router does so twice, of which only the counter shows.
    private mutating func noteRegistration() { epoch &+= rule == .sglang ? 2 : 1 }

    private mutating func tick() -> Int64 {
        epoch &+= 1
        return epoch
    }
}

// Decisions.
extension CacheAware {
    mutating func reserve(_ question: RoutingQuestion, _ state: inout RoutingState) throws(BatchingError) {
        isPrepared = false
        let elements = RadixElements(question.prompt)
        try elements.noteWork()
        let isDue = nextEviction.map { question.request.time >= $0 } ?? false
        let evictable = isDue ? tree.evictable(above: maxTreeSize) : 0
        walk = tree.walk(elements)
        try tree.reserve(walk, elements, matched: evictable > 0 ? 0 : walk.matched)
        if evictable > 0 {
            try evict(above: maxTreeSize, evictable)
            walk = tree.walk(elements)
        }
        isUnbalanced = isOutOfBalance(state)
        scheduleEviction(question.request.time, isDue: isDue)
        isPrepared = true
    }

    /// The clock of evictions begins with the first request.
    private mutating func scheduleEviction(_ time: Double, isDue: Bool) {
        guard let evictionInterval else { return }
        guard let next = nextEviction else {
            nextEviction = time + evictionInterval
            return
        }
        if !isDue { return }
        let later = next + (((time - next) / evictionInterval).rounded(.down) + 1) * evictionInterval
        // An interval may be too short for the digits of the time.
        nextEviction = later > time && later.isFinite ? later : time + evictionInterval
    }

    /// The load differs much among the workers. smg has no such test.
    private func isOutOfBalance(_ state: borrowing RoutingState) -> Bool {
        if rule == .smg { return false }
        let (fewest, most) = state.requestRange()
        return most &- fewest > balanceAbsThreshold && Float(most) > Float(fewest) * balanceRelThreshold
    }

    mutating func decide(_ question: RoutingQuestion, _ state: inout RoutingState) throws(BatchingError) {
        let requests = state.requests.elements
        state.score { Double(requests[$0]) }
        var (walk, isUnbalanced) = (walk, isUnbalanced)
        if !isPrepared {
            let elements = RadixElements(question.prompt)
            try elements.noteWork()
            walk = tree.walk(elements)
            isUnbalanced = isOutOfBalance(state)
        }
        isPrepared = false
        if isUnbalanced || !isMatch(walk, question.prompt) || !allowMatched(walk.node, &state) {
            state.allowLeast { requests[$0] }
            if rule != .smg { state.keepFirst() }
        }
    }

    private func isMatch(_ walk: RadixWalk, _ prompt: RoutedPrompt) -> Bool {
        prompt.count > 0 && Float(walk.matched) / Float(prompt.count) > cacheThreshold
    }

    /// Allows workers that a node was sent to.
    /// - Returns: whether there is one.
    private func allowMatched(_ node: Int, _ state: inout RoutingState) -> Bool {
        switch rule {
        case .sglang:
            let creator = tree.remembered(node)
            if tree.tenant(creator, of: node) != nil {
                state.allowOnly(Int(creator))
                return true
            }
            // It was evicted there: any of the others.
            state.beginDecision()
            for tenant in tree.tenants(node) { state.allow(Int(tenant.worker)) }
        case .vllm:
            allowLeast(node, &state)
            state.keepFirst()
        case .smg:
            allowLeast(node, &state)
            return state.candidateCount > 0 && !isOverloaded(Int(state.candidates.elements[0]), state)
        }
        return state.candidateCount > 0
    }

    /// Allows the least loaded of the workers of a node that are up.
    private func allowLeast(_ node: Int, _ state: inout RoutingState) {
        let requests = state.requests.elements
        var least = Int64.max
        for tenant in tree.tenants(node) where state.isUp.elements[Int(tenant.worker)] {
            least = min(least, requests[Int(tenant.worker)])
        }
        state.beginDecision()
        for tenant in tree.tenants(node) where state.isUp.elements[Int(tenant.worker)] {
            if requests[Int(tenant.worker)] == least { state.allow(Int(tenant.worker)) }
        }
    }

    /// smg passes over a worker that is too far above the mean.
    private func isOverloaded(_ worker: Int, _ state: borrowing RoutingState) -> Bool {
        var sum: Int64 = 0
        for place in 0..<state.upCount { sum &+= state.requests.elements[Int(state.upWorkers.elements[place])] }
        let mean = Double(sum) / Double(state.upCount)
        let margin = min(Double(balanceAbsThreshold), max(4, (2 * mean.squareRoot()).rounded(.up)))
        let load = Double(state.requests.elements[worker])
        return load > mean + margin && load > Double(balanceRelThreshold) * mean
    }
}

// What it remembers.
extension CacheAware {
    mutating func book(_ question: RoutingQuestion, slot: Int, worker: Int, _ state: inout RoutingState) {
        isPrepared = false
        let number = Int32(truncatingIfNeeded: worker)
        if !isUnbalanced { noteMatch(walk.node, number) }
        tree.insert(walk, RadixElements(question.prompt), worker: number, stamp: tick())
    }

    /// One match in eight is a use.
    private mutating func noteMatch(_ node: Int, _ worker: Int32) {
        var user = worker
        if rule == .sglang {
            if tree.tenant(tree.remembered(node), of: node) == nil, tree.tenant(worker, of: node) != nil {
                tree.remember(worker, for: node)
            }
            user = tree.remembered(node)
        }
        let now = tick()
        if now & 7 == 0, let tenant = tree.tenant(user, of: node) { tenant.pointee.stamp = now }
    }

    /// A worker that leaves is taken from the tree; smg leaves it to evictions.
    mutating func workerChanged(_ worker: Int, _ state: inout RoutingState) {
        if state.isUp.elements[worker] { return noteRegistration() }
        if rule != .smg { tree.remove(Int32(truncatingIfNeeded: worker)) }
    }

    mutating func evict(most: Int64) throws(BatchingError) {
        let evictable = tree.evictable(above: most)
        if evictable > 0 { try evict(above: most, evictable) }
    }

    private mutating func evict(above most: Int64, _ evictable: Int) throws(BatchingError) {
        let leaves = try ScratchBuffer<EvictableLeaf>(uninitialized: evictable)
        try Work.done(Int64(tree.slots &+ evictable))
        tree.evict(above: most, leaves.elements)
    }
}
