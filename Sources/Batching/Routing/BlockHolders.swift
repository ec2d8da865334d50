/// Which workers hold which blocks: a table from 64-bit block ids to sets of workers. A block that no worker holds takes no
/// room.
///
/// - Complexity: a look-up is O(1), whatever the ids: see `HashKey`. Memory: some 30 bytes a block, and a bit for each
///   worker, rounded up to 8 bytes.
struct BlockHolders: ~Copyable {
    let workers: Int
    /// Words of a set.
    let words: Int
    /// Of each block its id, its link, and the words of its set. Of a row that is free the link is that to the next free row.
    private var rows: GrowableBuffer<UInt64>
    private var index: IdIndex
    private var used: Int
    private var firstFree: Int
    /// Blocks that some worker holds.
    private(set) var count: Int
    /// Keeps the reads of `touch`.
    private var touched: Int64

    /// A walk along the blocks of a prompt. Most often a block is followed by the one that followed it last time, and no
    /// search is needed.
    struct Walk {
        fileprivate var previous = -1
        fileprivate var touched = 0
    }

    /// In a link: the row is in use. Below it: the number of the block that followed last time + 1.
    private static var inUse: UInt64 { 1 << 63 }
    /// Blocks whose searches wait for memory together.
    private static var touchedAhead: Int { 32 }

    init(workers: Int) throws(BatchingError) {
        let rows = try GrowableBuffer<UInt64>(capacity: 0)
        let index = try IdIndex(count: 0)
        self.workers = workers
        words = (workers &+ 63) / 64
        self.rows = rows
        self.index = index
        (used, firstFree, count, touched) = (0, -1, 0, 0)
    }

    init(copying other: borrowing BlockHolders, _ copy: inout DeepCopy) {
        (workers, words) = (other.workers, other.words)
        rows = GrowableBuffer(copying: other.rows, count: other.used &* other.stride, &copy)
        index = IdIndex(copying: other.index, &copy)
        (used, firstFree, count, touched) = (other.used, other.firstFree, other.count, other.touched)
    }

    private var stride: Int { words &+ 2 }

    @inline(__always)
    private static func id(_ rows: UnsafePointer<UInt64>, _ place: Int) -> Int64 { Int64(bitPattern: rows[place]) }

    @inline(__always)
    private static func isUsed(_ rows: UnsafePointer<UInt64>, _ place: Int) -> Bool { rows[place &+ 1] >= inUse }

    /// The number of a block; -1 if no worker holds it. It is the block's until that is so.
    @inline(__always)
    func number(of id: UInt64) -> Int {
        let (rows, stride) = (rows.elements, stride)
        return index.number(of: Int64(bitPattern: id)) { Self.id(rows, $0 &* stride) }
    }

    /// The same of the next block of a walk.
    @inline(__always)
    func number(of id: UInt64, _ walk: inout Walk) -> Int {
        let hinted = hinted(id, after: walk.previous)
        walk.previous = hinted >= 0 ? hinted : number(of: id)
        return walk.previous
    }

    /// The number of a block if it is the one that followed another last time; else -1.
    @inline(__always)
    private func hinted(_ id: UInt64, after previous: Int) -> Int {
        if previous < 0 { return -1 }
        let number = Int(truncatingIfNeeded: rows.elements[previous &* stride &+ 1] & 0xFFFF_FFFF) &- 1
        if number < 0 { return -1 }
        let row = rows.elements + number &* stride
        return row[0] == id && Self.isUsed(row, 0) ? number : -1
    }

    /// The workers that hold a block: a bit each.
    @inline(__always)
    func holders(_ number: Int) -> UnsafePointer<UInt64> { UnsafePointer(rows.elements + (number &* stride &+ 2)) }

    /// Makes room for so many blocks more.
    mutating func reserve(_ more: Int) throws(BatchingError) {
        let blocks = count &+ more
        guard blocks < 1 << 31 else { throw BatchingError(.overflow, "there would be more than 2^31 blocks") }
        try rows.reserve(blocks &* stride)
        let (rows, stride) = (rows.elements, stride)
        try index.reserve(blocks) { Self.id(rows, $0 &* stride) }
    }

    /// A worker holds the next block of a walk; there is room.
    /// - Parameter ids: of the blocks of the walk, of which it is the one at `place`.
    /// - Returns: the block's number.
    @inline(__always)
    mutating func add(
        _ ids: UnsafePointer<UInt64>, _ place: Int, count: Int, worker: Int, _ walk: inout Walk
    ) -> Int {
        let previous = walk.previous
        var number = hinted(ids[place], after: previous)
        if number < 0 {
            if place >= walk.touched {
                walk.touched = min(count, place &+ Self.touchedAhead)
                for ahead in place..<walk.touched { touch(ids[ahead]) }
            }
            number = self.number(of: ids[place])
            if number < 0 { number = addRow(ids[place]) }
            if previous >= 0 {
                let link = rows.elements + (previous &* stride &+ 1)
                link.pointee = Self.inUse | UInt64(truncatingIfNeeded: number &+ 1)
            }
        }
        rows.elements.include(1 &<< UInt64(truncatingIfNeeded: worker & 63), at: number &* stride &+ 2 &+ worker / 64)
        walk.previous = number
        return number
    }

    /// A worker holds all of these blocks, which follow one another; there is room.
    mutating func add(_ ids: UnsafePointer<UInt64>, _ places: Range<Int>, worker: Int) {
        var walk = Walk()
        for place in places { _ = add(ids, place, count: places.upperBound, worker: worker, &walk) }
    }

    /// Reads what a search for an id will read.
    @inline(__always)
    private mutating func touch(_ id: UInt64) {
        let (rows, stride) = (rows.elements, stride)
        touched &+= index.touch(Int64(bitPattern: id)) { Self.id(rows, $0 &* stride) }
    }

    /// Reads what the removal of a block will search.
    @inline(__always)
    mutating func touch(_ number: Int) { touch(rows.elements[number &* stride]) }

    private mutating func addRow(_ id: UInt64) -> Int {
        var number = firstFree
        let (rows, stride, words) = (rows.elements, stride, words)
        if number < 0 {
            number = used
            used &+= 1
        } else {
            firstFree = Int(truncatingIfNeeded: rows[number &* stride &+ 1]) &- 1
        }
        rows[number &* stride] = id
        rows[number &* stride &+ 1] = Self.inUse
        (rows + (number &* stride &+ 2)).update(repeating: 0, count: words)
        count &+= 1
        index.insert(
            number, count: used, isUsed: { Self.isUsed(rows, $0 &* stride) }, { Self.id(rows, $0 &* stride) })
        return number
    }

    /// A worker holds a block no more.
    /// - Parameter number: of a block that some worker holds.
    mutating func remove(_ number: Int, worker: Int) {
        let set = rows.elements + (number &* stride &+ 2)
        set[worker / 64] &= ~(1 &<< UInt64(truncatingIfNeeded: worker & 63))
        for word in 0..<words where set[word] != 0 { return }
        remove(number)
    }

    /// No worker holds a block any more.
    mutating func remove(_ number: Int) {
        let (rows, stride) = (rows.elements, stride)
        index.remove(
            number, count: used, isUsed: { Self.isUsed(rows, $0 &* stride) }, { Self.id(rows, $0 &* stride) })
        rows[number &* stride &+ 1] = UInt64(truncatingIfNeeded: firstFree &+ 1)
        firstFree = number
        count &-= 1
    }
}
