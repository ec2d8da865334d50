// Which requests a fleet takes, what becomes of those that are lost or late, and which replicas there are.
extension FleetRun {
    /// What is known of before the run: faults, and replicas that are not there yet.
    mutating func beginOperations(_ configuration: FleetConfig) throws(BatchingError) {
        try beginScaling(configuration.scaling, decodes: false)
        try beginScaling(configuration.decodeScaling, decodes: true)
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

    private mutating func beginScaling(_ scaling: FleetScalingConfig?, decodes: Bool) throws(BatchingError) {
        guard let scaling else { return }
        let initial = scaling.initialReplicas ?? scaling.autoscaler.minReplicas
        for position in initial..<max(scaledCount(decodes: decodes), initial) {
            let replica = scaledReplica(position, decodes: decodes)
            operations.set(replica, .off, at: .zero)
            try tellRouter(replica, isUp: false, at: .zero)
        }
        let interval = decodes ? operations.decodeScaler.interval : operations.scaler.interval
        try timers.add(.scale, decodes ? 1 : 0, at: interval)
    }

    mutating func expect(
        _ kind: TimedEvents.Kind, _ index: Int, _ seconds: Double, from time: Nanoseconds, mark: Int64 = 0
    ) throws(BatchingError) {
        let length = Nanoseconds(cappedSeconds: seconds)
        try timers.add(kind, index, mark: mark, at: time.later(by: length))
        operations.pending &+= 1
    }

    /// The router of a replica learns that it is there or not; a circuit breaker that is open keeps requests away nevertheless.
    mutating func tellRouter(_ replica: Int, isUp: Bool, at time: Nanoseconds) throws(BatchingError) {
        operations.isKnownUp.elements[replica] = isUp
        let (worker, isUp) = (Int(split.worker.elements[replica]), isUp && !operations.breakers.isOpen(replica))
        if split.isUsed, !split.isSource.elements[replica] {
            try split.router.setWorker(worker, isUp: isUp, time: time.seconds)
        } else {
            try router.setWorker(worker, isUp: isUp, time: time.seconds)
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
            if turn(of: index) == event.mark, !operations.hasFirstToken.elements[index] {
                try depart(index, .leaving, at: time)
            }
        case .e2eTimeout: if turn(of: index) == event.mark { try depart(index, .leaving, at: time) }
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
        case .admission:
            if operations.queue.nextLook == time { operations.queue.nextLook = Nanoseconds(.max) }
            try admitQueued(at: time)
        case .queueTimeout:
            if turn(of: index) == event.mark, operations.phases.elements[index] == .waiting {
                try depart(index, .leaving, at: time)
            }
        case .departure: if turn(of: index) == event.mark { try depart(index, .quitting, at: time) }
        case .scale: try scale(decodes: index == 1, at: time)
        case .landing, .link, .lease: try fireHandOver(event)
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
                || (operations.pending > 0 && (operations.inFlight > 0 || operations.queue.count > 0))
        }
    }
}
