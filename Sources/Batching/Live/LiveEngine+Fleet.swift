// What a fleet asks of its replicas: one request at a time, and how far they can run before anything is to be told.

/// Which events of a replica matter to what is before it.
struct EventInterest {
    /// First tokens, or only ends.
    var firstTokens = true
    /// Whether anything waits for the end of an iteration: the next one must begin for that to be known.
    var iterationEnds = false
    /// Whether more requests are expected: a static batch that is not full waits for them.
    var isOpen = true
}

extension LiveEngine {
    /// Request `index` of columns that have been checked comes, at or after the clock.
    /// - Parameter turn: of those that are equal in all else, which is first; it is at most 2^54.
    mutating func submit(
        _ index: Int, of requests: RequestColumns, arrival: Nanoseconds, turn: Int64
    ) throws(BatchingError) {
        switch place {
        case .counted(let engine): try engine.pointee.submit(index, of: requests, arrival: arrival, turn: turn)
        case .cached(let engine): try engine.pointee.submit(index, of: requests, arrival: arrival, turn: turn)
        }
    }

    /// Runs on to a time; `RunGoal.forever`: until nothing is left to do, and no request comes.
    mutating func run(to time: Nanoseconds, isOpen: Bool = true) throws(BatchingError) {
        switch place {
        case .counted(let engine): try engine.pointee.run(to: time, isOpen)
        case .cached(let engine): try engine.pointee.run(to: time, isOpen)
        }
    }

    /// Runs on to a time, or to the first event of interest if that is before it.
    /// - Returns: false: it cannot stop at an event, and has done nothing.
    mutating func runToEvent(by time: Nanoseconds, _ interest: EventInterest) throws(BatchingError) -> Bool {
        switch place {
        case .counted(let engine): try engine.pointee.runToEvent(by: time, interest)
        case .cached(let engine): try engine.pointee.runToEvent(by: time, interest)
        }
    }

    /// What happened since the last call, in order of time; valid until it runs on.
    mutating func takeEvents() -> UnsafeBufferPointer<RunEvent> {
        switch place {
        case .counted(let engine): engine.pointee.run.replica.observer.events.takeAll()
        case .cached(let engine): engine.pointee.run.replica.observer.events.takeAll()
        }
    }

    /// Whether an iteration is under way: until it is over, what comes is not looked at.
    var isBusy: Bool {
        switch place {
        case .counted(let engine): engine.pointee.isBusy
        case .cached(let engine): engine.pointee.isBusy
        }
    }

    /// A time before which nothing happens that is of interest, if no request comes; after the clock, or at it if a request
    /// has come since. `Int64.max` nanoseconds: nothing will.
    mutating func earliestEvent(_ interest: EventInterest) -> Nanoseconds {
        switch place {
        case .counted(let engine): engine.pointee.earliestEvent(interest)
        case .cached(let engine): engine.pointee.earliestEvent(interest)
        }
    }

    /// No more will come: the batch in flight is over.
    mutating func land() throws(BatchingError) {
        switch place {
        case .counted(let engine): try engine.pointee.run.landLast()
        case .cached(let engine): try engine.pointee.run.landLast()
        }
    }

    /// A request that is left, and the tokens that it has.
    /// - Parameter row: from which on it is looked for; becomes the one after it. 0 at first.
    mutating func nextLeft(_ row: inout Int) -> (request: Int64, tokens: Int32)? {
        switch place {
        case .counted(let engine): engine.pointee.nextLeft(&row)
        case .cached(let engine): engine.pointee.nextLeft(&row)
        }
    }

    /// What waits, what runs, and the share of its KV blocks in use.
    func load() -> (waiting: Int64, running: Int64, kvUse: Double) {
        switch place {
        case .counted(let engine): engine.pointee.load
        case .cached(let engine): engine.pointee.load
        }
    }

    /// What it did.
    mutating func summary() -> EngineSummary {
        switch place {
        case .counted(let engine): engine.pointee.summarized()
        case .cached(let engine): engine.pointee.summarized()
        }
    }
}

