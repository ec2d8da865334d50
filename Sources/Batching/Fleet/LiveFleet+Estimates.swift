// What would be.
extension LiveFleet {
    /// What would become of each of `requests` if it came, and no other but those that are pending.
    /// - Parameters:
    ///   - requests: as for `submit`.
    ///   - results: columns to fill, without the order of completion.
    ///   - columns: the same, of what only a fleet tells of requests.
    /// - Complexity: for each a copy of the fleet, and what it takes to run that to the end of the request.
    public mutating func estimate(
        _ requests: RequestColumns, results: ResultColumns = ResultColumns(), columns: FleetColumns = FleetColumns()
    ) throws(BatchingError) {
        try check()
        let requests = prepared(requests)
        _ = try checked(requests)
        // Nothing is written before all is known: memory may run out on the way.
        var answers = try FleetRows(keepsAttribution: true)
        try answers.reserve(requests.count, hashIDs: 0)
        for index in 0..<requests.count {
            var copy = try fork()
            let row = try copy.submit(one: index, of: requests)
            try copy.advance(toEndOf: row)
            answers.take(copy.rows, row, at: index)
        }
        for index in 0..<requests.count { answers.write(index, to: results, columns, at: index) }
    }

    /// One of requests that have been checked comes, under an id that no other has.
    /// - Returns: its row.
    private mutating func submit(one index: Int, of requests: RequestColumns) throws(BatchingError) -> Int {
        var id = Int64.min
        while rows.requests.row(of: id) != nil { id &+= 1 }
        let hashIDs = requests.prefixHashes.map { Int($0.ends[index] &- $0.begins[index]) } ?? 0
        try rows.reserve(1, hashIDs: hashIDs)
        try run.pending.reserve(1)
        let row = rows.add(requests, index, id: id, arrival: requests.arrivalTime?[index] ?? clock.seconds)
        try run.connect(rows)
        run.expect(row)
        return row
    }

    /// Runs on until a request has ended, or nothing is left to do.
    private mutating func advance(toEndOf row: Int) throws(BatchingError) {
        run.outputs.events.watched = row
        try advance(to: .infinity)
        if !run.outputs.events.isWatchOver { rows.results.status?[row] = RequestStatus.stuck.rawValue }
    }
}
