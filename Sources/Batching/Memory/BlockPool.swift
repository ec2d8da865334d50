/// The KV blocks of a replica by name: which members use them, what is in them, and in which order the free ones are taken.
///
/// The free ones are a list. They are taken from its front; those without content go back to its front, those with
/// content to its end, where they stay until they are needed: so the least recently released content goes first. The
/// index finds a block by its content; where several have the same, the one published first.
///
/// Blocks are taken in order of their numbers, so that those never taken need no memory yet: `fresh`, the first of them,
/// stands in the list for all.
struct BlockPool: ~Copyable {
    /// What is in a full block: its hash id, and its place in the requests that have it.
    struct Content: Equatable {
        var id: Int64
        var place: UInt32

        /// Not known, or no full block.
        static let none = Content(id: 0, place: .max)

        /// What no other request has: the block at `position` of the request with this rank.
        @inline(__always)
        static func unique(_ rank: Int64, _ position: Int) -> Content {
            Content(id: rank, place: UInt32(truncatingIfNeeded: position) | uniqueBit)
        }

        static let uniqueBit: UInt32 = 1 << 31

        @inline(__always)
        var isUnique: Bool { place & Content.uniqueBit != 0 }

        @inline(__always)
        static func == (left: Content, right: Content) -> Bool { left.id == right.id && left.place == right.place }
    }

    struct Block: BitwiseCopyable {
        var id: Int64 = 0
        var place: UInt32 = .max
        /// How many members use it, and above that whether the first of the waiting would.
        var users: UInt32 = 0
        /// Neighbours in the list of free blocks.
        var previousFree: Int32 = 0
        var nextFree: Int32 = 0

        static let watched: UInt32 = 1 << 31

        @inline(__always)
        var content: Content { Content(id: id, place: place) }
        @inline(__always)
        var isUsed: Bool { users & ~Block.watched != 0 }
        @inline(__always)
        var isWatched: Bool { users & Block.watched != 0 }
    }

    /// A place in a list of the index, which is a ring. Both are kept as the exclusive or with its own number: zeroed
    /// memory is rings of one.
    struct Node: BitwiseCopyable {
        var next: Int32
        var previous: Int32
    }

    // Where in which list a block is, is as good as random: a branch on it would be mispredicted. So all lists are rings,
    // which have no ends to be looked for: one in the list of free blocks has a neighbour on either side, if only `end`;
    // one in the index has the head of its list, or itself while it is in none.

    /// The blocks, then `end`.
    let blocks: ScratchBuffer<Block>
    /// A node for each block, then the head of each list of the index.
    let nodes: ZeroedBuffer<Node>
    let end: Int32
    let shift: UInt64
    /// The first block that was never taken; `end` if there is none.
    private(set) var fresh: Int32 = 0
    private var key = HashKey()
    private(set) var free: Int

    /// Of the blocks that are watched, how many no member uses.
    private(set) var idleWatched = 0
    /// Where the watched block was that `take` evicted last; -1 once that has been dealt with.
    private(set) var evictedWatch = -1
    /// The content that ends what is watched, and whether it has been published since.
    private(set) var awaited = Content.none
    private(set) var awaitedIsThere = false

    /// What undoes the changes of a trial; made for the first.
    private var journal: UnsafeMutablePointer<BlockJournal>?
    private var isOnTrial = false
    /// Which content came and went; made where it is noted.
    private(set) var changes: UnsafeMutablePointer<CacheChanges>?

    init(count: Int) throws(BatchingError) {
        let end = Int32(truncatingIfNeeded: count)
        let blocks = try ScratchBuffer<Block>(uninitialized: count + 1)
        var bits: UInt64 = 6
        // As many lists as blocks, unless 32 bits could not tell so many nodes apart.
        while 1 << bits < count, count + 2 << bits <= Int32.max { bits += 1 }
        nodes = try ZeroedBuffer(count: count + 1 << Int(bits))
        blocks.elements[count] = Block(previousFree: 0, nextFree: 0)
        blocks.elements[0] = Block(previousFree: end, nextFree: end)
        self.blocks = blocks
        self.end = end
        shift = 64 - bits
        free = count
    }

