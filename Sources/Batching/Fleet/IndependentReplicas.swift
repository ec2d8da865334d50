extension FleetConfig {
    /// Whether nothing that a replica does decides what comes to another, as long as requests come at times that are known.
    var hasIndependentReplicas: Bool {
        chooser == .router && !router.router.needs.ends && !isDisaggregated && !operates && !ownRouter.takesKVEvents
    }
}

/// A fleet whose router looks at nothing that replicas do. All requests are routed first; then each replica is a whole run of
/// what has come to it.
struct IndependentReplicas: ~Copyable {
    private var requests: RequestColumns
    private let survey: RequestSurvey
    private let configuration: FleetConfig
    private let count: Int
    private let arrivalOrder: PermutedOrder?
    private var results: ResultColumns
    private var columns: FleetColumns
    private let routingDelay: Nanoseconds
    /// When each request comes to its replica, if that is later than it arrives.
    private let delayedArrivals: ScratchBuffer<Double>
    /// The requests of the first replica in order of arrival, then those of the second, and so on.
    private let order: ScratchBuffer<UInt32>
    /// By replica: where its requests end in that order.
    private let ends: ScratchBuffer<Int>
    /// In the same order: the requests of each replica in order of completion, then -1.
    private let completions: ScratchBuffer<Int64>
    /// Where a run keeps what it knows of each request of all replicas, if the column in which it does that is not wanted.
    private let memoryTimes: ScratchBuffer<Double>
    /// When they end, where that is not wanted otherwise.
    private let endTimes: ScratchBuffer<Double>

    /// - Parameters:
    ///   - requests: that have been checked.
    ///   - count: replicas.
    init(
        _ requests: RequestColumns, _ survey: RequestSurvey, _ configuration: FleetConfig, replicas count: Int,
        arrivalOrder: PermutedOrder?, _ results: ResultColumns, _ columns: FleetColumns
    ) throws(BatchingError) {
        let isDelayed = configuration.routingDelay > 0
        let delayedArrivals = try ScratchBuffer<Double>(uninitialized: isDelayed ? requests.count : 0)
        let order = try ScratchBuffer<UInt32>(uninitialized: requests.count)
        let ends = try ScratchBuffer<Int>(count: count, repeating: 0)
        let isMerged = count > 1 && results.completionOrder != nil
        let completions = try ScratchBuffer<Int64>(uninitialized: isMerged ? requests.count : 0)
        let lacksEnds = isMerged && results.endTime == nil
        let needsMemoryTimes = columns.attribution != nil && columns.attribution?.waitingForMemory == nil
        let memoryTimes = try ScratchBuffer<Double>(uninitialized: needsMemoryTimes ? requests.count : 0)
        let endTimes = try ScratchBuffer<Double>(uninitialized: lacksEnds ? requests.count : 0)
        self.delayedArrivals = delayedArrivals
        self.order = order
        self.ends = ends
        self.completions = completions
        self.memoryTimes = memoryTimes
        self.endTimes = endTimes
        self.requests = requests
        self.survey = survey
        self.configuration = configuration
        self.count = count
        self.arrivalOrder = arrivalOrder
        self.results = results
        if lacksEnds { self.results.endTime = self.endTimes.elements }
        self.columns = columns
        if needsMemoryTimes { self.columns.attribution?.waitingForMemory = self.memoryTimes.elements }
        routingDelay = Nanoseconds(validSeconds: configuration.routingDelay)
    }

    /// - Parameters:
    ///   - summaries: one for each replica. nil: not wanted.
    ///   - logs: the same.
    mutating func simulate(
        _ summaries: UnsafeMutablePointer<EngineSummary>?, _ logs: UnsafeMutablePointer<ReplicaLogs>?
    ) throws(BatchingError) -> EngineSummary {
        try results.writeArrivals(requests)
        try columns.begin(count: requests.count)
        try route()
        var sum = FleetSum()
        var (replica, totalTime) = (0, 0.0)
        for pool in 0..<configuration.poolCount {
            for _ in 0..<configuration.pools[pool].replicas {
                var own = ReplicaLogs()
                if let logs { own = logs[replica] }
                let engine = configuration.pools[pool].engine
                let summary = try simulate(replica, engine, &own.iterationLog, &own.decisionLog)
                logs?[replica] = own
                summaries?[replica] = summary
                sum.add(summary, isSource: false)
                sum.left &+= summary.unfinished
                totalTime = max(totalTime, summary.totalTime)
                replica &+= 1
            }
        }
        try mergeCompletions()
        columns.upTime?.update(repeating: max(sum.duration, totalTime), count: count)
        columns.scalingCount?.pointee = 0
        return sum.summary(replicas: count, totalTime: totalTime, notSent: 0)
    }

