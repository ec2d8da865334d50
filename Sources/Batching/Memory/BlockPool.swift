/// The KV blocks of a replica by name: who uses them, what is in them, and in which order the free ones are taken.
///
/// The free ones are a list. They are taken from its front; those without content go back to its front, those with
/// content to its end, where they stay until they are needed: so the least recently released content goes first. The
/// index finds a block by its content; where several have the same, the one published first.
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
        /// Who uses it, and above that whether the first of the waiting would.
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

    /// A place in a list of the index, which is a ring.
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
    let nodes: ScratchBuffer<Node>
    let end: Int32
    let shift: UInt64
    private(set) var free: Int

    /// Of the blocks that are watched, how many nobody uses.
    private(set) var idleWatched = 0
    /// Whether what is watched is no longer all that would be found.
    private(set) var watchIsStale = false
    /// The content whose publication makes it so.
    var awaited = Content.none

    /// What undoes the changes of a trial; made for the first.
    private var journal: UnsafeMutablePointer<BlockJournal>?
    private var isOnTrial = false

    init(count: Int) throws(BatchingError) {
        let end = Int32(truncatingIfNeeded: count)
        let blocks = try ScratchBuffer(count: count + 1, repeating: Block())
        var bits: UInt64 = 6
        // As many lists as blocks, unless 32 bits could not tell so many nodes apart.
        while 1 << bits < count, count + 2 << bits <= Int32.max { bits += 1 }
        let nodes = try ScratchBuffer(count: count + 1 << Int(bits), repeating: Node(next: 0, previous: 0))
        for node in 0..<count + 1 << Int(bits) {
            let itself = Int32(truncatingIfNeeded: node)
            nodes.elements[node] = Node(next: itself, previous: itself)
        }
        for block in 0...count {
            blocks.elements[block].previousFree = block == 0 ? end : Int32(truncatingIfNeeded: block - 1)
            blocks.elements[block].nextFree = block == count ? 0 : Int32(truncatingIfNeeded: block + 1)
        }
        self.blocks = blocks
        self.nodes = nodes
        self.end = end
        shift = 64 - bits
        free = count
    }

    /// An independent copy.
    /// - Complexity: O(blocks), at the speed of memory.
    init(_ other: borrowing BlockPool) throws(BatchingError) {
        let blocks = try ScratchBuffer<Block>(uninitialized: other.blockCount)
        let nodes = try ScratchBuffer<Node>(uninitialized: other.nodeCount)
        try blocks.elements.copy(other.blocks.elements, count: other.blockCount)
        try nodes.elements.copy(other.nodes.elements, count: other.nodeCount)
        self.blocks = blocks
        self.nodes = nodes
        end = other.end
        shift = other.shift
        free = other.free
        idleWatched = other.idleWatched
        watchIsStale = other.watchIsStale
        awaited = other.awaited
    }

    deinit {
        deallocate(journal)
    }

    /// The blocks and `end`.
    private var blockCount: Int { Int(end) + 1 }
    private var nodeCount: Int { Int(end) + 1 << Int(64 - shift) }

    /// Takes a block from the front of the free ones, which are not none; whatever was in it is gone.
    @inline(__always)
    mutating func take() -> Int32 {
        let block = blocks.elements[Int(end)].nextFree
        if isOnTrial { noteTaking(block) }
        removeFromFree(block)
        removeFromIndex(block)
        let element = blocks.elements + Int(block)
        if element.pointee.isWatched {
            watchIsStale = true
            idleWatched &-= 1
        }
        element.pointee.place = .max
        element.pointee.users = 1
        return block
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

    /// Nobody uses any more a block without content: it is the first to be taken.
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
        if nodes.elements[Int(block)].next == block { addToIndex(block, blocks.elements[Int(block)].content) }
    }

    /// The head of the list of a content.
    @inline(__always)
    private func head(_ content: Content) -> Int32 {
        // Fibonacci hashing of both words, folded once: neighbouring places of an id spread over the lists.
        var hash = UInt64(bitPattern: content.id) &* 0x9E37_79B9_7F4A_7C15
        hash ^= hash &>> 32
        hash = (hash &+ UInt64(content.place)) &* 0xD6E8_FEB8_6659_FD93
        return end &+ Int32(truncatingIfNeeded: hash &>> shift)
    }

    /// Adds a block to the end of its list.
    @inline(__always)
    private mutating func addToIndex(_ block: Int32, _ content: Content) {
        if content == awaited { watchIsStale = true }
        let head = head(content)
        let last = nodes.elements[Int(head)].previous
        if isOnTrial { noteNodes(block, last, head) }
        nodes.elements[Int(block)] = Node(next: head, previous: last)
        nodes.elements[Int(last)].next = block
        nodes.elements[Int(head)].previous = block
    }

    /// Takes a block out of its list, if it is in one.
    @inline(__always)
    private mutating func removeFromIndex(_ block: Int32) {
        let node = nodes.elements[Int(block)]
        nodes.elements[Int(node.previous)].next = node.next
        nodes.elements[Int(node.next)].previous = node.previous
        nodes.elements[Int(block)] = Node(next: block, previous: block)
    }

    /// The block with this content that was published first; -1 if there is none.
    @inline(__always)
    func find(_ content: Content) -> Int32 {
        let head = head(content)
        var block = nodes.elements[Int(head)].next
        while block != head {
            if blocks.elements[Int(block)].content == content { return block }
            block = nodes.elements[Int(block)].next
        }
        return -1
    }

    /// From now on `idleWatched` counts this block while nobody uses it.
    @inline(__always)
    mutating func watch(_ block: Int32) {
        let element = blocks.elements + Int(block)
        if isOnTrial { noteBlock(block) }
        if !element.pointee.isUsed { idleWatched &+= 1 }
        element.pointee.users |= Block.watched
    }

    /// Watches nothing any more.
    mutating func endWatch(_ watched: UnsafePointer<Int32>, count: Int) {
        for position in 0..<count {
            if isOnTrial { noteBlock(watched[position]) }
            blocks.elements[Int(watched[position])].users &= ~Block.watched
        }
        idleWatched = 0
        watchIsStale = false
        awaited = .none
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
                free: free, idleWatched: idleWatched, watchIsStale: watchIsStale, awaited: awaited))
        isOnTrial = true
    }

    /// - Complexity: O(what was changed).
    mutating func endTrial() {
        guard isOnTrial, let journal else { return }
        isOnTrial = false
        journal.pointee.restore(blocks.elements, nodes.elements)
        let counters = journal.pointee.counters
        free = counters.free
        idleWatched = counters.idleWatched
        watchIsStale = counters.watchIsStale
        awaited = counters.awaited
    }

    @inline(__always)
    private func noteBlock(_ block: Int32) { journal?.pointee.note(block: block, blocks.elements) }

    @inline(__always)
    private func noteNode(_ node: Int32) { journal?.pointee.note(node: node, nodes.elements) }

    /// One that may be free, and is no longer to be.
    @inline(never)
    private func noteBlockAndNeighbours(_ block: Int32) {
        let element = blocks.elements[Int(block)]
        noteBlock(block)
        if !element.isUsed {
            noteBlock(element.previousFree)
            noteBlock(element.nextFree)
        }
    }

    @inline(never)
    private func noteTaking(_ block: Int32) {
        noteBlockAndNeighbours(block)
        let node = nodes.elements[Int(block)]
        noteNodes(block, node.previous, node.next)
    }

    /// It may go to either end of the free ones.
    @inline(never)
    private func noteReleasing(_ block: Int32) {
        let element = blocks.elements[Int(end)]
        noteBlock(block)
        noteBlock(end)
        noteBlock(element.previousFree)
        noteBlock(element.nextFree)
    }

    @inline(never)
    private func noteNodes(_ block: Int32, _ previous: Int32, _ next: Int32) {
        noteNode(block)
        noteNode(previous)
        noteNode(next)
    }
}
