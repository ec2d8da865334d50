/// Which worker gets the next request, as a real router decides: see "Routers" in the C header.
public struct Router: ~Copyable {
    private var state: RoutingState
    private let rules: RouterRules
    let needs: RouterNeeds
    /// The characters of the prompt that is being looked at.
    private var characters: GrowableBuffer<UInt64>

    /// - Parameter configuration: its rule and its workers; copied.
    public init(_ configuration: RouterConfig) throws(BatchingError) {
        try self.init(configuration, keepsIds: true)
    }

    /// - Parameter keepsIds: false: requests are told by their slots, and never by their ids.
    init(_ configuration: RouterConfig, keepsIds: Bool) throws(BatchingError) {
        try configuration.check()
        let state = try RoutingState(configuration, keepsIds: keepsIds)
        let characters = try GrowableBuffer<UInt64>(capacity: 0)
        rules = try RouterRules(configuration)
        needs = configuration.router.needs
        self.state = state
        self.characters = characters
    }

    private init(copying other: borrowing Router, _ copy: inout DeepCopy) throws(BatchingError) {
        let state = RoutingState(copying: other.state, &copy)
        // What was looked at last is looked at no more.
        let characters = GrowableBuffer(copying: other.characters, count: 0, &copy)
        rules = try RouterRules(copying: other.rules, &copy)
        needs = other.needs
        self.state = state
        self.characters = characters
    }

    deinit {
        rules.destroy()
    }

    /// An independent copy, which decides from now on as this one does if it is told the same.
    /// - Complexity: O(what it keeps).
    public borrowing func fork() throws(BatchingError) -> Router {
        var copy = DeepCopy()
        let router = try Router(copying: self, &copy)
        try copy.check()
        return router
    }

    /// Workers.
    public var workers: Int { state.workers }

    /// Decides which worker gets a request, and counts it there.
    /// - Returns: its number; nil: the request waits, and `release` will tell.
    /// - Complexity: O(workers), and O(elements of the prompt) for those that compare prompts.
    public mutating func route(_ request: RoutingRequest) throws(BatchingError) -> Int? {
        let question = try newQuestion(request)
        let routed = try rules.perform(RouteRequest(question: question), &state)
        state.now = request.time
        return routed.worker < 0 ? nil : routed.worker
    }

    /// Counts a request at a worker that its host has chosen.
    public mutating func book(_ request: RoutingRequest, worker: Int) throws(BatchingError) {
        try check(worker)
        guard state.isUp.elements[worker] else {
            throw .invalid("worker", Int64(worker), "must be one that is up")
        }
        let question = try newQuestion(request)
        _ = try rules.perform(BookRequest(question: question, worker: worker), &state)
        state.now = request.time
    }

    /// Tells which workers the rule allows, and how it scores each, and changes nothing.
    /// - Parameters:
    ///   - allowed: `workers` values: 1: it could go there; 0: not. All 0: it would wait.
    ///   - score: `workers` values: what the rule compares; NaN where it looks at none.
    public mutating func explain(
        _ request: RoutingRequest, allowed: UnsafeMutablePointer<Int32>?, score: UnsafeMutablePointer<Double>?
    ) throws(BatchingError) {
        let waits = try rules.perform(ExplainRequest(question: try question(request)), &state)
        if let allowed {
            allowed.update(repeating: 0, count: workers)
            if !waits {
                for place in 0..<state.candidateCount { allowed[Int(state.candidates.elements[place])] = 1 }
            }
        }
        score?.update(from: state.scores.elements, count: workers)
    }

    /// A request that waited has been routed; nil: there is none.
    public mutating func release() throws(BatchingError) -> (request: Int64, worker: Int)? {
        guard let slot = try rules.perform(ReleaseRequest(), &state) else { return nil }
        let flight = state.flights.elements[slot]
        return (flight.request, Int(flight.worker))
    }

    /// A request has its first token.
    public mutating func firstToken(_ request: Int64, time: Double) throws(BatchingError) {
        try check(time)
        try rules.perform(NoteFirstToken(slot: try slot(of: request)), &state)
        state.now = time
    }

    /// A request has begun another block of output.
    /// - Parameter weight: by which its output, and what of its prompt no other has, counts from now on; NaN: as before.
    public mutating func outputBlock(_ request: Int64, weight: Double) throws(BatchingError) {
        guard weight.isNaN || (weight >= 0 && weight <= 1) else {
            throw .invalid("weight", weight, "must be in 0..1, or NaN")
        }
        try rules.perform(OutputBlock(slot: try slot(of: request), weight: weight), &state)
    }

    /// A request is not in flight any more.
    public mutating func finished(_ request: Int64, time: Double) throws(BatchingError) {
        try check(time)
        try rules.perform(FinishRequest(slot: try slot(of: request)), &state)
        state.now = time
    }

    /// A worker is up or down.
    public mutating func setWorker(_ worker: Int, isUp: Bool, time: Double) throws(BatchingError) {
        try check(worker)
        try check(time)
        // What it is already changes nothing.
        if state.isUp.elements[worker] == isUp { return }
        state.setWorker(worker, isUp: isUp)
        try rules.perform(ChangeWorker(worker: worker), &state)
        state.now = time
    }

