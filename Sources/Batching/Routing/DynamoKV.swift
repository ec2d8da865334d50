/// NVIDIA Dynamo's KV router (ai-dynamo-runtime 1.6.1): the least cost of what is left to prefill and of KV blocks in use,
/// less what is cached.
///
/// It keeps, for each 64 workers of which some has it: the prompts of requests in flight, what they share once, in 200 bytes for
/// each 16 blocks that are alike; each block that a worker holds, in 40 bytes; beside 56 bytes a request. Without KV events
/// what was routed is held for a time, with the prompts, by a lease of 16 bytes a request.
struct DynamoKV: RouterRule, ~Copyable {
    static var needs: RouterNeeds { RouterNeeds(firstTokens: true) }

    let settings: DynamoKVConfig
    let workers: Int
    let blockSize: Int
    /// Of requests in flight, and without KV events what workers hold, which …
    var paths: PromptPaths
    /// … events tell else.
    var heldBlocks: HeldBlocks
    var leases: BlockLeases
    var queue: DynamoQueue
    /// By slot.
    private var uses: GrowableBuffer<Use>
    // By worker: the blocks of its requests, as they weigh, and rounded; what of a prompt is active, and held; its cost.
    private let sum: ScratchBuffer<BlockSum>
    let blocksInUse: ScratchBuffer<Int64>
    let active: ScratchBuffer<Int32>
    let held: ScratchBuffer<Int32>
    let cost: ScratchBuffer<Double>
    /// Whether `active` and `held` are of the request that is being booked.
    var hasLooked: Bool

    /// What a request in flight has at its worker.
    struct Use: BitwiseCopyable {
        /// The last node of its path; -1: it has none.
        var path: Int32 = -1
        /// Whole blocks of its prompt that no other can have.
        var own: Int64 = 0
        var ownWeight = 1.0
        /// Blocks of output that weigh 1, and those that weigh less.
        var output: Int32 = 0
        var outputWeighed: Int32 = 0
        var outputWeight = 1.0

        var sumOfOwn: BlockSum {
            var sum = BlockSum(weight: ownWeight, count: own)
            sum += BlockSum(weight: outputWeight, count: Int64(outputWeighed))
            sum += BlockSum(whole: Int64(output))
            return sum
        }
    }

    init(_ configuration: RouterConfig) throws(BatchingError) {
        let workers = configuration.workers
        let settings = configuration.dynamo
        let paths = try PromptPaths()
        let heldBlocks = try HeldBlocks()
        let leases = try BlockLeases()
        let queue = try DynamoQueue(order: settings.waitingOrder, workers: workers)
        let uses = try GrowableBuffer<Use>(capacity: 0)
        let sum = try ScratchBuffer(count: workers, repeating: BlockSum())
        let blocksInUse = try ScratchBuffer<Int64>(count: workers, repeating: 0)
        let active = try ScratchBuffer<Int32>(count: workers, repeating: 0)
        let held = try ScratchBuffer<Int32>(count: workers, repeating: 0)
        let cost = try ScratchBuffer<Double>(count: workers, repeating: 0)
        hasLooked = false
        self.settings = settings
        self.workers = workers
        blockSize = configuration.blockSize
        self.paths = paths
        self.heldBlocks = heldBlocks
        self.leases = leases
        self.queue = queue
        self.uses = uses
        self.sum = sum
        self.blocksInUse = blocksInUse
        self.active = active
        self.held = held
        self.cost = cost
    }

    init(copying other: borrowing DynamoKV, _ copy: inout DeepCopy) {
        (settings, workers, blockSize, hasLooked) = (other.settings, other.workers, other.blockSize, other.hasLooked)
        paths = PromptPaths(copying: other.paths, &copy)
        heldBlocks = HeldBlocks(copying: other.heldBlocks, &copy)
        leases = BlockLeases(copying: other.leases, &copy)
        queue = DynamoQueue(copying: other.queue, &copy)
        // Those that no slot has yet are set, too.
        uses = GrowableBuffer(copying: other.uses, count: other.uses.capacity, &copy)
        sum = ScratchBuffer(copying: other.sum, &copy)
        blocksInUse = ScratchBuffer(copying: other.blocksInUse, &copy)
        active = ScratchBuffer(copying: other.active, &copy)
        held = ScratchBuffer(copying: other.held, &copy)
        cost = ScratchBuffer(copying: other.cost, &copy)
    }