    /// An independent copy.
    /// - Complexity: O(blocks that were ever taken), at the speed of memory.
    init(_ other: borrowing BlockPool) throws(BatchingError) {
        let changes = try other.copiedChanges()
        let blocks = try ScratchBuffer<Block>(uninitialized: other.blockCount)
        let taken = Int(other.fresh)
        try blocks.elements.copy(other.blocks.elements, count: min(taken + 1, other.blockCount))
        blocks.elements[Int(other.end)] = other.blocks.elements[Int(other.end)]
        let nodes: ZeroedBuffer<Node>
        if taken > other.nodeCount / 16 {
            nodes = try ZeroedBuffer(copying: other.nodes, count: other.nodeCount)
        } else {
            nodes = try ZeroedBuffer(count: other.nodeCount)
            try nodes.elements.copy(other.nodes.elements, count: taken)
            // The head of a list that is not empty is the neighbour of a block.
            for block in 0..<other.fresh {
                let (next, previous) = (other.next(block), other.previous(block))
                if next >= other.end { nodes.elements[Int(next)] = other.nodes.elements[Int(next)] }
                if previous >= other.end { nodes.elements[Int(previous)] = other.nodes.elements[Int(previous)] }
            }
        }
        self.blocks = blocks
        self.nodes = nodes
        end = other.end
        shift = other.shift
        fresh = other.fresh
        key = other.key
        free = other.free
        idleWatched = other.idleWatched
        awaited = other.awaited
        awaitedIsThere = other.awaitedIsThere
        self.changes = changes
    }

    private func copiedChanges() throws(BatchingError) -> UnsafeMutablePointer<CacheChanges>? {
        guard let changes else { return nil }
        var copy = DeepCopy()
        let copied = CacheChanges(copying: changes.pointee, &copy)
        try copy.check()
        return try allocated(copied)
    }

    deinit {
        deallocate(journal)
        deallocate(changes)
    }

    /// The blocks and `end`.
    private var blockCount: Int { Int(end) + 1 }
    private var nodeCount: Int { Int(end) + 1 << Int(64 - shift) }

    /// Takes a block from the front of the free ones, which are not none; whatever was in it is gone.
    @inline(__always)
    mutating func take() -> Int32 {
        let block = blocks.elements[Int(end)].nextFree
        if isOnTrial { noteTaking(block) }
        if block == fresh { advanceFresh() }
        removeFromFree(block)
        let element = blocks.elements + Int(block)
        let wasInIndex = changes != nil && isInIndex(block)
        removeFromIndex(block)
        if wasInIndex { noteRemoval(element.pointee.content) }
        if element.pointee.isWatched { noteEviction(element.pointee.place) }
        element.pointee.place = .max
        element.pointee.users = 1
        return block
    }

    /// Takes blocks from the front of the free ones, at most `count`, which are free: up to one that is watched.
    /// - Parameter count: at least 1.
    /// - Returns: how many.
    @inline(__always)
    mutating func take(_ count: Int, into taken: UnsafeMutablePointer<Int32>) -> Int {
        if isOnTrial || fresh < end || changes != nil {
            taken[0] = take()
            return 1
        }
        let (blocks, nodes) = (blocks.elements, nodes.elements)
        var next = blocks[Int(end)].nextFree
        var position = 0
        var isWatched = false
        while position < count, !isWatched {
            let block = next
            let element = blocks + Int(block)
            next = element.pointee.nextFree
            BlockPool.unlink(block, nodes)
            isWatched = element.pointee.isWatched
            if isWatched { noteEviction(element.pointee.place) }
            element.pointee.place = .max
            element.pointee.users = 1
            taken[position] = block
            position &+= 1
        }
        blocks[Int(end)].nextFree = next
        blocks[Int(next)].previousFree = end
        free &-= position
        return position
    }

