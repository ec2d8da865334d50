// What is left at the end, and what all came to.
extension FleetRun {
    /// - Parameter summaries: one for each replica, or nil.
    mutating func close(_ summaries: UnsafeMutablePointer<EngineSummary>?) throws(BatchingError) -> EngineSummary {
        let replicas = replicas
        var sum = FleetSum()
        for replica in 0..<replicaCount {
            try replicas[replica].land()
            try takeEvents(of: replica)
            var row = 0
            while let left = replicas[replica].nextLeft(&row) {
                try Work.row(row)
                outputs.noteLeft(Int(left.request), tokens: left.tokens)
                sum.left &+= 1
            }
            let own = replicas[replica].summary()
            summaries?[replica] = own
            sum.add(own)
        }
        if loop.isUsed {
            let (results, duration) = (outputs.results, sum.duration)
            try loop.forEachUnsent(sent: arrived) { (request, arrival) throws(BatchingError) in
                results.status?[request] = RequestStatus.notSent.rawValue
                // What would have arrived later, never did.
                if arrival.seconds <= duration { results.arrivalTime?[request] = arrival.seconds }
            }
        }
        sum.waiting = Int64(try router.waiting())
        return sum.summary(
            replicas: replicaCount, lastCompletion: outputs.lastCompletion, notSent: Int64(requests.count &- arrived))
    }
}

/// What the replicas came to.
private struct FleetSum {
    private var sum = EngineSummary()
    private var runningTime = 0.0
    private var usedTime = 0.0
    /// Requests that are left at a replica, and at the router.
    var left: Int64 = 0
    var waiting: Int64 = 0

    mutating func add(_ own: EngineSummary) {
        sum.totalTokens &+= own.totalTokens
        sum.iterations &+= own.iterations
        sum.busyTime += own.busyTime
        sum.duration = max(sum.duration, own.duration)
        sum.finished &+= own.finished
        sum.rejected &+= own.rejected
        sum.aborted &+= own.aborted
        sum.prefillTokens &+= own.prefillTokens
        sum.decodeTokens &+= own.decodeTokens
        sum.preemptions &+= own.preemptions
        sum.recomputedTokens &+= own.recomputedTokens
        sum.peakRunning = max(sum.peakRunning, own.peakRunning)
        sum.peakWaiting = max(sum.peakWaiting, own.peakWaiting)
        sum.peakKVUse = max(sum.peakKVUse, own.peakKVUse)
        sum.prefixCacheQueries &+= own.prefixCacheQueries
        sum.prefixCacheHits &+= own.prefixCacheHits
        runningTime += own.meanRunning * own.duration
        usedTime += own.meanKVUse * own.duration
        (sum.meanRunning, sum.meanKVUse) = (own.meanRunning, own.meanKVUse)
    }

    var duration: Double { sum.duration }

    func summary(replicas: Int, lastCompletion: Nanoseconds, notSent: Int64) -> EngineSummary {
        var summary = sum
        summary.totalTime = lastCompletion.seconds
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
