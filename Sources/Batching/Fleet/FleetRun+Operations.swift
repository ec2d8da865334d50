// Which requests a fleet takes, what becomes of those that are lost or late, and which replicas there are.
extension FleetRun {
    /// What is known of before the run: faults, and replicas that are not there yet.
    mutating func beginOperations(_ configuration: FleetConfig) throws(BatchingError) {
        if let scaling = configuration.scaling {
            let initial = scaling.initialReplicas ?? scaling.autoscaler.minReplicas
            for replica in initial..<max(replicaCount, initial) {
                operations.set(replica, .off, at: .zero)
                try tellRouter(replica, isUp: false, at: .zero)
            }
            try timers.add(.scale, 0, at: operations.autoscaler.interval)
        }
        let faults = operations.faults
        for index in 0..<faults.count {
            try Work.row(index)
            try timers.add(.fault, index, at: Nanoseconds(validSeconds: faults.time?[index] ?? 0))
        }
        // What is given is to happen whatever there is to do.
        operations.pending = faults.count
        for replica in 0..<replicaCount where operations.states.elements[replica] == .ready {
            try awaitFailure(of: replica, from: .zero)
        }
    }

    // Requests

    /// A request arrives.
    mutating func arriveOperated(_ request: Int, at time: Nanoseconds) throws(BatchingError) {
        let prompt = requests.prompt(request)
        operations.arrivals &+= 1
        operations.promptSum += Double(prompt)
        operations.outputSum += Double(requests.output(request))
        guard try isAdmitted(request, prompt, at: time) else {
            operations.rejected &+= 1
            return try endOperated(request, .rejectedByAdmission, at: time)
        }
        operations.inFlight &+= 1
        operations.queuedTokens &+= prompt
        let turn = turn(of: request)
        if let timeout = operations.admission.ttftTimeout {
            try expect(.ttftTimeout, request, timeout, from: time, mark: turn)
        }
        if let timeout = operations.admission.e2eTimeout {
            try expect(.e2eTimeout, request, timeout, from: time, mark: turn)
        }
        try send(request, at: time)
    }

    mutating func expect(
        _ kind: TimedEvents.Kind, _ index: Int, _ seconds: Double, from time: Nanoseconds, mark: Int64 = 0
    ) throws(BatchingError) {
        let length = Nanoseconds(cappedSeconds: seconds)
        try timers.add(kind, index, mark: mark, at: time.later(by: length))
        operations.pending &+= 1
    }

    mutating func isAdmitted(_ request: Int, _ prompt: Int64, at time: Nanoseconds) throws(BatchingError) -> Bool {
        let admission = operations.admission
        if let most = admission.maxInFlight, operations.inFlight >= most { return false }
        if let most = admission.maxQueuedTokens, operations.queuedTokens >= most { return false }
        if let least = admission.shedPriority, Int64(requests.priority?[request] ?? 0) >= least {
            if try saturation(at: time) >= 1 { return false }
        }
        let cost = admission.bucketCost == .request ? 1 : Double(prompt)
        return operations.take(cost, at: time)
    }

    /// The mean over the replicas that are ready of how full each is.
    mutating func saturation(at time: Nanoseconds) throws(BatchingError) -> Double {
        let replicas = replicas
        var (sum, count) = (0.0, 0)
        try Work.done(Int64(replicaCount))
        for replica in 0..<replicaCount where operations.states.elements[replica] == .ready {
            if times.time(of: replica) < Nanoseconds(.max) { try runOn(replica, to: time) }
            let load = replicas[replica].load()
            sum += max(
                Double(load.waiting) / operations.admission.saturationQueue,
                load.kvUse / operations.admission.saturationKV)
            count &+= 1
        }
        return count == 0 ? 1 : sum / Double(count)
    }

    /// The router learns that a replica is there or not; a circuit breaker that is open keeps requests away nevertheless.
    mutating func tellRouter(_ replica: Int, isUp: Bool, at time: Nanoseconds) throws(BatchingError) {
        operations.isKnownUp.elements[replica] = isUp
        try router.setWorker(replica, isUp: isUp && !operations.breakers.isOpen(replica), time: time.seconds)
    }

    /// A replica has lost a request.
    private mutating func noteFailure(_ replica: Int, at time: Nanoseconds) throws(BatchingError) {
        guard operations.breakers.noteFailure(replica, at: time) else { return }
        try tellRouter(replica, isUp: operations.isKnownUp.elements[replica], at: time)
        try expect(
            .halfOpen, replica, operations.admission.breakerOpenTime, from: time,
            mark: operations.breakers.mark(of: replica))
    }

