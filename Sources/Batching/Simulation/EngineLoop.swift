/// The loop that joins a policy, the memory and a model of iteration time. It is compiled once for each combination.
enum EngineLoop<Policy: SchedulingPolicy, Memory: BlockMemory & ~Copyable, Time: IterationTimeModel> {
    /// One iteration after the other: each is scheduled when the output of the one before is known.
    static func runSynchronously(
        _ replica: inout Replica<Memory>, _ limits: inout RunLimits, _ time: inout Time
    ) throws(BatchingError) -> EngineSummary.EndReason {
        while true {
            try replica.takeArrivals()
            if replica.isEmpty {
                guard replica.expectsArrivals else { return .completed }
                replica.now = replica.nextArrival
                continue
            }
            if let reason = try limits.reached(replica) { return reason }
            let firstAdmission = replica.admissions
            if let latest = try Policy.schedule(&replica) {
                replica.now = min(latest, replica.nextArrival)
                continue
            }
            replica.measure()
            let duration = replica.hasScheduled ? try time.duration(of: replica.work) : .zero
            let end = try limits.end(of: duration, from: replica.now, replica.work)
            replica.count(duration, end: end)
            if replica.decisionLog != nil { try replica.logDecisions(firstAdmission: firstAdmission) }
            let isFutile = !replica.hasScheduled && replica.work.preemptions == 0
            if replica.iterationLog == nil {
                try replica.complete(at: end)
                try release(&replica, replica.finishing.elements, replica.finishingCount, end)
            } else {
                var iteration = CompletedIteration(work: replica.work, start: replica.now, duration: duration)
                try replica.complete(at: end)
                try release(&replica, replica.finishing.elements, replica.finishingCount, end)
                iteration.finished = replica.finishingCount
                iteration.keptBlocks = replica.memory.usable &- replica.memory.free
                try replica.iterationLog?.append(iteration)
            }
            replica.now = end
            if isFutile || replica.totals.futileRounds >= RunLimits.mostFutileRounds {
                if replica.expectsArrivals {
                    if isFutile { replica.now = max(end, replica.nextArrival) }
                } else {
                    return .stuck
                }
            }
        }
    }

    @inline(__always)
    private static func release(
        _ replica: inout Replica<Memory>, _ slots: UnsafeMutablePointer<Int32>, _ count: Int, _ end: Nanoseconds
    ) throws(BatchingError) {
        for position in 0..<count {
            try replica.finish(Int(slots[position]), at: end, iteration: replica.work.number &- 1)
        }
    }
}

/// Where a run ends before its time.
struct RunLimits {
    /// So often in a row everybody is preempted without a token, before a run counts as stuck.
    static let mostFutileRounds = 100

    private let time: Nanoseconds
    private let iterations: Int64
    private let progress: ((EngineProgress) throws(BatchingError) -> Void)?
    private let progressInterval: Int64
    /// The iteration before which there is something to do.
    private var nextCheck: Int64

    init(_ configuration: EngineConfiguration) {
        time = configuration.timeLimit.map { Nanoseconds(validSeconds: $0) } ?? Nanoseconds(.max)
        iterations = configuration.iterationLimit ?? .max
        progress = configuration.progress
        progressInterval = configuration.progressInterval
        nextCheck = min(iterations, progress == nil ? .max : progressInterval)
    }

    /// Why no further iteration may be scheduled, if so.
    @inline(__always)
    mutating func reached<Memory: BlockMemory & ~Copyable>(
        _ replica: borrowing Replica<Memory>
    ) throws(BatchingError) -> EngineSummary.EndReason? {
        if replica.work.number >= nextCheck {
            if replica.work.number >= iterations { return .iterationLimit }
            try report(replica)
        }
        return replica.now >= time ? .timeLimit : nil
    }

    @inline(never)
    private mutating func report<Memory: BlockMemory & ~Copyable>(
        _ replica: borrowing Replica<Memory>
    ) throws(BatchingError) {
        nextCheck = min(iterations, nextCheck.addingReportingOverflow(progressInterval).partialValue)
        if nextCheck < replica.work.number { nextCheck = iterations }
        try progress?(
            EngineProgress(
                iterations: replica.work.number, time: replica.now, arrived: replica.arrived,
                finished: replica.totals.finished, count: replica.requests.count))
    }

    /// When an iteration ends that starts at `start`.
    @inline(__always)
    func end(
        of duration: Nanoseconds, from start: Nanoseconds, _ work: borrowing IterationWork
    ) throws(BatchingError) -> Nanoseconds {
        // Both are on the clock, so that the sum does not wrap.
        let end = start + duration
        if end > .maximum || end < start { throw RunLimits.clockOverflow(work.number, duration) }
        return end
    }

    @inline(never)
    private static func clockOverflow(_ iteration: Int64, _ duration: Nanoseconds) -> BatchingError {
        BatchingError(
            .overflow,
            "iteration \(iteration) takes \(duration.seconds) seconds: the clock would pass 9223372036 seconds")
    }
}
