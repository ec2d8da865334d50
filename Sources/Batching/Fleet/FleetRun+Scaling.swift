// Autoscalers decide how many replicas there are; with roles, how many of each.
extension FleetRun {
    /// A replica that was started serves from now on.
    mutating func beReady(_ replica: Int, at time: Nanoseconds) throws(BatchingError) {
        let replicas = replicas
        try replicas[replica].run(to: time, isOpen: true)
        operations.set(replica, .ready, at: time)
        try awaitFailure(of: replica, from: time)
        try tellRouter(replica, isUp: true, at: time)
        try deliverReleased(at: time)
    }

    /// An autoscaler decides.
    /// - Parameter decodes: that of the replicas in which requests decode.
    mutating func scale(decodes: Bool, at time: Nanoseconds) throws(BatchingError) {
        guard workRemains else { return }
        var readings = try scalingReadings(decodes: decodes, at: time)
        let desired: Int
        let next: Nanoseconds?
        if decodes {
            readings.demand = operations.decodeScaler.demand(arrivals: operations.arrivals)
            desired = try operations.decodeScaler.decide(readings)
            next = time.advanced(by: 1, of: operations.decodeScaler.interval)
        } else {
            readings.demand = operations.scaler.demand(arrivals: operations.arrivals)
            desired = try operations.scaler.decide(readings)
            next = time.advanced(by: 1, of: operations.scaler.interval)
        }
        let current = readings.count &+ readings.starting
        if desired > current { try grow(by: desired &- current, decodes: decodes, at: time) }
        if desired < current { try shrink(by: current &- desired, decodes: decodes, at: time) }
        let role: ReplicaRole = decodes ? .decode : split.isUsed ? .prefill : .both
        outputs.noteScaling(replicas: Int64(min(desired, scaledCount(decodes: decodes))), role, at: time)
        if let next { try timers.add(.scale, decodes ? 1 : 0, at: next) }
    }

    /// How many replicas an autoscaler has, and which.
    func scaledCount(decodes: Bool) -> Int { decodes ? split.targetCount : split.sourceCount }

    func scaledReplica(_ position: Int, decodes: Bool) -> Int {
        Int(decodes ? split.targets.elements[position] : split.sources.elements[position])
    }

    mutating func grow(by count: Int, decodes: Bool, at time: Nanoseconds) throws(BatchingError) {
        var left = count
        let startupTime = decodes ? operations.decodeScaler.startupTime : operations.scaler.startupTime
        // One that drains serves on, which takes no time.
        for position in 0..<scaledCount(decodes: decodes) where left > 0 {
            let replica = scaledReplica(position, decodes: decodes)
            guard operations.states.elements[replica] == .draining else { continue }
            operations.set(replica, .ready, at: time)
            try tellRouter(replica, isUp: true, at: time)
            left &-= 1
        }
        for position in 0..<scaledCount(decodes: decodes) where left > 0 {
            let replica = scaledReplica(position, decodes: decodes)
            guard operations.states.elements[replica] == .off else { continue }
            operations.set(replica, .starting, at: time)
            if startupTime == .zero {
                try beReady(replica, at: time)
            } else {
                try expect(
                    .ready, replica, startupTime.seconds, from: time, mark: operations.marks.elements[replica])
            }
            left &-= 1
        }
        try deliverReleased(at: time)
    }

    mutating func shrink(by count: Int, decodes: Bool, at time: Nanoseconds) throws(BatchingError) {
        var left = count
        for position in (0..<scaledCount(decodes: decodes)).reversed() where left > 0 {
            let replica = scaledReplica(position, decodes: decodes)
            guard operations.states.elements[replica] == .starting else { continue }
            operations.set(replica, .off, at: time)
            left &-= 1
        }
        for position in (0..<scaledCount(decodes: decodes)).reversed() where left > 0 {
            let replica = scaledReplica(position, decodes: decodes)
            guard operations.states.elements[replica] == .ready else { continue }
            operations.set(replica, operations.loads.elements[replica] == 0 ? .off : .draining, at: time)
            try tellRouter(replica, isUp: false, at: time)
            left &-= 1
        }
    }

    /// What an autoscaler is shown, but for the demand.
    private mutating func scalingReadings(
        decodes: Bool, at time: Nanoseconds
    ) throws(BatchingError) -> ScalingReadings {
        let replicas = replicas
        try Work.done(Int64(replicaCount))
        let columns = operations.columns.elements
        let (waiting, running, prefill) = (columns, columns + replicaCount, columns + 2 &* replicaCount)
        let (scheduled, queued) = (columns + 3 &* replicaCount, columns + 4 &* replicaCount)
        var readings = ScalingReadings()
        for position in 0..<scaledCount(decodes: decodes) {
            let replica = scaledReplica(position, decodes: decodes)
            let state = operations.states.elements[replica]
            if state == .starting { readings.starting &+= 1 }
            guard state == .ready else { continue }
            if times.time(of: replica) < Nanoseconds(.max) { try runOn(replica, to: time) }
            let (load, place) = (replicas[replica].load(), readings.count)
            waiting[place] = load.waiting
            running[place] = load.running
            prefill[place] = operations.prefillTokens.elements[replica]
            scheduled[place] = replicas[replica].usedTokens
            queued[place] = 0
            operations.kvUsage.elements[place] = load.kvUse
            operations.positions.elements[replica] = Int32(truncatingIfNeeded: place)
            readings.count &+= 1
        }
        if decodes { try countHeld(waiting, queued, at: readings) }
        readings.time = time.seconds
        readings.waiting = UnsafePointer(waiting)
        readings.running = UnsafePointer(running)
        readings.queuedPrefillTokens = UnsafePointer(prefill)
        readings.scheduledKVTokens = UnsafePointer(scheduled)
        readings.queuedKVTokens = UnsafePointer(queued)
        readings.kvUsage = UnsafePointer(operations.kvUsage.elements)
        readings.queuedRequests = decodes ? 0 : try self.queued()
        if operations.arrivals > 0 {
            readings.meanPromptLength = operations.promptSum / Double(operations.arrivals)
            readings.meanOutputLength = operations.outputSum / Double(operations.arrivals)
        }
        return readings
    }

    /// Requests whose prompts are done elsewhere wait at the replica in which they will decode, and so do their KV tokens.
    private mutating func countHeld(
        _ waiting: UnsafeMutablePointer<Int64>, _ queued: UnsafeMutablePointer<Int64>, at readings: ScalingReadings
    ) throws(BatchingError) {
        let (states, positions) = (operations.states.elements, operations.positions.elements)
        let requests = requests
        try split.handOvers.visit { (record) throws(BatchingError) in
            let target = Int(record.target)
            guard record.isHeld, target >= 0, states[target] == .ready else { return }
            let place = Int(positions[target])
            waiting[place] &+= 1
            queued[place] &+= max(requests.prompt(Int(record.request)), 1)
        }
    }
}
