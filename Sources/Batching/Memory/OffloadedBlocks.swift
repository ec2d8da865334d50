/// The tiers of a replica: host memory, then a disk.
struct KVTiers: ~Copyable {
    var host: KVTier
    var disk: KVTier

    init(host: KVTier.Settings, disk: KVTier.Settings) throws(BatchingError) {
        let host = try KVTier(host)
        let disk = try KVTier(disk)
        self.host = host
        self.disk = disk
    }

    init(copying other: borrowing KVTiers, _ copy: inout DeepCopy) {
        host = KVTier(copying: other.host, &copy)
        disk = KVTier(copying: other.disk, &copy)
    }

    /// A copy in a place of its own.
    static func copied(_ other: UnsafeMutablePointer<KVTiers>) throws(BatchingError) -> UnsafeMutablePointer<KVTiers> {
        var copy = DeepCopy()
        let copied = KVTiers(copying: other.pointee, &copy)
        try copy.check()
        return try allocated(copied)
    }

    /// Reads blocks, those of the host first; each behind all that is read from its tier.
    /// - Returns: how long that takes from `start` on; beyond the clock: `Int64.max` nanoseconds after 0.
    mutating func load(host hostBlocks: Int, disk diskBlocks: Int, from start: Nanoseconds) -> Nanoseconds {
        var end = start
        if hostBlocks > 0 {
            end = KVTiers.end(of: host.settings.readTime(blocks: hostBlocks), from: max(end, host.readEnd))
            host.readEnd = end
        }
        if diskBlocks > 0 {
            end = KVTiers.end(of: disk.settings.readTime(blocks: diskBlocks), from: max(end, disk.readEnd))
            disk.readEnd = end
        }
        return end - start
    }

    private static func end(of duration: Nanoseconds, from start: Nanoseconds) -> Nanoseconds {
        // Neither is beyond `Int64.max` nanoseconds.
        let (sum, overflows) = start.count.addingReportingOverflow(duration.count)
        return overflows || sum > Nanoseconds.maximum.count ? Nanoseconds(.max) : Nanoseconds(sum)
    }
}

/// What was read from tiers, and written there.
public struct KVOffloadTotals: Equatable, Sendable {
    /// Tokens found in host memory at first admissions: part of the hits of the prefix cache.
    public var hostHits: Int64 = 0
    /// Tokens found on disk, the same.
    public var diskHits: Int64 = 0
    /// Tokens loaded from host memory, those of requests that come back after a preemption included.
    public var hostLoaded: Int64 = 0
    /// Tokens loaded from disk, the same.
    public var diskLoaded: Int64 = 0
    /// KV blocks written to host memory.
    public var hostBlocksWritten: Int64 = 0
    /// KV blocks written to disk.
    public var diskBlocksWritten: Int64 = 0
    /// The sum of the loads' durations.
    var loadNanoseconds: Int64 = 0

    /// Seconds: the sum over the iterations of the time that their loads took.
    public var loadTime: Double { Nanoseconds(loadNanoseconds).seconds }

    mutating func add(_ other: KVOffloadTotals) {
        hostHits &+= other.hostHits
        diskHits &+= other.diskHits
        hostLoaded &+= other.hostLoaded
        diskLoaded &+= other.diskLoaded
        hostBlocksWritten &+= other.hostBlocksWritten
        diskBlocksWritten &+= other.diskBlocksWritten
        loadNanoseconds &+= other.loadNanoseconds
    }
}

/// What a replica reads from tiers and writes to them.
struct OffloadedBlocks: ~Copyable {
    /// A block that has become full, and is to be written.
    struct Full: BitwiseCopyable {
        var content: BlockPool.Content
        /// Its request's place in the order of admission.
        var sequence: Int64
        /// How many were noted before it.
        var turn: Int32
    }

