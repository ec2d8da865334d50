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

        /// What no other request has: the block at `position` of `request`.
        @inline(__always)
        static func unique(_ request: Int, _ position: Int) -> Content {
            Content(id: Int64(request), place: UInt32(truncatingIfNeeded: position) | uniqueBit)
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
        /// Neighbours in the list of free blocks.
        var previousFree: Int32 = -1
        var nextFree: Int32 = -1
        /// Neighbours in the index; `notIndexed` if it is not there.
        var previousInIndex: Int32 = notIndexed
        var nextInIndex: Int32 = -1
        /// Who uses it, and above that whether the first of the waiting would.
        var users: UInt32 = 0

        static let notIndexed: Int32 = -2
        static let watched: UInt32 = 1 << 31

        @inline(__always)
        var content: Content { Content(id: id, place: place) }
        @inline(__always)
        var isUsed: Bool { users & ~Block.watched != 0 }
        @inline(__always)
        var isWatched: Bool { users & Block.watched != 0 }
    }

    private let blocks: ScratchBuffer<Block>
    /// The first block of each list of the index.
    private let firsts: ScratchBuffer<Int32>
    private let shift: UInt64
    private var firstFree: Int32
    private var lastFree: Int32
    private(set) var free: Int

    /// Of the blocks that are watched, how many nobody uses.
    private(set) var idleWatched = 0
    /// Whether what is watched is no longer all that would be found.
    private(set) var watchIsStale = false
    /// The content whose publication makes it so.
    var awaited = Content.none

    init(count: Int) throws(BatchingError) {
        let blocks = try ScratchBuffer(count: count, repeating: Block())
        var bits: UInt64 = 6
        while 1 << bits < count { bits += 1 }
        let firsts = try ScratchBuffer<Int32>(count: 1 << Int(bits), repeating: -1)
        for block in 0..<count {
            blocks.elements[block].previousFree = Int32(truncatingIfNeeded: block - 1)
            blocks.elements[block].nextFree = Int32(truncatingIfNeeded: block + 1 == count ? -1 : block + 1)
        }
        self.blocks = blocks
        self.firsts = firsts
        shift = 64 - bits
        firstFree = count > 0 ? 0 : -1
        lastFree = Int32(truncatingIfNeeded: count - 1)
        free = count
    }

    /// Takes a block from the front of the free ones, which are not none; whatever was in it is gone.
    @inline(__always)
    mutating func take() -> Int32 {
        let block = firstFree
        let element = blocks.elements + Int(block)
        firstFree = element.pointee.nextFree
        if firstFree >= 0 {
            blocks.elements[Int(firstFree)].previousFree = -1
        } else {
            lastFree = -1
        }
        free &-= 1
        if element.pointee.previousInIndex != Block.notIndexed { removeFromIndex(block) }
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
        element.pointee.users &-= 1
        if element.pointee.isUsed { return }
        if element.pointee.isWatched { idleWatched &+= 1 }
        element.pointee.previousFree = lastFree
        element.pointee.nextFree = -1
        if lastFree >= 0 {
            blocks.elements[Int(lastFree)].nextFree = block
        } else {
            firstFree = block
        }
        lastFree = block
        free &+= 1
    }

    /// Nobody uses any more a block without content: it is the first to be taken.
    @inline(__always)
    mutating func releaseEmpty(_ block: Int32) {
        let element = blocks.elements + Int(block)
        element.pointee.users = 0
        element.pointee.previousFree = -1
        element.pointee.nextFree = firstFree
        if firstFree >= 0 {
            blocks.elements[Int(firstFree)].previousFree = block
        } else {
            lastFree = block
        }
        firstFree = block
        free &+= 1
    }

    @inline(__always)
    private mutating func removeFromFree(_ block: Int32) {
        let element = blocks.elements + Int(block)
        let (previous, next) = (element.pointee.previousFree, element.pointee.nextFree)
        if previous >= 0 {
            blocks.elements[Int(previous)].nextFree = next
        } else {
            firstFree = next
        }
        if next >= 0 {
            blocks.elements[Int(next)].previousFree = previous
        } else {
            lastFree = previous
        }
        free &-= 1
    }

    /// Says what is in a block. What is unique can be found only once it is in the index, too.
    @inline(__always)
    mutating func publish(_ block: Int32, _ content: Content) {
        let element = blocks.elements + Int(block)
        element.pointee.id = content.id
        element.pointee.place = content.place
        if !content.isUnique { addToIndex(block) }
    }

    /// Makes sure that a block with content can be found.
    mutating func addToIndexIfMissing(_ block: Int32) {
        if blocks.elements[Int(block)].previousInIndex == Block.notIndexed { addToIndex(block) }
    }

    @inline(__always)
    private func list(_ content: Content) -> Int {
        // Fibonacci hashing of both words, folded once: neighbouring places of an id spread over the lists.
        var hash = UInt64(bitPattern: content.id) &* 0x9E37_79B9_7F4A_7C15
        hash ^= hash &>> 32
        hash = (hash &+ UInt64(content.place)) &* 0xD6E8_FEB8_6659_FD93
        return Int(truncatingIfNeeded: hash &>> shift)
    }

    @inline(__always)
    private mutating func addToIndex(_ block: Int32) {
        let elements = blocks.elements
        let content = elements[Int(block)].content
        if content == awaited { watchIsStale = true }
        elements[Int(block)].nextInIndex = -1
        let list = list(content)
        var last = firsts.elements[list]
        if last < 0 {
            firsts.elements[list] = block
            elements[Int(block)].previousInIndex = -1
            return
        }
        while elements[Int(last)].nextInIndex >= 0 { last = elements[Int(last)].nextInIndex }
        elements[Int(last)].nextInIndex = block
        elements[Int(block)].previousInIndex = last
    }

    @inline(__always)
    private mutating func removeFromIndex(_ block: Int32) {
        let elements = blocks.elements
        let (previous, next) = (elements[Int(block)].previousInIndex, elements[Int(block)].nextInIndex)
        if previous >= 0 {
            elements[Int(previous)].nextInIndex = next
        } else {
            firsts.elements[list(elements[Int(block)].content)] = next
        }
        if next >= 0 { elements[Int(next)].previousInIndex = previous }
        elements[Int(block)].previousInIndex = Block.notIndexed
    }

    /// The block with this content that was published first; -1 if there is none.
    @inline(__always)
    func find(_ content: Content) -> Int32 {
        let elements = blocks.elements
        var block = firsts.elements[list(content)]
        while block >= 0 {
            if elements[Int(block)].content == content { return block }
            block = elements[Int(block)].nextInIndex
        }
        return -1
    }

    /// From now on `idleWatched` counts this block while nobody uses it.
    @inline(__always)
    mutating func watch(_ block: Int32) {
        let element = blocks.elements + Int(block)
        if !element.pointee.isUsed { idleWatched &+= 1 }
        element.pointee.users |= Block.watched
    }

    /// Watches nothing any more.
    mutating func endWatch(_ watched: UnsafePointer<Int32>, count: Int) {
        for position in 0..<count { blocks.elements[Int(watched[position])].users &= ~Block.watched }
        idleWatched = 0
        watchIsStale = false
        awaited = .none
    }
}