    mutating func decide(_ question: RoutingQuestion, _ state: inout RoutingState) throws(BatchingError) {
        let count = question.wholeBlocks(of: blockSize)
        try Work.inPieces(of: count) { _ in }
        forget(until: question.request.time)
        look(question.request.hashIds, count: count)
        decide(promptLength: question.request.promptLength, &state)
    }

    mutating func choose(_ state: inout RoutingState) -> Int {
        settings.temperature == 0 ? state.anyCandidate() : chooseByTemperature(&state)
    }

    mutating func reserve(_ question: RoutingQuestion, _ state: inout RoutingState) throws(BatchingError) {
        let count = question.wholeBlocks(of: blockSize)
        // What has begun is not stopped: the work is counted before.
        try Work.inPieces(of: count) { _ in }
        try reserve(blocks: count)
        try uses.reserve(state.slots &+ 1, filler: Use())
        if settings.queueThreshold != nil { try queue.reserve(blocks: count, slots: state.slots &+ 1) }
        forget(until: question.request.time)
    }

    /// Makes room for the blocks of a request.
    mutating func reserve(blocks count: Int) throws(BatchingError) {
        hasLooked = false
        try paths.reserve(blocks: count)
        if !settings.usesKVEvents { try leases.reserve() }
    }

    mutating func book(_ question: RoutingQuestion, slot: Int, worker: Int, _ state: inout RoutingState) {
        let request = question.request
        let count = question.wholeBlocks(of: blockSize)
        if !hasLooked { look(request.hashIds, count: count, group: worker >> 6) }
        book(
            request.hashIds, count: count, promptLength: request.promptLength, cached: Int(held.elements[worker]),
            slot: slot,
            worker: worker, time: request.time, &state)
    }

    /// `active` and `held` are as they are now.
    /// - Parameter cached: blocks that the worker is taken to hold.
    mutating func book(
        _ hashIds: UnsafePointer<UInt64>?, count: Int, promptLength: Int32, cached: Int, slot: Int, worker: Int,
        time: Double,
        _ state: inout RoutingState
    ) {
        hasLooked = false
        let prefill = settings.tracksPrefillTokens ? max(Int(promptLength) &- cached &* blockSize, 0) : 0
        state.setPrefill(slot, tokens: Int32(truncatingIfNeeded: prefill))
        var use = Use()
        let total = Int64(wholeBlocks(promptLength))
        // Those that it shares with others, if they share any.
        let common = settings.assumesKVReuse ? Int64(count) : 0
        if let hashIds, count > 0, settings.assumesKVReuse || !settings.usesKVEvents {
            let last = paths.add(
                hashIds, count: count, worker: worker,
                active: settings.assumesKVReuse ? Int(active.elements[worker]) : -1,
                held: settings.usesKVEvents ? -1 : Int(held.elements[worker]))
            if settings.assumesKVReuse { use.path = last }
            if !settings.usesKVEvents {
                let until = time + settings.indexTTL
                leases.add(.init(until: until, last: last, worker: Int32(truncatingIfNeeded: worker)))
            }
        }
        use.own = total &- common
        uses.elements[slot] = use
        add(BlockSum(whole: total &- Int64(active.elements[worker])), worker)
    }

    mutating func outputBlock(_ slot: Int, weight: Double, _ state: inout RoutingState) throws(BatchingError) {
        let worker = Int(state.flights.elements[slot].worker)
        if worker < 0 {
            throw .invalid("request", state.flights.elements[slot].request, "must be one that does not wait any more")
        }
        var use = uses.elements[slot]
        guard use.output < Int32.max &- use.outputWeighed else {
            throw BatchingError(.overflow, "a request would have more than 2^31 - 1 blocks of output")
        }
        let weighed = weight.isNaN ? nil : try paths.weigh(use.path, worker: worker, weight: weight)
        subtract(use.sumOfOwn, worker)
        use.output &+= 1
        if let weighed {
            use.outputWeighed &+= use.output
            use.output = 0
            use.outputWeight = weight
            use.ownWeight = weight
            subtract(weighed.before, worker)
            add(weighed.now, worker)
        }
        add(use.sumOfOwn, worker)
        uses.elements[slot] = use
    }

