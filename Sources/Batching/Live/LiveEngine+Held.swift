// What a fleet asks of replicas of which some compute prompts, and others go on with the KV that those have computed.

/// What a replica does of a request.
public enum ReplicaRole: Int32, Sendable {
    /// All of it.
    case both = 0
    /// Its prompt, and the first token.
    case prefill = 100
    /// What comes after its prompt; or all of it, if it is not computed elsewhere.
    case decode = 110
}

extension LiveEngine {
    /// The parts of the time of all requests that ended, in the order of their events; valid until it runs on.
    mutating func takeParts() -> UnsafeBufferPointer<RequestParts> {
        switch place {
        case .counted(let engine): engine.pointee.run.replica.observer.events.takeAllParts()
        case .cached(let engine): engine.pointee.run.replica.observer.events.takeAllParts()
        }
    }

    /// The next of the requests that have finished and hold their KV blocks, in the order of their events.
    mutating func nextHeld(_ position: Int) -> HeldMember {
        switch place {
        case .counted(let engine): engine.pointee.run.replica.held.elements[position]
        case .cached(let engine): engine.pointee.run.replica.held.elements[position]
        }
    }

    /// All of them have been looked at.
    mutating func forgetHeld() {
        switch place {
        case .counted(let engine): engine.pointee.run.replica.heldCount = 0
        case .cached(let engine): engine.pointee.run.replica.heldCount = 0
        }
    }

    /// KV blocks for a prompt that is to come. nil: too few are free.
    mutating func hold(_ prompt: HeldPrompt) throws(BatchingError) -> (slot: Int, found: Int)? {
        switch place {
        case .counted(let engine): try engine.pointee.run.replica.hold(prompt)
        case .cached(let engine): try engine.pointee.run.replica.hold(prompt)
        }
    }

    /// What a slot holds is not needed any more, from `time` on, up to which it has run.
    mutating func release(held slot: Int, at time: Nanoseconds) {
        switch place {
        case .counted(let engine): engine.pointee.release(held: slot, at: time)
        case .cached(let engine): engine.pointee.release(held: slot, at: time)
        }
    }

    /// A request comes whose KV is in a slot.
    mutating func submit(
        _ index: Int, of requests: RequestColumns, arrival: Nanoseconds, turn: Int64, held slot: Int, generated: Int32
    ) throws(BatchingError) {
        switch place {
        case .counted(let engine):
            try engine.pointee.submit(
                index, of: requests, arrival: arrival, turn: turn, held: slot, generated: generated)
        case .cached(let engine):
            try engine.pointee.submit(
                index, of: requests, arrival: arrival, turn: turn, held: slot, generated: generated)
        }
    }

    /// Whether all that happens up to a time has happened, so that running to it does nothing.
    func isAt(_ time: Nanoseconds) -> Bool {
        switch place {
        case .counted(let engine): engine.pointee.isAt(time)
        case .cached(let engine): engine.pointee.isAt(time)
        }
    }

    /// When the iteration under way is over; nil: none is.
    var iterationEnd: Nanoseconds? {
        switch place {
        case .counted(let engine): engine.pointee.iterationEnd
        case .cached(let engine): engine.pointee.iterationEnd
        }
    }

    /// The same, or when that was over whose output is taken in as soon as time goes on: iterations that are scheduled ahead.
    var lastIterationEnd: Nanoseconds? {
        switch place {
        case .counted(let engine): engine.pointee.lastIterationEnd
        case .cached(let engine): engine.pointee.lastIterationEnd
        }
    }

    /// An iteration starts now if there is anything to do: what comes later at this time is not in it.
    mutating func startIteration(at time: Nanoseconds) throws(BatchingError) {
        switch place {
        case .counted(let engine): try engine.pointee.startIteration(at: time)
        case .cached(let engine): try engine.pointee.startIteration(at: time)
        }
    }

    /// Tokens at the start of a prompt whose KV is in its prefix cache.
    mutating func cachedTokens(_ prompt: HeldPrompt) -> Int64 {
        switch place {
        case .counted: 0
        case .cached(let engine):
            Int64(engine.pointee.run.replica.memory.leading(prompt))
                &* engine.pointee.run.replica.memory.blockSize.tokens
        }
    }

    /// Free KV blocks, and the tokens of one.
    var freeBlocks: (count: Int, size: Int64) {
        switch place {
        case .counted(let engine): (engine.pointee.run.replica.memory.free, engine.pointee.configuration.blockSize)
        case .cached(let engine): (engine.pointee.run.replica.memory.free, engine.pointee.configuration.blockSize)
        }
    }

