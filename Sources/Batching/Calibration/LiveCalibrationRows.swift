/// A request of a live calibration: in flight, or kept since it ended.
struct LiveCalibrationRow: BitwiseCopyable {
    enum State: UInt8 {
        case free, inFlight, finished, failed
    }

    var id: Int64 = 0
    /// How many arrived before it, as far as it was told.
    var rank: Int64 = 0
    /// Nanoseconds; -1: not yet.
    var arrival: Int64 = 0
    var firstToken: Int64 = -1
    var end: Int64 = -1
    var prompt: Int32 = 0
    /// Tokens: generated, if it has finished; otherwise expected, or 0.
    var output: Int32 = 0
    /// Of one that ended, the row of that which ended next; of a free row, the next of those. UInt32.max: none.
    var next = UInt32.max
    var state = State.free

    var last: Int64 { max(arrival, firstToken) }
}

/// The requests of a live calibration, in rows that are used again: those in flight by their ids, those that ended in the
/// order of their ends.
struct LiveCalibrationRows: ~Copyable {
    /// Rows that were ever used.
    private(set) var used = 0
    private(set) var inFlight = 0
    private(set) var finished = 0
    private(set) var failed = 0
    private var arrived: Int64 = 0

    private var rows: GrowableBuffer<LiveCalibrationRow>
    private var index: IdIndex
    private(set) var hashes: LiveHashes
    private var firstFree = UInt32.max
    private var firstEnded = UInt32.max
    private var lastEnded = UInt32.max

    private static let firstCapacity = 64

    /// - Parameter keepsHashes: whether there is a prefix cache.
    init(keepsHashes: Bool) throws(BatchingError) {
        let rows = try GrowableBuffer<LiveCalibrationRow>(capacity: LiveCalibrationRows.firstCapacity)
        let index = try IdIndex(count: LiveCalibrationRows.firstCapacity)
        let hashes = try LiveHashes(rows: keepsHashes ? LiveCalibrationRows.firstCapacity : 0)
        self.rows = rows
        self.index = index
        self.hashes = hashes
    }

    var ended: Int { finished &+ failed }

    /// All that were ever used, in an order that means nothing; some of them are free.
    var elements: UnsafeMutablePointer<LiveCalibrationRow> { rows.elements }

    /// The row of a request in flight; nil if it is not.
    func row(of id: Int64) -> UnsafeMutablePointer<LiveCalibrationRow>? {
        let elements = rows.elements
        let row = index.number(of: id) { elements[$0].id }
        return row < 0 ? nil : elements + row
    }

    /// Makes room for one more, with so many hash ids, so that adding it cannot fail.
    mutating func reserve(hashIDs: Int) throws(BatchingError) {
        let count = used &+ (firstFree == UInt32.max ? 1 : 0)
        try rows.reserve(count)
        try hashes.reserve(rows: count, ids: hashIDs, used: used)
        let elements = rows.elements
        try index.reserve(inFlight &+ 1) { elements[$0].id }
    }

    /// Adds one that is in flight under an id that no other there has, and for which there is room.
    mutating func add(_ request: LiveCalibrationRow, _ prefix: PrefixHashes?) {
        let elements = rows.elements
        let row: Int
        if firstFree != UInt32.max {
            row = Int(firstFree)
            firstFree = elements[row].next
        } else {
            row = used
            used &+= 1
        }
        elements[row] = request
        elements[row].rank = arrived
        elements[row].state = .inFlight
        elements[row].next = UInt32.max
        arrived &+= 1
        inFlight &+= 1
        hashes.add(prefix, 0, row: row)
        index.insert(
            row, count: used, isUsed: { elements[$0].state == .inFlight }, { elements[$0].id })
    }

    /// One that is in flight has ended; it is kept behind those that did before.
    mutating func end(_ request: UnsafeMutablePointer<LiveCalibrationRow>, _ state: LiveCalibrationRow.State) {
        let elements = rows.elements
        let row = request - elements
        request.pointee.state = state
        index.remove(row, count: used, isUsed: { elements[$0].state == .inFlight }, { elements[$0].id })
        inFlight &-= 1
        if state == .finished { finished &+= 1 } else { failed &+= 1 }
        let number = UInt32(truncatingIfNeeded: row)
        if lastEnded == UInt32.max { firstEnded = number } else { elements[Int(lastEnded)].next = number }
        lastEnded = number
    }

    /// Forgets the one that ended first, of those that are kept; there is one.
    /// - Returns: when it ended.
    mutating func forget() -> Int64 {
        let elements = rows.elements
        let row = Int(firstEnded)
        firstEnded = elements[row].next
        if firstEnded == UInt32.max { lastEnded = UInt32.max }
        if elements[row].state == .finished { finished &-= 1 } else { failed &-= 1 }
        hashes.remove(row: row)
        elements[row].state = .free
        elements[row].next = firstFree
        firstFree = UInt32(truncatingIfNeeded: row)
        return elements[row].end
    }

    /// Becomes equal to other rows.
    mutating func assign(_ other: borrowing LiveCalibrationRows) throws(BatchingError) {
        try rows.assign(other.rows, count: other.used)
        try hashes.assign(other.hashes, rows: other.used, copiesIDs: true)
        try index.assign(other.index)
        used = other.used
        inFlight = other.inFlight
        finished = other.finished
        failed = other.failed
        arrived = other.arrived
        firstFree = other.firstFree
        firstEnded = other.firstEnded
        lastEnded = other.lastEnded
    }
}
