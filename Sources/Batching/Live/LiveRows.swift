/// The requests of an engine that runs on, as the columns that a replica reads, in rows that are used again.
struct LiveRows: ~Copyable {
    /// Rows that were ever used.
    private(set) var used = 0
    /// Requests that have a row.
    private(set) var count = 0
    /// Requests that ever had one.
    private(set) var submitted: Int64 = 0

    private(set) var id: GrowableBuffer<Int64>
    private(set) var rank: GrowableBuffer<Int64>
    private(set) var prompt: GrowableBuffer<Int32>
    private(set) var output: GrowableBuffer<Int32>
    private(set) var maxTokens: GrowableBuffer<Int32>
    private(set) var arrival: GrowableBuffer<Double>
    private(set) var priority: GrowableBuffer<Int32>
    private(set) var tieBreak: GrowableBuffer<Int64>
    /// The slot of a request that runs, or was preempted; otherwise -1.
    private(set) var slot: GrowableBuffer<Int32>
    private(set) var hashes: LiveHashes
    // Written by the replica.
    private(set) var start: GrowableBuffer<Double>
    private(set) var firstToken: GrowableBuffer<Double>
    private(set) var end: GrowableBuffer<Double>
    private(set) var cachedTokens: GrowableBuffer<Int32>

    private var free: GrowableBuffer<UInt32>
    /// Rows + 1 by id; 0: nobody.
    private var places: GrowableBuffer<UInt32>
    private var mask: Int

    private static let firstCapacity = 64

    init() throws(BatchingError) {
        let rows = LiveRows.firstCapacity
        let id = try GrowableBuffer<Int64>(capacity: rows, repeating: 0)
        let rank = try GrowableBuffer<Int64>(capacity: rows, repeating: 0)
        let prompt = try GrowableBuffer<Int32>(capacity: rows, repeating: 0)
        let output = try GrowableBuffer<Int32>(capacity: rows, repeating: 0)
        let maxTokens = try GrowableBuffer<Int32>(capacity: rows, repeating: 0)
        let arrival = try GrowableBuffer(capacity: rows, repeating: 0.0)
        let priority = try GrowableBuffer<Int32>(capacity: rows, repeating: 0)
        let tieBreak = try GrowableBuffer<Int64>(capacity: rows, repeating: 0)
        let slot = try GrowableBuffer<Int32>(capacity: rows, repeating: -1)
        let hashes = try LiveHashes(rows: rows)
        let start = try GrowableBuffer(capacity: rows, repeating: Double.nan)
        let firstToken = try GrowableBuffer(capacity: rows, repeating: Double.nan)
        let end = try GrowableBuffer(capacity: rows, repeating: Double.nan)
        let cachedTokens = try GrowableBuffer<Int32>(capacity: rows, repeating: 0)
        let free = try GrowableBuffer<UInt32>(capacity: rows, repeating: 0)
        let places = try GrowableBuffer<UInt32>(capacity: 4 * rows, repeating: 0)
        self.id = id
        self.rank = rank
        self.prompt = prompt
        self.output = output
        self.maxTokens = maxTokens
        self.arrival = arrival
        self.priority = priority
        self.tieBreak = tieBreak
        self.slot = slot
        self.hashes = hashes
        self.start = start
        self.firstToken = firstToken
        self.end = end
        self.cachedTokens = cachedTokens
        self.free = free
        self.places = places
        mask = 4 * rows - 1
    }

    /// Makes room for so many more requests, with so many hash ids, so that adding them cannot fail.
    mutating func reserve(_ more: Int, hashIDs: Int) throws(BatchingError) {
        let rows = max(used, count + more)
        try id.reserve(rows)
        try rank.reserve(rows)
        try prompt.reserve(rows)
        try output.reserve(rows)
        try maxTokens.reserve(rows)
        try arrival.reserve(rows)
        try priority.reserve(rows)
        try tieBreak.reserve(rows)
        try slot.reserve(rows)
        try start.reserve(rows)
        try firstToken.reserve(rows)
        try end.reserve(rows)
        try cachedTokens.reserve(rows)
        try free.reserve(rows)
        try hashes.reserve(rows: rows, ids: hashIDs, used: used)
        if 2 * (count + more) > mask { try rehash(for: count + more) }
    }

    private mutating func rehash(for count: Int) throws(BatchingError) {
        var size = 2 * (mask + 1)
        while 2 * count > size { size *= 2 }
        var larger = try GrowableBuffer<UInt32>(capacity: size, repeating: 0)
        swap(&places, &larger)
        let before = mask
        mask = size - 1
        for place in 0...before where larger.elements[place] != 0 {
            insert(larger.elements[place])
        }
    }

    private mutating func insert(_ row: UInt32) {
        var place = OpenAddressing.home(id.elements[Int(row) - 1], mask: mask)
        while places.elements[place] != 0 { place = (place &+ 1) & mask }
        places.elements[place] = row
    }

    private func place(of id: Int64) -> Int {
        var place = OpenAddressing.home(id, mask: mask)
        while true {
            let row = Int(places.elements[place])
            if row == 0 || self.id.elements[row - 1] == id { return place }
            place = (place &+ 1) & mask
        }
    }

    /// The row of a request; nil if it has none.
    func row(of id: Int64) -> Int? {
        let row = Int(places.elements[place(of: id)])
        return row == 0 ? nil : row - 1
    }

