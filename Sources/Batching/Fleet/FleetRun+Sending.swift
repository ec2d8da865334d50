// A request is sent, once or more often, until it ends.
extension FleetRun {
    /// A request is routed, for the first time or once more.
    mutating func send(_ request: Int, at time: Nanoseconds) throws(BatchingError) {
        operations.attempts.elements.add(1, at: request)
        outputs.columns.attempts?[request] = operations.attempts.elements[request]
        // With roles it may be that none that prefills is needed.
        guard split.isUsed || router.workersUp > 0 else { return try lose(request, at: time) }
        if takesEvents { try tellCacheChanges(at: time, toDecodeRouter: false) }
        operations.phases.elements[request] = .queued
        if split.isUsed {
            split.begin(request)
            outputs.columns.prefillReplica?[request] = -1
            outputs.columns.replica?[request] = -1
            guard try arriveApart(request, at: time) else { return }
            guard router.workersUp > 0 else {
                try withdraw(split.handOvers.number(of: request), at: time)
                return try lose(request, at: time)
            }
        }
        let routed = try elsewhere(request, try routed(request, at: time), at: time)
        slots.elements[request] = UInt32(truncatingIfNeeded: routed.slot)
        if routed.worker >= 0 { try place(request, Int(split.sources.elements[routed.worker]), at: time) }
    }

    /// Where a request goes that was routed; where it is to be another replica than that which lost it, and another is up, then to
    /// that with the fewest requests in flight, of equals to the first.
    mutating func elsewhere(
        _ request: Int, _ routed: RoutedRequest, at time: Nanoseconds
    ) throws(BatchingError) -> RoutedRequest {
        guard routed.worker >= 0, isLost(request, by: Int(split.sources.elements[routed.worker])) else { return routed }
        let other = router.fewest(except: routed.worker)
        guard other >= 0 else { return routed }
        try router.finished(slot: routed.slot, time: time.seconds)
        return RoutedRequest(slot: try router.booked(question(request, time), worker: other), worker: other)
    }

    /// Whether a request is not to go to a replica, as that has lost it.
    func isLost(_ request: Int, by replica: Int) -> Bool {
        operations.isUsed && operations.admission.retriesElsewhere
            && Int(operations.places.elements[request].lostBy) == replica
    }

    /// A request goes to the replica that it was routed to, if that is there.
    mutating func place(_ request: Int, _ replica: Int, at time: Nanoseconds) throws(BatchingError) {
        guard operations.states.elements[replica] != .down else {
            // It comes to nothing.
            try noteDelivery(request, replica, at: time)
            let summaries = operations.lostSummaries
            summaries[replica].unfinished &+= 1
            try router.finished(slot: Int(slots.elements[request]), time: time.seconds)
            if split.isUsed { try withdraw(split.handOvers.number(of: request), at: time) }
            return try lose(request, by: replica, at: time)
        }
        operations.phases.elements[request] = .placed
        operations.places.elements[request].replica = Int32(truncatingIfNeeded: replica)
        operations.loads.elements.add(1, at: replica)
        operations.countPrompt(request, requests.prompt(request), at: replica)
        try deliver(request, to: replica, at: time)
        try runOn(replica, to: time)
    }

    /// A replica has lost a request.
    mutating func noteLoss(of request: Int, by replica: Int, at time: Nanoseconds) throws(BatchingError) {
        operations.places.elements[request].lostBy = Int32(truncatingIfNeeded: replica)
        guard operations.breakers.noteFailure(replica, at: time) else { return }
        try tellRouter(replica, isUp: operations.isKnownUp.elements[replica], at: time)
        try expect(
            .halfOpen, replica, operations.admission.breakerOpenTime, from: time,
            mark: operations.breakers.mark(of: replica))
    }

