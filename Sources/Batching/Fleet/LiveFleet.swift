/// A fleet that runs as its host's time goes by, as a twin of a real one: requests come while it runs; it says what has happened, and
/// what would. See "Live fleet" in the C header.
///
/// One thread at a time uses it.
public struct LiveFleet: ~Copyable {
    private let owned: OwnedFleetConfig
    var run: FleetRun
    var rows: FleetRows
    /// Seconds up to which all has happened.
    var clock: Nanoseconds
    private var finished: Int64
    private var rejected: Int64
    private var aborted: Int64
    /// Why it cannot run on any more.
    private var failure: BatchingError?
    private let keepsAttribution: Bool

    /// - Parameters:
    ///   - configuration: `preferredReplica` and `preferredDecodeReplica` must be nil. What it points to is copied.
    ///   - keepsAttribution: whether the event that ends a request tells the parts of its time.
    public init(_ configuration: FleetConfig, keepsAttribution: Bool = false) throws(BatchingError) {
        let replicas = try configuration.check()
        func check(_ isGiven: Bool, _ name: StaticString) throws(BatchingError) {
            guard isGiven else { return }
            throw BatchingError(
                .invalidArgument, "\(name) is given: must be NULL for a live fleet, whose requests are not known")
        }
        try check(configuration.preferredReplica != nil, "preferred_replica")
        try check(configuration.preferredDecodeReplica != nil, "preferred_decode_replica")
        let owned = try OwnedFleetConfig(configuration)
        let rows = try FleetRows(keepsAttribution: keepsAttribution)
        let whole = owned.with(routersOf: configuration)
        var run = try FleetRun(
            rows.columns, whole, replicas: replicas, arrivalOrder: nil, loop: ClosedLoop(), isLive: true,
            try FleetOutputs(rows.results, rows.fleetColumns, keepsEvents: true))
        try run.begin(whole)
        self.owned = owned
        self.run = run
        self.rows = rows
        self.keepsAttribution = keepsAttribution
        (clock, finished, rejected, aborted) = (.zero, 0, 0, 0)
    }

    private init(copying other: borrowing LiveFleet) throws(BatchingError) {
        var copy = DeepCopy()
        let owned = try OwnedFleetConfig(other.owned.configuration)
        var rows = try FleetRows(copying: other.rows, &copy)
        try copy.check()
        var run = try FleetRun(copying: other.run, owned.configuration)
        rows.release(endedIn: other.run.outputs.events)
        try run.connect(rows)
        self.owned = owned
        self.run = run
        self.rows = rows
        (clock, failure, keepsAttribution) = (other.clock, nil, other.keepsAttribution)
        (finished, rejected, aborted) = (other.finished, other.rejected, other.aborted)
    }

    /// Requests come, at or after the clock, in any order; all or none.
    /// - Parameters:
    ///   - given: where they have no times, they arrive now.
    ///   - ids: what the caller calls each; nil: how many were submitted before it.
    /// - Complexity: O(log(pending)) a request, and its hash ids.
    public mutating func submit(_ given: RequestColumns, ids: UnsafePointer<Int64>? = nil) throws(BatchingError) {
        try check()
        let requests = prepared(given)
        let hashIDs = try checked(requests)
        try rows.reserve(requests.count, hashIDs: hashIDs)
        // Columns may have moved, also if this fails on its way.
        try run.connect(rows)
        try run.pending.reserve(requests.count)
        let kind = (rows.requests.hashes.blockSize, rows.requests.hashes.coversOutput, rows.hasSessions)
        let first = rows.requests.submitted
        for index in 0..<requests.count {
            let id = ids?[index] ?? first &+ Int64(index)
            do throws(BatchingError) {
                try Work.row(index)
                guard rows.requests.row(of: id) == nil else {
                    throw .invalid(
                        ids == nil ? "the number of request \(index)" : "ids[\(index)]", id,
                        "must not be the id of a request in flight")
                }
            } catch {
                // Those before it go again, as if they had never come.
                for earlier in (0..<index).reversed() { rows.takeBack(ids?[earlier] ?? first &+ Int64(earlier)) }
                rows.set(hashKind: kind.0, kind.1, hasSessions: kind.2)
                throw error
            }
            _ = rows.add(requests, index, id: id, arrival: requests.arrivalTime?[index] ?? clock.seconds)
        }
        try run.connect(rows)
        for index in 0..<requests.count {
            let row = rows.requests.row(of: ids?[index] ?? first &+ Int64(index))
            run.expect(row.unsafelyUnwrapped)
        }
    }