/// What has come to a replica since all that ran decoded: it may still wait, or prefill.
struct NewestRequests {
    /// The fewest output tokens of one.
    var leastOutput = Int64.max
    var prompts: Int64 = 0
    var count: Int64 = 0
    /// Of the replica, up to then: one that was preempted has fewer tokens left than its output.
    var preemptions: Int64 = 0

    mutating func add(prompt: Int64, output: Int64) {
        leastOutput = min(leastOutput, output)
        prompts &+= prompt
        count &+= 1
    }

    /// KV blocks that they take at most, before their first tokens.
    func blocks(of blockSize: Int64) -> Int64 { prompts / max(blockSize, 1) &+ 2 &* count }

    /// The same, more than they take, without a division.
    var mostBlocks: Int64 { prompts &+ 2 &* count }
}

extension LiveReplica where Memory: ~Copyable {
    fileprivate mutating func submit(
        _ index: Int, of requests: RequestColumns, arrival: Nanoseconds, turn: Int64
    ) throws(BatchingError) {
        let (prompt, output) = (max(requests.prompt(index), 1), requests.output(index))
        newest.add(prompt: prompt, output: min(output, run.replica.settings.maxModelLength &- prompt))
        _ = try submit(one: index, of: requests, id: Int64(index), arrival: arrival.seconds, turn: turn)
    }

    mutating func run(to time: Nanoseconds, _ isOpen: Bool) throws(BatchingError) {
        var goal = LiveReplica.goal(at: time)
        goal.isOpen = isOpen
        try proceed(to: goal)
    }

    private static func goal(at time: Nanoseconds) -> RunGoal {
        var goal = RunGoal(time: time)
        goal.iteration = SavedCounters.most
        goal.takesLastArrivals = true
        return goal
    }

    fileprivate mutating func runToEvent(
        by time: Nanoseconds, _ interest: EventInterest
    ) throws(BatchingError) -> Bool {
        let settings = run.replica.settings
        guard !settings.isAsynchronous, !settings.padsBatch, !settings.asksCaller, !run.time.mayFail,
            !run.replica.mayReject, run.leavingCount == 0
        else { return false }
        var goal = LiveReplica.goal(at: time)
        goal.stopsAtEnds = true
        goal.stopsAtEvents = interest.firstTokens
        try proceed(to: goal)
        return true
    }

    fileprivate mutating func nextLeft(_ row: inout Int) -> (request: Int64, tokens: Int32)? {
        while row < rows.used {
            let own = row
            row &+= 1
            if rows.rank.elements[own] < 0 { continue }
            let slot = Int(rows.slot.elements[own])
            let tokens = slot >= 0 ? run.replica.outputGenerated(slot) : 0
            run.replica.totals.tokens &+= Int64(tokens)
            return (rows.id.elements[own], tokens)
        }
        return nil
    }

    fileprivate var load: (waiting: Int64, running: Int64, kvUse: Double) {
        let running = Int64(run.replica.runningCount)
        let blocks = run.replica.memory.usable
        let used = blocks &- run.replica.memory.free
        let isLimited = run.replica.memory.isLimited
        return (Int64(rows.count) &- running &- Int64(pending), running, isLimited ? Double(used) / Double(blocks) : 0)
    }

    fileprivate mutating func summarized() -> EngineSummary {
        var summary = EngineSummary(&run.replica, .completed)
        // Those that were submitted come one at a time: only here they are counted.
        summary.unfinished = rows.submitted &- summary.finished &- summary.rejected &- summary.aborted
        return summary
    }

    fileprivate var isBusy: Bool {
        run.underWay?.timing != nil || run.flight.isFlying || run.replica.now > run.clock
    }

