/// Where a run ends before its time.
struct RunLimits {
    private var time: Nanoseconds
    private var iterations: Int64
    private let progress: ProgressCallback?
    private let progressInterval: Int64
    /// Requests in all, where some of them are in no column any more.
    private var submitted: Int?
    /// Whether one that arrives at the very end is taken in, as a fleet wants it: it may be rejected there.
    private var takesLastArrivals = false
    /// The iteration before which the run is over, or its progress is to be told.
    private var nextCheck: Int64
    /// The same, or that before which work is to be counted; and what the walks have come to when it is.
    private var nextStop: Int64
    private var nextWalk: Int64
    /// Up to which iteration, and which step of the walks, work has been counted.
    private var counted: (iterations: Int64, walked: Int64) = (0, 0)

    init(_ configuration: EngineConfig) {
        time = configuration.timeLimit.map { Nanoseconds(validSeconds: $0) } ?? Nanoseconds(.max)
        iterations = configuration.iterationLimit ?? .max
        progress = configuration.progressCallback
        progressInterval = configuration.progressInterval
        (nextCheck, nextStop, nextWalk) = (0, 0, 0)
        begin(from: 0, walked: 0)
    }

    /// Of an engine that runs on, each time that it does: up to a time, and to a number of iterations, `from` which it has
    /// run already.
    mutating func begin(until goal: RunGoal, from first: Int64, submitted: Int, walked: Int64) {
        (time, iterations, takesLastArrivals) = (goal.time, goal.iteration, goal.takesLastArrivals)
        self.submitted = submitted
        begin(from: first, walked: walked)
    }

    private mutating func begin(from first: Int64, walked: Int64) {
        let (next, overflows) = first.addingReportingOverflow(progressInterval)
        nextCheck = min(iterations, progress == nil || overflows ? .max : next)
        (nextStop, nextWalk) = (nextCheck, 0)
        expectWork(from: first, walked)
    }

    /// Whether the engine runs on, beyond where it stops now.
    var isLive: Bool { submitted != nil }

    /// Why no further iteration may be scheduled, if so.
    @inline(__always)
    mutating func reached<Memory: BlockMemory & ~Copyable, Observation: ObservationChoice>(
        _ replica: borrowing Replica<Memory, Observation>
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
    // The compiler may ignore `__always` here, and would then copy the replica.
    @inline(always)
    func endOfIdleness<Memory: BlockMemory & ~Copyable, Observation: ObservationChoice>(
        _ replica: borrowing Replica<Memory, Observation>
    ) -> EngineSummary.EndReason? {
        if !replica.expectsArrivals { return .completed }
        // The clock of an engine that runs on does not go beyond its last iteration.
        if isLive, replica.iteration >= iterations { return .iterationLimit }
        if replica.nextArrival < time || (takesLastArrivals && replica.nextArrival == time) { return nil }
        return replica.iteration >= iterations ? .iterationLimit : .timeLimit
    }

    /// How far it may go without asking further.
    var quiet: QuietLimits {
        @inline(__always) get { QuietLimits(time: time, iteration: nextStop) }
    }

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

    /// When the iteration of this number ends, which starts at `start`.
    @inline(__always)
    static func end(
        of duration: Nanoseconds, from start: Nanoseconds, _ iteration: Int64
    ) throws(BatchingError) -> Nanoseconds {
        let end = start + duration
        if _slowPath(isBeyondClock(end)) { throw RunLimits.clockOverflow(iteration, duration) }
        return end
    }

    /// Whether a time on the clock and a duration came to more than the clock holds. Neither is negative: so the sum fits
    /// 64 bits without a sign.
    @inline(__always)
    static func isBeyondClock(_ sum: Nanoseconds) -> Bool {
        UInt64(bitPattern: sum.count) > UInt64(bitPattern: Nanoseconds.maximum.count)
    }

    @inline(never)
    private static func clockOverflow(_ iteration: Int64, _ duration: Nanoseconds) -> BatchingError {
        BatchingError(
            .overflow,
            "iteration \(iteration) takes \(duration.seconds) seconds: the clock would pass 9223372036 seconds")
    }
}

/// The time and the number of the iteration at which no further one may be scheduled without asking.
struct QuietLimits: BitwiseCopyable {
    let time: Nanoseconds
    let iteration: Int64

    /// The same, but no further than so many iterations.
    @inline(__always)
    func within(_ count: Int64, from first: Int64) -> QuietLimits {
        let (end, overflows) = first.addingReportingOverflow(count)
        return QuietLimits(time: time, iteration: overflows ? iteration : min(iteration, end))
    }
}
