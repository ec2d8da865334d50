/// An engine that runs as its host's time goes by, as a twin of a real one: requests come while it runs, and leave; it says
/// what has happened, and what would. See "Live engine" in the C header.
///
/// One thread at a time uses it.
public struct LiveEngine: ~Copyable {
    /// The engine is compiled once for each kind of memory.
    enum Place {
        case counted(UnsafeMutablePointer<LiveReplica<CountedBlocks>>)
        case cached(UnsafeMutablePointer<LiveReplica<CachedBlocks>>)
    }

    let place: Place

    /// - Parameter configuration: `timeLimit` and `iterationLimit` must be nil: `advance` says how far it runs. Its closures
    ///   are also asked by `estimate`, and by copies, about what would be.
    public init(_ configuration: EngineConfig) throws(BatchingError) {
        try self.init(configuration, keepsIds: true)
    }

    /// - Parameters:
    ///   - keepsIds: false: no request is found by its id.
    ///   - role: what it does of a request.
    init(_ configuration: EngineConfig, keepsIds: Bool, role: ReplicaRole = .both) throws(BatchingError) {
        try configuration.check()
        if let limit = configuration.timeLimit {
            throw .invalid("time_limit", limit, "must be 0 for a live engine: advance says how far it runs")
        }
        if let limit = configuration.iterationLimit {
            throw .invalid("iteration_limit", limit, "must be 0 for a live engine: advance says how far it runs")
        }
        let attributes = configuration.keepsAttribution
        if configuration.cachesPrefixes {
            place = .cached(
                try allocated(
                    try LiveReplica(
                        configuration, keepsEvents: true, attributes: attributes, keepsIds: keepsIds, role: role)))
        } else {
            place = .counted(
                try allocated(
                    try LiveReplica(
                        configuration, keepsEvents: true, attributes: attributes, keepsIds: keepsIds, role: role)))
        }
    }

    private init(_ place: Place) {
        self.place = place
    }

    /// An engine as it was when it was saved.
    /// - Parameters:
    ///   - bytes: what `save` wrote.
    ///   - callbacks: the time of an iteration and the policy, where the engine that was saved asked for them, and the
    ///     progress; nothing else of it matters.
    public static func load(
        _ bytes: UnsafePointer<UInt8>, count: Int, callbacks: EngineConfig = EngineConfig()
    ) throws(BatchingError) -> LiveEngine {
        var reader = try envelope.open(bytes, count: count)
        let interval = callbacks.progressInterval
        guard interval >= 1 else { throw .invalid("progress_interval", interval, "must be at least 1") }
        var configuration = callbacks
        configuration.timeLimit = nil
        configuration.iterationLimit = nil
        var storage = try TableStorage()
        try configuration.code(&reader, &storage)
        guard !configuration.policy.policy.traits.asksCaller || configuration.policyCallback != nil else {
            throw .missingCallback("policy_callback")
        }
        do throws(BatchingError) {
            try configuration.check()
        } catch {
            throw .corrupt(error.text)
        }
        let engine = try LiveEngine(configuration)
        switch engine.place {
        case .counted(let replica): try replica.pointee.read(&reader)
        case .cached(let replica): try replica.pointee.read(&reader)
        }
        guard reader.isAtEnd else { throw .corrupt("more bytes follow") }
        return engine
    }

    deinit {
        switch place {
        case .counted(let engine): deallocate(engine)
        case .cached(let engine): deallocate(engine)
        }
    }

    /// Requests come, at or after the clock, in any order; all or none. One that can never be served is rejected when it
    /// arrives.
    /// - Parameters:
    ///   - requests: where they have no times, they arrive now.
    ///   - ids: what the caller calls each; nil: how many were submitted before it.
    /// - Complexity: O(1) a request, plus its hash ids; a sort for those that are not given in order of arrival; and O(1)
    ///   for each pending request that arrives after the first of them.
    public mutating func submit(_ requests: RequestColumns, ids: UnsafePointer<Int64>? = nil) throws(BatchingError) {
        switch place {
        case .counted(let engine): try engine.pointee.submit(requests, ids: ids)
        case .cached(let engine): try engine.pointee.submit(requests, ids: ids)
        }
    }

