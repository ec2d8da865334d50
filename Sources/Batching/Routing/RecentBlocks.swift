/// Blocks in the order of their last use: one line for each worker, or a single one.
///
/// Blocks of one line whose numbers differ in the last four bits only share a page, so that those of a prompt, most of which
/// have numbers in a row, are found with few searches.
///
/// - Complexity: O(1) a step. Memory: 16 bytes a block and 30 a page; if each block is alone in its page, some 290 bytes.
struct RecentBlocks: ~Copyable {
    /// 16 for each page.
    private var nodes: GrowableBuffer<Node>
    private var pages: GrowableBuffer<Page>
    private var index: IdIndex
    private let lines: ScratchBuffer<Line>
    private var used: Int
    private var firstFree: Int32
    private var pageCount: Int
    /// The page that was found last.
    private var lastPage: Int
    /// Blocks in all lines.
    private(set) var count: Int

    // These are not private: a debug build does not compile then (Swift 6.3).
    struct Node: BitwiseCopyable {
        /// When it was used last.
        var time: Double
        var previous: Int32
        var next: Int32
    }

    struct Page: BitwiseCopyable {
        /// The line, and the blocks in it; -1: it is free.
        var key: Int64
        /// Those of its blocks that are in the line.
        var blocks: UInt32
        var nextFree: Int32
    }

    struct Line: BitwiseCopyable {
        var oldest: Int32 = -1
        var newest: Int32 = -1
        var count = 0
    }

    private static var pageBits: Int { 4 }
    private static var pageSize: Int { 16 }

    init(lines: Int) throws(BatchingError) {
        let nodes = try GrowableBuffer<Node>(capacity: 0)
        let pages = try GrowableBuffer<Page>(capacity: 0)
        let index = try IdIndex(count: 0)
        let buffer = try ScratchBuffer(count: lines, repeating: Line())
        self.nodes = nodes
        self.pages = pages
        self.index = index
        self.lines = buffer
        (used, firstFree, pageCount, lastPage, count) = (0, -1, 0, 0, 0)
    }

    init(copying other: borrowing RecentBlocks, _ copy: inout DeepCopy) {
        nodes = GrowableBuffer(copying: other.nodes, count: other.used &* Self.pageSize, &copy)
        pages = GrowableBuffer(copying: other.pages, count: other.used, &copy)
        index = IdIndex(copying: other.index, &copy)
        lines = ScratchBuffer(copying: other.lines, &copy)
        (used, firstFree, count) = (other.used, other.firstFree, other.count)
        (pageCount, lastPage) = (other.pageCount, other.lastPage)
    }

    /// Makes room for so many more.
    mutating func reserve(_ more: Int) throws(BatchingError) {
        let wanted = pageCount &+ more
        guard wanted < 1 << 27 else { throw BatchingError(.overflow, "there would be more than 2^27 pages of blocks") }
        try nodes.reserve(wanted &* Self.pageSize)
        try pages.reserve(wanted)
        let pages = pages.elements
        try index.reserve(wanted) { pages[$0].key }
    }

    /// Blocks in a line.
    @inline(__always)
    func count(_ line: Int) -> Int { lines.elements[line].count }

    /// When a block was used last. nil: it is not in the line.
    func time(_ block: Int, line: Int) -> Double? {
        let pages = pages.elements
        let page = index.number(of: Self.key(block, line)) { pages[$0].key }
        if page < 0 || pages[page].blocks & Self.bit(block) == 0 { return nil }
        return nodes.elements[Self.node(block, page)].time
    }

    /// The block that was used longest ago, and when. nil: there is none.
    @inline(__always)
    func oldest(_ line: Int) -> (block: Int, time: Double)? {
        let node = Int(lines.elements[line].oldest)
        return node < 0 ? nil : (block(node), nodes.elements[node].time)
    }

    /// The first blocks of a line, oldest first.
    @inline(__always)
    func forOldest(_ line: Int, count: Int, _ body: (Int) -> Void) {
        var node = Int(lines.elements[line].oldest)
        var left = count
        while node >= 0, left > 0 {
            body(block(node))
            node = Int(nodes.elements[node].next)
            left &-= 1
        }
    }

