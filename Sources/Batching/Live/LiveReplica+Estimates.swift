// Copies of an engine that runs on, to see what would happen.
extension LiveReplica where Memory: ~Copyable {
    /// An independent copy, in a place of its own, which has nothing to tell yet.
    mutating func copy() throws(BatchingError) -> UnsafeMutablePointer<LiveReplica> {
        try check()
        let copy = try fresh()
        do throws(BatchingError) {
            try copy.pointee.assign(&self)
            try copy.pointee.run.replica.memory.assign(run.replica.memory, slots: run.replica.slotCount)
            try copy.pointee.run.replica.memory.copyCache(run.replica.memory)
        } catch {
            deallocate(copy)
            throw error
        }
        return copy
    }

    /// Writes what would become of each of `requests` if it, and no other, came.
    mutating func estimate(_ requests: RequestColumns, into results: ResultColumns) throws(BatchingError) {
        try check(requests)
        // Nothing is written before all is known: memory may run out on the way.
        let estimates = try ScratchBuffer<Estimate>(uninitialized: requests.count)
        for index in 0..<requests.count { estimates.elements[index] = try estimate(index, of: requests) }
        for index in 0..<requests.count { estimates.elements[index].write(into: results, index) }
    }

    /// When a request of columns that have been checked would have its first token, and end, if it came now; not-a-number:
    /// never.
    /// - Parameter turn: which of equal requests is first.
    mutating func estimated(
        _ index: Int, of requests: RequestColumns, turn: Int64
    ) throws(BatchingError) -> (firstToken: Double, end: Double) {
        var requests = requests
        requests.arrivalTime = nil
        let estimate = try estimate(index, of: requests, turn: turn)
        return (estimate.firstToken, estimate.end)
    }

    private mutating func estimate(
        _ index: Int, of requests: RequestColumns, turn: Int64? = nil
    ) throws(BatchingError) -> Estimate {
        let twin = try preparedTwin()
        let row = try twin.pointee.submit(one: index, of: requests, turn: turn)
        if let rejection = twin.pointee.run.replica.rejection(row) { return twin.pointee.estimate(row, rejection) }
        try run.replica.memory.lendCache(to: &twin.pointee.run.replica.memory)
        defer { run.replica.memory.takeCacheBack(from: &twin.pointee.run.replica.memory) }
        let estimate = try runTwin(twin, row)
        let iterations = twin.pointee.run.replica.iteration - run.replica.iteration
        try Work.done(iterations: iterations + 1, rows: rows.count)
        return estimate
    }

    private mutating func preparedTwin() throws(BatchingError) -> UnsafeMutablePointer<LiveReplica> {
        let twin: UnsafeMutablePointer<LiveReplica>
        if let made = self.twin {
            twin = made
        } else {
            twin = try allocated(try LiveReplica(configuration, keepsEvents: false, ownsBlocks: false))
            self.twin = twin
        }
        try twin.pointee.assign(&self)
        try twin.pointee.run.replica.memory.assign(run.replica.memory, slots: run.replica.slotCount)
        return twin
    }

    /// Runs the twin, which borrows the cache, to the end of a request.
    ///
    /// Which request has which block matters only to requests that look into the cache. Once none waits, and as long as
    /// blocks do not run out, it goes on in a twin that counts them, which is many times as fast.
    private mutating func runTwin(
        _ twin: UnsafeMutablePointer<LiveReplica>, _ row: Int
    ) throws(BatchingError) -> Estimate {
        var goal = RunGoal(time: RunGoal.forever)
        let first = twin.pointee.run.replica.iteration
        twin.pointee.run.watched = row
        // A model of time that asks the caller tells it how many blocks are in use; a policy of the caller's may preempt
        // though there are enough.
        let asksPolicy = twin.pointee.run.replica.settings.asksCaller
        twin.pointee.run.endsOnceCountable =
            Memory.findsPrefixes && !configuration.iterationTime.asksCaller && !asksPolicy
        try twin.pointee.proceed(to: goal)
        guard twin.pointee.run.endsOnceCountable, twin.pointee.rows.end.elements[row].isNaN,
            twin.pointee.run.replica.isCountable
        else { return twin.pointee.estimate(row) }
        // The callback is told of progress as if this were one run.
        let last = twin.pointee.run.replica.iteration - 1
        goal.begin = last - max(0, last - first) % configuration.progressInterval
        let counted = try preparedCountedTwin(twin)
        counted.pointee.run.watched = row
        do throws(BatchingError) {
            try counted.pointee.proceed(to: goal)
            try Work.done(iterations: counted.pointee.run.replica.iteration - last)
            if !counted.pointee.run.replica.memory.wasShort {
                return counted.pointee.estimate(row)
            }
        } catch {
            // Unless it is because more blocks are counted than there are, it happens again.
            if error.kind == .cancelled { throw error }
        }
        twin.pointee.run.endsOnceCountable = false
        try twin.pointee.proceed(to: goal)
        return twin.pointee.estimate(row)
    }

    private mutating func preparedCountedTwin(
        _ twin: UnsafeMutablePointer<LiveReplica>
    ) throws(BatchingError) -> UnsafeMutablePointer<LiveReplica<CountedBlocks>> {
        let counted: UnsafeMutablePointer<LiveReplica<CountedBlocks>>
        if let made = countedTwin {
            counted = made
        } else {
            counted = try allocated(try LiveReplica<CountedBlocks>(configuration, keepsEvents: false))
            countedTwin = counted
        }
        try counted.pointee.assign(&twin.pointee)
        counted.pointee.run.replica.memory.count(
            twin.pointee.run.replica.memory, slots: twin.pointee.run.replica.slotCount)
        return counted
    }

    private mutating func estimate(_ row: Int, _ rejection: RequestStatus? = nil) -> Estimate {
        let isFinished = !rows.end.elements[row].isNaN
        let slot = Int(rows.slot.elements[row])
        return Estimate(
            start: rows.start.elements[row], firstToken: rows.firstToken.elements[row], end: rows.end.elements[row],
            tokens: isFinished
                ? Int32(truncatingIfNeeded: run.replica.output(row))
                : slot >= 0 ? run.replica.outputGenerated(slot) : 0,
            status: (rejection ?? (isFinished ? .finished : .stuck)).rawValue)
    }
}

/// What would become of a request.
private struct Estimate: BitwiseCopyable {
    let start: Double
    let firstToken: Double
    let end: Double
    let tokens: Int32
    let status: Int32

    func write(into results: ResultColumns, _ index: Int) {
        results.startTime?[index] = start
        results.firstTokenTime?[index] = firstToken
        results.endTime?[index] = end
        results.tokensGenerated?[index] = tokens
        results.status?[index] = status
    }
}