    mutating func finished(_ slot: Int, _ state: inout RoutingState) {
        let worker = Int(state.flights.elements[slot].worker)
        if worker < 0 { return queue.remove(slot) }
        let use = uses.elements[slot]
        var gone = paths.remove(use.path, .active, worker: worker)
        gone += use.sumOfOwn
        subtract(gone, worker)
    }

    /// A worker that is gone holds nothing any more.
    mutating func workerChanged(_ worker: Int, _ state: inout RoutingState) {
        if state.isUp.elements[worker] { return }
        if settings.usesKVEvents { return heldBlocks.releaseAll(worker: worker) }
        var place = 0
        while let last = leases.next(of: worker, from: &place) { _ = paths.remove(last, .held, worker: worker) }
    }

    mutating func stored(
        _ worker: Int, _ hashIds: UnsafePointer<UInt64>, count: Int, first: Int
    ) throws(BatchingError) {
        if !settings.usesKVEvents { return }
        try Work.inPieces(of: count &- first) { _ in }
        try heldBlocks.reserve(count &- first)
        heldBlocks.hold(hashIds, count: count, first: first, worker: worker)
    }

    mutating func removed(_ worker: Int, _ hashIds: UnsafePointer<UInt64>, count: Int) throws(BatchingError) {
        if !settings.usesKVEvents { return }
        try Work.inPieces(of: count) { _ in }
        heldBlocks.release(hashIds, count: count, worker: worker)
    }

    func mustWait(_ question: RoutingQuestion, _ state: inout RoutingState) -> Bool {
        settings.queueThreshold != nil && (queue.count > 0 || areAllBusy(state))
    }

    mutating func wait(_ question: RoutingQuestion, slot: Int, _ state: inout RoutingState) {
        let count = question.wholeBlocks(of: blockSize)
        look(question.request.hashIds, count: count)
        queue.add(question.request, slot: slot, blocks: count, blockSize: blockSize, held: held.elements)
    }

    mutating func release(_ state: inout RoutingState) throws(BatchingError) -> Int? {
        if queue.count == 0 || areAllBusy(state) { return nil }
        let next = queue.next
        let count = Int(next.count)
        try Work.inPieces(of: count) { _ in }
        try reserve(blocks: count)
        forget(until: state.now)
        // It keeps what the workers held when it arrived, for the choice and for the tokens that are counted.
        look(next.memory, count: count)
        held.elements.update(from: next.held, count: workers)
        decide(promptLength: next.promptLength, &state)
        let worker = choose(&state)
        queue.remove(next.slot)
        state.send(next.slot, to: worker)
        look(next.memory, count: count, group: worker >> 6)
        book(
            next.memory, count: count, promptLength: next.promptLength, cached: Int(next.held[worker]), slot: next.slot,
            worker: worker, time: state.now, &state)
        return next.slot
    }

    var waitingCount: Int { queue.count }
}

// What requests have at their workers.
extension DynamoKV {
    func wholeBlocks(_ promptLength: Int32) -> Int { Int(promptLength) / blockSize }

    private func add(_ blocks: BlockSum, _ worker: Int) {
        var total = sum.elements[worker]
        total += blocks
        sum.elements[worker] = total
        blocksInUse.elements[worker] = sum.elements[worker].rounded
    }

    private func subtract(_ blocks: BlockSum, _ worker: Int) {
        var total = sum.elements[worker]
        total -= blocks
        sum.elements[worker] = total
        blocksInUse.elements[worker] = sum.elements[worker].rounded
    }

    /// Ends the leases that are over.
    @inline(__always)
    mutating func forget(until time: Double) {
        while let lease = leases.ended(by: time) { _ = paths.remove(lease.last, .held, worker: Int(lease.worker)) }
    }
}