    /// A block is used: it is the newest of its line from now on. There is room.
    @inline(__always)
    mutating func use(_ block: Int, line: Int, time: Double) {
        let page = page(of: block, line)
        let node = Self.node(block, page)
        let (pages, nodes) = (pages.elements, nodes.elements)
        nodes[node].time = time
        if pages[page].blocks & Self.bit(block) == 0 {
            pages[page].blocks |= Self.bit(block)
            lines.elements[line].count = lines.elements[line].count &+ 1
            count &+= 1
        } else {
            if Int(lines.elements[line].newest) == node { return }
            unlink(node, line)
        }
        link(node, line)
    }

    /// Takes the block that was used longest ago from its line, where there is one.
    mutating func removeOldest(_ line: Int) {
        let node = Int(lines.elements[line].oldest)
        if node < 0 { return }
        unlink(node, line)
        lines.elements[line].count = lines.elements[line].count &- 1
        count &-= 1
        let (pages, page) = (pages.elements, node &>> Self.pageBits)
        pages[page].blocks &= ~Self.bit(node)
        if pages[page].blocks == 0 { removePage(page) }
    }
}

// Pages. A block's number is below 2^31, and a line's below 2^16.
extension RecentBlocks {
    @inline(__always)
    private static func key(_ block: Int, _ line: Int) -> Int64 { Int64(block &>> pageBits) &<< 16 | Int64(line) }

    @inline(__always)
    private static func bit(_ block: Int) -> UInt32 { 1 &<< UInt32(truncatingIfNeeded: block & (pageSize &- 1)) }

    @inline(__always)
    private static func node(_ block: Int, _ page: Int) -> Int { page &<< pageBits | block & (pageSize &- 1) }

    @inline(__always)
    private func block(_ node: Int) -> Int {
        let group = Int(truncatingIfNeeded: pages.elements[node &>> Self.pageBits].key &>> 16)
        return group &<< Self.pageBits | node & (Self.pageSize &- 1)
    }

    /// The page of a block, which is added if it is not there.
    @inline(__always)
    private mutating func page(of block: Int, _ line: Int) -> Int {
        let key = Self.key(block, line)
        let pages = pages.elements
        if lastPage < used, pages[lastPage].key == key { return lastPage }
        var page = index.number(of: key) { pages[$0].key }
        if page < 0 { page = addPage(key) }
        lastPage = page
        return page
    }

    private mutating func addPage(_ key: Int64) -> Int {
        let pages = pages.elements
        var page = Int(firstFree)
        if page < 0 {
            page = used
            used &+= 1
        } else {
            firstFree = pages[page].nextFree
        }
        pages[page] = Page(key: key, blocks: 0, nextFree: -1)
        pageCount &+= 1
        index.insert(page, count: used, isUsed: { pages[$0].key >= 0 }, { pages[$0].key })
        return page
    }

    private mutating func removePage(_ page: Int) {
        let pages = pages.elements
        index.remove(page, count: used, isUsed: { pages[$0].key >= 0 }, { pages[$0].key })
        pages[page].key = -1
        pages[page].nextFree = firstFree
        firstFree = Int32(truncatingIfNeeded: page)
        pageCount &-= 1
    }

    @inline(__always)
    private mutating func link(_ node: Int, _ line: Int) {
        let nodes = nodes.elements
        let newest = lines.elements[line].newest
        nodes[node].previous = newest
        nodes[node].next = -1
        let own = Int32(truncatingIfNeeded: node)
        if newest >= 0 { nodes[Int(newest)].next = own } else { lines.elements[line].oldest = own }
        lines.elements[line].newest = own
    }

    @inline(__always)
    private mutating func unlink(_ node: Int, _ line: Int) {
        let nodes = nodes.elements
        let (previous, next) = (nodes[node].previous, nodes[node].next)
        if previous >= 0 { nodes[Int(previous)].next = next } else { lines.elements[line].oldest = next }
        if next >= 0 { nodes[Int(next)].previous = previous } else { lines.elements[line].newest = previous }
    }
}