    /// Runs on. If a closure of the configuration throws that the run is cancelled, or its answer is not valid, nothing is
    /// done of that, and it can be called again.
    /// - Parameters:
    ///   - time: seconds: all that happens before it is decided; infinity: until nothing is left to do, and no request
    ///     comes. If the clock is there already, nothing happens.
    ///   - iterations: the most iterations that it schedules; nil: no limit.
    public mutating func advance(to time: Double, iterations: Int64? = nil) throws(BatchingError) {
        let goal = try LiveEngine.goal(time, iterations)
        switch place {
        case .counted(let engine): try engine.pointee.advance(to: goal, iterations: iterations)
        case .cached(let engine): try engine.pointee.advance(to: goal, iterations: iterations)
        }
    }

    private static func goal(_ time: Double, _ iterations: Int64?) throws(BatchingError) -> RunGoal {
        var goal = RunGoal(time: RunGoal.forever)
        if time != .infinity { goal.time = try Nanoseconds(seconds: time, argument: "time") }
        if let iterations, iterations < 1 { throw .invalid("iterations", iterations, "must be at least 1") }
        return goal
    }

    /// The same with logs: of the iterations that end, and of what is decided, in this call. Requests are told by what the
    /// caller calls them. The rows of all calls are those of `Engine.simulate` with all requests, if all have the log. What
    /// it throws on its way leaves those up to there; if a closure of a log throws it, the engine can only be observed and
    /// polled.
    /// - Parameters:
    ///   - time: see above.
    ///   - iterations: see above.
    ///   - iterationLog: nil: not wanted. Its rows are counted in it.
    ///   - decisionLog: the same.
    public mutating func advance(
        to time: Double, iterations: Int64? = nil, iterationLog: inout IterationLog?, decisionLog: inout DecisionLog?
    ) throws(BatchingError) {
        try iterationLog?.rows.check("iteration_log")
        try decisionLog?.rows.check("decision_log")
        let goal = try LiveEngine.goal(time, iterations)
        switch place {
        case .counted(let engine):
            try engine.pointee.advance(to: goal, iterations: iterations, &iterationLog, &decisionLog)
        case .cached(let engine):
            try engine.pointee.advance(to: goal, iterations: iterations, &iterationLog, &decisionLog)
        }
    }

    /// How many events have not been polled.
    public var events: Int {
        switch place {
        case .counted(let engine): engine.pointee.run.replica.observer.events.count
        case .cached(let engine): engine.pointee.run.replica.observer.events.count
        }
    }

    /// Hands over the first of what happened since the last call, in order of time.
    /// - Returns: how many; as many as `columns` hold if there may be more.
    public mutating func poll(into columns: LiveEngineEventColumns) throws(BatchingError) -> Int {
        switch place {
        case .counted(let engine): try engine.pointee.run.replica.observer.events.take(into: columns)
        case .cached(let engine): try engine.pointee.run.replica.observer.events.take(into: columns)
        }
    }

    /// A request leaves; if it runs, once the iteration under way is over.
    public mutating func abort(_ request: Int64) throws(BatchingError) {
        switch place {
        case .counted(let engine): try engine.pointee.abort(request)
        case .cached(let engine): try engine.pointee.abort(request)
        }
    }

    /// The number of tokens that a request will have in the end; one that has as many has finished.
    public mutating func setOutputLength(_ request: Int64, _ outputLength: Int32) throws(BatchingError) {
        switch place {
        case .counted(let engine): try engine.pointee.setOutputLength(request, outputLength)
        case .cached(let engine): try engine.pointee.setOutputLength(request, outputLength)
        }
    }

    /// What it holds now. O(1), and O(1) for each request that prefills.
    public func observe() -> LiveEngineState {
        switch place {
        case .counted(let engine): LiveEngineState(&engine.pointee)
        case .cached(let engine): LiveEngineState(&engine.pointee)
        }
    }

