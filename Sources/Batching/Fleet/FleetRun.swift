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
    let arrivalOrder: PermutedOrder?
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
    var turnedAway: Int64
    let needs: RouterNeeds
    private let interest: EventInterest
    /// Of a fleet that runs on: requests that are to come, how far it runs, and whether others may come than are known.
    var pending: PendingArrivals
    var horizon: Nanoseconds
    var isOpen: Bool
    /// The last time at which anything was done.
    var latest: Nanoseconds
    // Functions copy it: with ThreadSanitizer the compiler crashes on a call through the stored pointer.
    let replicas: UnsafeMutablePointer<LiveEngine>
    let replicaCount: Int
    var outputs: FleetOutputs
    var times: EarliestTimes
    /// By request: its slot at the router.
    var slots: GrowableBuffer<UInt32>
    /// Requests that the router has released, in order, and how many of them have gone to their replicas.
    var released: GrowableBuffer<Released>
    var releasedCount: Int
    var deliveredCount: Int
    var isDelivering: Bool
    /// Requests that have arrived.
    var arrived: Int
    /// Iterations that have not been counted as work yet.
    private var uncounted: Int64
    var metrics: ScrapedMetrics
    /// Whether nothing but later decisions looks at what has ended.
    private let endsBringNothing: Bool
    /// Whether a replica has static batches, which wait for requests that are to come.
    let waitsForMore: Bool
    /// Whether the routers are told what is in the prefix caches, how late that is, and how late requests come to replicas.
    let takesEvents: Bool
    let takesDecodeEvents: Bool
    private let eventLag: Nanoseconds
    let routingDelay: Nanoseconds
    let isAttributed: Bool
    /// Whether requests are found by their ids, so that they can be taken from a replica.
    private let keepsIds: Bool
    let preferredReplica: UnsafePointer<Int32>?
    let preferredDecodeReplica: UnsafePointer<Int32>?
    /// The session of the request that is routed, in decimal digits.
    let sessionName: ScratchBuffer<CChar>

    init(
        _ requests: RequestColumns, _ configuration: FleetConfig, replicas count: Int, arrivalOrder: PermutedOrder?,
        loop: consuming ClosedLoop, isLive: Bool = false, _ outputs: consuming FleetOutputs
    ) throws(BatchingError) {
        let router = try Router(configuration.ownRouter, keepsIds: false)
        let split = try Disaggregation(configuration, requests, replicas: count)
        let timers = try TimedEvents()
        let released = try GrowableBuffer<Released>(capacity: 0)
        let routerColumns = try RouterColumns(count: configuration.chooser == .callback ? count : 0)
        let operations = try FleetOperations(configuration, requests: requests.count, replicas: count)
        let times = try EarliestTimes(count: count)
        let sessionName = try ScratchBuffer<CChar>(uninitialized: 24)
        let metrics = try ScrapedMetrics(replicas: count, interval: configuration.metricsInterval)
        let slots = try GrowableBuffer<UInt32>(capacity: requests.count)
        let pending = try PendingArrivals(isUsed: isLive)
        replicas = try FleetRun.made(
            configuration, count, keepsIds: isLive || configuration.needsIds,
            attributes: outputs.columns.attribution != nil)
        keepsIds = isLive || configuration.needsIds
        takesEvents = configuration.ownRouter.takesKVEvents
        takesDecodeEvents = split.isUsed && configuration.ownDecodeRouter.takesKVEvents
        eventLag = Nanoseconds(validSeconds: configuration.kvEventLag)
        routingDelay = Nanoseconds(validSeconds: configuration.routingDelay)
        isAttributed = outputs.columns.attribution != nil
        preferredReplica = configuration.preferredReplica
        preferredDecodeReplica = configuration.preferredDecodeReplica
        let waitsForMore = FleetRun.hasStaticBatches(configuration)
        self.waitsForMore = waitsForMore
        endsBringNothing =
            !isLive && !loop.isUsed && !configuration.isDisaggregated && !configuration.operates && !waitsForMore
            && configuration.ownRouter.dynamo.queueThreshold == nil
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
        self.times = times
        self.slots = slots
        self.metrics = metrics
        self.sessionName = sessionName
        (turnedAway, arrived, uncounted) = (0, 0, 0)
        (horizon, isOpen, latest) = (RunGoal.forever, false, .zero)
        (releasedCount, deliveredCount, isDelivering) = (0, 0, false)
    }

    /// A copy of one that runs on, which has nothing to tell yet.
    /// - Parameter configuration: equal to that of the other, where the copy is to find it.
    init(copying other: borrowing FleetRun, _ configuration: FleetConfig) throws(BatchingError) {
        var copy = DeepCopy()
        let router = try other.router.fork()
        let split = try Disaggregation(copying: other.split, &copy)
        let operations = try FleetOperations(copying: other.operations, faults: configuration.faults, &copy)
        let routerColumns = try RouterColumns(count: other.chooser == .callback ? other.replicaCount : 0)
        let timers = TimedEvents(copying: other.timers, &copy)
        let pending = PendingArrivals(copying: other.pending, &copy)
        let outputs = FleetOutputs(copying: other.outputs, &copy)
        let times = EarliestTimes(copying: other.times, &copy)
        let slots = GrowableBuffer(copying: other.slots, count: other.slots.capacity, &copy)
        let released = GrowableBuffer(copying: other.released, count: other.releasedCount, &copy)
        let metrics = ScrapedMetrics(copying: other.metrics, &copy)
        let sessionName = ScratchBuffer(copying: other.sessionName, &copy)
        try copy.check()
        let loop = try ClosedLoop()
        replicas = try FleetRun.copied(other.replicas, other.replicaCount)
        (requests, arrivalOrder) = (other.requests, other.arrivalOrder)
        self.loop = loop
        self.router = router
        self.split = split
        self.operations = operations
        (chooser, routerCallback) = (other.chooser, other.routerCallback)
        self.routerColumns = routerColumns
        pools = configuration.pools
        self.timers = timers
        (turnedAway, needs, interest) = (other.turnedAway, other.needs, other.interest)
        self.pending = pending
        (horizon, isOpen, latest) = (other.horizon, other.isOpen, other.latest)
        replicaCount = other.replicaCount
        self.outputs = outputs
        self.times = times
        self.slots = slots
        self.released = released
        (releasedCount, deliveredCount) = (other.releasedCount, other.deliveredCount)
        (isDelivering, arrived, uncounted) = (false, other.arrived, 0)
        self.metrics = metrics
        (waitsForMore, endsBringNothing) = (other.waitsForMore, other.endsBringNothing)
        (takesEvents, takesDecodeEvents) = (other.takesEvents, other.takesDecodeEvents)
        (eventLag, routingDelay, isAttributed) = (other.eventLag, other.routingDelay, other.isAttributed)
        keepsIds = other.keepsIds
        (preferredReplica, preferredDecodeReplica) = (other.preferredReplica, other.preferredDecodeReplica)
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
        _ configuration: FleetConfig, _ count: Int, keepsIds: Bool, attributes: Bool
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
                        to: try LiveEngine(own.engine, keepsIds: keepsIds, role: own.role))
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

    private static func copied(
        _ others: UnsafeMutablePointer<LiveEngine>, _ count: Int
    ) throws(BatchingError) -> UnsafeMutablePointer<LiveEngine> {
        let replicas = try RawMemory.allocate(count, stride: MemoryLayout<LiveEngine>.stride)
            .bindMemory(to: LiveEngine.self, capacity: count)
        var made = 0
        do throws(BatchingError) {
            while made < count {
                (replicas + made).initialize(to: try others[made].fork())
                made &+= 1
            }
        } catch {
            replicas.deinitialize(count: made)
            deallocate(reallocated: replicas)
            throw error
        }
        return replicas
    }

    /// From here on outputs are written.
    /// - Parameter logs: one for each replica. nil: not wanted.
    mutating func begin(
        _ configuration: FleetConfig, _ logs: UnsafeMutablePointer<ReplicaLogs>? = nil
    ) throws(BatchingError) {
        let isClosed = loop.isUsed
        try outputs.begin(requests, isClosed: isClosed)
        if let logs {
            let replicas = replicas
            for replica in 0..<replicaCount { replicas[replica].begin(logs[replica]) }
        }
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
        let role = pools[pool].role
        var fresh = try LiveEngine(engine, keepsIds: keepsIds, role: role)
        if role == .decode ? takesDecodeEvents : takesEvents { try fresh.noteCacheChanges() }
        fresh.begin(replicas[replica].takeLogs())
        (replicas + replica).deinitialize(count: 1)
        (replicas + replica).initialize(to: fresh)
    }

    mutating func proceed() throws(BatchingError) {
        while true {
            let arrival = nextArrival
            let event = times.time
            if split.handOverTime < event {
                try handOver()
                continue
            }
            let timer = timers.nextTime
            if needsTimes,
                let time = metrics.next(
                    event: min(event, timer), arrival: min(arrival, horizon),
                    mayArrive: loop.isUsed || operations.isUsed || split.isUsed)
            {
                try scrape(at: time)
            } else if event <= arrival, event <= timer {
                if event == RunGoal.forever || event > horizon { break }
                latest = event
                try runFirst(to: event, before: min(min(arrival, timer), min(split.handOverTime, horizon)))
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

    /// The replica that is first runs on to its event; or, if nothing else happens meanwhile, to the one that it has instead, later
    /// than was known.
    private mutating func runFirst(to event: Nanoseconds, before other: Nanoseconds) throws(BatchingError) {
        let replicas = replicas
        let replica = times.first
        let next = min(other, times.nextTime)
        let last = Nanoseconds(next.count &- 1)
        if next < Nanoseconds(.max), last > event, !waitsAtEnd(replica), !needsTimes {
            // Whatever ends, requests come when they come.
            if endsBringNothing { return try runOn(replica, to: last) }
            try count(iterations: FleetRun.slice)
            if try replicas[replica].runToEvent(by: last, interest) {
                try takeEvents(of: replica)
                return setTime(of: replica, isOpen: isExpected)
            }
        }
        try runOn(replica, to: event)
    }

    /// Whether routers are told metrics at times of their own.
    private var needsTimes: Bool { needs.metrics || split.routerNeeds.metrics }

    mutating func runOn(_ replica: Int, to time: Nanoseconds) throws(BatchingError) {
        let replicas = replicas
        let isOpen = isExpected
        if replicas[replica].isAt(time) { return setTime(of: replica, isOpen: isOpen) }
        // A slice is too short to count its own work.
        try count(iterations: FleetRun.slice)
        let end = waitsAtEnd(replica) ? replicas[replica].lastIterationEnd : nil
        try replicas[replica].run(to: time, isOpen: isOpen)
        try takeEvents(of: replica)
        if let end, end <= time {
            split.handOvers.pokeOnce(replica)
            return try control(replica, at: time)
        }
        setTime(of: replica, isOpen: isExpected)
    }

    /// Whether anything is to be done at the end of the iteration that a replica runs.
    func waitsAtEnd(_ replica: Int) -> Bool {
        split.isUsed && !split.handOvers.queues.elements[replica].isEmpty
    }

    /// Iterations as which a slice of a replica's run counts.
    private static var slice: Int64 { 4 }

    /// Counts work, some of it at a time.
    @inline(__always)
    mutating func count(iterations: Int64) throws(BatchingError) {
        uncounted &+= iterations
        if uncounted < FleetRun.countedAtOnce { return }
        try Work.done(iterations: uncounted)
        uncounted = 0
    }

    private static var countedAtOnce: Int64 { 256 }

    mutating func setTime(of replica: Int, isOpen: Bool) {
        let replicas = replicas
        var interest = interest
        interest.isOpen = isOpen
        interest.iterationEnds = waitsAtEnd(replica)
        var time = replicas[replica].earliestEvent(interest)
        if interest.iterationEnds, let end = replicas[replica].iterationEnd { time = min(time, end) }
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
