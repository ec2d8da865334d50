// Copies of an engine that runs on, to see what would happen.
extension LiveReplica where Memory: ~Copyable {
    /// An independent copy, in a place of its own, which has nothing to tell yet.
    func copy() throws(BatchingError) -> UnsafeMutablePointer<LiveReplica> {
        try check()
        let copy = try allocated(try LiveReplica(configuration, keepsEvents: true, ownsBlocks: false))
        do throws(BatchingError) {
            try copy.pointee.assign(self)
            try copy.pointee.replica.memory.assign(replica.memory, slots: replica.slotCount)
            try copy.pointee.replica.memory.copyCache(replica.memory)
        } catch {
            deallocate(copy)
            throw error
        }
        return copy
    }

    /// Writes what would become of each of `requests` if it, and nobody else, came.
    mutating func estimate(_ requests: RequestColumns, into results: ResultColumns) throws(BatchingError) {
        try check(requests)
        for index in 0..<requests.count {
            let twin = try preparedTwin()
            let row = try twin.pointee.submit(one: index, of: requests)
            if let rejection = twin.pointee.replica.rejection(row) {
                twin.pointee.writeEstimate(row, rejection, into: results, index)
                continue
            }
            try replica.memory.lendCache(to: &twin.pointee.replica.memory)
            defer { replica.memory.takeCacheBack(from: &twin.pointee.replica.memory) }
            if try !runTwin(twin, row, into: results, index) {
                twin.pointee.writeEstimate(row, nil, into: results, index)
            }
            let iterations = twin.pointee.replica.iteration - replica.iteration
            try Work.done(iterations: iterations + 1, rows: rows.count)
        }
    }

    private mutating func preparedTwin() throws(BatchingError) -> UnsafeMutablePointer<LiveReplica> {
        let twin: UnsafeMutablePointer<LiveReplica>
        if let made = self.twin {
            twin = made
        } else {
            twin = try allocated(try LiveReplica(configuration, keepsEvents: false, ownsBlocks: false))
            self.twin = twin
        }
        try twin.pointee.assign(self)
        try twin.pointee.replica.memory.assign(replica.memory, slots: replica.slotCount)
        return twin
    }

    /// Runs the twin, which borrows the cache, to the end of a request.
    ///
    /// Which block is whose matters only to those who look for theirs in the cache. Once nobody waits, and as long as
    /// blocks do not run out, it goes on in a twin that counts them, which is many times as fast.
    /// - Returns: whether that has written the estimate.
    private mutating func runTwin(
        _ twin: UnsafeMutablePointer<LiveReplica>, _ row: Int, into results: ResultColumns, _ index: Int
    ) throws(BatchingError) -> Bool {
        var goal = LiveGoal(time: LiveGoal.forever)
        let first = twin.pointee.replica.iteration
        twin.pointee.watchedRow = row
        // A model of time that asks the caller tells it how many blocks are in use.
        twin.pointee.endsOnceCountable = Memory.findsPrefixes && !configuration.asksForTime
        try Memory.run(&twin.pointee, goal)
        guard twin.pointee.endsOnceCountable, twin.pointee.rows.end.elements[row].isNaN, twin.pointee.isCountable
        else { return false }
        // Whoever is told of progress is told of it as if this were one run.
        let last = twin.pointee.replica.iteration - 1
        goal.begin = last - max(0, last - first) % configuration.progressInterval
        let counted = try preparedCountedTwin(twin)
        counted.pointee.watchedRow = row
        do throws(BatchingError) {
            try CountedBlocks.run(&counted.pointee, goal)
            try Work.done(iterations: counted.pointee.replica.iteration - last)
            if !counted.pointee.replica.memory.wasShort {
                counted.pointee.writeEstimate(row, nil, into: results, index)
                return true
            }
        } catch {
            // Unless it is because more blocks are counted than there are, it happens again.
            if error.kind == .cancelled { throw error }
        }
        twin.pointee.endsOnceCountable = false
        try Memory.run(&twin.pointee, goal)
        return false
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
        try counted.pointee.assign(twin.pointee)
        counted.pointee.replica.memory.count(twin.pointee.replica.memory, slots: twin.pointee.replica.slotCount)
        return counted
    }

    private func writeEstimate(
        _ row: Int, _ rejection: RequestStatus?, into results: ResultColumns, _ index: Int
    ) {
        let isFinished = !rows.end.elements[row].isNaN
        let slot = Int(rows.slot.elements[row])
        results.startTime?[index] = rows.start.elements[row]
        results.firstTokenTime?[index] = rows.firstToken.elements[row]
        results.endTime?[index] = rows.end.elements[row]
        results.tokensGenerated?[index] =
            isFinished ? Int32(truncatingIfNeeded: replica.output(row)) : slot >= 0 ? replica.outputGenerated(slot) : 0
        results.status?[index] = (rejection ?? (isFinished ? .finished : .stuck)).rawValue
    }
}