    /// What workers tell of themselves.
    public mutating func observe(_ metrics: WorkerMetrics) throws(BatchingError) {
        try metrics.check(workers: workers)
        state.note(metrics)
        try rules.perform(NoteMetrics(), &state)
    }

    /// A worker has stored blocks `first`... of a prompt.
    public mutating func stored(
        _ worker: Int, hashIds: UnsafePointer<UInt64>, count: Int, first: Int
    ) throws(BatchingError) {
        try check(worker)
        try check(count: count)
        guard first >= 0, first <= count else {
            throw .invalid("first", Int64(first), "must be in 0..count, which is \(count)")
        }
        let change = ChangeIndex(worker: worker, hashIds: hashIds, count: count, firstStored: first)
        try rules.perform(change, &state)
    }

    /// A worker has removed blocks.
    public mutating func removed(
        _ worker: Int, hashIds: UnsafePointer<UInt64>, count: Int
    ) throws(BatchingError) {
        try check(worker)
        try check(count: count)
        let change = ChangeIndex(worker: worker, hashIds: hashIds, count: count, firstStored: nil)
        try rules.perform(change, &state)
    }

    /// Evicts until each worker has at most so many elements.
    public mutating func evict(most: Int64) throws(BatchingError) {
        guard most >= 0 else { throw .invalid("max_tree_size", most, "must be at least 0") }
        try rules.perform(EvictPrompts(most: most), &state)
    }

    /// Requests in flight at a worker.
    public func requests(_ worker: Int) -> Int64 { state.requests.elements[worker] }

    /// Prompt tokens at a worker that are still to be computed.
    public func prefillTokens(_ worker: Int) -> Int64 { state.prefillTokens.elements[worker] }

    /// Requests that wait in its queue.
    public mutating func waiting() throws(BatchingError) -> Int { try rules.perform(CountWaiting(), &state) }
}

// What a fleet asks, whose requests have slots instead of ids.
extension Router {
    /// - Returns: a worker of -1: it waits.
    mutating func routed(_ request: RoutingRequest) throws(BatchingError) -> RoutedRequest {
        let question = try question(request)
        try state.reserve()
        let routed = try rules.perform(RouteRequest(question: question), &state)
        state.now = request.time
        return routed
    }

    mutating func firstToken(slot: Int, time: Double) throws(BatchingError) {
        try rules.perform(NoteFirstToken(slot: slot), &state)
        state.now = time
    }

    mutating func finished(slot: Int, time: Double) throws(BatchingError) {
        try rules.perform(FinishRequest(slot: slot), &state)
        state.now = time
    }

    /// A request that waited: its slot, and its worker.
    mutating func releasedSlot() throws(BatchingError) -> RoutedRequest? {
        guard let slot = try rules.perform(ReleaseRequest(), &state) else { return nil }
        return RoutedRequest(slot: slot, worker: Int(state.flights.elements[slot].worker))
    }

    /// What the caller calls a request.
    func request(slot: Int) -> Int64 { state.flights.elements[slot].request }

    /// Counts a request at a worker that something else has chosen, which is up.
    /// - Returns: its slot.
    mutating func booked(_ request: RoutingRequest, worker: Int) throws(BatchingError) -> Int {
        let question = try question(request)
        try state.reserve()
        let slot = try rules.perform(BookRequest(question: question, worker: worker), &state)
        state.now = request.time
        return slot
    }

    func isUp(_ worker: Int) -> Bool { state.isUp.elements[worker] }

    /// Workers that are up.
    var workersUp: Int { state.upCount }
}

extension Router {
    private mutating func newQuestion(_ request: RoutingRequest) throws(BatchingError) -> RoutingQuestion {
        let question = try question(request)
        guard state.slot(of: request.request) < 0 else {
            throw .invalid("request", request.request, "must be an id that is not in flight")
        }
        try state.reserve()
        return question
    }

    private mutating func question(_ request: RoutingRequest) throws(BatchingError) -> RoutingQuestion {
        try request.check()
        var prompt = RoutedPrompt(elements: request.hashIds, count: request.hashCount)
        if rules.readsText, let text = request.text {
            if rules.readsASCII, try UTF8Text.isASCII(text, count: request.textSize) {
                return RoutingQuestion(
                    request: request, prompt: RoutedPrompt(count: request.textSize, isText: true, ascii: text))
            }
            try characters.reserve(request.textSize)
            let count = try UTF8Text.decode(text, count: request.textSize, into: characters.elements)
            prompt = RoutedPrompt(elements: UnsafePointer(characters.elements), count: count, isText: true)
        }
        return RoutingQuestion(request: request, prompt: prompt)
    }

    private func slot(of request: Int64) throws(BatchingError) -> Int {
        let slot = state.slot(of: request)
        guard slot >= 0 else { throw .invalid("request", request, "must be the id of a request in flight") }
        return slot
    }

    private func check(_ worker: Int) throws(BatchingError) {
        guard worker >= 0, worker < workers else {
            throw .invalid("worker", Int64(worker), "must be in 0..\(workers &- 1)")
        }
    }

    private func check(count: Int) throws(BatchingError) {
        guard count >= 0, count <= Int(Int32.max) else {
            throw .invalid("count", Int64(count), "must be in 0..2147483647")
        }
    }

    private func check(_ time: Double) throws(BatchingError) {
        guard Nanoseconds.holds(time) else { throw .invalid("time", time, Nanoseconds.requirement) }
    }
}
