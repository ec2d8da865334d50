// Asynchronous scheduling, as vLLM's AsyncScheduler with two batches in flight, on an idealised clock: scheduling takes no
// time, and the device runs the batches in order.
extension EngineLoop where Memory: ~Copyable {
    /// The batch that runs, or has run, while the next one is scheduled.
    private struct Flight: ~Copyable {
        var number: Int64 = 0
        /// For the log.
        var iteration = CompletedIteration()
        var end = Nanoseconds.zero
        var finishing: GrowableBuffer<Int32>
        var finishingCount = 0
    }

    /// Batch k+1 is scheduled when the output of batch k-1 has been processed, and starts when batch k ends.
    static func runAsynchronously(
        _ replica: inout Replica<Memory, Attribution>, _ limits: inout RunLimits, _ time: Time
    ) throws(BatchingError) -> EngineSummary.EndReason {
        var flight = Flight(finishing: try GrowableBuffer<Int32>(capacity: 0, repeating: 0))
        var isFlying = false
        var deviceEnd = Nanoseconds.zero
        var futileBatches = 0
        while true {
            if Attribution.isWanted { replica.ledger.advance(to: max(replica.now, deviceEnd)) }
            try replica.takeArrivals()
            try replica.takeAborts()
            if replica.isEmpty {
                if isFlying {
                    try land(&replica, &flight)
                    isFlying = false
                } else if let reason = limits.endOfIdleness(replica) {
                    return reason
                } else {
                    replica.now = replica.nextArrival
                }
                continue
            }
            if isFlying, flight.finishingCount == 0, replica.canCoast(besideWaiting: Policy.padsBatch) {
                let first = replica.iteration
                try replica.coast(limits, time, start: &deviceEnd, isAhead: true)
                if replica.iteration != first {
                    flight.end = deviceEnd
                    flight.number = replica.iteration &- 1
                }
                if replica.nextArrival <= replica.now { continue }
            }
            if let reason = try limits.reached(replica) {
                if Attribution.isWanted, isFlying { replica.attributeAborts(by: flight.end) }
                if isFlying { try land(&replica, &flight) }
                return reason
            }
            let firstAdmission = replica.admissions
            _ = try Policy.schedule(&replica)
            let work = replica.measure()
            let duration = work.isAny ? try time.duration(of: work) : .zero
            let start = max(replica.now, deviceEnd)
            deviceEnd = try limits.end(of: duration, from: start, work)
            if Attribution.isWanted, isFlying { replica.attributeAborts(by: flight.end) }
            replica.count(work, duration, end: deviceEnd)
            if Attribution.isWanted { try attribute(&replica, work, duration, end: deviceEnd, time) }
            if replica.logsDecisions { try replica.logDecisions(firstAdmission: firstAdmission) }
            let isFutile = !work.isAny && work.preemptions == 0
            futileBatches = isFutile ? futileBatches &+ 1 : 0
            try replica.complete(at: deviceEnd)

            let hadFlight = isFlying
            if isFlying { try land(&replica, &flight) }
            swap(&flight.finishing, &replica.finishing)
            flight.finishingCount = replica.finishingCount
            replica.finishingCount = 0
            flight.number = work.number
            if replica.logsIterations {
                flight.iteration = CompletedIteration(work: work, start: start, duration: duration)
            }
            flight.end = deviceEnd
            isFlying = true
            guard hadFlight else { continue }
            if futileBatches >= 4 || replica.isLivelocked {
                guard replica.expectsChange else {
                    try land(&replica, &flight)
                    return .stuck
                }
                replica.awaitArrival()
                futileBatches = 0
            }
        }
    }

    /// Processes the output of a batch.
    @inline(__always)
    private static func land(
        _ replica: inout Replica<Memory, Attribution>, _ flight: inout Flight
    ) throws(BatchingError) {
        replica.now = max(replica.now, flight.end)
        if replica.aborts.nextTime <= replica.now {
            try replica.takeAborts(at: replica.now, landing: flight.number)
            flight.finishingCount = replica.present(flight.finishing.elements, flight.finishingCount)
        }
        var position = 0
        while position < flight.finishingCount {
            try replica.finish(Int(flight.finishing.elements[position]), at: flight.end, iteration: flight.number)
            position &+= 1
        }
        if Memory.findsPrefixes { replica.settleStarved() }
        guard replica.logsIterations else { return }
        flight.iteration.finished = flight.finishingCount
        flight.iteration.keptBlocks = replica.memory.usable &- replica.memory.free
        try replica.iterationLog?.append(flight.iteration)
    }
}

extension Replica where Memory: ~Copyable {
    /// Who got no tokens while its newest one was on its way can be found in the cache up to that token's arrival.
    mutating func settleStarved() {
        var slot = firstCatchingUp
        while slot >= 0 {
            let member = members.elements[slot]
            memory.settle(slot, member, computed: member.computed)
            slot = Int(member.nextOfKind)
        }
    }
}
