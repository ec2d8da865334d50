/// What one member's time went into since it was first admitted, and what it goes into now.
struct AttributedTime: BitwiseCopyable {
    enum Phase: UInt8 {
        case prefill
        case decode
        /// Preempted, and from there until it decodes again.
        case preempted
        /// Done, in a batch that is not.
        case held
        /// Told.
        case over
    }

    /// When the phase began.
    var since = Nanoseconds.zero
    /// The ledger's `slowedTime` then.
    var slowedBefore = Nanoseconds.zero
    var prefill = Nanoseconds.zero
    var decode = Nanoseconds.zero
    var slowed = Nanoseconds.zero
    var preempted = Nanoseconds.zero
    var held = Nanoseconds.zero
    var phase = Phase.prefill
    /// What the time right before `since` went into.
    var former = Phase.prefill

    /// - Parameter slowedTime: the ledger's, at `time`.
    @inline(__always)
    mutating func enter(_ phase: Phase, at time: Nanoseconds, _ slowedTime: Nanoseconds) {
        if self.phase == phase || self.phase == .over { return }
        add(time - since, slowed: slowedTime - slowedBefore, to: self.phase)
        if time > since { former = self.phase }
        since = time
        slowedBefore = slowedTime
        self.phase = phase
    }

    @inline(__always)
    private mutating func add(_ elapsed: Nanoseconds, slowed: Nanoseconds, to phase: Phase) {
        switch phase {
        case .prefill: prefill = prefill + elapsed
        case .decode:
            self.slowed = self.slowed + slowed
            decode = decode + (elapsed - slowed)
        case .preempted: preempted = preempted + elapsed
        case .held: held = held + elapsed
        case .over: break
        }
    }

    /// It is over at `time`, which is before the phase began, and since which an iteration has run that took as long as from
    /// then to there: nothing of that is the member's.
    /// - Parameter slowdown: of that iteration.
    mutating func takeBack(to time: Nanoseconds, slowdown: Nanoseconds) {
        add(time - since, slowed: .zero - slowdown, to: former)
        since = time
        phase = .over
    }
}

/// Iterations that were counted at once.
struct CountedStretch: BitwiseCopyable {
    var start = Nanoseconds.zero
    var end = Nanoseconds.zero
    var slowdown = Nanoseconds.zero
    var isShortOfMemory = false

    /// How much of the time after `time` was one of want of KV blocks.
    func shortTime(after time: Nanoseconds) -> Nanoseconds {
        isShortOfMemory && end > time ? end - max(start, time) : .zero
    }
}

/// Where the time of the requests goes, counted and not walked: two sums that run through the whole run, so that their
/// difference between two moments is a request's part of them, however many iterations lie between.
///
/// All of it is on the clock of the device: an iteration is the time in which it runs, not that in which it is scheduled.
struct AttributionLedger: ~Copyable {
    private(set) var columns: AttributionColumns
    /// By slot.
    var times: GrowableBuffer<AttributedTime>
    /// By request, while it waits for its first admission: `memoryTime` when it began to.
    private(set) var memoryTimeBefore: UnsafeMutableRawPointer
    /// Where that is kept if the column in which the difference will be written is not there.
    private let scratch: ScratchBuffer<Int64>
    /// Those admitted in this iteration that will decode from the next one on.
    var joined: GrowableBuffer<Int32>
    var joinedCount = 0

    /// Up to here the sums are known.
    var clock = Nanoseconds.zero
    /// How much longer the iterations were than they would have been without prefill.
    var slowedTime = Nanoseconds.zero
    /// How long the waiting could not be admitted for want of KV blocks.
    var memoryTime = Nanoseconds.zero
    /// The same up to the end of the run as far as it is known.
    private var memoryTimeAtEnd = Nanoseconds.zero
    /// Whether they cannot be now.
    var isShortOfMemory = false
    /// Whether what was counted last is kept: only for an engine that runs on, which requests leave at any time.
    private let keepsStretches: Bool
    /// What was counted last, and before that: with asynchronous scheduling two iterations may be counted that are not over
    /// yet.
    var last = CountedStretch()
    var secondToLast = CountedStretch()

    /// - Parameter columns: nil: nothing is wanted, and nothing kept.
    init(_ columns: AttributionColumns?, count: Int, isLive: Bool) throws(BatchingError) {
        let isWanted = columns != nil
        let place = columns?.waitingForMemory
        let scratch = try ScratchBuffer<Int64>(count: isWanted && place == nil ? count : 0, repeating: 0)
        let times = try GrowableBuffer<AttributedTime>(capacity: isWanted ? 64 : 0)
        joined = try GrowableBuffer(capacity: isWanted ? 64 : 0)
        self.columns = columns ?? AttributionColumns()
        memoryTimeBefore = place.map { UnsafeMutableRawPointer($0) } ?? UnsafeMutableRawPointer(scratch.elements)
        self.scratch = scratch
        self.times = times
        keepsStretches = isLive
    }

    /// The columns have moved, all of which are there.
    mutating func replace(_ columns: AttributionColumns) {
        self.columns = columns
        if let place = columns.waitingForMemory { memoryTimeBefore = UnsafeMutableRawPointer(place) }
    }

    /// Makes room for so many members.
    mutating func reserve(slots: Int) throws(BatchingError) { try times.reserve(slots) }

    /// The time up to here is like that before.
    @inline(__always)
    mutating func advance(to time: Nanoseconds) {
        if isShortOfMemory { memoryTime = memoryTime + (time - clock) }
        clock = time
    }