    /// Of its own, or lent; nil: they are to be lent.
    private(set) var tiers: UnsafeMutablePointer<KVTiers>?
    private var ownsTiers: Bool
    /// Whether the loads of an iteration come before all that it computes.
    let loadsBlock: Bool
    private let blockTokens: Int64
    private var full: GrowableBuffer<Full>
    private var fullCount: Int
    /// There was no memory for one that became full: what follows would be wrong.
    private var hasFailed: Bool
    /// Blocks that the iteration which is scheduled now loads.
    private var hostBlocks: Int
    private var diskBlocks: Int
    /// How long the loads of the iteration take that was scheduled last.
    private(set) var load: Nanoseconds
    private(set) var totals: KVOffloadTotals

    /// - Parameter ownsTiers: false: those of another are to be lent.
    init(
        host: KVTier.Settings, disk: KVTier.Settings, loadsBlock: Bool, blockTokens: Int64, ownsTiers: Bool
    ) throws(BatchingError) {
        let full = try GrowableBuffer<Full>(capacity: 0)
        let tiers = ownsTiers ? try allocated(try KVTiers(host: host, disk: disk)) : nil
        self.tiers = tiers
        self.ownsTiers = ownsTiers
        self.loadsBlock = loadsBlock
        self.blockTokens = blockTokens
        self.full = full
        (fullCount, hasFailed, hostBlocks, diskBlocks) = (0, false, 0, 0)
        load = .zero
        totals = KVOffloadTotals()
    }

    deinit {
        if ownsTiers { deallocate(tiers) }
    }
}

extension OffloadedBlocks {
    /// How many of these blocks can be read one after the other.
    /// - Parameter content: of each of them, by position.
    @inline(__always)
    func found(_ positions: Range<Int>, at time: Nanoseconds, _ content: (Int) -> BlockPool.Content) -> Int {
        guard let tiers, tiers.pointee.host.count &+ tiers.pointee.disk.count > 0 else { return 0 }
        var position = positions.lowerBound
        while position < positions.upperBound {
            let wanted = content(position)
            guard tiers.pointee.host.holds(wanted, at: time) || tiers.pointee.disk.holds(wanted, at: time) else {
                break
            }
            position &+= 1
        }
        return position &- positions.lowerBound
    }

    /// A request that is admitted has these blocks loaded, which were found.
    mutating func take(
        _ positions: Range<Int>, at time: Nanoseconds, isFirst: Bool, _ content: (Int) -> BlockPool.Content
    ) throws(BatchingError) {
        guard let tiers else { return }
        var (host, disk) = (0, 0)
        for position in positions {
            let wanted = content(position)
            if tiers.pointee.host.holds(wanted, at: time) {
                try tiers.pointee.host.use(wanted)
                host &+= 1
            } else {
                try tiers.pointee.disk.use(wanted)
                disk &+= 1
            }
        }
        hostBlocks &+= host
        diskBlocks &+= disk
        totals.hostLoaded &+= Int64(host) &* blockTokens
        totals.diskLoaded &+= Int64(disk) &* blockTokens
        if isFirst {
            totals.hostHits &+= Int64(host) &* blockTokens
            totals.diskHits &+= Int64(disk) &* blockTokens
        }
    }

    /// A block has become full, and is in the prefix cache.
    mutating func note(_ content: BlockPool.Content, sequence: Int64) {
        do throws(BatchingError) {
            try full.reserve(fullCount &+ 1)
        } catch {
            hasFailed = true
            return
        }
        full.elements[fullCount] = Full(
            content: content, sequence: sequence, turn: Int32(truncatingIfNeeded: fullCount))
        fullCount &+= 1
    }

    /// An iteration has been scheduled, which begins at `start`: its loads are known.
    mutating func beginLoad(from start: Nanoseconds) {
        load = .zero
        if hostBlocks &+ diskBlocks == 0 { return }
        if let tiers { load = tiers.pointee.load(host: hostBlocks, disk: diskBlocks, from: start) }
        totals.loadNanoseconds &+= load.count
        (hostBlocks, diskBlocks) = (0, 0)
    }

