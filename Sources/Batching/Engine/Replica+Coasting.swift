// Most iterations change nothing but the clock: every request that runs decodes, and none joins, leaves or runs
// short.
extension Replica where Memory: ~Copyable {
    /// Whether the next iterations can be of that kind.
    @inline(__always)
    func canCoast(besideWaiting: Bool) -> Bool {
        catchingUp == 0 && runningCount > 0 && decoding == runningCount
            && (waiting.count == 0 || besideWaiting || runningCount >= settings.maxNumSeqs)
            && dueLists.isEmpty(iteration) && !logsDecisions && !logsIterations
    }

    /// Runs such iterations as long as they are of that kind. Every request that has arrived has been taken in.
    /// - Parameters:
    ///   - start: when the next iteration begins to run.
    ///   - isAhead: whether it is scheduled when the one before begins, and not when that ends.
    // The compiler may ignore `__always` in a loop as large as those that call this.
    @inline(always)
    mutating func coast(
        _ limits: QuietLimits, _ time: IterationTimeModel, start: inout Nanoseconds, isAhead: Bool
    ) throws(BatchingError) {
        // A request that waits, waits for a slot; in a padded batch for what it has waited for since that was formed.
        if isAttributed, !settings.padsBatch { observer.ledger.isShortOfMemory = false }
        switch time {
        case .constant(let step): coastEvenly(limits, step, start: &start, isAhead: isAhead)
        case .affine(let formula): try coastUnevenly(limits, formula, start: &start, isAhead: isAhead)
        case .callback(let formula): try coastAsking(limits, formula, start: &start, isAhead: isAhead)
        }
    }

    @inline(never)
    private mutating func coastAsking(
        _ limits: QuietLimits, _ time: CallbackTime, start: inout Nanoseconds, isAhead: Bool
    ) throws(BatchingError) {
        try coastUnevenly(limits, time, start: &start, isAhead: isAhead)
    }

    /// One iteration after the other.
    @inline(always)
    private mutating func coastUnevenly(
        _ limits: QuietLimits, _ time: some IterationTimeFormula, start: inout Nanoseconds, isAhead: Bool
    ) throws(BatchingError) {
        var work = measure()
        let first = iteration
        let origin = start
        var next = start
        // What changes in each iteration is kept in registers, not in the replica.
        var blockTime: UInt128 = 0
        let lastTime = min(min(nextArrival, aborts.nextTime), limits.time)
        // Ahead, a request leaves before the output of the batch that ends then is processed.
        let lastStart = aborts.nextTime
        while work.time < lastTime, !isAhead || next < lastStart, work.number < limits.iteration,
            dueLists.isEmpty(work.number), memory.neededByDecodes <= memory.free
        {
            memory.growDecodes(members.elements, admittedBefore: .max)
            work.usedBlocks = memory.usable &- memory.free
            let duration = try time.duration(of: work)
            let end = try RunLimits.end(of: duration, from: next, work)
            blockTime &+= duration.times(work.usedBlocks)
            work.time = isAhead ? next : end
            next = end
            work.contextTokens &+= work.decodeTokens
            work.number &+= 1
            memory.advance()
        }
        iteration = work.number
        if iteration == first { return }
        now = work.time
        start = next
        // Blocks are only taken meanwhile, so that the last iteration has the most.
        work.decodeTokens &*= iteration &- first
        decodingContext &+= work.decodeTokens
        totals.blockTime &+= blockTime
        totals.add(work, next - origin, end: next)
        if isAttributed { observer.ledger.count(slowdown: .zero, end: next) }
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
        // Blocks are only taken meanwhile, so that the last iteration has the most.
        var work = measure()
        let elapsed = Nanoseconds(count &* step.count)
        now = isAhead ? start + elapsed - step : start + elapsed
        start = start + elapsed
        iteration &+= count
        work.decodeTokens &*= count
        decodingContext &+= work.decodeTokens
        totals.blockTime &+= usedBlocks &* UInt128(truncatingIfNeeded: step.count)
        totals.add(work, elapsed, end: start)
        if isAttributed { observer.ledger.count(slowdown: .zero, end: start) }
    }
}