    /// A request is routed, for the first time or once more.
    mutating func send(_ request: Int, at time: Nanoseconds) throws(BatchingError) {
        operations.attempts.elements.add(1, at: request)
        outputs.columns.attempts?[request] = operations.attempts.elements[request]
        guard router.workersUp > 0 else { return try lose(request, at: time) }
        if takesEvents { try tellCacheChanges(at: time, toDecodeRouter: false) }
        let before = operations.admission.retriesElsewhere ? Int(operations.places.elements[request]) : -1
        let routed = try routed(request, elsewhereThan: before, at: time)
        slots.elements[request] = UInt32(truncatingIfNeeded: routed.slot)
        guard routed.worker >= 0 else {
            operations.phases.elements[request] = .queued
            return
        }
        try place(request, routed.worker, at: time)
    }

    /// Where a request goes; not to the replica that it was at before, if another is up: then to that with the fewest requests
    /// in flight, of equals to the first.
    private mutating func routed(
        _ request: Int, elsewhereThan before: Int, at time: Nanoseconds
    ) throws(BatchingError) -> RoutedRequest {
        let routed = try routed(request, at: time)
        guard before >= 0, routed.worker == before, router.workersUp > 1 else { return routed }
        try router.finished(slot: routed.slot, time: time.seconds)
        var (other, fewest) = (-1, Int64.max)
        for worker in 0..<replicaCount where worker != before && router.isUp(worker) {
            let own = router.requests(worker)
            if own < fewest { (other, fewest) = (worker, own) }
        }
        return RoutedRequest(slot: try router.booked(question(request, time), worker: other), worker: other)
    }

    /// A request goes to the replica that it was routed to, if that is there.
    mutating func place(_ request: Int, _ replica: Int, at time: Nanoseconds) throws(BatchingError) {
        guard operations.states.elements[replica] != .down else {
            // It comes to nothing.
            try noteDelivery(request, replica, at: time)
            operations.places.elements[request] = Int32(truncatingIfNeeded: replica)
            let summaries = operations.lostSummaries
            summaries[replica].unfinished &+= 1
            try router.finished(slot: Int(slots.elements[request]), time: time.seconds)
            return try lose(request, by: replica, at: time)
        }
        operations.phases.elements[request] = .placed
        operations.places.elements[request] = Int32(truncatingIfNeeded: replica)
        operations.hasFirstToken.elements[request] = false
        operations.loads.elements.add(1, at: replica)
        operations.prefillTokens.elements.add(requests.prompt(request), at: replica)
        try deliver(request, to: replica, at: time)
        try runOn(replica, to: time)
    }

    /// A request has no replica any more: it is sent again, or that was the last time.
    /// - Parameter replica: which has lost it; nil: none was up.
    mutating func lose(_ request: Int, by replica: Int? = nil, at time: Nanoseconds) throws(BatchingError) {
        if let replica { try noteFailure(replica, at: time) }
        let attempt = operations.attempts.elements[request]
        outputs.forget(request)
        switch operations.phases.elements[request] {
        case .leaving: return try fail(request, .timedOut, at: time)
        case .quitting: return try fail(request, .aborted, at: time)
        default: break
        }
        guard Int64(attempt) <= operations.admission.retries else { return try fail(request, .lost, at: time) }
        operations.phases.elements[request] = .lost
        try expect(.retry, request, operations.retryDelay(attempt), from: time, mark: turn(of: request))
    }

    /// A request that was taken ends without all its tokens, and no replica tells it.
    mutating func fail(_ request: Int, _ status: RequestStatus, at time: Nanoseconds) throws(BatchingError) {
        operations.failed &+= 1
        noteTaken(request)
        try endOperated(request, status, at: time)
    }

    /// A request that was taken is in the fleet no longer.
    mutating func noteTaken(_ request: Int) {
        operations.inFlight &-= 1
        if !operations.hasFirstToken.elements[request] { operations.queuedTokens &-= requests.prompt(request) }
    }

    mutating func endOperated(_ request: Int, _ status: RequestStatus, at time: Nanoseconds) throws(BatchingError) {
        operations.phases.elements[request] = .ended
        try outputs.noteEnd(request, status, tokens: 0, at: time)
        if loop.isUsed { try loop.noteEnd(request, at: time, hasFailed: true) }
    }