    /// Whether one more request could run.
    var hasFreeSlot: Bool {
        switch place {
        case .counted(let engine):
            engine.pointee.run.replica.runningCount < engine.pointee.run.replica.settings.maxNumSeqs
        case .cached(let engine):
            engine.pointee.run.replica.runningCount < engine.pointee.run.replica.settings.maxNumSeqs
        }
    }

    /// Tokens that its KV blocks in use hold.
    var usedTokens: Int64 {
        switch place {
        case .counted(let engine): engine.pointee.usedTokens
        case .cached(let engine): engine.pointee.usedTokens
        }
    }

    /// Iterations take longer by a factor, from the next one on; at least 1.
    mutating func setSlowness(_ factor: Double) {
        switch place {
        case .counted(let engine): engine.pointee.run.slowness = factor
        case .cached(let engine): engine.pointee.run.slowness = factor
        }
    }

    /// When a request would have its first token, and end, if it came now; not-a-number: never.
    mutating func estimated(
        _ index: Int, of requests: RequestColumns, turn: Int64
    ) throws(BatchingError) -> (firstToken: Double, end: Double) {
        switch place {
        case .counted(let engine): try engine.pointee.estimated(index, of: requests, turn: turn)
        case .cached(let engine): try engine.pointee.estimated(index, of: requests, turn: turn)
        }
    }

    /// Why it would reject a request; nil: it would not.
    mutating func rejection(prompt: Int64, output: Int64) -> RequestStatus? {
        switch place {
        case .counted(let engine): engine.pointee.rejection(prompt: prompt, output: output)
        case .cached(let engine): engine.pointee.rejection(prompt: prompt, output: output)
        }
    }

    /// From now on it is noted which hash ids come into its prefix cache, and which leave it.
    mutating func noteCacheChanges() throws(BatchingError) {
        switch place {
        case .counted: break
        case .cached(let engine): try engine.pointee.run.replica.memory.noteChanges()
        }
    }

    /// The next of those changes that is seen by a time.
    mutating func nextCacheChange(by time: Nanoseconds) throws(BatchingError) -> (id: UInt64, isStored: Bool)? {
        switch place {
        case .counted: return nil
        case .cached(let engine):
            let changes = engine.pointee.run.replica.memory.pool.changes
            return try changes?.pointee.next(by: time)
        }
    }
}

extension LiveReplica where Memory: ~Copyable {
    fileprivate mutating func release(held slot: Int, at time: Nanoseconds) {
        run.replica.release(held: slot)
        if run.isStuck {
            // There is room again for what waits.
            run.isStuck = false
            run.flight.futileBatches = 0
            run.replica.now = max(run.replica.now, time)
            run.replica.totals.futilePreemptions = 0
        }
    }

    fileprivate mutating func submit(
        _ index: Int, of requests: RequestColumns, arrival: Nanoseconds, turn: Int64, held slot: Int, generated: Int32
    ) throws(BatchingError) {
        newest.add(prompt: max(requests.prompt(index), 1), output: requests.output(index))
        let row = try submit(
            one: index, of: requests, id: Int64(index), arrival: arrival.seconds, turn: turn)
        rows.set(heldSlot: Int32(truncatingIfNeeded: slot), of: row)
        run.replica.fill(held: slot, for: row, generated: generated)
    }

    fileprivate func isAt(_ time: Nanoseconds) -> Bool {
        run.clock == time && run.replica.nextArrival > time && run.leavingCount == 0
            && run.replica.observer.events.count == 0
    }

    fileprivate var iterationEnd: Nanoseconds? {
        guard let end = lastIterationEnd, end > run.clock else { return nil }
        return end
    }

    fileprivate var lastIterationEnd: Nanoseconds? {
        if run.flight.isFlying { return run.flight.end }
        if let end = run.underWay?.timing?.end { return end }
        return run.replica.now > run.clock ? run.replica.now : nil
    }

    fileprivate mutating func startIteration(at time: Nanoseconds) throws(BatchingError) {
        guard iterationEnd == nil, !run.replica.isEmpty || run.replica.nextArrival <= time else { return }
        var goal = RunGoal(time: Nanoseconds(time.count &+ 1))
        goal.iteration = SavedCounters.most
        goal.takesLastArrivals = true
        try proceed(to: goal)
    }

    fileprivate var usedTokens: Int64 {
        guard run.replica.memory.isLimited else { return 0 }
        return Int64(run.replica.memory.usable &- run.replica.memory.free) &* configuration.blockSize
    }

    fileprivate mutating func rejection(prompt: Int64, output: Int64) -> RequestStatus? {
        let prompt = max(prompt, 1)
        return run.replica.rejection(
            prompt: prompt, output: min(output, run.replica.settings.maxModelLength &- prompt))
    }
}