    /// Adds request `index` of `requests`, for which there is room.
    mutating func add(_ requests: RequestColumns, _ index: Int, id: Int64, arrival: Double) -> Int {
        let row = add(
            LiveRow(
                id: id, rank: submitted, prompt: Int32(truncatingIfNeeded: requests.prompt(index)),
                output: Int32(truncatingIfNeeded: requests.output(index)),
                maxTokens: requests.maxTokens?[index] ?? 0, arrival: arrival,
                priority: requests.priority?[index] ?? 0, tieBreak: requests.tieBreak?[index] ?? submitted))
        submitted += 1
        hashes.add(requests.prefixHashes, index, row: row)
        return row
    }

    /// Adds a request under an id that nobody has, for which there is room; its hash ids have to follow.
    mutating func add(_ request: LiveRow) -> Int {
        let row: Int
        if used > count {
            row = Int(free.elements[used - count - 1])
        } else {
            row = used
            used += 1
        }
        count += 1
        id.elements[row] = request.id
        rank.elements[row] = request.rank
        prompt.elements[row] = request.prompt
        output.elements[row] = request.output
        maxTokens.elements[row] = request.maxTokens
        arrival.elements[row] = request.arrival
        priority.elements[row] = request.priority
        tieBreak.elements[row] = request.tieBreak
        slot.elements[row] = -1
        start.elements[row] = request.start
        firstToken.elements[row] = request.firstToken
        end.elements[row] = .nan
        cachedTokens.elements[row] = request.cachedTokens
        insert(UInt32(truncatingIfNeeded: row + 1))
        return row
    }

    subscript(row: Int) -> LiveRow {
        LiveRow(
            id: id.elements[row], rank: rank.elements[row], prompt: prompt.elements[row], output: output.elements[row],
            maxTokens: maxTokens.elements[row], arrival: arrival.elements[row], priority: priority.elements[row],
            tieBreak: tieBreak.elements[row],
            start: start.elements[row], firstToken: firstToken.elements[row], cachedTokens: cachedTokens.elements[row])
    }

    /// A request is gone; its row may be used again, but what stands in it stays until then.
    mutating func remove(_ row: Int) {
        let place = place(of: id.elements[row])
        let (table, ids) = (places.elements, id.elements)
        let hole = OpenAddressing.close(
            place, mask: mask, id: { table[$0] == 0 ? nil : ids[Int(table[$0]) - 1] },
            move: { table[$0] = table[$1] })
        table[hole] = 0
        hashes.remove(row: row)
        rank.elements[row] = -1
        free.elements[used - count] = UInt32(truncatingIfNeeded: row)
        count -= 1
    }

    /// The request that was added last, or after this one only others that were taken back, was never there.
    mutating func takeBack(_ id: Int64) {
        if let row = row(of: id) {
            remove(row)
            submitted -= 1
        }
    }

    mutating func setHashKind(_ blockSize: Int?, _ coversOutput: Bool) {
        hashes.blockSize = blockSize
        hashes.coversOutput = coversOutput
    }

    mutating func setSubmitted(_ count: Int64) { submitted = count }

    func set(slot: Int32, of row: Int) { self.slot.elements[row] = slot }

    func set(output: Int32, of row: Int) { self.output.elements[row] = output }

    /// The hash ids of a row that was added last.
    mutating func readHashes(_ reader: inout ByteReader, row: Int) throws(BatchingError) {
        let count = Int(try reader.integer(0...Int64(reader.left / 8)))
        guard count == 0 || hashes.blockSize != nil else { throw .corrupt("there are hash ids that cannot be") }
        try hashes.reserve(rows: used, ids: count, used: used - 1)
        try hashes.read(&reader, count: count, row: row)
    }

    func arrivalTime(_ row: Int) -> Nanoseconds { Nanoseconds(validSeconds: arrival.elements[row]) }

    /// The rows as a replica takes them.
    /// - Parameter count: of the positions in order of arrival.
    func columns(count: Int) -> RequestColumns {
        var columns = RequestColumns(
            count: count, promptLength: UnsafePointer(prompt.elements), outputLength: UnsafePointer(output.elements),
            arrivalTime: UnsafePointer(arrival.elements), priority: UnsafePointer(priority.elements),
            tieBreak: UnsafePointer(tieBreak.elements), prefixHashes: hashes.columns,
            maxTokens: UnsafePointer(maxTokens.elements))
        columns.rank = UnsafePointer(rank.elements)
        columns.ids = UnsafePointer(id.elements)
        return columns
    }

    var results: ResultColumns {
        ResultColumns(
            startTime: start.elements, firstTokenTime: firstToken.elements, endTime: end.elements,
            prefixCachedTokens: cachedTokens.elements)
    }

    /// Becomes equal to other rows.
    /// - Parameter copiesHashIDs: false: nobody will look at them, or add any.
    mutating func assign(_ other: borrowing LiveRows, copiesHashIDs: Bool) throws(BatchingError) {
        let rows = other.used
        try id.assign(other.id, count: rows)
        try rank.assign(other.rank, count: rows)
        try prompt.assign(other.prompt, count: rows)
        try output.assign(other.output, count: rows)
        try maxTokens.assign(other.maxTokens, count: rows)
        try arrival.assign(other.arrival, count: rows)
        try priority.assign(other.priority, count: rows)
        try tieBreak.assign(other.tieBreak, count: rows)
        try slot.assign(other.slot, count: rows)
        try start.assign(other.start, count: rows)
        try firstToken.assign(other.firstToken, count: rows)
        try end.assign(other.end, count: rows)
        try cachedTokens.assign(other.cachedTokens, count: rows)
        try free.reserve(rows)
        free.elements.update(from: other.free.elements, count: rows - other.count)
        try hashes.assign(other.hashes, rows: rows, copiesIDs: copiesHashIDs)
        try places.assign(other.places, count: other.mask + 1)
        mask = other.mask
        used = rows
        count = other.count
        submitted = other.submitted
    }
}
