/// A fleet and how far it has come.
///
/// Each replica has a time before which nothing happens there that matters (see `LiveEngine.earliestEvent`). The first of
/// those times and of the arrivals is next: a replica runs to it, and what it tells is noted; or a request comes, and is routed.
/// So the router knows, when it decides, all that has happened up to then, and no replica has gone beyond.
///
/// At one time: what ends, by replica, in the order in which it happens there; then what arrives, in order.
struct FleetRun: ~Copyable {
    let requests: RequestColumns
    private let arrivalOrder: PermutedOrder?
    private(set) var loop: ClosedLoop
    var router: Router
    private let needs: RouterNeeds
    private let interest: EventInterest
    // Functions copy it: with ThreadSanitizer the compiler crashes on a call through the stored pointer.
    let replicas: UnsafeMutablePointer<LiveEngine>
    let replicaCount: Int
    var outputs: FleetOutputs
    private var times: EarliestTimes
    /// By request: its slot at the router.
    private let slots: ScratchBuffer<UInt32>
    /// Requests that have arrived.
    private(set) var arrived = 0
    private var metrics: ScrapedMetrics
    /// Whether a replica has static batches, which wait for requests that are to come.
    private let waitsForMore: Bool
    /// The session of the request that is routed, in decimal digits.
    private let sessionName: ScratchBuffer<CChar>

    init(
        _ requests: RequestColumns, _ configuration: FleetConfig, replicas count: Int, arrivalOrder: PermutedOrder?,
        loop: consuming ClosedLoop, _ outputs: consuming FleetOutputs
    ) throws(BatchingError) {
        let router = try Router(configuration.router, keepsIds: false)
        let times = try EarliestTimes(count: count)
        let sessionName = try ScratchBuffer<CChar>(uninitialized: 24)
        let metrics = try ScrapedMetrics(replicas: count, interval: configuration.metricsInterval)
        let slots = try ScratchBuffer<UInt32>(uninitialized: requests.count)
        replicas = try FleetRun.made(configuration, count)
        waitsForMore = FleetRun.hasStaticBatches(configuration)
        replicaCount = count
        self.requests = requests
        self.arrivalOrder = loop.isUsed ? loop.order : arrivalOrder
        needs = router.needs
        interest = EventInterest(firstTokens: router.needs.firstTokens)
        self.router = router
        self.loop = loop
        self.outputs = outputs
        self.times = times
        self.slots = slots
        self.metrics = metrics
        self.sessionName = sessionName
    }

    deinit {
        replicas.deinitialize(count: replicaCount)
        deallocate(reallocated: replicas)
    }

    private static func hasStaticBatches(_ configuration: FleetConfig) -> Bool {
        for pool in 0..<configuration.poolCount where configuration.pools[pool].engine.policy == .static { return true }
        return false
    }

    private static func made(
        _ configuration: FleetConfig, _ count: Int
    ) throws(BatchingError) -> UnsafeMutablePointer<LiveEngine> {
        let memory = try RawMemory.allocate(count, stride: MemoryLayout<LiveEngine>.stride)
        let replicas = memory.bindMemory(to: LiveEngine.self, capacity: count)
        var made = 0
        do throws(BatchingError) {
            for pool in 0..<configuration.poolCount {
                for _ in 0..<configuration.pools[pool].replicas {
                    (replicas + made).initialize(to: try LiveEngine(configuration.pools[pool].engine, keepsIds: false))
                    made &+= 1
                }
            }
        } catch {
            replicas.deinitialize(count: made)
            deallocate(reallocated: replicas)
            throw error
        }
        return replicas
    }

    /// From here on outputs are written.
    mutating func begin() throws(BatchingError) {
        let isClosed = loop.isUsed
        try outputs.begin(requests, isClosed: isClosed)
    }

    mutating func proceed() throws(BatchingError) {
        if !isTogether { return try proceedApart() }
        while true {
            let arrival = nextArrival
            let event = times.time
            if needs.metrics, let time = metrics.next(event: event, arrival: arrival) {
                try scrape(at: time)
            } else if event <= arrival {
                if event == Nanoseconds(.max) { break }
                try runOn(times.first, to: event)
            } else {
                try arrive(at: arrival)
            }
        }
    }

    /// Whether anything that comes depends on what the replicas do.
    private var isTogether: Bool { needs.ends || loop.isUsed }

    // Mutating, though they change nothing: to lend itself to any other, it would be copied.

    private var nextArrival: Nanoseconds {
        mutating get {
            if loop.isUsed { return loop.nextTime }
            return arrived < requests.count ? requests.arrival(index(at: arrived)) : Nanoseconds(.max)
        }
    }

    private mutating func index(at position: Int) -> Int {
        if let arrivalOrder { arrivalOrder[position] } else { position }
    }

    private mutating func runOn(_ replica: Int, to time: Nanoseconds) throws(BatchingError) {
        let replicas = replicas
        let isOpen = nextArrival < Nanoseconds(.max)
        // A slice is too short to count its own work.
        try Work.done(iterations: FleetRun.slice)
        try replicas[replica].run(to: time, isOpen: isOpen)
        try takeEvents(of: replica)
        setTime(of: replica, isOpen: nextArrival < Nanoseconds(.max))
    }