    /// Iterations have run, from `clock` on.
    /// - Parameter slowdown: by how much prefill made them longer.
    @inline(__always)
    mutating func count(slowdown: Nanoseconds, end: Nanoseconds) {
        if keepsStretches {
            secondToLast = last
            last = CountedStretch(start: clock, end: end, slowdown: slowdown, isShortOfMemory: isShortOfMemory)
        }
        slowedTime = slowedTime + slowdown
        advance(to: end)
        memoryTimeAtEnd = memoryTime
    }

    /// The run goes on to `clock`, though no iteration does.
    mutating func extend() { memoryTimeAtEnd = memoryTime }

    // The waiting

    /// A request can be admitted from now on, after it has waited at its client.
    @inline(__always)
    func beginWaiting(_ request: Int, atClient: Nanoseconds = .zero) {
        columns.waitingForClient?[request] = atClient.seconds
        memoryTimeBefore.storeBytes(of: memoryTime.count, toByteOffset: request &* 8, as: Int64.self)
    }

    /// A request has waited since it arrived, until `end`.
    func writeWaiting(_ request: Int, arrival: Nanoseconds, until end: Nanoseconds, _ memoryTime: Nanoseconds) {
        let before = memoryTimeBefore.load(fromByteOffset: request &* 8, as: Int64.self)
        // It may have arrived after the end of the run.
        let elapsed = max(.zero, end - arrival)
        let forMemory = min(max(.zero, memoryTime - Nanoseconds(before)), elapsed)
        columns.waitingForMemory?[request] = forMemory.seconds
        columns.waitingForSlot?[request] = (elapsed - forMemory).seconds
    }

    /// Writes the parts of a request that never ran, and waited to the end of the run, if it arrived before.
    func writeWaiting(_ request: Int, arrival: Nanoseconds, toEndOfRun end: Nanoseconds) {
        writeWaiting(request, arrival: arrival, until: end, memoryTimeAtEnd)
        writeRan(request, AttributedTime())
    }

    /// Writes the parts of a request that never ran, and waited until now, when its client leaves.
    func writeWaiting(_ request: Int, arrival: Nanoseconds, toEnd end: Nanoseconds) {
        writeWaiting(request, arrival: arrival, until: end, memoryTime)
        writeRan(request, AttributedTime())
    }

    /// Writes the parts of a request that arrived too late to be taken into the queue, or after the end of the run.
    func writeLate(_ request: Int, arrival: Nanoseconds, toEndOfRun end: Nanoseconds) {
        columns.waitingForClient?[request] = 0
        columns.waitingForSlot?[request] = max(.zero, end - arrival).seconds
        columns.waitingForMemory?[request] = 0
        writeRan(request, AttributedTime())
    }

    /// Writes the parts of a request that was rejected, or not sent.
    func writeRejected(_ request: Int) {
        let parts: InlineArray<8, UnsafeMutablePointer<Double>?> = [
            columns.waitingForClient,
            columns.waitingForSlot, columns.waitingForMemory, columns.prefill, columns.decode,
            columns.slowedByPrefill, columns.preempted, columns.heldInBatch,
        ]
        for part in parts.indices { parts[part]?[request] = .nan }
    }

    // Those admitted

    /// A request is admitted for the first time, by the iteration that begins now.
    @inline(__always)
    func admit(_ request: Int, arrival: Nanoseconds, _ slot: Int) {
        writeWaiting(request, arrival: arrival, until: clock, memoryTime)
        var time = AttributedTime()
        time.since = clock
        times.elements[slot] = time
    }

    /// A member that was just admitted decodes, or will from the next iteration on.
    @inline(__always)
    mutating func join(_ slot: Int, decodesAtOnce: Bool) throws(BatchingError) {
        if decodesAtOnce {
            enter(.decode, slot, at: clock)
            return
        }
        try joined.reserve(joinedCount &+ 1)
        joined.elements[joinedCount] = Int32(truncatingIfNeeded: slot)
        joinedCount &+= 1
    }

    /// Those that joined decode from now on.
    @inline(__always)
    mutating func settleJoined(at end: Nanoseconds) {
        while joinedCount > 0 {
            joinedCount &-= 1
            enter(.decode, Int(joined.elements[joinedCount]), at: end)
        }
    }

    @inline(__always)
    func phase(_ slot: Int) -> AttributedTime.Phase { times.elements[slot].phase }

    /// The member's time goes into something else from `time` on, which is the end of the last iteration that was counted,
    /// or the beginning of the one that is being scheduled.
    @inline(__always)
    func enter(_ phase: AttributedTime.Phase, _ slot: Int, at time: Nanoseconds) {
        let entry = times.elements + slot
        entry.pointee.enter(phase, at: time, slowedTime)
    }

    /// The member has its last token, and will leave; or the run ends.
    @inline(__always)
    func end(_ slot: Int, _ request: Int, at time: Nanoseconds) {
        if times.elements[slot].phase == .over { return }
        enter(.over, slot, at: time)
        writeRan(request, times.elements[slot])
    }

    func writeRan(_ request: Int, _ time: AttributedTime) {
        columns.prefill?[request] = time.prefill.seconds
        columns.decode?[request] = time.decode.seconds
        columns.slowedByPrefill?[request] = time.slowed.seconds
        columns.preempted?[request] = time.preempted.seconds
        columns.heldInBatch?[request] = time.held.seconds
    }
}
