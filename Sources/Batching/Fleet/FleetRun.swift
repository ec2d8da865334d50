/// A request that waited at the router, and where it goes.
struct Released: BitwiseCopyable {
    var request: Int64
    var worker: Int
    var time: Nanoseconds
}

/// A fleet and how far it has come.
///
/// Each replica has a time before which nothing happens there that matters (see `LiveEngine.earliestEvent`). The first of
/// those times and of the arrivals is next: a replica runs to it, and what it tells is noted; or a request comes, and is routed.
/// So the router knows, when it decides, all that has happened up to then, and no replica has gone beyond.
///
/// At one time: what ends, by replica, in the order in which it happens there; then what arrives, in order.
struct FleetRun: ~Copyable {
    var requests: RequestColumns
    private let arrivalOrder: PermutedOrder?
    var loop: ClosedLoop
    var router: Router
    var split: Disaggregation
    var operations: FleetOperations
    let chooser: FleetChooserName
    let routerCallback: RouterCallback?
    let routerColumns: RouterColumns
    let pools: UnsafePointer<FleetConfig.Pool>
    var timers: TimedEvents
    /// Requests that were turned away on their way from one replica to another.
    var turnedAway: Int64 = 0
    let needs: RouterNeeds
    private let interest: EventInterest
    /// Of a fleet that runs on: requests that are to come, how far it runs, and whether others may come than are known.
    var pending: PendingArrivals
    var horizon = RunGoal.forever
    var isOpen = false
    /// The last time at which anything was done.
    var latest = Nanoseconds.zero
    // Functions copy it: with ThreadSanitizer the compiler crashes on a call through the stored pointer.
    let replicas: UnsafeMutablePointer<LiveEngine>
    let replicaCount: Int
    var outputs: FleetOutputs
    /// Where replicas run one after the other.
    var completions: CompletionLists
    var times: EarliestTimes
    /// By request: its slot at the router.
    var slots: GrowableBuffer<UInt32>
    /// Requests that the router has released, in order, and how many of them have gone to their replicas.
    private var released: GrowableBuffer<Released>
    private var releasedCount = 0
    private var deliveredCount = 0
    private var isDelivering = false
    /// Requests that have arrived.
    private(set) var arrived = 0
    var metrics: ScrapedMetrics
    /// Whether a replica has static batches, which wait for requests that are to come.
    let waitsForMore: Bool
    /// Whether the routers are told what is in the prefix caches, how late that is, and how late requests come to replicas.
    let takesEvents: Bool
    let takesDecodeEvents: Bool
    private let eventLag: Nanoseconds
    private let routingDelay: Nanoseconds
    private let isAttributed: Bool
    private let preferredReplica: UnsafePointer<Int32>?
    private let preferredDecodeReplica: UnsafePointer<Int32>?
    /// The session of the request that is routed, in decimal digits.
    private let sessionName: ScratchBuffer<CChar>

