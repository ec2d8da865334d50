/// What every router knows: its workers, and the requests that it has sent to them.
struct RoutingState: ~Copyable {
    let workers: Int
    let blockSize: Int
    let isUp: ScratchBuffer<Bool>
    /// See `RoutingRequest.preferredWorker`.
    var preferred: Int
    private(set) var upCount: Int
    /// Those that are up, in order: `upCount` of them.
    let upWorkers: ScratchBuffer<Int32>
    let weight: ScratchBuffer<Int64>
    /// Requests in flight.
    let requests: ScratchBuffer<Int64>
    /// Prompt and expected output tokens of those.
    let tokens: ScratchBuffer<Int64>
    /// Prompt tokens of those without a first token, less what a rule takes as cached.
    let prefillTokens: ScratchBuffer<Int64>
    // What was told last.
    let waiting: ScratchBuffer<Int64>
    let running: ScratchBuffer<Int64>
    let kvUsage: ScratchBuffer<Double>
    // Instead of the own counts, where they are not negative.
    let toldRequests: ScratchBuffer<Int64>
    let toldTokens: ScratchBuffer<Int64>

    /// The workers that the last decision allows, in order.
    let candidates: ScratchBuffer<Int32>
    private(set) var candidateCount: Int
    /// What it compared; NaN where it looked at none.
    let scores: ScratchBuffer<Double>
    /// Whether they are asked for; a rule that compares other numbers need not set them else.
    var wantsScores: Bool
    var random: RandomStream
    /// The time of the last call that had one.
    var now: Double

    /// By slot; a slot that is free has a worker of `free`.
    private(set) var flights: GrowableBuffer<RequestInFlight>
    private(set) var slots: Int
    private var firstFree: Int
    private(set) var inFlight: Int
    private var index: IdIndex
    /// Whether requests are found by their ids.
    private let keepsIds: Bool

    /// A request that was routed, or waits.
    struct RequestInFlight: BitwiseCopyable {
        var request: Int64
        /// `none`: it waits.
        var worker: Int32
        var promptLength: Int32
        var outputLength: Int32
        /// Of its prompt, those that its worker has still to compute.
        var prefillTokens: Int32
        var nextFree: Int32
    }

    static var none: Int32 { -1 }
    static var free: Int32 { -2 }

    init(_ configuration: RouterConfig, keepsIds: Bool) throws(BatchingError) {
        let workers = configuration.workers
        let isUp = try ScratchBuffer(count: workers, repeating: true)
        let upWorkers = try ScratchBuffer<Int32>(count: workers, repeating: 0)
        for worker in 0..<workers { upWorkers.elements[worker] = Int32(truncatingIfNeeded: worker) }
        let weight = try ScratchBuffer<Int64>(count: workers, repeating: 1)
        if let given = configuration.weight { weight.elements.update(from: given, count: workers) }
        let requests = try ScratchBuffer<Int64>(count: workers, repeating: 0)
        let tokens = try ScratchBuffer<Int64>(count: workers, repeating: 0)
        let prefillTokens = try ScratchBuffer<Int64>(count: workers, repeating: 0)
        let waiting = try ScratchBuffer<Int64>(count: workers, repeating: 0)
        let running = try ScratchBuffer<Int64>(count: workers, repeating: 0)
        let kvUsage = try ScratchBuffer<Double>(count: workers, repeating: 0)
        let toldRequests = try ScratchBuffer<Int64>(count: workers, repeating: -1)
        let toldTokens = try ScratchBuffer<Int64>(count: workers, repeating: -1)
        let candidates = try ScratchBuffer<Int32>(count: workers, repeating: 0)
        let scores = try ScratchBuffer<Double>(count: workers, repeating: .nan)
        let flights = try GrowableBuffer<RequestInFlight>(capacity: 64)
        index = try IdIndex(count: 64)
        self.isUp = isUp
        self.upWorkers = upWorkers
        self.weight = weight
        self.requests = requests
        self.tokens = tokens
        self.prefillTokens = prefillTokens
        self.waiting = waiting
        self.running = running
        self.kvUsage = kvUsage
        self.toldRequests = toldRequests
        self.toldTokens = toldTokens
        self.candidates = candidates
        self.scores = scores
        self.flights = flights
        self.workers = workers
        upCount = workers
        blockSize = configuration.blockSize
        self.keepsIds = keepsIds
        random = RandomStream(seed: configuration.seed, purpose: .routing)
        (preferred, candidateCount, wantsScores, now) = (-1, 0, false, 0)
        (slots, firstFree, inFlight) = (0, -1, 0)
    }