    fileprivate mutating func earliestEvent(_ interest: EventInterest) -> Nanoseconds {
        let clock = run.clock
        // What arrives at the clock is looked at only after it.
        if run.isStuck {
            let next = run.replica.nextArrival
            return next > clock ? next : Nanoseconds(clock.count &+ 1)
        }
        if run.replica.settings.isAsynchronous {
            if run.flight.isFlying { return max(run.flight.end, Nanoseconds(clock.count &+ 1)) }
        } else if let end = run.underWay?.timing?.end {
            return quietEnd(from: end, interest)
        } else if run.replica.now > clock {
            return quietEnd(from: run.replica.now, interest)
        }
        if run.replica.isEmpty { return max(run.replica.nextArrival, clock) }
        let next = Nanoseconds(clock.count &+ 1)
        // Between two iterations, the second of which begins now.
        if run.replica.now == clock, run.replica.nextArrival > clock, !run.replica.settings.isAsynchronous,
            !interest.iterationEnds
        {
            let end = quietEnd(from: clock, interest)
            if end > clock { return end }
        }
        guard let latest = latestStart(interest) else { return next }
        return min(max(latest, next), max(run.replica.nextArrival, clock))
    }

    /// When the batch that is not full yet starts at the latest. nil: it does not wait for more.
    private mutating func latestStart(_ interest: EventInterest) -> Nanoseconds? {
        let traits = run.replica.settings
        guard traits.padsBatch, run.replica.runningCount == 0, run.replica.waiting.count > 0,
            run.replica.waiting.count < traits.maxNumSeqs
        else { return nil }
        if configuration.policy == .static {
            // With a routing delay some that have been routed are still to arrive here.
            return interest.isOpen || run.replica.nextArrival < Nanoseconds(.max) ? Nanoseconds(.max) : nil
        }
        return run.replica.earliestWaiting.advanced(by: 1, of: traits.maxQueueDelay) ?? .maximum
    }

    /// The earliest end of an iteration in which a request may finish, or have its first token if that is of interest.
    /// - Parameter end: of the iteration under way, or of the last one.
    private mutating func quietEnd(from end: Nanoseconds, _ interest: EventInterest) -> Nanoseconds {
        let settings = run.replica.settings
        guard !settings.padsBatch, !settings.asksCaller, !run.time.mayFail, run.leavingCount == 0,
            run.replica.decoding > 0
        else { return end }
        let isQuiet =
            run.replica.catchingUp == 0 && run.replica.joining.count == 0 && run.replica.waiting.count == 0
            && run.replica.nextArrival == Nanoseconds(.max)
        if isQuiet {
            newest = NewestRequests(preemptions: run.replica.totals.preemptions)
        } else if interest.firstTokens || run.replica.mayReject
            || newest.preemptions != run.replica.totals.preemptions
        {
            return end
        }
        // As long as there are tokens in the budget and blocks for all, each decodes in every iteration, none is preempted,
        // and no iteration is shorter than those of what decodes now.
        let decoding = Int64(run.replica.decoding)
        guard newest.prompts &+ newest.count &+ decoding <= settings.maxNumBatchedTokens else { return end }
        var most = min(LiveReplica.farthestEvent, newest.leastOutput &- 1)
        let free = Int64(run.replica.memory.free)
        // A block for each in each iteration, and in one more: most often there are many more.
        if free &- newest.mostBlocks < (most &+ 1) &* decoding {
            most = min(most, (free &- newest.blocks(of: Int64(configuration.blockSize))) / decoding &- 1)
        }
        guard most > 0 else { return end }
        // Of the iteration under way, or of the next.
        let quiet = run.replica.dueLists.emptyStretch(from: run.replica.iteration, atMost: most)
        let iterations = run.underWay == nil ? quiet &+ 1 : quiet
        guard iterations > 0 else { return end }
        let context = run.replica.decodingContext &+ decoding
        let step: Int64 =
            switch run.time.decodeTime(decoding, context: context) {
            case .even(let step): step.count
            case .linear(let time): Nanoseconds(cappedSeconds: time.seconds(context: context)).count &- 1
            case .asked: 0
            }
        let (length, overflows) = max(step, 0).multipliedReportingOverflow(by: iterations)
        guard !overflows, length < Nanoseconds.maximum.count &- end.count else { return end }
        return Nanoseconds(end.count &+ length)
    }

    /// Iterations that are looked ahead at most.
    private static var farthestEvent: Int64 { 256 }
}
