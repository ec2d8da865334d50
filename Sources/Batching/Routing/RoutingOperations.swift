// What can be asked of a router: one operation each, compiled for each rule.

/// Decides which worker gets a request, and counts it there.
struct RouteRequest: RoutingOperation {
    let question: RoutingQuestion

    /// - Returns: a worker of -1: it waits.
    func perform<Rule: RouterRule & ~Copyable>(
        _ rule: inout Rule, _ state: inout RoutingState
    ) throws(BatchingError) -> RoutedRequest {
        guard state.upCount > 0 else { throw BatchingError(.invalidArgument, "no worker is up: one must be") }
        try rule.reserve(question, &state)
        if try rule.mustWait(question, &state) {
            let slot = state.add(question.request, worker: RoutingState.none)
            rule.wait(question, slot: slot, &state)
            return RoutedRequest(slot: slot, worker: -1)
        }
        try rule.decide(question, &state)
        state.preferred = question.request.preferredWorker
        let worker = rule.choose(&state)
        state.preferred = -1
        let slot = state.add(question.request, worker: Int32(truncatingIfNeeded: worker))
        rule.book(question, slot: slot, worker: worker, &state)
        return RoutedRequest(slot: slot, worker: worker)
    }
}

/// Where a request is in flight, and where it went.
struct RoutedRequest {
    let slot: Int
    let worker: Int
}

/// Counts a request at a worker that was chosen by another.
struct BookRequest: RoutingOperation {
    let question: RoutingQuestion
    let worker: Int

    /// - Returns: its slot.
    func perform<Rule: RouterRule & ~Copyable>(
        _ rule: inout Rule, _ state: inout RoutingState
    ) throws(BatchingError) -> Int {
        try rule.reserve(question, &state)
        let slot = state.add(question.request, worker: Int32(truncatingIfNeeded: worker))
        rule.book(question, slot: slot, worker: worker, &state)
        return slot
    }
}

/// Tells which workers are allowed, and changes nothing that a later decision looks at.
struct ExplainRequest: RoutingOperation {
    let question: RoutingQuestion

    /// - Returns: whether it would wait.
    func perform<Rule: RouterRule & ~Copyable>(
        _ rule: inout Rule, _ state: inout RoutingState
    ) throws(BatchingError) -> Bool {
        state.scores.elements.update(repeating: .nan, count: state.workers)
        state.wantsScores = true
        defer { state.wantsScores = false }
        if state.upCount == 0 { return true }
        if try rule.mustWait(question, &state) { return true }
        try rule.decide(question, &state)
        return false
    }
}

/// A request that waited has been routed.
struct ReleaseRequest: RoutingOperation {
    /// - Returns: its slot; nil: there is none.
    func perform<Rule: RouterRule & ~Copyable>(
        _ rule: inout Rule, _ state: inout RoutingState
    ) throws(BatchingError) -> Int? {
        state.upCount > 0 ? try rule.release(&state) : nil
    }
}

/// A request has its first token.
struct NoteFirstToken: RoutingOperation {
    let slot: Int

    func perform<Rule: RouterRule & ~Copyable>(_ rule: inout Rule, _ state: inout RoutingState) {
        rule.firstToken(slot, &state)
        state.setPrefill(slot, tokens: 0)
    }
}

/// A request has begun another block of output.
struct OutputBlock: RoutingOperation {
    let slot: Int
    let weight: Double

    func perform<Rule: RouterRule & ~Copyable>(
        _ rule: inout Rule, _ state: inout RoutingState
    ) throws(BatchingError) {
        try rule.outputBlock(slot, weight: weight, &state)
    }
}

/// A request is not in flight any more.
struct FinishRequest: RoutingOperation {
    let slot: Int

    func perform<Rule: RouterRule & ~Copyable>(_ rule: inout Rule, _ state: inout RoutingState) {
        let worker = Int(state.flights.elements[slot].worker)
        rule.finished(slot, &state)
        state.remove(slot)
        if worker >= 0 { rule.hasLeft(worker, &state) }
    }
}

/// A worker came or went.
struct ChangeWorker: RoutingOperation {
    let worker: Int

    func perform<Rule: RouterRule & ~Copyable>(_ rule: inout Rule, _ state: inout RoutingState) {
        rule.workerChanged(worker, &state)
    }
}

/// Metrics have been told.
struct NoteMetrics: RoutingOperation {
    func perform<Rule: RouterRule & ~Copyable>(_ rule: inout Rule, _ state: inout RoutingState) {
        rule.observed(&state)
    }
}

/// A worker has stored or removed blocks.
struct ChangeIndex: RoutingOperation {
    let worker: Int
    let hashIds: UnsafePointer<UInt64>
    let count: Int
    /// The first that was stored; nil: all were removed.
    let firstStored: Int?

    func perform<Rule: RouterRule & ~Copyable>(
        _ rule: inout Rule, _ state: inout RoutingState
    ) throws(BatchingError) {
        if let firstStored {
            try rule.stored(worker, hashIds, count: count, first: firstStored)
        } else {
            try rule.removed(worker, hashIds, count: count)
        }
    }
}

/// Evicts what is too much.
struct EvictPrompts: RoutingOperation {
    let most: Int64

    func perform<Rule: RouterRule & ~Copyable>(
        _ rule: inout Rule, _ state: inout RoutingState
    ) throws(BatchingError) {
        try rule.evict(most: most)
    }
}

/// How many wait.
struct CountWaiting: RoutingOperation {
    func perform<Rule: RouterRule & ~Copyable>(_ rule: inout Rule, _ state: inout RoutingState) -> Int {
        rule.waitingCount
    }
}
