/// The hash ids of the rows, one after the other, with gaps where requests have gone. Empty unless they are wanted.
struct LiveHashes: ~Copyable {
    private let isWanted: Bool
    private var ids: GrowableBuffer<Int64>
    private var begins: GrowableBuffer<Int64>
    private var ends: GrowableBuffer<Int64>
    /// Where the next ones go, and how many of those before are still of use.
    private var top = 0
    private var held = 0
    /// That of the first request that had any; nil: none had.
    var blockSize: Int?
    var coversOutput = false

    /// - Parameter rows: 0: they are not wanted.
    init(rows: Int) throws(BatchingError) {
        let ids = try GrowableBuffer<Int64>(capacity: 0)
        let begins = try GrowableBuffer<Int64>(capacity: rows)
        let ends = try GrowableBuffer<Int64>(capacity: rows)
        isWanted = rows > 0
        self.ids = ids
        self.begins = begins
        self.ends = ends
    }

    /// Makes room for so many rows, of which `used` are, and so many more ids: where the gaps are half of all, by closing
    /// them. There is room for as many ids as rows, so that this takes no more steps than ids were added since.
    mutating func reserve(rows: Int, ids more: Int, used: Int) throws(BatchingError) {
        guard isWanted else { return }
        try begins.reserve(rows)
        try ends.reserve(rows)
        let (end, overflows) = top.addingReportingOverflow(more)
        guard !overflows else { throw BatchingError(.outOfMemory, "not enough memory for \(more) hash ids") }
        if end <= ids.capacity { return }
        var packed = try GrowableBuffer<Int64>(
            capacity: max(held + more, used, 2 * held > top ? 2 * ids.capacity : ids.capacity))
        var place = 0
        for row in 0..<used {
            let (begin, end) = (Int(begins.elements[row]), Int(ends.elements[row]))
            (packed.elements + place).update(from: ids.elements + begin, count: end - begin)
            begins.elements[row] = Int64(place)
            place += end - begin
            ends.elements[row] = Int64(place)
        }
        top = place
        swap(&ids, &packed)
    }

    mutating func add(_ hashes: PrefixHashes?, _ index: Int, row: Int) {
        guard isWanted else { return }
        begins.elements[row] = Int64(top)
        if let hashes {
            if blockSize == nil {
                blockSize = hashes.blockSize
                coversOutput = hashes.coversOutput
            }
            let count = Int(hashes.ends[index] - hashes.begins[index])
            (ids.elements + top).update(from: hashes.ids + Int(hashes.begins[index]), count: count)
            top += count
            held += count
        }
        ends.elements[row] = Int64(top)
    }

    /// Those that are held.
    var count: Int { held }

    /// Copies the ids of a row to where there is room for them; nil: nowhere.
    /// - Returns: how many there are.
    func copy(row: Int, to place: UnsafeMutablePointer<Int64>?) throws(BatchingError) -> Int {
        guard held > 0 else { return 0 }
        let begin = Int(begins.elements[row])
        let count = Int(ends.elements[row]) &- begin
        if let place {
            try place.copy(ids.elements + begin, count: count)
            try Work.done(Int64(count) / 16)
        }
        return count
    }

    func write(row: Int, to writer: inout ByteWriter) {
        guard isWanted else { return writer.write(Int64(0)) }
        writer.write(ends.elements[row] - begins.elements[row])
        for place in begins.elements[row]..<ends.elements[row] { writer.write(ids.elements[Int(place)]) }
    }

    /// Reads the ids of a row, for which there is room.
    mutating func read(_ reader: inout ByteReader, count: Int, row: Int) throws(BatchingError) {
        guard isWanted else { return }
        begins.elements[row] = Int64(top)
        ends.elements[row] = Int64(top)
        for place in top..<top + count { ids.elements[place] = try reader.read() }
        top += count
        held += count
        ends.elements[row] = Int64(top)
    }

    @inline(__always)
    mutating func remove(row: Int) {
        guard held > 0 else { return }
        held -= Int(ends.elements[row] - begins.elements[row])
        ends.elements[row] = begins.elements[row]
        if held == 0 { top = 0 }
    }

    mutating func removeAll() { (top, held) = (0, 0) }

    var columns: PrefixHashes? {
        guard let blockSize else { return nil }
        return PrefixHashes(
            ids: UnsafePointer(ids.elements), begins: UnsafePointer(begins.elements),
            ends: UnsafePointer(ends.elements), blockSize: blockSize, coversOutput: coversOutput)
    }

    mutating func assign(_ other: borrowing LiveHashes, rows: Int, copiesIDs: Bool) throws(BatchingError) {
        guard isWanted, other.isWanted else { return }
        if copiesIDs { try ids.assign(other.ids, count: other.top) }
        try begins.assign(other.begins, count: rows)
        try ends.assign(other.ends, count: rows)
        top = other.top
        held = other.held
        blockSize = other.blockSize
        coversOutput = other.coversOutput
    }
}