    /// A request has no replica any more: it is sent again, or that was the last time.
    /// - Parameter replica: which has lost it; nil: none was up.
    mutating func lose(_ request: Int, by replica: Int? = nil, at time: Nanoseconds) throws(BatchingError) {
        if let replica { try noteLoss(of: request, by: replica, at: time) }
        if operations.hasFirstToken.elements[request] {
            // It has none any more.
            operations.hasFirstToken.elements[request] = false
            operations.queuedTokens &+= requests.prompt(request)
        }
        let attempt = operations.attempts.elements[request]
        outputs.forget(request)
        switch operations.phases.elements[request] {
        case .leaving: return try fail(request, .timedOut, at: time)
        case .quitting: return try fail(request, .aborted, at: time)
        default: break
        }
        guard Int64(attempt) <= operations.admission.retries else { return try fail(request, .lost, at: time) }
        operations.phases.elements[request] = .lost
        try expect(.retry, request, operations.retryDelay(attempt), from: time, mark: turn(of: request))
    }

    /// A request that was taken ends without all its tokens, and no replica tells it.
    mutating func fail(_ request: Int, _ status: RequestStatus, at time: Nanoseconds) throws(BatchingError) {
        operations.failed &+= 1
        operations.noteTaken(request, requests.prompt(request))
        try noteRoom(at: time)
        try endOperated(request, status, at: time)
    }

    mutating func endOperated(_ request: Int, _ status: RequestStatus, at time: Nanoseconds) throws(BatchingError) {
        operations.phases.elements[request] = .ended
        try outputs.noteEnd(request, status, tokens: 0, at: time)
        if loop.isUsed { try loop.noteEnd(request, at: time, hasFailed: true) }
    }

    mutating func noteFirstToken(_ request: Int, at time: Nanoseconds) throws(BatchingError) {
        guard !operations.hasFirstToken.elements[request] else { return }
        operations.hasFirstToken.elements[request] = true
        let prompt = requests.prompt(request)
        operations.queuedTokens &-= prompt
        operations.uncountPrompt(request, prompt)
        if operations.admission.maxQueuedTokens != nil { try noteRoom(at: time) }
    }

    /// A request that was taken has ended.
    mutating func noteEnd(_ request: Int, at time: Nanoseconds) throws(BatchingError) {
        leave(request, at: time)
        leaveTarget(request, at: time)
        operations.noteTaken(request, requests.prompt(request))
        try noteRoom(at: time)
        if operations.phases.elements[request] == .leaving,
            outputs.results.status?[request] == RequestStatus.aborted.rawValue
        {
            outputs.results.status?[request] = RequestStatus.timedOut.rawValue
        }
        operations.phases.elements[request] = .ended
    }

    /// A request has nothing any more at the replica that does all of it, or computes its prompt.
    mutating func leave(_ request: Int, at time: Nanoseconds) {
        let replica = Int(operations.places.elements[request].replica)
        guard replica >= 0 else { return }
        operations.places.elements[request].replica = -1
        leave(request, replica, at: time)
    }

    /// Nor at that in which it was to decode.
    mutating func leaveTarget(_ request: Int, at time: Nanoseconds) {
        let replica = Int(operations.places.elements[request].target)
        guard replica >= 0 else { return }
        operations.places.elements[request].target = -1
        leave(request, replica, at: time)
    }

    // Mutating, though it changes nothing of its own: to lend itself to any other, it would be copied.
    private mutating func leave(_ request: Int, _ replica: Int, at time: Nanoseconds) {
        operations.loads.elements.subtract(1, at: replica)
        if Int(operations.places.elements[request].prompt) == replica {
            operations.uncountPrompt(request, requests.prompt(request))
        }
        if operations.states.elements[replica] == .draining, operations.loads.elements[replica] == 0 {
            operations.set(replica, .off, at: time)
        }
    }
}

extension Router {
    /// Of the workers that are up, but for one, that with the fewest requests in flight, of equals the first; -1: there is none.
    func fewest(except before: Int) -> Int {
        var (other, fewest) = (-1, Int64.max)
        for worker in 0..<workers where worker != before && isUp(worker) {
            let own = requests(worker)
            if own < fewest { (other, fewest) = (worker, own) }
        }
        return other
    }
}