    init(copying other: borrowing RoutingState, _ copy: inout DeepCopy) {
        (workers, blockSize, keepsIds) = (other.workers, other.blockSize, other.keepsIds)
        isUp = ScratchBuffer(copying: other.isUp, &copy)
        (preferred, upCount) = (other.preferred, other.upCount)
        upWorkers = ScratchBuffer(copying: other.upWorkers, &copy)
        weight = ScratchBuffer(copying: other.weight, &copy)
        requests = ScratchBuffer(copying: other.requests, &copy)
        tokens = ScratchBuffer(copying: other.tokens, &copy)
        prefillTokens = ScratchBuffer(copying: other.prefillTokens, &copy)
        waiting = ScratchBuffer(copying: other.waiting, &copy)
        running = ScratchBuffer(copying: other.running, &copy)
        kvUsage = ScratchBuffer(copying: other.kvUsage, &copy)
        toldRequests = ScratchBuffer(copying: other.toldRequests, &copy)
        toldTokens = ScratchBuffer(copying: other.toldTokens, &copy)
        candidates = ScratchBuffer(copying: other.candidates, &copy)
        scores = ScratchBuffer(copying: other.scores, &copy)
        (candidateCount, wantsScores, random, now) = (other.candidateCount, other.wantsScores, other.random, other.now)
        flights = GrowableBuffer(copying: other.flights, count: other.slots, &copy)
        (slots, firstFree, inFlight) = (other.slots, other.firstFree, other.inFlight)
        index = IdIndex(copying: other.index, &copy)
    }
}

// What a decision leaves.
extension RoutingState {
    mutating func beginDecision() { candidateCount = 0 }

    @inline(__always)
    mutating func allow(_ worker: Int) {
        candidates.elements[candidateCount] = Int32(truncatingIfNeeded: worker)
        candidateCount &+= 1
    }

    @inline(__always)
    mutating func allowOnly(_ worker: Int) {
        candidateCount = 0
        allow(worker)
    }

    /// Allows the workers that are up and of which this holds.
    @inline(__always)
    mutating func allow(where isAllowed: (Int) -> Bool) {
        // No branch depends on what holds: that is as good as random.
        var count = 0
        for place in 0..<upCount {
            let worker = upWorkers.elements[place]
            candidates.elements[count] = worker
            count &+= isAllowed(Int(worker)) ? 1 : 0
        }
        candidateCount = count
    }

    /// One of those that are up, each as likely.
    mutating func anyUpWorker() -> Int {
        let place = upCount > 1 ? Int(random.integer(in: 0...Int32(truncatingIfNeeded: upCount &- 1))) : 0
        return Int(upWorkers.elements[place])
    }

    /// One of those allowed, each as likely.
    mutating func anyCandidate() -> Int {
        if preferred >= 0 {
            for place in 0..<candidateCount where Int(candidates.elements[place]) == preferred { return preferred }
        }
        let place = candidateCount > 1 ? Int(random.integer(in: 0...Int32(truncatingIfNeeded: candidateCount &- 1))) : 0
        return Int(candidates.elements[place])
    }

    /// Sets the scores, if they are asked for.
    @inline(__always)
    func score(_ value: (Int) -> Double) {
        if wantsScores { for worker in 0..<workers { scores.elements[worker] = value(worker) } }
    }

    /// Keeps the first of those allowed.
    @inline(__always)
    mutating func keepFirst() { candidateCount = min(candidateCount, 1) }

    /// Allows the workers that are up and of which this is least.
    @inline(__always)
    mutating func allowLeast<Value: Comparable>(_ value: (Int) -> Value) {
        candidateCount = 0
        var least: Value?
        for worker in 0..<workers where isUp.elements[worker] {
            let own = value(worker)
            if let least, own > least { continue }
            if least == nil || own < least.unsafelyUnwrapped {
                least = own
                candidateCount = 0
            }
            allow(worker)
        }
    }
}