    /// A watched block is taken: what all blocks of a chain have in common with those of the same content is their place.
    @inline(__always)
    private mutating func noteEviction(_ place: UInt32) {
        evictedWatch = Int(place & ~Content.uniqueBit)
        idleWatched &-= 1
    }

    /// The first block that was never taken is about to be: the next one follows it in the list.
    @inline(__always)
    private mutating func advanceFresh() {
        let block = fresh
        fresh &+= 1
        if fresh == end { return }
        let after = blocks.elements[Int(block)].nextFree
        blocks.elements[Int(fresh)] = Block(previousFree: block, nextFree: after)
        blocks.elements[Int(block)].nextFree = fresh
        blocks.elements[Int(after)].previousFree = fresh
    }

    /// One more uses a block that has been found.
    @inline(__always)
    mutating func use(_ block: Int32) {
        let element = blocks.elements + Int(block)
        if isOnTrial { noteBlockAndNeighbours(block) }
        if !element.pointee.isUsed {
            removeFromFree(block)
            if element.pointee.isWatched { idleWatched &-= 1 }
        }
        element.pointee.users &+= 1
    }

    /// One fewer uses a block with content; the last leaves it at the end of the free ones.
    @inline(__always)
    mutating func release(_ block: Int32) {
        let element = blocks.elements + Int(block)
        if isOnTrial { noteReleasing(block) }
        element.pointee.users &-= 1
        if element.pointee.isUsed { return }
        if element.pointee.isWatched { idleWatched &+= 1 }
        addToFree(block, after: blocks.elements[Int(end)].previousFree, before: end)
    }

    /// A block without content is used no more: it is the first to be taken.
    @inline(__always)
    mutating func releaseEmpty(_ block: Int32) {
        if isOnTrial { noteReleasing(block) }
        blocks.elements[Int(block)].users = 0
        addToFree(block, after: end, before: blocks.elements[Int(end)].nextFree)
    }

    @inline(__always)
    private mutating func addToFree(_ block: Int32, after previous: Int32, before next: Int32) {
        blocks.elements[Int(block)].previousFree = previous
        blocks.elements[Int(block)].nextFree = next
        blocks.elements[Int(previous)].nextFree = block
        blocks.elements[Int(next)].previousFree = block
        free &+= 1
    }

    @inline(__always)
    private mutating func removeFromFree(_ block: Int32) {
        let (previous, next) = (blocks.elements[Int(block)].previousFree, blocks.elements[Int(block)].nextFree)
        blocks.elements[Int(previous)].nextFree = next
        blocks.elements[Int(next)].previousFree = previous
        free &-= 1
    }

    /// Says what is in a block. What is unique can be found only once it is in the index, too.
    @inline(__always)
    mutating func publish(_ block: Int32, _ content: Content) {
        let element = blocks.elements + Int(block)
        if isOnTrial { noteBlock(block) }
        element.pointee.id = content.id
        element.pointee.place = content.place
        if !content.isUnique { addToIndex(block, content) }
    }

    /// Makes sure that a block with content can be found.
    mutating func addToIndexIfMissing(_ block: Int32) {
        if !isInIndex(block) { addToIndex(block, blocks.elements[Int(block)].content) }
    }

    func isInIndex(_ block: Int32) -> Bool { next(block) != block }

    @inline(__always)
    func next(_ node: Int32) -> Int32 { nodes.elements[Int(node)].next ^ node }

    @inline(__always)
    private func previous(_ node: Int32) -> Int32 { nodes.elements[Int(node)].previous ^ node }

    @inline(__always)
    private func link(_ node: Int32, _ next: Int32) {
        nodes.elements[Int(node)].next = next ^ node
        nodes.elements[Int(next)].previous = node ^ next
    }