    /// What has become full is written, in the order of admission of the requests.
    mutating func writeFull(at time: Nanoseconds) throws(BatchingError) {
        if hasFailed { throw BatchingError(.outOfMemory, "not enough memory for KV blocks that are to be written") }
        if fullCount == 0 { return }
        try sortFull()
        let count = fullCount
        fullCount = 0
        guard let tiers else { return }
        for position in 0..<count {
            try Work.row(position)
            let content = full.elements[position].content
            if try tiers.pointee.host.write(content, at: time) { totals.hostBlocksWritten &+= 1 }
            if try tiers.pointee.disk.write(content, at: time) { totals.diskBlocksWritten &+= 1 }
        }
    }

    /// Most often they are in order.
    private mutating func sortFull() throws(BatchingError) {
        let elements = full.elements
        var sorted = 1
        while sorted < fullCount, elements[sorted &- 1].sequence <= elements[sorted].sequence { sorted &+= 1 }
        if sorted == fullCount { return }
        try Heap.sort(elements, count: fullCount, step: Work.row) {
            $0.sequence != $1.sequence ? $0.sequence < $1.sequence : $0.turn < $1.turn
        }
    }
}

// MARK: - Copies, estimates and bytes

extension OffloadedBlocks {
    /// Becomes equal to another of the same settings, but for the tiers.
    mutating func assign(_ other: borrowing OffloadedBlocks) throws(BatchingError) {
        try full.assign(other.full, count: other.fullCount)
        fullCount = other.fullCount
        (hostBlocks, diskBlocks, load) = (other.hostBlocks, other.diskBlocks, other.load)
        (hasFailed, totals) = (other.hasFailed, other.totals)
    }

    /// Has a copy of the other's own tiers from now on.
    mutating func copyTiers(_ other: borrowing OffloadedBlocks) throws(BatchingError) {
        guard let others = other.tiers else { return }
        let copied = try KVTiers.copied(others)
        if ownsTiers { deallocate(tiers) }
        (tiers, ownsTiers) = (copied, true)
    }

    /// Has another use the tiers, and change them.
    mutating func lend(to other: inout OffloadedBlocks) {
        guard let tiers else { return }
        tiers.pointee.host.beginTrial()
        tiers.pointee.disk.beginTrial()
        other.tiers = tiers
    }

    /// The tiers are again as they were when they were lent.
    mutating func takeBack(from other: inout OffloadedBlocks) {
        other.tiers = nil
        tiers?.pointee.host.endTrial()
        tiers?.pointee.disk.endTrial()
    }

    func write(to writer: inout ByteWriter) {
        guard let tiers else { return }
        tiers.pointee.host.write(to: &writer)
        tiers.pointee.disk.write(to: &writer)
        // Between two calls nothing is left to be written.
        writer.write(load.count)
        writer.write(totals.hostHits)
        writer.write(totals.diskHits)
        writer.write(totals.hostLoaded)
        writer.write(totals.diskLoaded)
        writer.write(totals.hostBlocksWritten)
        writer.write(totals.diskBlocksWritten)
        writer.write(totals.loadNanoseconds)
    }

    mutating func read(_ reader: inout ByteReader) throws(BatchingError) {
        guard let tiers else { return }
        try tiers.pointee.host.read(&reader)
        try tiers.pointee.disk.read(&reader)
        try reader.code(&load)
        try reader.code(&totals.hostHits, from: 0, to: .max)
        try reader.code(&totals.diskHits, from: 0, to: .max)
        try reader.code(&totals.hostLoaded, from: 0, to: .max)
        try reader.code(&totals.diskLoaded, from: 0, to: .max)
        try reader.code(&totals.hostBlocksWritten, from: 0, to: .max)
        try reader.code(&totals.diskBlocksWritten, from: 0, to: .max)
        try reader.code(&totals.loadNanoseconds, from: 0, to: .max)
    }
}
