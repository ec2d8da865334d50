// What is left at the end, and what all came to.
extension FleetRun {
    /// - Parameters:
    ///   - summaries: one for each replica, or nil.
    ///   - logs: one for each replica, as they were begun with, or nil.
    mutating func close(
        _ summaries: UnsafeMutablePointer<EngineSummary>?, _ logs: UnsafeMutablePointer<ReplicaLogs>? = nil
    ) throws(BatchingError) -> EngineSummary {
        let replicas = replicas
        var sum = FleetSum()
        for replica in 0..<replicaCount {
            try replicas[replica].land()
            try takeEvents(of: replica)
            if let logs {
                try replicas[replica].finishLogs()
                logs[replica] = replicas[replica].takeLogs()
            }
            var row = 0
            while let left = replicas[replica].nextLeft(&row) {
                try Work.row(row)
                outputs.noteLeft(Int(left.request), tokens: left.tokens)
                sum.left &+= 1
            }
            var own = replicas[replica].summary()
            if operations.isUsed { own = own.with(operations.lostSummaries[replica]) }
            summaries?[replica] = own
            sum.add(own, isSource: split.isUsed && split.isSource.elements[replica])
        }
        if split.isUsed { try closeHandOvers(&sum) }
        closeOperations(&sum)
        if loop.isUsed {
            let (results, duration) = (outputs.results, sum.duration)
            try loop.forEachUnsent(sent: arrived) { (request, arrival) throws(BatchingError) in
                results.status?[request] = RequestStatus.notSent.rawValue
                // What would have arrived later, never did.
                if arrival.seconds <= duration { results.arrivalTime?[request] = arrival.seconds }
            }
        }
        sum.waiting = try queued()
        return sum.summary(
            replicas: replicaCount, totalTime: outputs.lastCompletion.seconds, notSent: Int64(requests.count &- arrived)
        )
    }
}

extension FleetRun {
    /// What no replica told, and how long each was there.
    private mutating func closeOperations(_ sum: inout FleetSum) {
        sum.note(finished: 0, rejected: operations.rejected)
        sum.note(failed: operations.failed &- operations.withdrawn)
        let end = max(Nanoseconds(cappedSeconds: sum.duration), outputs.lastCompletion)
        for replica in 0..<replicaCount {
            outputs.columns.upTime?[replica] =
                operations.isUsed ? operations.seconds(replica, until: end) : end.seconds
        }
        outputs.columns.scalingCount?.pointee = Int64(outputs.scalings)
    }

    /// Those that are on their way from one replica to another: nothing brings them on.
    private mutating func closeHandOvers(_ sum: inout FleetSum) throws(BatchingError) {
        let results = outputs.results
        let tokens: Int32 = split.settings.firstToken == .prefill ? 1 : 0
        try split.handOvers.visit { (record) throws(BatchingError) in
            guard record.isHeld else { return }
            results.tokensGenerated?[Int(record.request)] = tokens
            results.status?[Int(record.request)] = RequestStatus.stuck.rawValue
            sum.left &+= 1
        }
        sum.note(finished: outputs.finishedApart, rejected: turnedAway)
    }
}

/// What the replicas came to.
struct FleetSum {
    private var sum = EngineSummary()
    private var runningTime = 0.0
    private var usedTime = 0.0
    /// Requests that are left at a replica, and at the router.
    var left: Int64 = 0
    var waiting: Int64 = 0

    /// Requests that ended between two replicas.
    mutating func note(finished: Int64, rejected: Int64) {
        sum.totalTokens &+= finished
        sum.finished &+= finished
        sum.rejected &+= rejected
    }

    /// Requests that were lost, or late, and that no replica told.
    mutating func note(failed: Int64) { sum.aborted &+= failed }

    /// - Parameter isSource: whether its requests go on in other replicas.
    mutating func add(_ own: EngineSummary, isSource: Bool) {
        var counted = own
        if isSource { (counted.totalTokens, counted.finished) = (0, 0) }
        sum.addCounts(counted)
        runningTime += own.meanRunning * own.duration
        usedTime += own.meanKVUse * own.duration
        (sum.meanRunning, sum.meanKVUse) = (own.meanRunning, own.meanKVUse)
    }

    var duration: Double { sum.duration }

    func summary(replicas: Int, totalTime: Double, notSent: Int64) -> EngineSummary {
        var summary = sum
        summary.totalTime = totalTime
        summary.throughput = summary.totalTime > 0 ? Double(summary.totalTokens) / summary.totalTime : 0
        summary.notSent = notSent
        summary.unfinished = left &+ waiting
        summary.endReason = left &+ waiting > 0 ? .stuck : .completed
        // Of one replica it is as that says, to the last bit.
        if replicas > 1, summary.duration > 0 {
            summary.meanRunning = runningTime / summary.duration
            summary.meanKVUse = usedTime / (summary.duration * Double(replicas))
        }
        return summary
    }
}
