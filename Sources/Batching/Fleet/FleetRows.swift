/// The requests of a fleet that runs on, and what has become of them so far, in rows that are used again: a row is kept until its
/// end has been told.
struct FleetRows: ~Copyable {
    private(set) var requests: LiveRows
    private var sessions: GrowableBuffer<Int64>
    /// Whether requests have sessions; nil: none has come.
    private(set) var hasSessions: Bool?
    private var times: ColumnTable<Double>
    private var counts: ColumnTable<Int32>
    private let keepsAttribution: Bool

    init(keepsAttribution: Bool) throws(BatchingError) {
        let requests = try LiveRows(keepsParts: false, keepsHashes: true)
        let sessions = try GrowableBuffer<Int64>(capacity: 0)
        let times = try ColumnTable<Double>(columns: FleetRows.timeCount)
        let counts = try ColumnTable<Int32>(columns: FleetRows.countCount)
        self.requests = requests
        self.sessions = sessions
        self.times = times
        self.counts = counts
        self.keepsAttribution = keepsAttribution
    }

    init(copying other: borrowing FleetRows, _ copy: inout DeepCopy) throws(BatchingError) {
        var requests = try LiveRows(keepsParts: false, keepsHashes: true)
        try requests.assign(other.requests, copiesHashIDs: true)
        try requests.reserve(0, hashIDs: 0)
        self.requests = requests
        sessions = GrowableBuffer(copying: other.sessions, count: other.sessions.capacity, &copy)
        hasSessions = other.hasSessions
        times = ColumnTable(copying: other.times, &copy)
        counts = ColumnTable(copying: other.counts, &copy)
        keepsAttribution = other.keepsAttribution
    }

    /// Makes room for so many more requests, with so many hash ids, so that adding them cannot fail.
    mutating func reserve(_ more: Int, hashIDs: Int) throws(BatchingError) {
        try requests.reserve(more, hashIDs: hashIDs)
        try sessions.reserve(capacity)
        try times.reserve(capacity)
        try counts.reserve(capacity)
    }

    /// Rows for which there is room.
    var capacity: Int { requests.capacity }

    /// Adds request `index` of `given`, for which there is room.
    mutating func add(_ given: RequestColumns, _ index: Int, id: Int64, arrival: Double) -> Int {
        let row = requests.add(given, index, id: id, arrival: arrival)
        hasSessions = given.session != nil
        if let session = given.session { sessions.elements[row] = session[index] }
        for number in 0..<FleetRows.timeCount { times.column(number)[row] = .nan }
        for number in 0..<FleetRows.countCount { counts.column(number)[row] = FleetRows.unset[number] }
        results.arrivalTime?[row] = arrival
        results.sentTime?[row] = arrival
        return row
    }

    /// The request that was added last was never there.
    mutating func takeBack(_ id: Int64) { requests.takeBack(id) }

    mutating func set(hashKind blockSize: Int?, _ coversOutput: Bool, hasSessions: Bool?) {
        requests.setHashKind(blockSize, coversOutput)
        self.hasSessions = hasSessions
    }

    /// A request has ended: its id is free again, and what has become of it stays.
    mutating func end(_ row: Int) { requests.vacate(row) }

    /// Its end has been told.
    mutating func release(_ row: Int) { requests.release(row) }

    /// What the other, of which it is a copy, has still to tell of requests that have ended, this one does not.
    mutating func release(endedIn events: borrowing FleetEvents) {
        events.forEachKept { if $0.isEnd { requests.release(Int($0.request)) } }
    }

    /// The rows as a fleet takes them; valid until there is room for more.
    var columns: RequestColumns {
        var columns = requests.columns(count: requests.used)
        if hasSessions == true { columns.session = UnsafePointer(sessions.elements) }
        return columns
    }
}

// What becomes of them
extension FleetRows {
    private static var timeCount: Int { 22 }
    private static var countCount: Int { 7 }

    /// Columns of a caller or of the tables, in the order of these.
    private static func times(
        _ results: ResultColumns, _ columns: FleetColumns
    ) -> InlineArray<22, UnsafeMutablePointer<Double>?> {
        let parts = columns.attribution
        return [
            results.startTime, results.firstTokenTime, results.endTime, results.arrivalTime, results.sentTime,
            columns.routedTime, columns.heldTime, columns.reservedTime, columns.activatedTime, columns.decodeStartTime,
            columns.releasedTime, columns.waitingForRouter, columns.transfer, columns.waitingForDecode,
            parts?.waitingForSlot, parts?.waitingForMemory, parts?.prefill, parts?.decode, parts?.slowedByPrefill,
            parts?.preempted, parts?.heldInBatch, parts?.waitingForClient,
        ]
    }

    private static func counts(
        _ results: ResultColumns, _ columns: FleetColumns
    ) -> InlineArray<7, UnsafeMutablePointer<Int32>?> {
        [
            results.tokensGenerated, results.preemptions, results.prefixCachedTokens, results.status, columns.replica,
            columns.prefillReplica, columns.attempts,
        ]
    }

    /// What stands there of a request to which nothing has happened.
    private static var unset: InlineArray<7, Int32> { [0, 0, 0, RequestStatus.unfinished.rawValue, -1, -1, 0] }

    var results: ResultColumns {
        ResultColumns(
            startTime: times.column(0), firstTokenTime: times.column(1), endTime: times.column(2),
            tokensGenerated: counts.column(0), preemptions: counts.column(1), prefixCachedTokens: counts.column(2),
            status: counts.column(3), arrivalTime: times.column(3), sentTime: times.column(4))
    }

    var fleetColumns: FleetColumns {
        var columns = FleetColumns()
        columns.replica = counts.column(4)
        columns.prefillReplica = counts.column(5)
        columns.attempts = counts.column(6)
        columns.routedTime = times.column(5)
        columns.heldTime = times.column(6)
        columns.reservedTime = times.column(7)
        columns.activatedTime = times.column(8)
        columns.decodeStartTime = times.column(9)
        columns.releasedTime = times.column(10)
        columns.waitingForRouter = times.column(11)
        columns.transfer = times.column(12)
        columns.waitingForDecode = times.column(13)
        if keepsAttribution {
            columns.attribution = AttributionColumns(
                waitingForSlot: times.column(14), waitingForMemory: times.column(15), prefill: times.column(16),
                decode: times.column(17), slowedByPrefill: times.column(18), preempted: times.column(19),
                heldInBatch: times.column(20), waitingForClient: times.column(21))
        }
        return columns
    }

    /// What has become of a request in other rows stands in this one now.
    func take(_ other: borrowing FleetRows, _ row: Int, at place: Int) {
        for number in 0..<FleetRows.timeCount { times.column(number)[place] = other.times.column(number)[row] }
        for number in 0..<FleetRows.countCount { counts.column(number)[place] = other.counts.column(number)[row] }
    }

    /// Writes what has become of a request where a caller wants it; nil: what of one to which nothing has happened.
    func write(_ row: Int?, to results: ResultColumns, _ columns: FleetColumns, at position: Int) {
        let (times, counts) = (FleetRows.times(results, columns), FleetRows.counts(results, columns))
        for number in 0..<FleetRows.timeCount {
            times[number]?[position] = row.map { self.times.column(number)[$0] } ?? .nan
        }
        for number in 0..<FleetRows.countCount {
            counts[number]?[position] = row.map { self.counts.column(number)[$0] } ?? FleetRows.unset[number]
        }
    }
}
