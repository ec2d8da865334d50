/// The loop that joins a policy, the memory and a model of iteration time. It is compiled once for each combination.
enum EngineLoop<
    Policy: SchedulingPolicy, Memory: BlockMemory & ~Copyable, Attribution: AttributionChoice, Time: IterationTimeModel
> {
    /// One iteration after the other: each is scheduled when the output of the one before is known.
    static func runSynchronously(
        _ replica: inout Replica<Memory, Attribution>, _ limits: inout RunLimits, _ time: Time
    ) throws(BatchingError) -> EngineSummary.EndReason {
        while true {
            if Attribution.isWanted { replica.ledger.advance(to: replica.now) }
            try replica.takeArrivals()
            try replica.takeAborts()
            if replica.isEmpty {
                if let reason = limits.endOfIdleness(replica) { return reason }
                replica.now = replica.nextArrival
                continue
            }
            if Policy.mayCoast(replica), replica.canCoast(besideWaiting: Policy.coastsBesideWaiting) {
                var start = replica.now
                try replica.coast(limits, time, start: &start, isAhead: false)
                if replica.aborts.nextTime <= replica.now {
                    try replica.takeAborts(at: replica.now, landing: replica.iteration &- 1)
                    continue
                }
                if replica.nextArrival <= replica.now { continue }
            }
            if let reason = try limits.reached(replica) { return reason }
            let firstAdmission = replica.admissions
            if let latest = try Policy.schedule(&replica) {
                if Attribution.isWanted { replica.ledger.isShortOfMemory = false }
                replica.now = min(latest, replica.nextArrival, replica.aborts.nextTime)
                continue
            }
            let work = replica.measure()
            let duration = work.isAny ? try time.duration(of: work) : .zero
            let end = try limits.end(of: duration, from: replica.now, work)
            replica.count(work, duration, end: end)
            if Attribution.isWanted { try attribute(&replica, work, duration, end: end, time) }
            if replica.logsDecisions { try replica.logDecisions(firstAdmission: firstAdmission) }
            let isFutile = !work.isAny && work.preemptions == 0
            try replica.complete(at: end)
            if replica.aborts.nextTime <= end { try replica.takeAborts(at: end, landing: work.number) }
            var position = 0
            while position < replica.finishingCount {
                try replica.finish(Int(replica.finishing.elements[position]), at: end, iteration: work.number)
                position &+= 1
            }
            if replica.logsIterations { try log(&replica, work, duration) }
            replica.now = end
            if isFutile || replica.isLivelocked {
                guard replica.expectsChange else { return .stuck }
                replica.awaitArrival()
            }
        }
    }

    /// Counts the iteration for those who want to know where the time goes: how much longer prefill made it. If nobody
    /// decodes in it, there would be none without prefill.
    @inline(__always)
    static func attribute(
        _ replica: inout Replica<Memory, Attribution>, _ work: IterationWork, _ duration: Nanoseconds,
        end: Nanoseconds, _ time: Time
    ) throws(BatchingError) {
        var slowdown = Nanoseconds.zero
        if work.prefillTokens > 0 {
            slowdown = duration
            if work.decodeTokens > 0 {
                var decodes = work
                decodes.prefillTokens = 0
                decodes.prefillContext = 0
                slowdown = max(.zero, duration - (try time.duration(of: decodes)))
            }
        }
        replica.ledger.count(slowdown: slowdown, end: end)
    }

    @inline(never)
    private static func log(
        _ replica: inout Replica<Memory, Attribution>, _ work: IterationWork, _ duration: Nanoseconds
    ) throws(BatchingError) {
        try replica.iterationLog?.append(
            CompletedIteration(
                work: work, start: work.time, duration: duration,
                keptBlocks: replica.memory.usable &- replica.memory.free, finished: replica.finishingCount))
    }
}

/// Where a run ends before its time.
struct RunLimits {
    private let time: Nanoseconds
    private let iterations: Int64
    private let progress: ProgressCallback?
    private let progressInterval: Int64
    /// Requests in all, where some of them are in no column any more.
    private let submitted: Int?
    /// The iteration before which the run is over, or its progress is to be told.
    private var nextCheck: Int64
    /// The same, or that before which work is to be counted; and what the walks have come to when it is.
    private var nextStop: Int64
    private var nextWalk: Int64
    /// Up to which iteration, and which step of the walks, work has been counted.
    private var counted: (iterations: Int64, walked: Int64) = (0, 0)