    // MARK: - Routing

    /// Which replica each request goes to, and from that what comes to each.
    private mutating func route() throws(BatchingError) {
        let workers = try ScratchBuffer<Int32>(uninitialized: requests.count)
        let (order, ends) = (order.elements, ends.elements)
        var router = try Router(configuration.ownRouter, keepsIds: false)
        for position in 0..<requests.count {
            try Work.row(position)
            let request = index(at: position)
            let worker = try route(request, &router)
            workers.elements[position] = Int32(truncatingIfNeeded: worker)
            ends[worker] &+= 1
        }
        var begin = 0
        for replica in 0..<count {
            let own = ends[replica]
            ends[replica] = begin
            begin &+= own
        }
        for position in 0..<requests.count {
            try Work.row(position)
            let worker = Int(workers.elements[position])
            order[ends[worker]] = UInt32(truncatingIfNeeded: index(at: position))
            ends[worker] &+= 1
        }
        if configuration.routingDelay > 0 { requests.arrivalTime = UnsafePointer(delayedArrivals.elements) }
    }

    private func index(at position: Int) -> Int {
        if let arrivalOrder { arrivalOrder[position] } else { position }
    }

    // Mutating, as those below, though they change nothing: to lend itself to any other, it would be copied.
    private mutating func route(_ request: Int, _ router: inout Router) throws(BatchingError) -> Int {
        let time = requests.arrival(request)
        var question = RoutingRequest()
        question.request = Int64(request)
        question.time = time.seconds
        if let preferred = configuration.preferredReplica { question.preferredWorker = Int(preferred[request]) }
        let routed = try router.routed(question)
        // The router remembers nothing of it, and keeps no place for it.
        try router.finished(slot: routed.slot, time: question.time)
        columns.replica?[request] = Int32(truncatingIfNeeded: routed.worker)
        columns.routedTime?[request] = question.time
        columns.attempts?[request] = 1
        if configuration.routingDelay > 0 || columns.waitingForRouter != nil {
            let arrival = time.later(by: routingDelay).seconds
            columns.waitingForRouter?[request] = arrival - question.time
            if configuration.routingDelay > 0 { delayedArrivals.elements[request] = arrival }
        }
        return routed.worker
    }

    // MARK: - Replicas

    private func requests(of replica: Int) -> Range<Int> {
        (replica == 0 ? 0 : ends.elements[replica &- 1])..<ends.elements[replica]
    }

    private mutating func simulate(
        _ replica: Int, _ engine: EngineConfig, _ iterationLog: inout IterationLog?, _ decisionLog: inout DecisionLog?
    ) throws(BatchingError) -> EngineSummary {
        let range = requests(of: replica)
        var part = requests
        part.count = range.count
        let order = PermutedOrder(indices: UnsafePointer(order.elements + range.lowerBound))
        var own = results
        // These are of the fleet, and are written.
        (own.arrivalTime, own.sentTime) = (nil, nil)
        if count > 1, results.completionOrder != nil { own.completionOrder = completions.elements + range.lowerBound }
        let run = try WholeRun(part: order, of: part, engine, survey)
        return try run.run(RunOutputs(own, columns.attribution), &iterationLog, &decisionLog)
    }

    /// The completions of all replicas in order of time; of equals, by replica.
    private mutating func mergeCompletions() throws(BatchingError) {
        guard count > 1, let merged = results.completionOrder else { return }
        let endTime = results.endTime.unsafelyUnwrapped
        var next = try EarliestTimes(count: count)
        let places = try ScratchBuffer<Int>(uninitialized: count)
        let (ends, completions) = (ends.elements, completions.elements)
        func set(_ replica: Int, _ place: Int) {
            places.elements[replica] = place
            let isOver = place == ends[replica] || completions[place] < 0
            let time = isOver ? .maximum : Nanoseconds(validSeconds: endTime[Int(completions[place])])
            next.set(replica, isOver ? Nanoseconds(.max) : time)
        }
        for replica in 0..<count { set(replica, requests(of: replica).lowerBound) }
        var position = 0
        while next.time < Nanoseconds(.max) {
            try Work.row(position)
            let place = places.elements[next.first]
            merged[position] = completions[place]
            position &+= 1
            set(next.first, place &+ 1)
        }
        while position < requests.count {
            try Work.row(position)
            merged[position] = -1
            position &+= 1
        }
    }
}
