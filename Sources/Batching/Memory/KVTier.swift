/// KV blocks in a memory other than that of a GPU, by their content, in the order of their last use: when it is full, the
/// block that was used longest ago goes. Blocks are written one after the other, and can be read once that is done.
///
/// - Complexity: O(1) a step, whatever the contents: see `IdIndex`. Memory: 40 bytes for each block, and 8 to find it.
struct KVTier: ~Copyable {
    /// What it holds, and how fast it is.
    struct Settings: BitwiseCopyable {
        /// Blocks; 0: there is no such tier.
        var blocks = 0
        /// Bytes of a block.
        var blockBytes = 0.0
        /// Bytes a second; 0: it takes no time.
        var readBandwidth = 0.0
        var writeBandwidth = 0.0

        func readTime(blocks: Int) -> Nanoseconds {
            if readBandwidth == 0 { return .zero }
            return Nanoseconds(cappedSeconds: Double(blocks) * blockBytes / readBandwidth)
        }

        var writeTime: Nanoseconds {
            writeBandwidth == 0 ? .zero : Nanoseconds(cappedSeconds: blockBytes / writeBandwidth)
        }
    }

    // These are not private: a debug build does not compile then (Swift 6.3).
    struct Entry: BitwiseCopyable {
        var content: BlockPool.Content
        /// When it can be read.
        var ready: Nanoseconds
        /// Neighbours in the order of use; -1: none.
        var older: Int32
        /// -2: the entry is free, and `older` the next one that is.
        var newer: Int32

        @inline(__always)
        var isUsed: Bool { newer != KVTier.free }
    }

    /// What undoes one change.
    struct Change: BitwiseCopyable {
        enum Kind: UInt8 { case added, removed, used }
        var kind: Kind
        var content: BlockPool.Content
        var ready = Nanoseconds.zero
        /// Of one that was used: what was used just before it; `none`: nothing in the tier was.
        var before = BlockPool.Content.none
    }

    fileprivate static var free: Int32 { -2 }

    let settings: Settings
    private let writeTime: Nanoseconds
    private var entries: GrowableBuffer<Entry>
    private var index: IdIndex
    private var used: Int
    private var firstFree: Int32
    private var oldest: Int32
    private var newest: Int32
    /// Blocks that it holds.
    private(set) var count: Int
    /// Until when it is written to, and read from.
    private(set) var writeEnd: Nanoseconds
    var readEnd: Nanoseconds

    private var isOnTrial: Bool
    private var changes: GrowableBuffer<Change>
    private var changeCount: Int
    private var endsBefore: (write: Nanoseconds, read: Nanoseconds)

    init(_ settings: Settings) throws(BatchingError) {
        let entries = try GrowableBuffer<Entry>(capacity: 0)
        let index = try IdIndex(count: 0)
        let changes = try GrowableBuffer<Change>(capacity: 0)
        self.settings = settings
        writeTime = settings.writeTime
        self.entries = entries
        self.index = index
        (used, firstFree, oldest, newest, count) = (0, -1, -1, -1, 0)
        (writeEnd, readEnd) = (.zero, .zero)
        self.changes = changes
        (isOnTrial, changeCount, endsBefore) = (false, 0, (.zero, .zero))
    }

    /// A copy of one that is not on trial.
    init(copying other: borrowing KVTier, _ copy: inout DeepCopy) {
        settings = other.settings
        writeTime = other.writeTime
        entries = GrowableBuffer(copying: other.entries, count: other.used, &copy)
        index = IdIndex(copying: other.index, &copy)
        (used, firstFree, count) = (other.used, other.firstFree, other.count)
        (oldest, newest) = (other.oldest, other.newest)
        (writeEnd, readEnd) = (other.writeEnd, other.readEnd)
        changes = GrowableBuffer(copying: other.changes, count: 0, &copy)
        (isOnTrial, changeCount, endsBefore) = (false, 0, (.zero, .zero))
    }
}

extension KVTier {
    /// Whether a content can be read at a time.
    @inline(__always)
    func holds(_ content: BlockPool.Content, at time: Nanoseconds) -> Bool {
        if count == 0 { return false }
        let number = number(of: content)
        return number >= 0 && entries.elements[number].ready <= time
    }

    @inline(__always)
    private func number(of content: BlockPool.Content) -> Int {
        let entries = entries.elements
        return index.number(of: content) { entries[$0].content }
    }

    /// A content that is there is used.
    mutating func use(_ content: BlockPool.Content) throws(BatchingError) {
        try use(number(of: content))
    }

    private mutating func use(_ number: Int) throws(BatchingError) {
        if number == Int(newest) { return }
        if isOnTrial {
            let (entry, entries) = (entries.elements[number], entries.elements)
            let before = entry.older < 0 ? BlockPool.Content.none : entries[Int(entry.older)].content
            try note(Change(kind: .used, content: entry.content, before: before))
        }
        unlink(number)
        link(number, after: newest)
    }

