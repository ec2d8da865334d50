// An autoscaler decides how many replicas there are.
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

    /// The autoscaler decides.
    mutating func scale(at time: Nanoseconds) throws(BatchingError) {
        guard workRemains else { return }
        let readings = try scalingReadings(at: time)
        let current = readings.count &+ readings.starting
        let desired = try desiredReplicas(readings)
        if desired > current { try grow(by: desired &- current, at: time) }
        if desired < current { try shrink(by: current &- desired, at: time) }
        outputs.noteScaling(replicas: Int64(min(desired, replicaCount)), at: time)
        if let next = time.advanced(by: 1, of: operations.autoscaler.interval) { try timers.add(.scale, 0, at: next) }
    }

    private mutating func desiredReplicas(_ readings: ScalingReadings) throws(BatchingError) -> Int {
        guard let callback = operations.scalingCallback else { return try operations.autoscaler.decide(readings) }
        let (least, most) = (operations.autoscaler.minReplicas, operations.autoscaler.maxReplicas)
        let answer = try callback(readings)
        guard answer >= Int64(least), answer <= Int64(most) else {
            throw .invalid("scaling_callback's answer", answer, "must be in \(least)..\(most)")
        }
        return Int(answer)
    }

    mutating func grow(by count: Int, at time: Nanoseconds) throws(BatchingError) {
        var left = count
        // One that drains serves on, which takes no time.
        for replica in 0..<replicaCount where left > 0 && operations.states.elements[replica] == .draining {
            operations.set(replica, .ready, at: time)
            try tellRouter(replica, isUp: true, at: time)
            left &-= 1
        }
        for replica in 0..<replicaCount where left > 0 && operations.states.elements[replica] == .off {
            operations.set(replica, .starting, at: time)
            if operations.startupTime == .zero {
                try beReady(replica, at: time)
            } else {
                try expect(
                    .ready, replica, operations.startupTime.seconds, from: time,
                    mark: operations.marks.elements[replica])
            }
            left &-= 1
        }
        try deliverReleased(at: time)
    }

    mutating func shrink(by count: Int, at time: Nanoseconds) throws(BatchingError) {
        var left = count
        for replica in (0..<replicaCount).reversed() where left > 0 && operations.states.elements[replica] == .starting
        {
            operations.set(replica, .off, at: time)
            left &-= 1
        }
        for replica in (0..<replicaCount).reversed() where left > 0 && operations.states.elements[replica] == .ready {
            operations.set(replica, operations.loads.elements[replica] == 0 ? .off : .draining, at: time)
            try tellRouter(replica, isUp: false, at: time)
            left &-= 1
        }
    }

    /// What the autoscaler is shown.
    mutating func scalingReadings(at time: Nanoseconds) throws(BatchingError) -> ScalingReadings {
        let replicas = replicas
        try Work.done(Int64(replicaCount))
        let columns = operations.columns.elements
        let (waiting, running, prefill) = (columns, columns + replicaCount, columns + 2 &* replicaCount)
        let (scheduled, queued) = (columns + 3 &* replicaCount, columns + 4 &* replicaCount)
        var readings = ScalingReadings()
        for replica in 0..<replicaCount {
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
            readings.count &+= 1
        }
        readings.time = time.seconds
        readings.waiting = UnsafePointer(waiting)
        readings.running = UnsafePointer(running)
        readings.queuedPrefillTokens = UnsafePointer(prefill)
        readings.scheduledKVTokens = UnsafePointer(scheduled)
        readings.queuedKVTokens = UnsafePointer(queued)
        readings.kvUsage = UnsafePointer(operations.kvUsage.elements)
        readings.queuedRequests = Int64(try router.waiting())
        if operations.arrivals > 0 {
            readings.meanPromptLength = operations.promptSum / Double(operations.arrivals)
            readings.meanOutputLength = operations.outputSum / Double(operations.arrivals)
        }
        readings.demand =
            Double(operations.arrivals &- operations.arrivalsBefore) / operations.autoscaler.interval.seconds
        operations.arrivalsBefore = operations.arrivals
        return readings
    }
}
