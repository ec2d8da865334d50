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
    /// Where it was put in the order of arrival; -1: nowhere yet.
    private(set) var position: GrowableBuffer<Int32>
    private(set) var hashes: LiveHashes
    /// The slot in which the KV of its prompt is when it comes; -1: nowhere. Empty unless requests come so.
    private(set) var heldSlot: GrowableBuffer<Int32>
    // Written by the replica.
    private(set) var start: GrowableBuffer<Double>
    private(set) var firstToken: GrowableBuffer<Double>
    private(set) var end: GrowableBuffer<Double>
    private(set) var cachedTokens: GrowableBuffer<Int32>
    private(set) var parts: LiveParts

    private var free: GrowableBuffer<UInt32>
    private var freeCount = 0
    private var index: IdIndex
    /// Whether rows are found by the ids of their requests.
    let keepsIds: Bool
    private let keepsHeldSlots: Bool

    /// Rows, and requests, for which there is room in every column: adding them moves nothing.
    private var room = 0
    private var indexRoom = 0

    private static let firstCapacity = 64

    init(
        keepsParts: Bool, keepsHashes: Bool, keepsIds: Bool = true, keepsHeldSlots: Bool = false
    ) throws(BatchingError) {
        let rows = LiveRows.firstCapacity
        let id = try GrowableBuffer<Int64>(capacity: rows)
        let rank = try GrowableBuffer<Int64>(capacity: rows)
        let prompt = try GrowableBuffer<Int32>(capacity: rows)
        let output = try GrowableBuffer<Int32>(capacity: rows)
        let maxTokens = try GrowableBuffer<Int32>(capacity: rows)
        let arrival = try GrowableBuffer<Double>(capacity: rows)
        let priority = try GrowableBuffer<Int32>(capacity: rows)
        let tieBreak = try GrowableBuffer<Int64>(capacity: rows)
        let slot = try GrowableBuffer<Int32>(capacity: rows)
        let position = try GrowableBuffer<Int32>(capacity: rows)
        let hashes = try LiveHashes(rows: keepsHashes ? rows : 0)
        let heldSlot = try GrowableBuffer<Int32>(capacity: keepsHeldSlots ? rows : 0)
        let start = try GrowableBuffer<Double>(capacity: rows)
        let firstToken = try GrowableBuffer<Double>(capacity: rows)
        let end = try GrowableBuffer<Double>(capacity: rows)
        let cachedTokens = try GrowableBuffer<Int32>(capacity: rows)
        let parts = try LiveParts(rows: keepsParts ? rows : 0)
        let free = try GrowableBuffer<UInt32>(capacity: rows)
        let index = try IdIndex(count: 2 * rows)
        self.id = id
        self.rank = rank
        self.prompt = prompt
        self.output = output
        self.maxTokens = maxTokens
        self.arrival = arrival
        self.priority = priority
        self.tieBreak = tieBreak
        self.slot = slot
        self.position = position
        self.hashes = hashes
        self.heldSlot = heldSlot
        self.start = start
        self.firstToken = firstToken
        self.end = end
        self.cachedTokens = cachedTokens
        self.parts = parts
        self.free = free
        self.index = index
        self.keepsIds = keepsIds
        self.keepsHeldSlots = keepsHeldSlots
    }

    /// Makes room for so many more requests, with so many hash ids, so that adding them cannot fail.
    mutating func reserve(_ more: Int, hashIDs: Int) throws(BatchingError) {
        let rows = used + max(0, more - freeCount)
        try id.reserve(rows)
        try rank.reserve(rows)
        try prompt.reserve(rows)
        try output.reserve(rows)
        try maxTokens.reserve(rows)
        try arrival.reserve(rows)
        try priority.reserve(rows)
        try tieBreak.reserve(rows)
        try slot.reserve(rows)
        try position.reserve(rows)
        if keepsHeldSlots { try heldSlot.reserve(rows) }
        try start.reserve(rows)
        try firstToken.reserve(rows)
        try end.reserve(rows)
        try cachedTokens.reserve(rows)
        try parts.reserve(rows)
        try free.reserve(rows)
        try hashes.reserve(rows: rows, ids: hashIDs, used: used)
        if keepsIds {
            let ids = id.elements
            try index.reserve(count + more) { ids[$0] }
        }
        // They grow by the same steps, but for one whose growing has failed before.
        room = min(
            min(min(id.capacity, rank.capacity), min(prompt.capacity, output.capacity)),
            min(min(maxTokens.capacity, arrival.capacity), min(priority.capacity, tieBreak.capacity)),
            min(min(slot.capacity, position.capacity), min(start.capacity, firstToken.capacity)),
            min(min(end.capacity, cachedTokens.capacity), min(free.capacity, keepsHeldSlots ? heldSlot.capacity : .max))
        )
        indexRoom = max(indexRoom, count &+ more)
    }

    /// Rows for which there is room.
    var capacity: Int { room }

    /// Whether there is room for one more request without hash ids.
    var hasRoom: Bool {
        @inline(__always) get { (freeCount > 0 || used < room) && (!keepsIds || count < indexRoom) }
    }

    /// The row of a request; nil if it has none.
    @inline(always)
    func row(of id: Int64) -> Int? {
        let ids = self.id.elements
        let row = index.number(of: id) { ids[$0] }
        return row < 0 ? nil : row
    }

    /// What the caller calls the request of a row, or called it that has just gone.
    func id(of row: Int) -> Int64 { id.elements[row] }

    /// Adds request `index` of `requests`, for which there is room.
    /// - Parameter turn: of those that are equal in all else, which is first; it is at most 2^54. nil: as submitted.
    mutating func add(
        _ requests: RequestColumns, _ index: Int, id: Int64, arrival: Double, turn: Int64? = nil
    ) -> Int {
        // One that comes once more is told from what it was before.
        let rank = turn.map { $0 &<< 8 | submitted & 0xff } ?? submitted
        let row = add(
            LiveRow(
                id: id, rank: rank, prompt: Int32(truncatingIfNeeded: requests.prompt(index)),
                output: Int32(truncatingIfNeeded: requests.output(index)),
                maxTokens: requests.maxTokens?[index] ?? 0, arrival: arrival,
                priority: requests.priority?[index] ?? 0, tieBreak: requests.tieBreak?[index] ?? turn ?? submitted))
        submitted += 1
        hashes.add(requests.prefixHashes, index, row: row)
        return row
    }

    /// Adds a request under an id that no other has, for which there is room; its hash ids have to follow.
    mutating func add(_ request: LiveRow) -> Int {
        let row: Int
        if freeCount > 0 {
            freeCount -= 1
            row = Int(free.elements[freeCount])
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
        position.elements[row] = -1
        start.elements[row] = request.start
        firstToken.elements[row] = request.firstToken
        end.elements[row] = .nan
        cachedTokens.elements[row] = request.cachedTokens
        if keepsHeldSlots { heldSlot.elements[row] = -1 }
        if keepsIds {
            let (ids, ranks) = (id.elements, rank.elements)
            index.insert(row, count: used, isUsed: { ranks[$0] >= 0 }, { ids[$0] })
        }
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
        vacate(row)
        release(row)
    }

    /// A request is gone, but its row is not to be used again before it is released.
    mutating func vacate(_ row: Int) {
        rank.elements[row] = -1
        if keepsIds {
            let (ids, ranks) = (id.elements, rank.elements)
            index.remove(row, count: used, isUsed: { ranks[$0] >= 0 }, { ids[$0] })
        }
        hashes.remove(row: row)
        count -= 1
    }

    mutating func release(_ row: Int) {
        free.elements[freeCount] = UInt32(truncatingIfNeeded: row)
        freeCount += 1
    }

    /// All requests are gone, and every row may be used again.
    /// - Returns: false: nothing was done, as it is less work to remove one after the other.
    mutating func removeAll() -> Bool {
        if index.isSparse(with: count) { return false }
        index.removeAll()
        rank.elements.update(repeating: -1, count: used)
        hashes.removeAll()
        (used, count, freeCount) = (0, 0, 0)
        return true
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

    func set(heldSlot: Int32, of row: Int) { self.heldSlot.elements[row] = heldSlot }

    func set(slot: Int32, of row: Int) { self.slot.elements[row] = slot }

    func set(output: Int32, of row: Int) { self.output.elements[row] = output }

    /// The hash ids of a row that was added last.
    mutating func readHashes(_ reader: inout ByteReader, row: Int) throws(BatchingError) {
        let count = Int(try reader.integer(0...Int64(reader.left / 8)))
        guard count == 0 || hashes.blockSize != nil else { throw .corrupt("the hash ids are impossible") }
        try hashes.reserve(rows: used, ids: count, used: used - 1)
        try hashes.read(&reader, count: count, row: row)
    }

    func set(position: Int, of row: Int) { self.position.elements[row] = Int32(truncatingIfNeeded: position) }

    func arrivalTime(_ row: Int) -> Nanoseconds { Nanoseconds(validSeconds: arrival.elements[row]) }

    /// The rows as a replica takes them.
    /// - Parameter count: of the positions in order of arrival.
    @inline(always)
    func columns(count: Int) -> RequestColumns {
        var columns = RequestColumns(
            count: count, promptLength: UnsafePointer(prompt.elements), outputLength: UnsafePointer(output.elements),
            arrivalTime: UnsafePointer(arrival.elements), priority: UnsafePointer(priority.elements),
            tieBreak: UnsafePointer(tieBreak.elements), prefixHashes: hashes.columns,
            maxTokens: UnsafePointer(maxTokens.elements))
        columns.rank = UnsafePointer(rank.elements)
        columns.ids = UnsafePointer(id.elements)
        if keepsHeldSlots { columns.heldSlot = UnsafePointer(heldSlot.elements) }
        return columns
    }

    var results: ResultColumns {
        var columns = ResultColumns(
            startTime: start.elements, firstTokenTime: firstToken.elements, endTime: end.elements,
            prefixCachedTokens: cachedTokens.elements)
        columns.slot = slot.elements
        return columns
    }

    /// Becomes equal to other rows.
    /// - Parameter copiesHashIDs: false: they are not looked at, and none is added.
    mutating func assign(_ other: borrowing LiveRows, copiesHashIDs: Bool) throws(BatchingError) {
        let rows = other.used
        (room, indexRoom) = (0, 0)
        try id.assign(other.id, count: rows)
        try rank.assign(other.rank, count: rows)
        try prompt.assign(other.prompt, count: rows)
        try output.assign(other.output, count: rows)
        try maxTokens.assign(other.maxTokens, count: rows)
        try arrival.assign(other.arrival, count: rows)
        try priority.assign(other.priority, count: rows)
        try tieBreak.assign(other.tieBreak, count: rows)
        try slot.assign(other.slot, count: rows)
        try position.assign(other.position, count: rows)
        try start.assign(other.start, count: rows)
        try firstToken.assign(other.firstToken, count: rows)
        try end.assign(other.end, count: rows)
        try cachedTokens.assign(other.cachedTokens, count: rows)
        if keepsHeldSlots { try heldSlot.assign(other.heldSlot, count: rows) }
        try parts.assign(other.parts, count: rows)
        try free.reserve(rows)
        try free.elements.copy(other.free.elements, count: other.freeCount)
        freeCount = other.freeCount
        try hashes.assign(other.hashes, rows: rows, copiesIDs: copiesHashIDs)
        try index.assign(other.index)
        used = rows
        count = other.count
        submitted = other.submitted
    }
}
