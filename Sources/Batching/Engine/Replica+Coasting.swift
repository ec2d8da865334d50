// Most iterations change nothing but the clock: every request that runs decodes, and none joins, leaves or runs
// short.
extension Replica where Memory: ~Copyable {
    /// Whether the next iterations can be of that kind.
    @inline(__always)
    func canCoast(besideWaiting: Bool) -> Bool {
        catchingUp == 0 && runningCount > 0 && decoding == runningCount
            && (waiting.count == 0 || besideWaiting || runningCount >= settings.maxNumSeqs)
            && dueLists.isEmpty(iteration) && !logsDecisions && !logsIterations
            && !memory.notesChanges && !memory.offloads
    }

    /// Runs such iterations as long as they are of that kind. Every request that has arrived has been taken in.
    /// - Parameters:
    ///   - start: when the next iteration begins to run.
    ///   - isAhead: whether it is scheduled when the one before begins, and not when that ends.
    @inline(__always)
    mutating func coast(
        _ limits: QuietLimits, _ time: IterationTimeModel, start: inout Nanoseconds, isAhead: Bool
    ) throws(BatchingError) {
        // A request that waits, waits for a slot; in a padded batch for what it has waited for since that was formed.
        if isAttributed, !settings.padsBatch { observer.ledger.isShortOfMemory = false }
        let context = decodingContext &+ Int64(decoding)
        switch time.decodeTime(Int64(decoding), context: context) {
        case .even(let step): coastEvenly(limits, step, start: &start, isAhead: isAhead)
        case .linear(let time):
            var limits = limits
            if _slowPath(time.edge < .infinity) {
                limits = limits.within(time.iterations(from: context, sequences: Int64(decoding)), from: iteration)
            }
            if isAhead { coastLinearlyAhead(limits, time, start: &start) } else { coastLinearly(limits, time) }
        case .asked: try coastAsking(limits, time, start: &start, isAhead: isAhead)
        }
    }

    // One iteration after the other, whose times depend on the contexts alone. These are not inlined, so that what changes in
    // each iteration is in registers.

    @inline(never)
    private mutating func coastLinearly(_ limits: QuietLimits, _ time: LinearTime) {
        var start = now
        coastLinearly(limits, time, start: &start, isAhead: false)
    }

    @inline(never)
    private mutating func coastLinearlyAhead(_ limits: QuietLimits, _ time: LinearTime, start: inout Nanoseconds) {
        coastLinearly(limits, time, start: &start, isAhead: true)
    }

    @inline(__always)
    private mutating func coastLinearly(
        _ limits: QuietLimits, _ time: LinearTime, start: inout Nanoseconds, isAhead: Bool
    ) {
        let lists = dueLists.lists(from: iteration, atMost: limits.iteration &- iteration)
        let first = lists.baseAddress.unsafelyUnwrapped
        var clock = LinearClock(
            time: time, sequences: Int64(decoding), isAhead: isAhead,
            lastTime: min(min(nextArrival, aborts.nextTime), min(limits.time, LinearClock.lastTime)),
            lastStart: min(aborts.nextTime, LinearClock.lastTime), endOfLists: first + lists.count,
            context: decodingContext &+ Int64(decoding), scheduled: now, end: start, list: first)
        let freeTime = memory.coast(members.elements, &clock)
        let count = first.distance(to: clock.list)
        if count == 0 { return }
        endCoasting(
            to: iteration &+ Int64(count), isAhead ? clock.scheduled : clock.end,
            blockTime: (clock.end - start).times(memory.usable) &- freeTime, start: &start, end: clock.end)
    }

    /// The same where the caller says how long each takes.
    @inline(never)
    private mutating func coastAsking(
        _ limits: QuietLimits, _ time: IterationTimeModel, start: inout Nanoseconds, isAhead: Bool
    ) throws(BatchingError) {
        var work = measure()
        var next = start
        var blockTime: UInt128 = 0
        let lastTime = min(min(nextArrival, aborts.nextTime), limits.time)
        // Ahead, a request leaves before the output of the batch that ends then is processed.
        let lastStart = isAhead ? aborts.nextTime : Nanoseconds(.max)
        while work.time < lastTime, next < lastStart, work.number < limits.iteration, dueLists.isEmpty(work.number),
            memory.neededByDecodes <= memory.free
        {
            memory.growDecodes(members.elements, admittedBefore: .max)
            work.usedBlocks = memory.usable &- memory.free
            let duration = try time.duration(of: work)
            let end = try RunLimits.end(of: duration, from: next, work.number)
            blockTime &+= duration.times(work.usedBlocks)
            work.time = isAhead ? next : end
            next = end
            work.contextTokens &+= work.decodeTokens
            work.number &+= 1
            memory.advance()
        }
        if work.number == iteration { return }
        endCoasting(to: work.number, work.time, blockTime: blockTime, start: &start, end: next)
    }