    init(_ configuration: EngineConfig) {
        let time = configuration.timeLimit.map { Nanoseconds(validSeconds: $0) } ?? Nanoseconds(.max)
        self.init(configuration, until: time, from: 0, to: configuration.iterationLimit ?? .max, walked: 0)
    }

    /// Of an engine that runs on: up to a time, and to a number of iterations, `from` which it has run already.
    init(
        _ configuration: EngineConfig, until time: Nanoseconds, from first: Int64, to last: Int64,
        submitted: Int? = nil, walked: Int64
    ) {
        self.time = time
        self.submitted = submitted
        iterations = last
        progress = configuration.progressCallback
        progressInterval = configuration.progressInterval
        let (next, overflows) = first.addingReportingOverflow(progressInterval)
        nextCheck = min(last, progress == nil || overflows ? .max : next)
        (nextStop, nextWalk) = (nextCheck, 0)
        expectWork(from: first, walked)
    }

    /// Why no further iteration may be scheduled, if so.
    @inline(__always)
    mutating func reached<Memory: BlockMemory & ~Copyable, Attribution: AttributionChoice>(
        _ replica: borrowing Replica<Memory, Attribution>
    ) throws(BatchingError) -> EngineSummary.EndReason? {
        if replica.iteration >= nextStop || replica.walked >= nextWalk {
            if replica.iteration >= iterations { return .iterationLimit }
            let count = submitted ?? replica.requests.count
            try stop(
                walked: replica.walked,
                EngineProgress(
                    iterations: replica.iteration, time: replica.now, arrived: count &- replica.toCome,
                    finished: replica.totals.finished, count: count))
        }
        return replica.now >= time ? .timeLimit : nil
    }

    /// Why a replica that has nothing to do will not go on at the next arrival, if so.
    func endOfIdleness<Memory: BlockMemory & ~Copyable, Attribution: AttributionChoice>(
        _ replica: borrowing Replica<Memory, Attribution>
    ) -> EngineSummary.EndReason? {
        if !replica.expectsArrivals { return .completed }
        if replica.nextArrival < time { return nil }
        return replica.iteration >= iterations ? .iterationLimit : .timeLimit
    }

    /// Whether an iteration may be scheduled without asking further, as far as their number goes.
    @inline(__always)
    func allow(_ iteration: Int64) -> Bool { iteration < nextStop }

    /// How many.
    func allowed(from iteration: Int64) -> Int64 { max(0, nextStop &- iteration) }

    /// The time at which no iteration may be scheduled any more without asking further.
    @inline(__always)
    func lastTime(before arrival: Nanoseconds) -> Nanoseconds { min(arrival, time) }

    @inline(never)
    private mutating func stop(walked: Int64, _ state: EngineProgress) throws(BatchingError) {
        let isProgress = state.iterations >= nextCheck
        if isProgress {
            let (next, overflows) = nextCheck.addingReportingOverflow(progressInterval)
            nextCheck = overflows ? iterations : min(iterations, next)
        }
        let units = (state.iterations &- counted.iterations) &* Work.iteration &+ (walked &- counted.walked)
        expectWork(from: state.iterations, walked)
        if isProgress { try progress?(state) }
        try Work.done(units)
    }

    /// Up to here all work has been counted.
    private mutating func expectWork(from iteration: Int64, _ walked: Int64) {
        counted = (iteration, walked)
        let (next, overflows) = iteration.addingReportingOverflow(Work.interval / Work.iteration)
        nextStop = overflows ? nextCheck : min(nextCheck, next)
        nextWalk = walked &+ Work.interval
    }

    /// When an iteration ends that starts at `start`.
    @inline(__always)
    func end(
        of duration: Nanoseconds, from start: Nanoseconds, _ work: IterationWork
    ) throws(BatchingError) -> Nanoseconds {
        // Neither is negative. So the sum fits 64 bits without a sign, if not the clock.
        let end = start + duration
        if _slowPath(UInt64(bitPattern: end.count) > UInt64(bitPattern: Nanoseconds.maximum.count)) {
            throw RunLimits.clockOverflow(work.number, duration)
        }
        return end
    }

    @inline(never)
    private static func clockOverflow(_ iteration: Int64, _ duration: Nanoseconds) -> BatchingError {
        BatchingError(
            .overflow,
            "iteration \(iteration) takes \(duration.seconds) seconds: the clock would pass 9223372036 seconds")
    }
}