    /// Runs on. If it throws for anything but its argument, what has happened up to there can be polled, and nothing else be done.
    /// - Parameter time: seconds: all that happens up to it has happened then, but for what arrives at it; infinity: until
    ///   nothing is left to do, and no request comes. If the clock is there already, nothing happens.
    public mutating func advance(to time: Double) throws(BatchingError) {
        try check()
        var goal = RunGoal.forever
        if time != .infinity { goal = try Nanoseconds(seconds: time, argument: "time") }
        if goal < clock { return }
        do throws(BatchingError) {
            try run.advance(to: goal, from: clock)
            clock = run.isOpen ? goal : max(run.latest, run.outputs.lastCompletion)
            try noteEvents()
        } catch {
            failure = error
            try? noteEvents()
            throw error
        }
    }

    /// A request leaves, wherever it is: its client is gone.
    /// - Complexity: as of a live engine; O(pending) for one that has not arrived.
    public mutating func abort(_ request: Int64) throws(BatchingError) {
        try check()
        guard let row = rows.requests.row(of: request) else {
            throw .invalid("request", request, "must be the id of a request in flight")
        }
        do throws(BatchingError) {
            try run.abort(row, at: clock)
            try noteEvents()
        } catch {
            failure = error
            throw error
        }
    }

    /// How many events have not been polled.
    public var events: Int {
        mutating get { run.outputs.events.count }
    }

    /// Hands over the first of what happened since the last call, in order of time.
    /// - Returns: how many; as many as `columns` hold if there may be more.
    public mutating func poll(into columns: LiveFleetEventColumns) throws(BatchingError) -> Int {
        guard columns.columns.attribution == nil || keepsAttribution else {
            throw BatchingError(
                .invalidArgument,
                "attribution is given: must be NULL for a fleet whose pools have no keep_attribution")
        }
        // Before any is handed over: that cannot be stopped on the way.
        try Work.done(Int64(min(columns.capacity, events)))
        var count = 0
        while count < columns.capacity, let event = run.outputs.events.takeNext() {
            let row = Int(event.request)
            columns.time?[count] = event.time.seconds
            columns.request?[count] = rows.requests.id(of: row)
            columns.event?[count] = event.event
            columns.tokens?[count] = event.tokens
            columns.replica?[count] = event.replica
            rows.write(event.isEnd ? row : nil, to: columns.results, columns.columns, at: count)
            if event.isEnd { rows.release(row) }
            count &+= 1
        }
        return count
    }

    /// An independent copy, which has nothing to tell yet.
    /// - Complexity: that of `LiveEngine.fork` for each replica, and what the router remembers.
    public mutating func fork() throws(BatchingError) -> LiveFleet {
        try check()
        return try LiveFleet(copying: self)
    }

    /// What it holds now.
    public mutating func observe() throws(BatchingError) -> LiveFleetState {
        let pending = Int64(run.pending.count)
        return LiveFleetState(
            clock: clock.seconds, submitted: rows.requests.submitted, pending: pending,
            queued: try run.queued(), inFlight: Int64(rows.requests.count) &- pending, finished: finished,
            rejected: rejected, aborted: aborted, events: Int64(events), replicas: run.replicaCount)
    }