    init(
        _ requests: RequestColumns, _ configuration: FleetConfig, replicas count: Int, arrivalOrder: PermutedOrder?,
        loop: consuming ClosedLoop, isLive: Bool = false, _ outputs: consuming FleetOutputs
    ) throws(BatchingError) {
        let router = try Router(configuration.ownRouter, keepsIds: false)
        let split = try Disaggregation(configuration, requests, replicas: count)
        let timers = try TimedEvents()
        let released = try GrowableBuffer<Released>(capacity: 0)
        let isApart =
            !isLive && !router.needs.ends && !loop.isUsed && !configuration.isDisaggregated && !configuration.operates
            && configuration.chooser == .router && !configuration.ownRouter.takesKVEvents
        let completions = try CompletionLists(
            requests: isApart && count > 1 && outputs.results.completionOrder != nil ? requests.count : 0,
            replicas: count)
        let routerColumns = try RouterColumns(count: configuration.chooser == .callback ? count : 0)
        let operations = try FleetOperations(configuration, requests: requests.count, replicas: count)
        let times = try EarliestTimes(count: count)
        let sessionName = try ScratchBuffer<CChar>(uninitialized: 24)
        let metrics = try ScrapedMetrics(replicas: count, interval: configuration.metricsInterval)
        let slots = try GrowableBuffer<UInt32>(capacity: requests.count)
        let pending = try PendingArrivals(isUsed: isLive)
        replicas = try FleetRun.made(configuration, count, attributes: outputs.columns.attribution != nil)
        takesEvents = configuration.ownRouter.takesKVEvents
        takesDecodeEvents = split.isUsed && configuration.ownDecodeRouter.takesKVEvents
        eventLag = Nanoseconds(validSeconds: configuration.kvEventLag)
        routingDelay = Nanoseconds(validSeconds: configuration.routingDelay)
        isAttributed = outputs.columns.attribution != nil
        preferredReplica = configuration.preferredReplica
        preferredDecodeReplica = configuration.preferredDecodeReplica
        waitsForMore = FleetRun.hasStaticBatches(configuration)
        replicaCount = count
        self.requests = requests
        self.arrivalOrder = loop.isUsed ? loop.order : arrivalOrder
        var needs = router.needs
        if configuration.chooser != .router { needs = RouterNeeds(ends: true, firstTokens: true) }
        self.needs = needs
        interest = EventInterest(
            firstTokens:
                needs.firstTokens || split.routerNeeds.firstTokens || operations.needsFirstTokens)
        self.router = router
        self.split = split
        self.operations = operations
        pools = configuration.pools
        chooser = configuration.chooser
        routerCallback = configuration.routerCallback
        self.routerColumns = routerColumns
        self.timers = timers
        self.released = released
        self.loop = loop
        self.pending = pending
        self.outputs = outputs
        self.completions = completions
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
        _ configuration: FleetConfig, _ count: Int, attributes: Bool
    ) throws(BatchingError) -> UnsafeMutablePointer<LiveEngine> {
        let memory = try RawMemory.allocate(count, stride: MemoryLayout<LiveEngine>.stride)
        let replicas = memory.bindMemory(to: LiveEngine.self, capacity: count)
        var made = 0
        do throws(BatchingError) {
            for pool in 0..<configuration.poolCount {
                for _ in 0..<configuration.pools[pool].replicas {
                    var own = configuration.pools[pool]
                    own.engine.keepsAttribution = attributes
                    (replicas + made).initialize(
                        to: try LiveEngine(own.engine, keepsIds: configuration.needsIds, role: own.role))
                    made &+= 1
                    let listens = own.role == .decode ? configuration.ownDecodeRouter : configuration.ownRouter
                    if listens.takesKVEvents { try replicas[made &- 1].noteCacheChanges() }
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
    mutating func begin(_ configuration: FleetConfig) throws(BatchingError) {
        let isClosed = loop.isUsed
        try outputs.begin(requests, isClosed: isClosed)
        if operations.isUsed { try beginOperations(configuration) }
    }

    /// A replica begins anew.
    mutating func renew(_ replica: Int) throws(BatchingError) {
        let replicas = replicas
        var (pool, last) = (0, pools[0].replicas)
        while replica >= last {
            pool &+= 1
            last &+= pools[pool].replicas
        }
        var engine = pools[pool].engine
        engine.keepsAttribution = isAttributed
        var fresh = try LiveEngine(engine, keepsIds: operations.needsIds)
        if takesEvents { try fresh.noteCacheChanges() }
        (replicas + replica).deinitialize(count: 1)
        (replicas + replica).initialize(to: fresh)
    }

    mutating func proceed() throws(BatchingError) {
        if !isTogether { return try proceedApart() }
        while true {
            let arrival = nextArrival
            let event = times.time
            if split.handOverTime < event {
                try handOver()
                continue
            }
            let timer = timers.nextTime
            if needs.metrics || split.routerNeeds.metrics,
                let time = metrics.next(
                    event: min(event, timer), arrival: min(arrival, horizon),
                    mayArrive: loop.isUsed || operations.isUsed || split.isUsed)
            {
                try scrape(at: time)
            } else if event <= arrival, event <= timer {
                if event == RunGoal.forever || event > horizon { break }
                latest = event
                try runOn(times.first, to: event)
            } else if timer <= arrival {
                if timer > horizon || isOver { break }
                latest = timer
                try fire()
            } else {
                if arrival >= horizon { break }
                latest = arrival
                try arrive(at: arrival)
            }
            if outputs.events.isWatchOver { break }
        }
    }

    /// Whether anything that comes depends on what the replicas do.
    private var isTogether: Bool {
        needs.ends || loop.isUsed || split.isUsed || takesEvents || operations.isUsed || pending.isUsed
    }

    // Mutating, though they change nothing: to lend itself to any other, it would be copied.

    var nextArrival: Nanoseconds {
        mutating get {
            if loop.isUsed { return loop.nextTime }
            if pending.isUsed { return pending.nextTime }
            return arrived < requests.count ? requests.arrival(index(at: arrived)) : Nanoseconds(.max)
        }
    }

    /// Whether any more requests come.
    var mayArrive: Bool {
        mutating get { isOpen || nextArrival < Nanoseconds(.max) }
    }

    private mutating func index(at position: Int) -> Int {
        if let arrivalOrder { arrivalOrder[position] } else { position }
    }

    mutating func runOn(_ replica: Int, to time: Nanoseconds) throws(BatchingError) {
        let replicas = replicas
        let mayArrive = mayArrive
        if replicas[replica].isAt(time) { return setTime(of: replica, isOpen: mayArrive) }
        // A slice is too short to count its own work.
        try Work.done(iterations: FleetRun.slice)
        let end = waitsAtEnd(replica) ? replicas[replica].lastIterationEnd : nil
        try replicas[replica].run(to: time, isOpen: mayArrive)
        try takeEvents(of: replica)
        if let end, end <= time {
            split.handOvers.pokeOnce(replica)
            return try control(replica, at: time)
        }
        setTime(of: replica, isOpen: self.mayArrive)
    }

    /// Whether anything is to be done at the end of the iteration that a replica runs.
    private func waitsAtEnd(_ replica: Int) -> Bool {
        split.isUsed && !split.handOvers.queues.elements[replica].isEmpty
    }

    /// Iterations as which a slice of a replica's run counts.
    private static var slice: Int64 { 4 }

    mutating func setTime(of replica: Int, isOpen: Bool) {
        let replicas = replicas
        var interest = interest
        interest.isOpen = isOpen
        var time = replicas[replica].earliestEvent(interest)
        if waitsAtEnd(replica), let end = replicas[replica].iterationEnd { time = min(time, end) }
        times.set(replica, time)
    }

    /// No more is known to come: batches that waited for it start.
    mutating func startBatches(at time: Nanoseconds) throws(BatchingError) {
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
        guard split.isUsed else { return try router.observe(metrics.columns) }
        if needs.metrics { try router.observe(metrics.columns(of: split.sources.elements, split.sourceCount)) }
        if split.routerNeeds.metrics {
            try split.router.observe(metrics.columns(of: split.targets.elements, split.targetCount))
        }
    }

    /// A router is told what has come into prefix caches, and left them, as far as it is seen by now.
    mutating func tellCacheChanges(at time: Nanoseconds, toDecodeRouter: Bool) throws(BatchingError) {
        let replicas = replicas
        let seen = Nanoseconds(time.count &- eventLag.count)
        for replica in 0..<replicaCount where !split.isUsed || split.isSource.elements[replica] != toDecodeRouter {
            if times.time(of: replica) < Nanoseconds(.max) { try runOn(replica, to: time) }
            let worker = Int(split.worker.elements[replica])
            while var change = try replicas[replica].nextCacheChange(by: seen) {
                try Work.done(1)
                if toDecodeRouter {
                    try split.router.tell(&change.id, isStored: change.isStored, worker)
                } else {
                    try router.tell(&change.id, isStored: change.isStored, worker)
                }
            }
        }
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
            request = pending.isUsed ? pending.takeNext() : index(at: arrived)
        }
        arrived &+= 1
        try Work.done(iterations: 1)
        if takesEvents { try tellCacheChanges(at: time, toDecodeRouter: false) }
        var isRouted = true
        if operations.isUsed {
            try arriveOperated(request, at: time)
            isRouted = false
        }
        if split.isUsed { isRouted = try arriveApart(request, at: time) }
        if isRouted {
            let routed = try routed(request, at: time)
            slots.elements[request] = UInt32(truncatingIfNeeded: routed.slot)
            if routed.worker >= 0 {
                let replica = Int(split.sources.elements[routed.worker])
                try deliver(request, to: replica, at: time)
                // Its next event is known once the clock of the replica is here.
                if isTogether { try runOn(replica, to: time) }
            }
        }
        if waitsForMore, isTogether, !mayArrive { try startBatches(at: time) }
    }

    /// - Parameter decodes: whether it is asked where the request decodes.
    mutating func question(_ request: Int, _ time: Nanoseconds, decodes: Bool = false) -> RoutingRequest {
        var question = RoutingRequest()
        if let preferred = decodes ? preferredDecodeReplica : preferredReplica {
            question.preferredWorker = worker(of: preferred[request], decodes: decodes)
        }
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

    /// The number that the router has for a replica; -1: it has none.
    private func worker(of replica: Int32, decodes: Bool) -> Int {
        let replica = Int(replica)
        guard replica >= 0, replica < replicaCount else { return -1 }
        if split.isUsed, split.isSource.elements[replica] == decodes { return -1 }
        return Int(split.worker.elements[replica])
    }

    mutating func deliver(_ request: Int, to replica: Int, at time: Nanoseconds) throws(BatchingError) {
        outputs.columns.routedTime?[request] = time.seconds
        try noteRouted(request, replica, at: time)
        if !operations.isUsed { outputs.columns.attempts?[request] = 1 }
        guard split.isUsed else {
            outputs.columns.replica?[request] = Int32(truncatingIfNeeded: replica)
            return try submit(request, of: requests, to: replica, at: time)
        }
        outputs.columns.prefillReplica?[request] = Int32(truncatingIfNeeded: replica)
        try startBeforeArrivals(replica, at: time)
        try submit(request, of: split.prefillRequests, to: replica, at: time)
    }

    /// It goes to its replica; how long it has waited until it is there.
    mutating func noteRouted(_ request: Int, _ replica: Int, at time: Nanoseconds) throws(BatchingError) {
        try outputs.events.appendRouted(request, replica, at: time)
        if outputs.columns.waitingForRouter == nil { return }
        let arrival = time.later(by: routingDelay)
        outputs.noteRouted(request, arrival: loop.isUsed ? nil : requests.arrival(request).seconds, at: arrival)
    }

    /// An iteration of a replica starts in which what arrives now is not, if it is to be so.
    mutating func startBeforeArrivals(_ replica: Int, at time: Nanoseconds) throws(BatchingError) {
        guard split.settings.startsBeforeArrivals, split.lastStart.elements[replica] != time else { return }
        let replicas = replicas
        split.lastStart.elements[replica] = time
        try runOn(replica, to: time)
        try replicas[replica].startIteration(at: time)
    }

    /// Which of equal requests is first; and, to tell it from another that has had its row, what it is marked by.
    func turn(of request: Int) -> Int64 { requests.rank(request) }

    /// A request goes to a replica.
    mutating func submit(
        _ request: Int, of columns: RequestColumns, to replica: Int, at time: Nanoseconds
    ) throws(BatchingError) {
        let replicas = replicas
        let arrival = time.later(by: routingDelay)
        try replicas[replica].submit(request, of: columns, arrival: arrival, turn: turn(of: request))
        if isTogether, times.time(of: replica) > time { times.set(replica, time) }
    }

    mutating func takeEvents(of replica: Int) throws(BatchingError) {
        let replicas = replicas
        let events = replicas[replica].takeEvents()
        if isAttributed { takeParts(of: replica, events) }
        guard split.isUsed else {
            for place in 0..<events.count {
                try take(events[place], replica)
                if events[place].event == LiveEngineEvent.finished.rawValue {
                    completions.add(Int(events[place].id), replica: replica, at: events[place].time)
                }
            }
            return try deliverReleased()
        }
        var held = 0
        for place in 0..<events.count { try takeApart(events[place], replica, &held) }
        replicas[replica].forgetHeld()
        try deliverReleased()
    }

    /// Where the time of the requests went that ended at a replica.
    private mutating func takeParts(of replica: Int, _ events: UnsafeBufferPointer<RunEvent>) {
        let replicas = replicas
        let parts = replicas[replica].takeParts()
        let isTarget = split.isUsed && !split.isSource.elements[replica]
        var position = 0
        for place in 0..<events.count where events[place].isEnd && position < parts.count {
            let request = Int(events[place].id)
            let isDecode = isTarget && split.origins.elements[request] != .here
            var atClient = 0.0
            if loop.isUsed, let sent = outputs.results.sentTime, let arrival = outputs.results.arrivalTime {
                atClient = sent[request] - arrival[request]
            }
            outputs.noteParts(request, parts[position], atClient: atClient, isDecode: isDecode)
            position &+= 1
        }
    }

    /// The same where prefill and decode are apart.
    private mutating func takeApart(_ event: RunEvent, _ replica: Int, _ held: inout Int) throws(BatchingError) {
        let replicas = replicas
        let kind = LiveEngineEvent(rawValue: event.event).unsafelyUnwrapped
        let request = Int(event.id)
        if split.isSource.elements[replica] {
            switch kind {
            case .finished:
                let member = replicas[replica].nextHeld(held)
                held &+= 1
                try router.finished(slot: Int(slots.elements[request]), time: event.time.seconds)
                if split.settings.firstToken == .prefill { try outputs.note(event, .firstToken, replica) }
                try notePromptDone(request, replica, member, at: event.time)
                return try release(at: event.time)
            case .firstToken: return
            case .admitted, .preempted, .resumed: return try outputs.note(event, kind, replica)
            case .rejected, .aborted:
                try outputs.note(event, kind, replica)
                try router.finished(slot: Int(slots.elements[request]), time: event.time.seconds)
                try turnAway(request, at: event.time)
                return try release(at: event.time)
            }
        }
        let origin = split.origins.elements[request]
        switch kind {
        case .admitted:
            outputs.columns.decodeStartTime?[request] = event.time.seconds
            if origin == .here { return try outputs.note(event, kind, replica) }
            try outputs.events.append(kind, request, replica, at: event.time, tokens: event.tokens)
        case .firstToken:
            if split.settings.firstToken == .decode || origin == .here { try outputs.note(event, kind, replica) }
            if split.routerNeeds.firstTokens {
                try split.router.firstToken(slot: Int(split.slots.elements[request]), time: event.time.seconds)
            }
        case .finished, .rejected, .aborted:
            try outputs.note(event, kind, replica)
            try end(request, at: event.time, hasFailed: kind != .finished, atDecodeRouter: true)
        case .preempted, .resumed: try outputs.note(event, kind, replica)
        }
    }

    /// A request has ended, wherever it was.
    mutating func end(
        _ request: Int, at time: Nanoseconds, hasFailed: Bool, atDecodeRouter: Bool
    ) throws(BatchingError) {
        if atDecodeRouter { try split.router.finished(slot: Int(split.slots.elements[request]), time: time.seconds) }
        if loop.isUsed { try loop.noteEnd(request, at: time, hasFailed: hasFailed) }
    }

    /// Requests that waited at the router are routed: they go to their replicas once no events are being looked at.
    mutating func release(at time: Nanoseconds) throws(BatchingError) {
        while let released = try router.releasedSlot() {
            try self.released.reserve(releasedCount &+ 1)
            self.released.elements[releasedCount] = Released(
                request: router.request(slot: released.slot), worker: released.worker, time: time)
            releasedCount &+= 1
        }
    }

    /// The same, and they go.
    mutating func deliverReleased(at time: Nanoseconds) throws(BatchingError) {
        try release(at: time)
        try deliverReleased()
    }

    /// What is told of a replica is not valid once that runs on, as it may for a request that comes to it.
    private mutating func deliverReleased() throws(BatchingError) {
        // What comes of one that is delivered follows behind the others.
        if isDelivering { return }
        isDelivering = true
        defer { isDelivering = false }
        while deliveredCount < releasedCount {
            let next = released.elements[deliveredCount]
            deliveredCount &+= 1
            if deliveredCount == releasedCount { (deliveredCount, releasedCount) = (0, 0) }
            if operations.isUsed {
                try place(Int(next.request), next.worker, at: next.time)
            } else {
                try deliver(Int(next.request), to: Int(split.sources.elements[next.worker]), at: next.time)
            }
        }
    }

    private mutating func take(_ event: RunEvent, _ replica: Int) throws(BatchingError) {
        // The engine writes raw values of this type only.
        let kind = LiveEngineEvent(rawValue: event.event).unsafelyUnwrapped
        try outputs.note(event, kind, replica)
        let slot = Int(slots.elements[Int(event.id)])
        switch kind {
        case .firstToken:
            if operations.isUsed { noteFirstToken(Int(event.id)) }
            if needs.firstTokens { try router.firstToken(slot: slot, time: event.time.seconds) } else { return }
        case .finished, .rejected, .aborted:
            try router.finished(slot: slot, time: event.time.seconds)
            if operations.isUsed { try noteEnd(Int(event.id), at: event.time, isAborted: kind == .aborted) }
            if loop.isUsed {
                try loop.noteEnd(Int(event.id), at: event.time, hasFailed: kind != .finished)
            }
        case .preempted, .admitted, .resumed: return
        }
        try release(at: event.time)
    }
}

extension Router {
    /// A worker has stored a block, or removed it.
    fileprivate mutating func tell(_ id: inout UInt64, isStored: Bool, _ worker: Int) throws(BatchingError) {
        if isStored {
            try stored(worker, hashIds: &id, count: 1, first: 0)
        } else {
            try removed(worker, hashIds: &id, count: 1)
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
