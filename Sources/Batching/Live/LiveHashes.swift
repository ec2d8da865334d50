/// The hash ids of the rows, one after the other, with gaps where requests have gone.
struct LiveHashes: ~Copyable {
    private var ids: GrowableBuffer<Int64>
    private var begins: GrowableBuffer<Int64>
    private var ends: GrowableBuffer<Int64>
    /// Where the next ones go, and how many of those before are still of use.
    private var top = 0
    private var held = 0
    /// That of the first request that had any; nil: none had.
    var blockSize: Int?
    var coversOutput = false

    init(rows: Int) throws(BatchingError) {
        let ids = try GrowableBuffer<Int64>(capacity: 0, repeating: 0)
        let begins = try GrowableBuffer<Int64>(capacity: rows, repeating: 0)
        let ends = try GrowableBuffer<Int64>(capacity: rows, repeating: 0)
        self.ids = ids
        self.begins = begins
        self.ends = ends
    }

    /// Makes room for so many rows, of which `used` are, and so many more ids: where the gaps are half of all, by closing
    /// them. There is room for as many ids as rows, so that this takes no more steps than ids were added since.
    mutating func reserve(rows: Int, ids more: Int, used: Int) throws(BatchingError) {
        try begins.reserve(rows, asks: true)
        try ends.reserve(rows, asks: true)
        let (end, overflows) = top.addingReportingOverflow(more)
        guard !overflows else { throw BatchingError(.outOfMemory, "not enough memory for \(more) hash ids") }
        if end <= ids.capacity { return }
        var packed = try GrowableBuffer<Int64>(
            capacity: max(held + more, used, 2 * held > top ? 2 * ids.capacity : ids.capacity), repeating: 0)
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

    func write(row: Int, to writer: inout ByteWriter) {
        writer.write(ends.elements[row] - begins.elements[row])
        for place in begins.elements[row]..<ends.elements[row] { writer.write(ids.elements[Int(place)]) }
    }

    /// Reads the ids of a row, for which there is room.
    mutating func read(_ reader: inout ByteReader, count: Int, row: Int) throws(BatchingError) {
        begins.elements[row] = Int64(top)
        ends.elements[row] = Int64(top)
        for place in top..<top + count { ids.elements[place] = try reader.read() }
        top += count
        held += count
        ends.elements[row] = Int64(top)
    }

    mutating func remove(row: Int) {
        held -= Int(ends.elements[row] - begins.elements[row])
        ends.elements[row] = begins.elements[row]
        if held == 0 { top = 0 }
    }

    var columns: PrefixHashes? {
        guard let blockSize else { return nil }
        return PrefixHashes(
            ids: UnsafePointer(ids.elements), begins: UnsafePointer(begins.elements),
            ends: UnsafePointer(ends.elements), blockSize: blockSize, coversOutput: coversOutput)
    }

    mutating func assign(_ other: borrowing LiveHashes, rows: Int, copiesIDs: Bool) throws(BatchingError) {
        if copiesIDs { try ids.assign(other.ids, count: other.top) }
        try begins.assign(other.begins, count: rows)
        try ends.assign(other.ends, count: rows)
        top = other.top
        held = other.held
        blockSize = other.blockSize
        coversOutput = other.coversOutput
    }
}