    /// Writes a content that is not there, behind all that is written; one that is there is used.
    /// - Returns: whether it is written.
    mutating func write(_ content: BlockPool.Content, at time: Nanoseconds) throws(BatchingError) -> Bool {
        if settings.blocks == 0 { return false }
        let number = number(of: content)
        if number >= 0 {
            try use(number)
            return false
        }
        // Nothing is changed before there is memory for it.
        try reserve(count &+ 1)
        if isOnTrial { try changes.reserve(changeCount &+ 2) }
        if count == settings.blocks {
            let entry = entries.elements[Int(oldest)]
            if isOnTrial { try note(Change(kind: .removed, content: entry.content, ready: entry.ready)) }
            remove(Int(oldest))
        }
        writeEnd = max(writeEnd, time).later(by: writeTime)
        if isOnTrial { try note(Change(kind: .added, content: content)) }
        add(content, ready: writeEnd, after: newest)
        return true
    }

    private mutating func reserve(_ wanted: Int) throws(BatchingError) {
        try entries.reserve(wanted)
        let entries = entries.elements
        try index.reserve(wanted) { entries[$0].content }
    }

    private mutating func add(_ content: BlockPool.Content, ready: Nanoseconds, after older: Int32) {
        let entries = entries.elements
        var number = Int(firstFree)
        if number < 0 {
            number = used
            used &+= 1
        } else {
            firstFree = entries[number].older
        }
        entries[number] = Entry(content: content, ready: ready, older: -1, newer: -1)
        link(number, after: older)
        count &+= 1
        index.insert(number, count: used, isUsed: { entries[$0].isUsed }, { entries[$0].content })
    }

    private mutating func remove(_ number: Int) {
        let entries = entries.elements
        unlink(number)
        index.remove(number, count: used, isUsed: { entries[$0].isUsed }, { entries[$0].content })
        entries[number].older = firstFree
        entries[number].newer = KVTier.free
        firstFree = Int32(truncatingIfNeeded: number)
        count &-= 1
    }

    /// - Parameter older: what was used just before it; -1: nothing was.
    private mutating func link(_ number: Int, after older: Int32) {
        let (entries, own) = (entries.elements, Int32(truncatingIfNeeded: number))
        let newer = older < 0 ? oldest : entries[Int(older)].newer
        entries[number].older = older
        entries[number].newer = newer
        if older < 0 { oldest = own } else { entries[Int(older)].newer = own }
        if newer < 0 { newest = own } else { entries[Int(newer)].older = own }
    }

    private mutating func unlink(_ number: Int) {
        let entries = entries.elements
        let (older, newer) = (entries[number].older, entries[number].newer)
        if older < 0 { oldest = newer } else { entries[Int(older)].newer = newer }
        if newer < 0 { newest = older } else { entries[Int(newer)].older = older }
    }
}

// MARK: - A trial

extension KVTier {
    /// All changes from here on will be undone.
    mutating func beginTrial() {
        (isOnTrial, changeCount) = (true, 0)
        endsBefore = (writeEnd, readEnd)
    }

    private mutating func note(_ change: Change) throws(BatchingError) {
        try changes.reserve(changeCount &+ 1)
        changes.elements[changeCount] = change
        changeCount &+= 1
    }

    /// - Complexity: O(what was changed).
    mutating func endTrial() {
        guard isOnTrial else { return }
        isOnTrial = false
        while changeCount > 0 {
            changeCount &-= 1
            let change = changes.elements[changeCount]
            switch change.kind {
            case .added: remove(number(of: change.content))
            case .removed: add(change.content, ready: change.ready, after: -1)
            case .used:
                let own = number(of: change.content)
                unlink(own)
                let before = change.before == .none ? -1 : number(of: change.before)
                link(own, after: Int32(truncatingIfNeeded: before))
            }
        }
        (writeEnd, readEnd) = endsBefore
    }
}

// MARK: - Bytes

extension KVTier {
    func write(to writer: inout ByteWriter) {
        writer.write(writeEnd.count)
        writer.write(readEnd.count)
        writer.write(Int64(count))
        var number = oldest
        while number >= 0 {
            let entry = entries.elements[Int(number)]
            writer.write(entry.content.id)
            writer.write(entry.content.place)
            writer.write(entry.ready.count)
            number = entry.newer
        }
    }

    /// Reads it; it is new.
    mutating func read(_ reader: inout ByteReader) throws(BatchingError) {
        try reader.code(&writeEnd)
        try reader.code(&readEnd)
        let saved = try reader.integer(0...Int64(settings.blocks))
        guard saved <= reader.left / 20 else { throw .corrupt("there are not as many KV blocks in a tier") }
        try reserve(Int(saved))
        for position in 0..<Int(saved) {
            try Work.row(position)
            var ready = Nanoseconds.zero
            let content = BlockPool.Content(id: try reader.read(), place: try reader.read())
            try reader.code(&ready)
            guard content.place != BlockPool.Content.none.place, ready <= writeEnd, number(of: content) < 0 else {
                throw .corrupt("a KV block of a tier is impossible")
            }
            add(content, ready: ready, after: newest)
        }
    }
}

extension BlockPool.Content: IndexKey {
    @inline(__always)
    var words: (UInt64, UInt64) { (UInt64(bitPattern: id), UInt64(place)) }
}
