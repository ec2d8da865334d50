/// What is not as usual of a node at a worker: that more than one path uses it, or that its blocks do not weigh 1.
struct SharedUses: ~Copyable {
    private var records: GrowableBuffer<Record>
    private var index: IdIndex
    private var count: Int
    private var firstFree: Int32
    private var used: Int

    struct Record: BitwiseCopyable {
        /// Of node, worker and layer; -1: it is free.
        var key: Int64
        /// Uses but the first.
        var more: Int32
        var nextFree: Int32
        var weight: Double

        /// Whether it says anything.
        var isPlain: Bool { more == 0 && weight == 1 }
    }

    init() throws(BatchingError) {
        let records = try GrowableBuffer<Record>(capacity: 0)
        index = try IdIndex(count: 0)
        self.records = records
        (count, firstFree, used) = (0, -1, 0)
    }

    init(copying other: borrowing SharedUses, _ copy: inout DeepCopy) {
        records = GrowableBuffer(copying: other.records, count: other.count, &copy)
        index = IdIndex(copying: other.index, &copy)
        (count, firstFree, used) = (other.count, other.firstFree, other.used)
    }

    /// Makes room for so many more.
    mutating func reserve(_ more: Int) throws(BatchingError) {
        guard used &+ more < 1 << 31 else {
            throw BatchingError(.overflow, "prompts in flight would share more than 2^31 pieces")
        }
        try records.reserve(used &+ more)
        let records = records.elements
        try index.reserve(used &+ more) { records[$0].key }
    }

    /// The record of a key that has one. Valid until another is added.
    @inline(__always)
    func record(_ key: Int64) -> UnsafeMutablePointer<Record> {
        let records = records.elements
        return records + index.number(of: key) { records[$0].key }
    }

    /// Adds the record of a key that has none; there is room.
    mutating func add(_ key: Int64, more: Int32, weight: Double) {
        let records = records.elements
        var number = Int(firstFree)
        if number < 0 {
            number = count
            count &+= 1
        } else {
            firstFree = records[number].nextFree
        }
        records[number] = Record(key: key, more: more, nextFree: -1, weight: weight)
        index.insert(number, count: count, isUsed: { records[$0].key >= 0 }, { records[$0].key })
        used &+= 1
    }

    mutating func remove(_ record: UnsafeMutablePointer<Record>) {
        let records = records.elements
        let number = record - records
        index.remove(number, count: count, isUsed: { records[$0].key >= 0 && $0 != number }, { records[$0].key })
        record.pointee.key = -1
        record.pointee.nextFree = firstFree
        firstFree = Int32(truncatingIfNeeded: number)
        used &-= 1
    }
}