    /// What would become of each of `requests` if it, and no other, came: start, first token, end, tokens and status are
    /// written as a simulation would.
    /// - Complexity: O(running + waiting) to copy the engine without what is cached, and what it takes to run that to the
    ///   end of the request.
    public mutating func estimate(_ requests: RequestColumns, results: ResultColumns) throws(BatchingError) {
        switch place {
        case .counted(let engine): try engine.pointee.estimate(requests, into: results)
        case .cached(let engine): try engine.pointee.estimate(requests, into: results)
        }
    }

    /// An independent copy, which has nothing to tell yet.
    /// - Complexity: O(running + waiting), and with a prefix cache O(KV blocks), at the speed of memory.
    public borrowing func fork() throws(BatchingError) -> LiveEngine {
        switch place {
        case .counted(let engine): LiveEngine(.counted(try engine.pointee.copy()))
        case .cached(let engine): LiveEngine(.cached(try engine.pointee.copy()))
        }
    }

    private static let envelope = ByteEnvelope(magic: 0x474E_4548_4354_4142, version: 5, oldest: 2)  // "BATCHENG"

    /// How many bytes `save` writes.
    public mutating func savedSize() throws(BatchingError) -> Int {
        try LiveEngine.envelope.size { (writer: inout ByteWriter) throws(BatchingError) in try write(to: &writer) }
    }

    /// Everything but its callbacks, with what it has not told yet, as bytes: the same state gives the same bytes.
    /// - Parameter buffer: room for `savedSize()` bytes.
    public mutating func save(into buffer: UnsafeMutablePointer<UInt8>) throws(BatchingError) {
        try save(into: buffer, size: try savedSize())
    }

    /// - Parameter size: what `savedSize` has just said.
    package mutating func save(into buffer: UnsafeMutablePointer<UInt8>, size: Int) throws(BatchingError) {
        // Writing takes memory on its way: nothing is handed over before all is there.
        let bytes = try ScratchBuffer<UInt8>(uninitialized: size)
        try LiveEngine.envelope.write(into: bytes.elements) { (writer: inout ByteWriter) throws(BatchingError) in
            try write(to: &writer)
        }
        buffer.update(from: bytes.elements, count: size)
    }

    private func write(to writer: inout ByteWriter) throws(BatchingError) {
        switch place {
        case .counted(let engine): try engine.pointee.save(to: &writer)
        case .cached(let engine): try engine.pointee.save(to: &writer)
        }
    }
}

extension LiveReplica where Memory: ~Copyable {
    fileprivate mutating func save(to writer: inout ByteWriter) throws(BatchingError) {
        try check()
        var configuration = configuration
        var storage = try TableStorage()
        try configuration.code(&writer, &storage)
        try write(to: &writer)
    }

    fileprivate mutating func advance(
        to goal: RunGoal, iterations: Int64?, _ iterationLog: inout IterationLog?, _ decisionLog: inout DecisionLog?
    ) throws(BatchingError) {
        run.replica.observer.setLogs(iterationLog, decisionLog)
        run.replica.observer.decisionLog?.ids = UnsafePointer(rows.id.elements)
        defer {
            iterationLog = run.replica.observer.iterationLog
            decisionLog = run.replica.observer.decisionLog
            run.replica.observer.setLogs(nil, nil)
        }
        do throws(BatchingError) {
            try advance(to: goal, iterations: iterations)
        } catch {
            // What has happened will not happen again: it is told now.
            try? finishLogs()
            throw error
        }
        try finishLogs()
    }

    private mutating func finishLogs() throws(BatchingError) {
        if run.replica.observer.logsFailed { return }
        do throws(BatchingError) {
            try run.replica.observer.finishLogs()
        } catch {
            failure = error
            throw error
        }
    }

    fileprivate mutating func advance(to goal: RunGoal, iterations: Int64?) throws(BatchingError) {
        try check()
        if goal.time < run.clock { return }
        var goal = goal
        let left = SavedCounters.most &- run.replica.iteration
        guard left > 0 else { throw BatchingError(.overflow, "the engine has run 2^62 iterations, and runs no more") }
        let begun = run.replica.iteration &+ (run.underWay == nil ? 0 : 1)
        goal.iteration = min(begun &+ min(iterations ?? left, left), SavedCounters.most)
        try proceed(to: goal)
    }
}
