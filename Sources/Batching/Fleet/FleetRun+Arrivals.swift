// Requests arrive, and go to replicas.
extension FleetRun {
    // Mutating, though they change nothing: to lend itself to any other, it would be copied.

    var nextArrival: Nanoseconds {
        @inline(__always) mutating get {
            if loop.isUsed { return loop.nextTime }
            if pending.isUsed { return pending.nextTime }
            return arrived < requests.count ? requests.arrival(index(at: arrived)) : Nanoseconds(.max)
        }
    }

    /// Whether any more requests come.
    var mayArrive: Bool {
        mutating get { isOpen || nextArrival < Nanoseconds(.max) }
    }

    /// Whether replicas go on as if more came: without static batches it is the same to them.
    var isExpected: Bool {
        @inline(__always) mutating get { !waitsForMore || mayArrive }
    }

    private mutating func index(at position: Int) -> Int {
        if let arrivalOrder { arrivalOrder[position] } else { position }
    }

    /// The next request arrives, and is routed.
    mutating func arrive(at time: Nanoseconds) throws(BatchingError) {
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
        try count(iterations: 1)
        if takesEvents { try tellCacheChanges(at: time, toDecodeRouter: false) }
        var isRouted = true
        if operations.isUsed {
            try arriveOperated(request, at: time)
            isRouted = false
        } else if split.isUsed {
            isRouted = try arriveApart(request, at: time)
        }
        if isRouted {
            let routed = try routed(request, at: time)
            slots.elements[request] = UInt32(truncatingIfNeeded: routed.slot)
            if routed.worker >= 0 {
                let replica = Int(split.sources.elements[routed.worker])
                try deliver(request, to: replica, at: time)
                try expectEvent(of: replica, after: time)
            }
        }
        if waitsForMore, !mayArrive { try startBatches(at: time) }
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
        try noteDelivery(request, replica, at: time)
        guard split.isUsed else { return try submit(request, of: requests, to: replica, at: time) }
        try startBeforeArrivals(replica, at: time)
        try submit(request, of: split.prefillRequests, to: replica, at: time)
    }

    /// The router has sent a request to a replica.
    mutating func noteDelivery(_ request: Int, _ replica: Int, at time: Nanoseconds) throws(BatchingError) {
        outputs.columns.routedTime?[request] = time.seconds
        try noteRouted(request, replica, at: time)
        if !operations.isUsed { outputs.columns.attempts?[request] = 1 }
        if split.isUsed {
            outputs.columns.prefillReplica?[request] = Int32(truncatingIfNeeded: replica)
        } else {
            outputs.columns.replica?[request] = Int32(truncatingIfNeeded: replica)
        }
    }

    /// It goes to its replica; how long it has waited until it is there.
    mutating func noteRouted(_ request: Int, _ replica: Int, at time: Nanoseconds) throws(BatchingError) {
        try outputs.events.appendRouted(request, replica, at: time)
        if outputs.columns.waitingForRouter == nil { return }
        let arrival = time.later(by: routingDelay)
        outputs.noteRouted(request, arrival: loop.isUsed ? nil : requests.arrival(request).seconds, at: arrival)
    }

    /// A request has come to a replica: when something happens there next. It runs on only if that is not known otherwise.
    private mutating func expectEvent(of replica: Int, after time: Nanoseconds) throws(BatchingError) {
        let replicas = replicas
        if !waitsAtEnd(replica), replicas[replica].isBusy {
            setTime(of: replica, isOpen: isExpected)
            if times.time(of: replica) > time { return }
        }
        try runOn(replica, to: time)
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
    }

    /// A request has come to a replica, which is to be looked at then.
    mutating func noteArrival(at replica: Int, _ time: Nanoseconds) {
        if times.time(of: replica) > time { times.set(replica, time) }
    }
}