    /// Iterations as which a slice of a replica's run counts.
    private static var slice: Int64 { 4 }

    private mutating func setTime(of replica: Int, isOpen: Bool) {
        let replicas = replicas
        var interest = interest
        interest.isOpen = isOpen
        times.set(replica, replicas[replica].earliestEvent(interest))
    }

    /// No more is known to come: batches that waited for it start.
    private mutating func startBatches(at time: Nanoseconds) throws(BatchingError) {
        let replicas = replicas
        for replica in 0..<replicaCount where times.time(of: replica) == Nanoseconds(.max) {
            try Work.row(replica)
            try replicas[replica].run(to: time)
            setTime(of: replica, isOpen: false)
        }
    }

    /// The router is told what waits and what runs.
    private mutating func scrape(at time: Nanoseconds) throws(BatchingError) {
        let replicas = replicas
        try Work.done(Int64(replicaCount))
        for replica in 0..<replicaCount {
            // One that has nothing to do stays as it is.
            if times.time(of: replica) < Nanoseconds(.max) { try runOn(replica, to: time) }
            metrics.set(replica, replicas[replica].load())
        }
        try router.observe(metrics.columns)
    }

    /// The next request arrives, and is routed.
    private mutating func arrive(at time: Nanoseconds) throws(BatchingError) {
        let request: Int
        if loop.isUsed {
            let sent = try loop.send(at: arrived)
            request = sent.request
            outputs.results.sentTime?[request] = time.seconds
            outputs.results.arrivalTime?[request] = sent.arrival.seconds
        } else {
            request = index(at: arrived)
        }
        arrived &+= 1
        try Work.done(iterations: 1)
        let routed = try router.routed(question(request, time))
        slots.elements[request] = UInt32(truncatingIfNeeded: routed.slot)
        if routed.worker >= 0 {
            try deliver(request, to: routed.worker, at: time)
            // Its next event is known once the clock of the replica is here.
            if isTogether { try runOn(routed.worker, to: time) }
        }
        if waitsForMore, isTogether, nextArrival == Nanoseconds(.max) { try startBatches(at: time) }
    }

    private mutating func question(_ request: Int, _ time: Nanoseconds) -> RoutingRequest {
        var question = RoutingRequest()
        question.request = Int64(request)
        question.time = time.seconds
        question.promptLength = Int32(truncatingIfNeeded: requests.prompt(request))
        question.outputLength = Int32(truncatingIfNeeded: requests.output(request))
        if let session = requests.session {
            DecimalText.write(session[request], to: sessionName.elements)
            question.session = UnsafePointer(sessionName.elements)
        }
        if let hashes = requests.prefixHashes {
            question.hashIds = UnsafeRawPointer(hashes.ids + Int(hashes.begins[request]))
                .assumingMemoryBound(to: UInt64.self)
            question.hashCount = Int(hashes.ends[request] &- hashes.begins[request])
        }
        return question
    }

    private mutating func deliver(_ request: Int, to replica: Int, at time: Nanoseconds) throws(BatchingError) {
        let replicas = replicas
        outputs.columns.replica?[request] = Int32(truncatingIfNeeded: replica)
        outputs.columns.routedTime?[request] = time.seconds
        try replicas[replica].submit(request, of: requests, arrival: time)
        if isTogether, times.time(of: replica) > time { times.set(replica, time) }
    }

    mutating func takeEvents(of replica: Int) throws(BatchingError) {
        let replicas = replicas
        let events = replicas[replica].takeEvents()
        for place in 0..<events.count { try take(events[place]) }
    }

    private mutating func take(_ event: RunEvent) throws(BatchingError) {
        // The engine writes raw values of this type only.
        let kind = LiveEngineEvent(rawValue: event.event).unsafelyUnwrapped
        outputs.note(event, kind)
        let slot = Int(slots.elements[Int(event.id)])
        switch kind {
        case .firstToken:
            if needs.firstTokens { try router.firstToken(slot: slot, time: event.time.seconds) } else { return }
        case .finished, .rejected, .aborted:
            try router.finished(slot: slot, time: event.time.seconds)
            if loop.isUsed {
                try loop.noteEnd(Int(event.id), at: event.time, hasFailed: kind != .finished)
            }
        case .preempted, .admitted, .resumed: return
        }
        while let released = try router.releasedSlot() {
            try deliver(Int(router.request(slot: released.slot)), to: released.worker, at: event.time)
        }
    }
}

// A router that looks at nothing that replicas do: each runs for itself.
extension FleetRun {
    /// Requests that are handed out before the replicas run on.
    private static var piece: Int { 1 << 12 }

    private mutating func proceedApart() throws(BatchingError) {
        while arrived < requests.count {
            // A static batch waits for what comes to its replica, and for nothing else.
            let end = waitsForMore ? requests.count : min(arrived &+ FleetRun.piece, requests.count)
            while arrived < end { try arrive(at: nextArrival) }
            let time = nextArrival
            for replica in 0..<replicaCount { try runApart(replica, to: time) }
        }
        for replica in 0..<replicaCount { try runApart(replica, to: RunGoal.forever) }
    }

    private mutating func runApart(_ replica: Int, to time: Nanoseconds) throws(BatchingError) {
        let replicas = replicas
        try replicas[replica].run(to: time)
        try takeEvents(of: replica)
    }
}