    /// The head of the list of a content.
    @inline(__always)
    private func head(_ content: Content) -> Int32 {
        // Multiplicative hashing of both words. By odd multipliers that are as good as random, two contents have the same
        // list in about one case for each list there is (Dietzfelbinger and others, Journal of Algorithms 25, 1997).
        let hash =
            UInt64(bitPattern: content.id) &* key.multipliers.0 &+ UInt64(content.place) &* key.multipliers.1
        return end &+ Int32(truncatingIfNeeded: hash &>> shift)
    }

    /// Adds a block to the end of its list.
    @inline(__always)
    private mutating func addToIndex(_ block: Int32, _ content: Content) {
        if content == awaited { awaitedIsThere = true }
        if changes != nil { noteAddition(content) }
        append(block, to: head(content))
    }

    @inline(__always)
    private mutating func append(_ block: Int32, to head: Int32) {
        let last = previous(head)
        if isOnTrial { noteNodes(block, last, head) }
        link(last, block)
        link(block, head)
    }

    /// Takes a block out of its list, if it is in one.
    @inline(__always)
    private mutating func removeFromIndex(_ block: Int32) {
        BlockPool.unlink(block, nodes.elements)
    }

    @inline(__always)
    private static func unlink(_ block: Int32, _ nodes: UnsafeMutablePointer<Node>) {
        let node = nodes[Int(block)]
        // Each neighbour, as the exclusive or with the other's number.
        let link = node.next ^ node.previous
        nodes[Int(node.previous ^ block)].next = link
        nodes[Int(node.next ^ block)].previous = link
        nodes[Int(block)] = Node(next: 0, previous: 0)
    }

    /// The block with this content that was published first; -1 if there is none.
    @inline(__always)
    mutating func find(_ content: Content) -> Int32 {
        let head = head(content)
        var block = next(head)
        var steps = 0
        while block != head, blocks.elements[Int(block)].content != content {
            block = next(block)
            steps &+= 1
        }
        if steps > HashKey.longSearch { noteLongSearch(steps) }
        return block == head ? -1 : block
    }

    @inline(never)
    private mutating func noteLongSearch(_ steps: Int) {
        if key.isWornOut(by: steps, size: Int(fresh)) { renewKey() }
    }

    /// Spreads all that is in the index over other lists; blocks with the same content stay in their order.
    private mutating func renewKey() {
        // All lists become one chain. The first block of a list knows its head; what is chained already still does.
        var (first, last) = (Int32(-1), Int32(-1))
        for block in 0..<fresh where isInIndex(block) && previous(block) >= end {
            let head = previous(block)
            if first < 0 { first = block } else { nodes.elements[Int(last)].next = block ^ last }
            last = previous(head)
            if isOnTrial { noteList(head) }
            nodes.elements[Int(head)] = Node(next: 0, previous: 0)
        }
        if first < 0 { return }
        nodes.elements[Int(last)].next = end ^ last
        var hash = SipHash(key)
        var block = first
        while block != end {
            hash.add(UInt64(bitPattern: blocks.elements[Int(block)].id))
            hash.add(UInt64(blocks.elements[Int(block)].place))
            block = next(block)
        }
        key.renew(hash)
        block = first
        while block != end {
            let following = next(block)
            append(block, to: head(blocks.elements[Int(block)].content))
            block = following
        }
    }

    /// From now on `idleWatched` counts this block while no member uses it.
    @inline(__always)
    mutating func watch(_ block: Int32) {
        let element = blocks.elements + Int(block)
        if isOnTrial { noteBlock(block) }
        if !element.pointee.isUsed { idleWatched &+= 1 }
        element.pointee.users |= Block.watched
    }

    /// No longer watches a block.
    mutating func unwatch(_ block: Int32) {
        let element = blocks.elements + Int(block)
        if isOnTrial { noteBlock(block) }
        if !element.pointee.isUsed { idleWatched &-= 1 }
        element.pointee.users &= ~Block.watched
    }

    /// Watches nothing any more.
    mutating func endWatch(_ watched: UnsafePointer<Int32>, count: Int) {
        for position in 0..<count {
            if isOnTrial { noteBlock(watched[position]) }
            blocks.elements[Int(watched[position])].users &= ~Block.watched
        }
        idleWatched = 0
        expect(.none)
    }

