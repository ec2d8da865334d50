/// How far a run goes: whatever comes first.
struct RunGoal {
    /// No iteration is decided that would begin at or after it, and none that ends after it is over. `forever`: until
    /// nothing is left to do.
    var time: Nanoseconds
    /// The number of the iteration that is not run any more.
    var iteration = Int64.max
    /// From which iteration on the caller is told of progress; nil: from the next.
    var begin: Int64?
    /// Whether a replica that has nothing to do, or can do nothing, takes in what arrives at `time`.
    var takesLastArrivals = false
    /// Whether more requests may come than have.
    var isOpen = true
    /// Whether it stops as soon as a request has ended; and whether also as soon as there is anything to tell.
    var stopsAtEnds = false
    var stopsAtEvents = false

    static var forever: Nanoseconds { Nanoseconds(.max) }

    /// Whether a replica that waits for this arrival goes on to it. One at `forever` is none.
    func takes(_ arrival: Nanoseconds) -> Bool {
        arrival < time || (takesLastArrivals && arrival == time && arrival < RunGoal.forever)
    }
}

/// A replica and how far its run has come. There is one loop, in two forms, synchronous and ahead: a whole run goes through
/// it to its end; an engine that runs on stops at a goal, in the middle of an iteration if need be, and goes on from there.
///
/// An iteration that ends after the goal has been scheduled, and is under way. What its end brings (tokens, requests that
/// finish) happens when a later goal is at or after it.
struct EngineRun<Memory: BlockMemory & ~Copyable, Observation: ObservationChoice>: ~Copyable {
    var replica: Replica<Memory, Observation>
    let time: IterationTimeModel
    private let timeMemory: TimeMemory
    var limits: RunLimits
    var goal = RunGoal(time: RunGoal.forever)
    /// Why it ended, or stopped.
    var endReason = EngineSummary.EndReason.completed
    /// Where the run stopped: up to here everything has happened.
    var clock = Nanoseconds.zero
    /// Kept only if the run may stop before its end.
    var underWay: ScheduledIteration?
    /// Requests whose first token the iteration under way gives; only if events are wanted.
    var firstTokens: GrowableBuffer<FirstToken>
    var firstTokenCount = 0
    /// Of asynchronous scheduling only.
    var flight: Flight
    /// Running requests that leave once the iteration under way is over: as finished, or as aborted.
    var leaving: GrowableBuffer<Departure>
    var leavingCount = 0
    /// Iterations take longer than their model says by this factor.
    var slowness = 1.0
    /// Nothing can go on before a request comes or leaves.
    var isStuck = false
    /// The request whose end is waited for; -1: none.
    var watched = -1
    /// Whether the wait is over, too, once blocks need only be counted.
    var endsOnceCountable = false

    init(
        _ replica: consuming Replica<Memory, Observation>, _ configuration: EngineConfig
    ) throws(BatchingError) {
        let firstTokens = try GrowableBuffer<FirstToken>(capacity: 0)
        let flight = try Flight()
        let leaving = try GrowableBuffer<Departure>(capacity: 0)
        let timeMemory = try TimeMemory(configuration.iterationTime)
        self.replica = replica
        time = IterationTimeModel(configuration.iterationTime, timeMemory)
        self.timeMemory = timeMemory
        limits = RunLimits(configuration)
        self.firstTokens = firstTokens
        self.flight = flight
        self.leaving = leaving
    }

    /// Becomes equal to another run of the same configuration, but for the columns, the KV blocks and the observer.
    mutating func assign<Other: ~Copyable>(_ other: inout EngineRun<Other, Observation>) throws(BatchingError) {
        try replica.assign(&other.replica)
        clock = other.clock
        underWay = other.underWay
        try firstTokens.assign(other.firstTokens, count: other.firstTokenCount)
        firstTokenCount = other.firstTokenCount
        try flight.assign(other.flight)
        try leaving.assign(other.leaving, count: other.leavingCount)
        leavingCount = other.leavingCount
        isStuck = other.isStuck
        slowness = other.slowness
    }

    /// Whether what is waited for has happened.
    var isWatchOver: Bool {
        @inline(__always) get {
            watched >= 0
                && (!(replica.results.endTime?[watched].isNaN ?? true) || replica.memory.wasShort
                    || (endsOnceCountable && replica.isCountable))
                || hasReachedEvent
        }
    }

    /// Whether what the goal says that is to stop it has happened.
    var hasReachedEvent: Bool {
        @inline(__always) get {
            goal.stopsAtEnds
                && (replica.observer.endedCount > 0 || (goal.stopsAtEvents && replica.observer.events.count > 0))
        }
    }

    /// Nothing happens before a request arrives or leaves. False if that is not before the goal.
    mutating func awaitChange() -> Bool {
        guard goal.takes(replica.nextArrival) || replica.aborts.nextTime < goal.time else { return false }
        replica.awaitArrival()
        flight.futileBatches = 0
        isStuck = false
        return true
    }
}

/// An iteration that has been scheduled.
struct ScheduledIteration {
    var work = IterationWork()
    /// nil: how long it takes was asked, but not answered.
    var timing: Timing?
}

/// When an iteration runs.
struct Timing {
    var duration = Nanoseconds.zero
    var end = Nanoseconds.zero
    /// How much longer prefill made it; only where that is wanted.
    var slowdown = Nanoseconds.zero
}
