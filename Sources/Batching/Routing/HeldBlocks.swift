/// Blocks by id, and the workers that hold them, as they are told one by one (KV events). The workers go in groups of 64: of each
/// block there is an entry of 24 bytes for each group of which some worker holds it, with a bit for each.
///
/// - Complexity: O(1) for each block, whatever the ids: see `HashKey`.
struct HeldBlocks: ~Copyable {
    private var blocks: GrowableBuffer<Block>
    private var index: IdIndex
    /// Numbers are below it.
    private var count: Int
    private var firstFree: Int32
    private var used: Int

    struct Block: BitwiseCopyable {
        var id: UInt64
        /// Of workers; -1: it is free.
        var group: Int32
        /// One that came after it; it may be another by now. Of one that is free, the next.
        var after: Int32
        /// Bits of the workers.
        var held: UInt64

        @inline(__always)
        var key: Key { Key(id: id, group: group) }
    }

    struct Key: IndexKey {
        let id: UInt64
        let group: Int32

        @inline(__always)
        var words: (UInt64, UInt64) { (id, UInt64(UInt32(bitPattern: group))) }
    }

    init() throws(BatchingError) {
        let blocks = try GrowableBuffer<Block>(capacity: 0)
        index = try IdIndex(count: 0)
        self.blocks = blocks
        (count, firstFree, used) = (0, -1, 0)
    }

    init(copying other: borrowing HeldBlocks, _ copy: inout DeepCopy) {
        blocks = GrowableBuffer(copying: other.blocks, count: other.count, &copy)
        index = IdIndex(copying: other.index, &copy)
        (count, firstFree, used) = (other.count, other.firstFree, other.used)
    }

    /// Makes room for so many more blocks.
    mutating func reserve(_ more: Int) throws(BatchingError) {
        guard used &+ more < 1 << 30 else {
            throw BatchingError(.overflow, "workers would hold more than 2^30 blocks")
        }
        try blocks.reserve(used &+ more)
        let blocks = blocks.elements
        try index.reserve(used &+ more) { blocks[$0].key }
    }

    /// The number of a block; -1 if it is not there.
    /// - Parameter previous: the block before it; -1: it is not known.
    @inline(__always)
    private func find(_ id: UInt64, _ group: Int32, after previous: Int32) -> Int32 {
        let blocks = blocks.elements
        if previous >= 0 {
            // Most often it is the one that followed last time, and no search is needed.
            let guess = blocks[Int(previous)].after
            if guess >= 0, blocks[Int(guess)].id == id, blocks[Int(guess)].group == group { return guess }
        }
        return Int32(truncatingIfNeeded: index.number(of: Key(id: id, group: group)) { blocks[$0].key })
    }

    private mutating func add(_ id: UInt64, _ group: Int32) -> Int32 {
        let blocks = blocks.elements
        var number = firstFree
        if number < 0 {
            number = Int32(truncatingIfNeeded: count)
            count &+= 1
        } else {
            firstFree = blocks[Int(number)].after
        }
        blocks[Int(number)] = Block(id: id, group: group, after: -1, held: 0)
        index.insert(Int(number), count: count, isUsed: { blocks[$0].group >= 0 }, { blocks[$0].key })
        used &+= 1
        return number
    }

    /// A worker holds ids[first], …; there is room for them.
    mutating func hold(_ ids: UnsafePointer<UInt64>, count: Int, first: Int, worker: Int) {
        let group = Int32(truncatingIfNeeded: worker >> 6)
        var previous: Int32 = first > 0 && first < count ? find(ids[first &- 1], group, after: -1) : -1
        for place in first..<count {
            var number = find(ids[place], group, after: previous)
            if number < 0 { number = add(ids[place], group) }
            if previous >= 0 { blocks.elements[Int(previous)].after = number }
            let bit: UInt64 = 1 &<< UInt64(truncatingIfNeeded: worker & 63)
            blocks.elements[Int(number)].held = blocks.elements[Int(number)].held | bit
            previous = number
        }
    }

    mutating func release(_ ids: UnsafePointer<UInt64>, count: Int, worker: Int) {
        for place in 0..<count {
            let number = find(ids[place], Int32(truncatingIfNeeded: worker >> 6), after: -1)
            if number >= 0 { release(number, worker) }
        }
    }

    /// A worker holds nothing any more.
    /// - Complexity: O(blocks).
    mutating func releaseAll(worker: Int) {
        let group = Int32(truncatingIfNeeded: worker >> 6)
        for number in 0..<count where blocks.elements[number].group == group {
            release(Int32(truncatingIfNeeded: number), worker)
        }
    }

    private mutating func release(_ number: Int32, _ worker: Int) {
        let blocks = blocks.elements
        let block = blocks + Int(number)
        block.pointee.held &= ~(1 &<< UInt64(truncatingIfNeeded: worker & 63))
        if block.pointee.held != 0 { return }
        let leaving = Int(number)
        index.remove(leaving, count: count, isUsed: { blocks[$0].group >= 0 && $0 != leaving }, { blocks[$0].key })
        block.pointee.group = -1
        block.pointee.after = firstFree
        firstFree = number
        used &-= 1
    }

    /// Looks up how many of the first blocks each worker of a group holds.
    /// - Parameter depths: of the first `workers` of the group; written.
    func look(
        _ ids: UnsafePointer<UInt64>, count: Int, group: Int, workers: Int, depths: UnsafeMutablePointer<Int32>
    ) {
        depths.update(repeating: 0, count: workers)
        // Those that hold all up to here.
        var live: UInt64 = ~0
        var previous: Int32 = -1
        var place = 0
        while place < count {
            let number = find(ids[place], Int32(truncatingIfNeeded: group), after: previous)
            if number < 0 { break }
            let held = blocks.elements[Int(number)].held
            if place > 0, live & ~held != 0 { depths.note(place, live & ~held) }
            live &= held
            if live == 0 { return }
            previous = number
            place &+= 1
        }
        if place > 0 { depths.note(place, live) }
    }
}

extension UnsafeMutablePointer<Int32> {
    /// Sets those of a set.
    @inline(__always)
    func note(_ depth: Int, _ workers: UInt64) {
        var left = workers
        while left != 0 {
            self[left.trailingZeroBitCount] = Int32(truncatingIfNeeded: depth)
            left &= left &- 1
        }
    }
}