    mutating func noteFirstToken(_ request: Int) {
        guard !operations.hasFirstToken.elements[request] else { return }
        operations.hasFirstToken.elements[request] = true
        let prompt = requests.prompt(request)
        operations.queuedTokens &-= prompt
        operations.prefillTokens.elements.subtract(prompt, at: Int(operations.places.elements[request]))
    }

    /// A replica has told the end of a request.
    mutating func noteEnd(_ request: Int, _ kind: LiveEngineEvent, at time: Nanoseconds) throws(BatchingError) {
        let replica = leave(request)
        if kind == .finished { operations.breakers.noteSuccess(replica) }
        noteTaken(request)
        let wasLate = operations.phases.elements[request] == .leaving
        operations.phases.elements[request] = .ended
        if kind == .aborted, wasLate { outputs.results.status?[request] = RequestStatus.timedOut.rawValue }
        if operations.states.elements[replica] == .draining, operations.loads.elements[replica] == 0 {
            operations.set(replica, .off, at: time)
        }
    }

    /// A request is at its replica no longer.
    /// - Returns: which that was.
    mutating func leave(_ request: Int) -> Int {
        let replica = Int(operations.places.elements[request])
        operations.loads.elements.subtract(1, at: replica)
        if !operations.hasFirstToken.elements[request] {
            operations.prefillTokens.elements.subtract(requests.prompt(request), at: replica)
        }
        return replica
    }

    mutating func timeOut(_ request: Int, at time: Nanoseconds) throws(BatchingError) {
        switch operations.phases.elements[request] {
        case .queued:
            try router.finished(slot: Int(slots.elements[request]), time: time.seconds)
            try fail(request, .timedOut, at: time)
        case .lost: try fail(request, .timedOut, at: time)
        case .placed:
            let replica = Int(operations.places.elements[request])
            try runOn(replica, to: time)
            // It may have ended at this very time.
            guard operations.phases.elements[request] == .placed else { return }
            operations.phases.elements[request] = .leaving
            try leave(request, from: replica, at: time)
        case .toCome, .leaving, .quitting, .ended: return
        }
    }

    /// What happens at its time.
    mutating func operate(_ event: TimedEvents.Event) throws(BatchingError) {
        let (index, time) = (Int(event.index), event.time)
        if event.kind != .scale, event.kind != .failure { operations.pending &-= 1 }
        switch event.kind {
        case .retry:
            if turn(of: index) == event.mark, operations.phases.elements[index] == .lost { try send(index, at: time) }
        case .ttftTimeout:
            if turn(of: index) == event.mark, !operations.hasFirstToken.elements[index] { try timeOut(index, at: time) }
        case .e2eTimeout: if turn(of: index) == event.mark { try timeOut(index, at: time) }
        // Once all is over, nothing is lost, and no replica is paid for longer than the others.
        case .fault: if workRemains { try happen(index, at: time) }
        case .failure:
            guard operations.marks.elements[index] == event.mark, workRemains else { return }
            try bringDown(index, at: time)
            try expect(
                .recovery, index, operations.faultRandom.exponential() * operations.faults.meanDownTime, from: time,
                mark: operations.marks.elements[index])
        case .recovery:
            if operations.marks.elements[index] == event.mark { try bringUp(index, at: time) }
        case .noticeDown:
            if operations.marks.elements[index] == event.mark {
                try tellRouter(index, isUp: false, at: time)
                try deliverReleased(at: time)
            }
        case .noticeUp:
            if operations.marks.elements[index] == event.mark {
                try tellRouter(index, isUp: true, at: time)
                try deliverReleased(at: time)
            }
        case .halfOpen:
            guard operations.breakers.isOpen(index), operations.breakers.mark(of: index) == event.mark else { return }
            operations.breakers.halfOpen(index)
            try tellRouter(index, isUp: operations.isKnownUp.elements[index], at: time)
            try deliverReleased(at: time)
        case .ready:
            if operations.marks.elements[index] == event.mark, workRemains { try beReady(index, at: time) }
        case .scale: try scale(at: time)
        case .landing, .link, .lease: return
        }
    }

    /// Whether all is over, in a fleet that runs to its end and may run on from there: what was to happen later still is.
    var isOver: Bool {
        mutating get { operations.isUsed && pending.isUsed && !workRemains }
    }

    /// Whether anything is left that faults and autoscalers could matter to.
    var workRemains: Bool {
        mutating get {
            mayArrive || times.time < Nanoseconds(.max)
                || (operations.pending > 0 && operations.inFlight > 0)
        }
    }
}
