// Copies of an engine that runs on, to see what would happen.
extension LiveReplica where Memory: ~Copyable {
    /// An independent copy, in a place of its own, which has nothing to tell yet.
    func copy(keepsEvents: Bool) throws(BatchingError) -> UnsafeMutablePointer<LiveReplica> {
        try check()
        let copy = try allocated(try LiveReplica(configuration, keepsEvents: keepsEvents))
        do throws(BatchingError) {
            try copy.pointee.assign(self)
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
            let rejection = twin.pointee.replica.rejection(row)
            if rejection == nil {
                twin.pointee.watchedRow = row
                try Memory.run(&twin.pointee, LiveGoal(time: LiveGoal.forever))
            }
            twin.pointee.writeEstimate(row, rejection, into: results, index)
        }
    }

    private mutating func preparedTwin() throws(BatchingError) -> UnsafeMutablePointer<LiveReplica> {
        if let twin {
            try twin.pointee.assign(self)
            return twin
        }
        let made = try copy(keepsEvents: false)
        twin = made
        return made
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