    /// What is watched ends before this content, which is in no block; `.none`: whatever is published.
    mutating func expect(_ content: Content) {
        awaited = content
        awaitedIsThere = false
        evictedWatch = -1
    }

    /// The block that was evicted has another in its place.
    mutating func noteEvictedWatchReplaced() { evictedWatch = -1 }
}

// MARK: - What changes

extension BlockPool {
    /// From now on it is noted which content comes and goes.
    mutating func noteChanges() throws(BatchingError) {
        if changes == nil { changes = try allocated(try CacheChanges()) }
    }

    /// So many blocks have one content.
    mutating func noteParts(_ parts: BlockSize) {
        let changes = changes
        changes?.pointee.parts = parts
    }

    /// A block comes to have this content; another may have it already.
    @inline(never)
    private mutating func noteAddition(_ content: Content) {
        let changes = changes
        if !content.isUnique, find(content) < 0 { changes?.pointee.add(content, isStored: true) }
    }

    /// A block has this content no longer; another may have it still.
    @inline(never)
    private mutating func noteRemoval(_ content: Content) {
        let changes = changes
        if !content.isUnique, find(content) < 0 { changes?.pointee.add(content, isStored: false) }
    }
}

// MARK: - A trial

extension BlockPool {
    /// All changes from here on will be undone.
    mutating func beginTrial() throws(BatchingError) {
        if journal == nil {
            journal = try allocated(try BlockJournal(blocks: blockCount, nodes: nodeCount))
        }
        journal?.pointee.begin(
            BlockJournal.Counters(
                free: free, fresh: fresh, key: key, idleWatched: idleWatched, awaited: awaited,
                awaitedIsThere: awaitedIsThere))
        isOnTrial = true
    }

    /// - Complexity: O(what was changed).
    mutating func endTrial() {
        guard isOnTrial, let journal else { return }
        isOnTrial = false
        journal.pointee.restore(blocks.elements, nodes.elements)
        let counters = journal.pointee.counters
        free = counters.free
        fresh = counters.fresh
        idleWatched = counters.idleWatched
        awaited = counters.awaited
        awaitedIsThere = counters.awaitedIsThere
        if key.isNewer(than: counters.key) {
            key = counters.key
            renewKey()
        }
    }

    // All of these change the journal, and so are `mutating`: for any other method that is called, the compiler would copy
    // the whole pool, and do so before it asks whether there is a trial.

    @inline(__always)
    private mutating func noteBlock(_ block: Int32) { journal?.pointee.note(block: block, blocks.elements) }

    @inline(__always)
    private mutating func noteNode(_ node: Int32) { journal?.pointee.note(node: node, nodes.elements) }

    /// One that may be free, and is no longer to be.
    @inline(never)
    private mutating func noteBlockAndNeighbours(_ block: Int32) {
        let element = blocks.elements[Int(block)]
        noteBlock(block)
        if !element.isUsed {
            noteBlock(element.previousFree)
            noteBlock(element.nextFree)
        }
    }

    @inline(never)
    private mutating func noteTaking(_ block: Int32) {
        noteBlockAndNeighbours(block)
        noteNodes(block, previous(block), next(block))
    }

    /// All of a list.
    @inline(never)
    private mutating func noteList(_ head: Int32) {
        noteNode(head)
        var node = next(head)
        while node != head {
            noteNode(node)
            node = next(node)
        }
    }

    /// It may go to either end of the free ones.
    @inline(never)
    private mutating func noteReleasing(_ block: Int32) {
        let element = blocks.elements[Int(end)]
        noteBlock(block)
        noteBlock(end)
        noteBlock(element.previousFree)
        noteBlock(element.nextFree)
    }

    @inline(never)
    private mutating func noteNodes(_ block: Int32, _ previous: Int32, _ next: Int32) {
        noteNode(block)
        noteNode(previous)
        noteNode(next)
    }
}
