/// Which content came into a prefix cache, and which left it, as its engine would publish it: seen once the iteration is over
/// that changed it.
struct CacheChanges: ~Copyable {
    struct Change: BitwiseCopyable {
        var id: Int64
        /// From when on it is seen.
        var time = Nanoseconds(.max)
        var isStored: Bool
    }

    /// Blocks that one hash id stands for: of these the last tells for all.
    var parts: BlockSize
    private var changes: GrowableBuffer<Change>
    /// Those before it have been taken, and those before the other have their times.
    private var first: Int
    private var stamped: Int
    private var count: Int
    /// There was no memory for one: what follows would be wrong.
    private var hasFailed: Bool

    init() throws(BatchingError) {
        changes = try GrowableBuffer(capacity: 64)
        (parts, first, stamped, count, hasFailed) = (BlockSize(1), 0, 0, 0, false)
    }

    init(copying other: borrowing CacheChanges, _ copy: inout DeepCopy) {
        changes = GrowableBuffer(copying: other.changes, count: other.count, &copy)
        (parts, first, stamped, count) = (other.parts, other.first, other.stamped, other.count)
        hasFailed = other.hasFailed
    }

    mutating func add(_ content: BlockPool.Content, isStored: Bool) {
        guard parts.rest(Int64(content.place) &+ 1) == 0 else { return }
        do throws(BatchingError) {
            try changes.reserve(count &+ 1)
        } catch {
            hasFailed = true
            return
        }
        changes.elements[count] = Change(id: content.id, isStored: isStored)
        count &+= 1
    }

    mutating func stamp(_ end: Nanoseconds) {
        while stamped < count {
            changes.elements[stamped].time = end
            stamped &+= 1
        }
    }

    /// The next one that is seen by a time.
    mutating func next(by time: Nanoseconds) throws(BatchingError) -> (id: UInt64, isStored: Bool)? {
        if hasFailed { throw BatchingError(.outOfMemory, "not enough memory for what changed in a prefix cache") }
        guard first < stamped, changes.elements[first].time <= time else { return nil }
        let change = changes.elements[first]
        first &+= 1
        if first == count { (first, stamped, count) = (0, 0, 0) }
        return (UInt64(bitPattern: change.id), change.isStored)
    }
}