    /// The same where every iteration takes `step`: whole stretches at once.
    @inline(never)
    private mutating func coastEvenly(
        _ limits: QuietLimits, _ step: Nanoseconds, start: inout Nanoseconds, isAhead: Bool
    ) {
        let lastTime = min(min(nextArrival, aborts.nextTime), limits.time)
        if now >= lastTime || memory.neededByDecodes > memory.free { return }
        // Ahead, the first is scheduled now, and each of the others when the one before it begins; and a request
        // leaves before the output of the batch that ends then is processed.
        let inTime =
            isAhead
            ? min(start.steps(of: step, before: lastTime) &+ 1, start.steps(of: step, before: aborts.nextTime))
            : now.steps(of: step, before: lastTime)
        let onClock = step == .zero ? Int64.max : (Nanoseconds.maximum - start).count / step.count
        let allowed = min(inTime, onClock, max(0, limits.iteration &- iteration))
        let quiet = dueLists.emptyStretch(from: iteration, atMost: allowed)
        let (count, usedBlocks) = memory.coast(members.elements, iterations: quiet)
        if count == 0 { return }
        let end = start + Nanoseconds(count &* step.count)
        endCoasting(
            to: iteration &+ count, isAhead ? end - step : end,
            blockTime: usedBlocks &* UInt128(truncatingIfNeeded: step.count), start: &start, end: end)
    }

    /// Adds the iterations up to the one of this number.
    /// - Parameters:
    ///   - time: when that is scheduled.
    ///   - start: when they began to run; becomes `end`.
    @inline(__always)
    private mutating func endCoasting(
        to number: Int64, _ time: Nanoseconds, blockTime: UInt128, start: inout Nanoseconds, end: Nanoseconds
    ) {
        // Blocks are only taken meanwhile, so that the last iteration has the most.
        var work = measure()
        work.decodeTokens &*= number &- iteration
        iteration = number
        now = time
        decodingContext &+= work.decodeTokens
        totals.blockTime &+= blockTime
        totals.add(work, end - start, end: end)
        start = end
        if isAttributed { observer.ledger.count(slowdown: .zero, end: end) }
    }
}

/// Iterations whose times depend on the contexts alone.
private struct LinearClock: CoastingClock {
    let time: LinearTime
    let sequences: Int64
    let isAhead: Bool
    /// No iteration is scheduled at or after it.
    let lastTime: Nanoseconds
    /// Ahead, none starts at or after it.
    let lastStart: Nanoseconds
    let endOfLists: UnsafePointer<DueLists.List>
    /// Tokens that the next iteration attends to.
    var context: Int64
    /// When the next one is scheduled, if that is before it starts.
    var scheduled: Nanoseconds
    /// When the last one ends.
    var end: Nanoseconds
    /// Whose last token the next one gives.
    var list: UnsafePointer<DueLists.List>

    /// A short iteration that starts before it ends on the clock.
    static var lastTime: Nanoseconds { Nanoseconds.maximum - Nanoseconds.longestShort }

    var goesOn: Bool {
        @inline(__always) get {
            (isAhead ? scheduled < lastTime && end < lastStart : end < lastTime) && list < endOfLists
                && list.pointee.first < 0
        }
    }

    @inline(__always)
    mutating func next() -> Nanoseconds? {
        let seconds = time.seconds(context: context)
        let duration: Nanoseconds
        if let short = Nanoseconds(shortSeconds: seconds) {
            duration = short
        } else {
            duration = Nanoseconds(cappedSeconds: seconds)
            if RunLimits.isBeyondClock(end + duration) { return nil }
        }
        scheduled = end
        end = end + duration
        context &+= sequences
        list += 1
        return duration
    }
}