    /// What each replica holds now.
    /// - Complexity: O(replicas).
    public mutating func observe(into columns: LiveFleetReplicaColumns) throws(BatchingError) {
        try run.observe(columns)
    }
}

// Mutating, though they change nothing: to lend itself to any other, it would be copied.
extension LiveFleet {
    /// Throws if an error has left it unusable.
    mutating func check() throws(BatchingError) {
        if let failure { throw failure }
    }

    private mutating func noteEvents() throws(BatchingError) {
        for position in try run.outputs.events.sort() {
            let event = run.outputs.events[position]
            guard event.isEnd else { continue }
            switch LiveEngineEvent(rawValue: event.event) {
            case .finished: finished &+= 1
            case .rejected: rejected &+= 1
            default: aborted &+= 1
            }
            rows.end(Int(event.request))
        }
    }

    /// Checks every element.
    /// - Returns: how many hash ids there are.
    mutating func checked(_ requests: RequestColumns) throws(BatchingError) -> Int {
        _ = try requests.survey()
        let room = RequestColumns.maximumCount &- rows.requests.used
        guard requests.count <= room else {
            throw .invalid("requests.count", Int64(requests.count), "must be at most \(room)")
        }
        guard rows.requests.submitted <= LiveFleet.mostRequests &- Int64(requests.count) else {
            throw BatchingError(
                .overflow, "requests.count is \(requests.count): there would be more than 2^54 requests in all")
        }
        if let times = requests.arrivalTime {
            let now = clock.seconds
            for index in 0..<requests.count {
                try Work.row(index)
                guard times[index] < now else { continue }
                throw .invalid(
                    "arrival_time", index, times[index],
                    "must not be before the clock of the fleet, which is at \(now) seconds")
            }
        }
        try requests.checkEnds()
        func check(_ isGiven: Bool, _ name: StaticString) throws(BatchingError) {
            guard isGiven else { return }
            throw BatchingError(.invalidArgument, "\(name) is given: must be NULL for a live fleet")
        }
        try check(requests.delay != nil, "delay")
        try check(requests.abortTime != nil, "abort_time")
        if let hasSessions = rows.hasSessions, requests.count > 0, hasSessions != (requests.session != nil) {
            throw BatchingError(
                .invalidArgument,
                hasSessions
                    ? "session is NULL: must be given, as before" : "session is given: must be NULL, as before")
        }
        guard let hashes = requests.prefixHashes else { return 0 }
        try hashes.check(count: requests.count)
        try checkIds(hashes)
        return requests.count == 0 ? 0 : Int(hashes.ends[requests.count &- 1])
    }

    /// The same with the tokens of a hash id.
    mutating func prepared(_ given: RequestColumns) -> RequestColumns {
        guard let hashes = given.prefixHashes, hashes.blockSize == 0 else { return given }
        return given.with(
            PrefixHashes(
                ids: hashes.ids, begins: hashes.begins, ends: hashes.ends,
                blockSize: Int(owned.configuration.pools[0].engine.blockSize), coversOutput: hashes.coversOutput))
    }

    private mutating func checkIds(_ hashes: PrefixHashes) throws(BatchingError) {
        guard hashes.blockSize == owned.configuration.router.blockSize else {
            throw .invalid(
                "hash_block_size", Int64(hashes.blockSize),
                "must be the block_size of the router, which is \(owned.configuration.router.blockSize)")
        }
        try owned.configuration.check(hashBlockSize: hashes.blockSize)
        if let blockSize = rows.requests.hashes.blockSize {
            let coversOutput = rows.requests.hashes.coversOutput
            guard blockSize == hashes.blockSize, coversOutput == hashes.coversOutput else {
                throw .invalid(
                    "hash_block_size", Int64(hashes.blockSize),
                    "must be \(blockSize), and hash_covers_output \(coversOutput ? 1 : 0), as before")
            }
        }
    }

    /// Requests that one can have in all.
    private static var mostRequests: Int64 { 1 << 54 }
}
