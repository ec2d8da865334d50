// Replicas are lost, come back, and slow down.
extension FleetRun {
    mutating func happen(_ index: Int, at time: Nanoseconds) throws(BatchingError) {
        let (replicas, faults) = (replicas, operations.faults)
        let replica = Int(faults.replica?[index] ?? 0)
        switch FaultKind(rawValue: faults.kind?[index] ?? 0) ?? .down {
        case .down: try bringDown(replica, at: time)
        case .up: try bringUp(replica, at: time)
        case .slow:
            try runOn(replica, to: time)
            replicas[replica].setSlowness(faults.factor?[index] ?? 1)
            setTime(of: replica, isOpen: isExpected)
        }
    }

    mutating func awaitFailure(of replica: Int, from time: Nanoseconds) throws(BatchingError) {
        guard let mean = operations.faults.meanUpTime else { return }
        let length = Nanoseconds(cappedSeconds: operations.faultRandom.exponential() * mean)
        guard let failure = time.advanced(by: 1, of: length) else { return }
        try timers.add(.failure, replica, mark: operations.marks.elements[replica], at: failure)
    }

    /// A replica is lost, with all that it has.
    mutating func bringDown(_ replica: Int, at time: Nanoseconds) throws(BatchingError) {
        let replicas = replicas
        let state = operations.states.elements[replica]
        if state == .down || state == .off { return }
        try runOn(replica, to: time)
        var (row, count) = (0, 0)
        while let left = replicas[replica].nextLeft(&row) {
            try Work.row(row)
            try operations.lostRequests.reserve(count &+ 1)
            operations.lostRequests.elements[count] = left.request
            count &+= 1
        }
        if split.isUsed { count = try gatherHandOvers(of: replica, behind: count, at: time) }
        let requests = requests
        try Heap.sort(operations.lostRequests.elements, count: count) { (step: Int) throws(BatchingError) in
            try Work.row(step)
        } by: {
            requests.rank(Int($0)) < requests.rank(Int($1))
        }
        let summaries = operations.lostSummaries
        summaries[replica].add(replicas[replica].summary())
        try renew(replica)
        operations.set(replica, .down, at: time)
        times.set(replica, Nanoseconds(.max))
        if operations.noticeDelay == .zero {
            try tellRouter(replica, isUp: false, at: time)
        } else {
            try expect(
                .noticeDown, replica, operations.noticeDelay.seconds, from: time,
                mark: operations.marks.elements[replica])
        }
        for position in 0..<count {
            try Work.row(position)
            let request = Int(operations.lostRequests.elements[position])
            if split.isUsed {
                try loseApart(request, by: replica, at: time)
                continue
            }
            leave(request, at: time)
            try router.finished(slot: Int(slots.elements[request]), time: time.seconds)
            try lose(request, by: replica, at: time)
        }
        try deliverReleased(at: time)
    }

    /// A replica that was lost is back.
    mutating func bringUp(_ replica: Int, at time: Nanoseconds) throws(BatchingError) {
        guard operations.states.elements[replica] == .down else { return }
        let replicas = replicas
        try replicas[replica].run(to: time, isOpen: true)
        operations.set(replica, .ready, at: time)
        try awaitFailure(of: replica, from: time)
        if operations.noticeDelay == .zero {
            try tellRouter(replica, isUp: true, at: time)
            try deliverReleased(at: time)
        } else {
            try expect(
                .noticeUp, replica, operations.noticeDelay.seconds, from: time,
                mark: operations.marks.elements[replica])
        }
    }
}

extension EngineSummary {
    /// The same and another, of one replica that was lost in between.
    fileprivate mutating func add(_ other: EngineSummary) {
        let length = max(duration, other.duration)
        if length > 0 {
            meanRunning = (meanRunning * duration + other.meanRunning * other.duration) / length
            meanKVUse = (meanKVUse * duration + other.meanKVUse * other.duration) / length
        }
        addCounts(other)
    }

    /// Adds what can be added, and takes the later end and the higher peaks; the means stay.
    mutating func addCounts(_ other: EngineSummary) {
        duration = max(duration, other.duration)
        totalTokens &+= other.totalTokens
        iterations &+= other.iterations
        busyTime += other.busyTime
        finished &+= other.finished
        rejected &+= other.rejected
        aborted &+= other.aborted
        unfinished &+= other.unfinished
        prefillTokens &+= other.prefillTokens
        decodeTokens &+= other.decodeTokens
        preemptions &+= other.preemptions
        recomputedTokens &+= other.recomputedTokens
        peakRunning = max(peakRunning, other.peakRunning)
        peakWaiting = max(peakWaiting, other.peakWaiting)
        peakKVUse = max(peakKVUse, other.peakKVUse)
        prefixCacheQueries &+= other.prefixCacheQueries
        prefixCacheHits &+= other.prefixCacheHits
        kvOffload.add(other.kvOffload)
    }

    /// What a replica did in all, with what it did before it was lost.
    func with(_ earlier: EngineSummary) -> EngineSummary {
        var sum = earlier
        sum.add(self)
        return sum
    }
}