// Requests in flight.
extension RoutingState {
    @inline(__always)
    func slot(of request: Int64) -> Int {
        let flights = flights.elements
        return index.number(of: request) { flights[$0].request }
    }

    /// Makes room for one more.
    mutating func reserve() throws(BatchingError) {
        guard inFlight < 1 << 30 else {
            throw BatchingError(.overflow, "there would be more than 2^30 requests in flight")
        }
        try flights.reserve(slots &+ 1)
        guard keepsIds else { return }
        let flights = flights.elements
        try index.reserve(inFlight &+ 1) { flights[$0].request }
    }

    /// Adds a request; there is room.
    /// - Returns: its slot.
    @inline(__always)
    mutating func add(_ request: RoutingRequest, worker: Int32) -> Int {
        var slot = firstFree
        if slot < 0 {
            slot = slots
            slots &+= 1
        } else {
            firstFree = Int(flights.elements[slot].nextFree)
        }
        flights.elements[slot] = RequestInFlight(
            request: request.request, worker: worker, promptLength: request.promptLength,
            outputLength: request.outputLength, prefillTokens: request.promptLength, nextFree: -1)
        if keepsIds {
            let flights = flights.elements
            index.insert(slot, count: slots, isUsed: { flights[$0].worker != Self.free }, { flights[$0].request })
        }
        inFlight &+= 1
        if worker >= 0 { count(slot, 1) }
        return slot
    }

    /// One that waited goes to a worker.
    mutating func send(_ slot: Int, to worker: Int) {
        flights.elements[slot].worker = Int32(truncatingIfNeeded: worker)
        count(slot, 1)
    }

    mutating func remove(_ slot: Int) {
        let flights = flights.elements
        if flights[slot].worker >= 0 { count(slot, -1) }
        flights[slot].worker = Self.free
        if keepsIds {
            index.remove(slot, count: slots, isUsed: { flights[$0].worker != Self.free }, { flights[$0].request })
        }
        flights[slot].nextFree = Int32(truncatingIfNeeded: firstFree)
        firstFree = slot
        inFlight &-= 1
    }

    @inline(__always)
    private func count(_ slot: Int, _ sign: Int64) {
        let flight = flights.elements[slot]
        let worker = Int(flight.worker)
        requests.elements.add(sign, at: worker)
        tokens.elements.add(sign &* (Int64(flight.promptLength) &+ Int64(flight.outputLength)), at: worker)
        prefillTokens.elements.add(sign &* Int64(flight.prefillTokens), at: worker)
    }

    /// So many tokens of a prompt are still to be computed.
    @inline(__always)
    mutating func setPrefill(_ slot: Int, tokens: Int32) {
        let flights = flights.elements
        let worker = Int(flights[slot].worker)
        if worker >= 0 {
            let more = Int64(tokens) &- Int64(flights[slot].prefillTokens)
            prefillTokens.elements.add(more, at: worker)
        }
        flights[slot].prefillTokens = tokens
    }
}

// Workers.
extension RoutingState {
    mutating func setWorker(_ worker: Int, isUp: Bool) {
        if self.isUp.elements[worker] == isUp { return }
        self.isUp.elements[worker] = isUp
        upCount = 0
        for worker in 0..<workers where self.isUp.elements[worker] {
            upWorkers.elements[upCount] = Int32(truncatingIfNeeded: worker)
            upCount &+= 1
        }
    }

    /// The fewest and the most requests in flight of the workers that are up, by its own count.
    func requestRange() -> (fewest: Int64, most: Int64) {
        var (fewest, most) = (Int64.max, Int64(0))
        for place in 0..<upCount {
            let own = requests.elements[Int(upWorkers.elements[place])]
            fewest = min(fewest, own)
            most = max(most, own)
        }
        return (min(fewest, most), most)
    }

    /// In flight at a worker, as it was told, or else as it counts them.
    func activeRequests(_ worker: Int) -> Int64 {
        let told = toldRequests.elements[worker]
        return told >= 0 ? told : requests.elements[worker]
    }

    func activeTokens(_ worker: Int) -> Int64 {
        let told = toldTokens.elements[worker]
        return told >= 0 ? told : tokens.elements[worker]
    }
}
