// Which requests a fleet takes, and which wait until there is room.
extension FleetRun {
    /// A request arrives.
    mutating func arriveOperated(_ request: Int, at time: Nanoseconds) throws(BatchingError) {
        let prompt = requests.prompt(request)
        operations.arrivals &+= 1
        operations.promptSum += Double(prompt)
        operations.outputSum += Double(requests.output(request))
        let admission = operations.admission
        let priority = Int64(requests.priority?[request] ?? 0)
        let mayBeTaken = hasRoomInFleet || admission.maxQueuedRequests != nil
        if mayBeTaken, let least = admission.shedPriority, priority >= least, try saturation(at: time) >= 1 {
            return try turnAwayOnArrival(request, at: time)
        }
        // Without priorities in their admission those that wait are equals.
        let rank = admission.shedPriority == nil ? 0 : priority
        if operations.queue.isAhead(rank), hasRoom(for: prompt, at: time) {
            try expectDeparture(of: request, at: time)
            return try take(request, at: time)
        }
        let isTooMuch = admission.cost(of: prompt) > admission.bucketCapacity ?? .infinity
        guard let most = admission.maxQueuedRequests, Int64(operations.queue.count) < most, !isTooMuch else {
            return try turnAwayOnArrival(request, at: time)
        }
        operations.phases.elements[request] = .waiting
        try operations.queue.add(request, priority: rank)
        try expectDeparture(of: request, at: time)
        if let timeout = admission.queueTimeout {
            try expect(.queueTimeout, request, timeout, from: time, mark: turn(of: request))
        }
        try awaitRoom(at: time)
    }

    private mutating func turnAwayOnArrival(_ request: Int, at time: Nanoseconds) throws(BatchingError) {
        operations.rejected &+= 1
        try endOperated(request, .rejectedByAdmission, at: time)
    }

    /// When a request leaves that has not ended by then.
    private mutating func expectDeparture(of request: Int, at time: Nanoseconds) throws(BatchingError) {
        let turn = turn(of: request)
        if let timeout = operations.admission.ttftTimeout {
            try expect(.ttftTimeout, request, timeout, from: time, mark: turn)
        }
        if let timeout = operations.admission.e2eTimeout {
            try expect(.e2eTimeout, request, timeout, from: time, mark: turn)
        }
        if let abort = requests.abortTime?[request], !abort.isNaN {
            operations.pending &+= 1
            try timers.add(.departure, request, mark: turn, at: max(time, Nanoseconds(validSeconds: abort)))
        }
    }

    /// A request is taken.
    private mutating func take(_ request: Int, at time: Nanoseconds) throws(BatchingError) {
        operations.inFlight &+= 1
        operations.queuedTokens &+= requests.prompt(request)
        try send(request, at: time)
    }

    private var hasRoomInFleet: Bool {
        let admission = operations.admission
        if let most = admission.maxInFlight, operations.inFlight >= most { return false }
        if let most = admission.maxQueuedTokens, operations.queuedTokens >= most { return false }
        return true
    }

    /// Whether a request can be taken; if so, the bucket has given what it costs.
    private mutating func hasRoom(for prompt: Int64, at time: Nanoseconds) -> Bool {
        hasRoomInFleet && operations.take(operations.admission.cost(of: prompt), at: time)
    }

    // Those that wait

    /// There is room for another request: those that wait are looked at once all that ends at this time has.
    mutating func noteRoom(at time: Nanoseconds) throws(BatchingError) {
        // A replica may tell late that a request has left.
        if operations.queue.count > 0 { try look(at: max(time, latest)) }
    }

    private mutating func look(at time: Nanoseconds) throws(BatchingError) {
        guard time < operations.queue.nextLook else { return }
        operations.queue.nextLook = time
        operations.pending &+= 1
        try timers.add(.admission, 0, at: time)
    }

    /// Takes of those that wait as many as there is room for.
    mutating func admitQueued(at time: Nanoseconds) throws(BatchingError) {
        while operations.queue.count > 0 {
            try Work.done(1)
            let request = operations.queue.first
            guard hasRoom(for: requests.prompt(request), at: time) else { return try awaitRoom(at: time) }
            operations.queue.removeFirst()
            try take(request, at: time)
        }
    }

    /// Where only the bucket is wanting for the first of those that wait, it is known when it has enough, if it ever has.
    private mutating func awaitRoom(at time: Nanoseconds) throws(BatchingError) {
        guard operations.queue.count > 0, hasRoomInFleet, operations.admission.bucketCapacity != nil else { return }
        let cost = operations.admission.cost(of: requests.prompt(operations.queue.first))
        // What is rounded away may be wanting then: a little more than that flows in the next time.
        let wanting = max(cost - operations.bucket, cost * 0x1p-50)
        let length = Nanoseconds(cappedSeconds: wanting / operations.admission.bucketRate)
        if let next = time.advanced(by: 1, of: max(length, Nanoseconds(1))) { try look(at: next) }
    }

    /// The mean over the replicas that are ready of how full each is; with roles, that of the role that is fuller.
    private mutating func saturation(at time: Nanoseconds) throws(BatchingError) -> Double {
        let own = try saturation(decodes: false, at: time)
        return split.isUsed ? max(own, try saturation(decodes: true, at: time)) : own
    }

    private mutating func saturation(decodes: Bool, at time: Nanoseconds) throws(BatchingError) -> Double {
        let replicas = replicas
        var (sum, count) = (0.0, 0)
        try Work.done(Int64(replicaCount))
        for position in 0..<scaledCount(decodes: decodes) {
            let replica = scaledReplica(position, decodes: decodes)
            guard operations.states.elements[replica] == .ready else { continue }
            if times.time(of: replica) < Nanoseconds(.max) { try runOn(replica, to: time) }
            let load = replicas[replica].load()
            sum += max(
                Double(load.waiting) / operations.admission.saturationQueue,
                load.kvUse / operations.admission.saturationKV)
            count &+= 1
        }
        return count == 0 ? 1 : sum / Double(count)
    }
}
