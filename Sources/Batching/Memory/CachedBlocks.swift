/// KV blocks with a prefix cache: a full block is found again by its content, all tokens from the start of a request to
/// the end of the block.
///
/// What is in a block is published when it is given out, before it has been computed, as in vLLM; asynchronously, once
/// its last token is known.
struct CachedBlocks: BlockMemory, ~Copyable {
    /// The blocks of a member, in order, and its neighbours among those that decode in the same phase.
    struct Table: BitwiseCopyable {
        var blocks: UnsafeMutablePointer<Int32>?
        var capacity: Int32 = 0
        var count: Int32 = 0
        /// Of the blocks, how many have been published: always the first ones.
        var published: Int32 = 0
        var phase: Int32 = 0
        var previous: Int32 = -1
        var next: Int32 = -1
    }

    /// Those that decode in one phase, in order of admission.
    struct Phase: BitwiseCopyable {
        var first: Int32 = -1
        var last: Int32 = -1
        var count: Int32 = 0
        /// Whether a member joined behind one that was admitted later: they are put in order when their turn comes, and
        /// not one by one.
        var isOutOfOrder = false
    }

    static var findsPrefixes: Bool { true }

    let usable: Int
    let blockSize: BlockSize
    private(set) var requests: RequestColumns
    private let isAsynchronous: Bool
    /// Blocks in what one hash id stands for, and ids in a block: at least one of the two is 1.
    private var blocksPerHash: BlockSize
    private var hashesPerBlock: BlockSize
    var pool: BlockPool
    var tables: GrowableBuffer<Table>
    /// What is read from tiers, and written there; nil: there are none.
    let offload: UnsafeMutablePointer<OffloadedBlocks>?
    private let phases: ScratchBuffer<Phase>
    /// The phase of those whose blocks are all full.
    private var current = 0
    /// Of those that get a block, and of those that publish one, the next in this iteration; -1: none.
    private var nextToGrow: Int32 = -1
    private var nextToPublish: Int32 = -1
    private var isGrowing = false
    private var newestAreKnown = false

    /// The blocks that the first of the waiting found: for which request, how many tokens, and which.
    private var watchedRequest = -1
    private var watchedTokens: Int64 = 0
    /// The most blocks that it can find.
    private var watchedLimit = 0
    private var watched: GrowableBuffer<Int32>
    private var watchedCount = 0

    /// - Parameter ownsBlocks: false: those of another memory are to be borrowed, or copied.
    init(
        usable: Int, blockSize: Int64, requests: RequestColumns, isAsynchronous: Bool, ownsBlocks: Bool = true,
        offload: consuming OffloadedBlocks? = nil
    ) throws(BatchingError) {
        let hashBlockSize = Int64(requests.prefixHashes?.blockSize ?? 0)
        try PrefixHashes.check(blockSize: hashBlockSize, kvBlockSize: blockSize)
        let pool = try BlockPool(count: ownsBlocks ? usable : 0)
        let tables = try GrowableBuffer<Table>(capacity: 0)
        let phases = try ScratchBuffer(count: Int(blockSize), repeating: Phase())
        let watched = try GrowableBuffer<Int32>(capacity: 64)
        let place: UnsafeMutablePointer<OffloadedBlocks>? =
            if let offload { try allocated(offload) } else { nil }
        self.offload = place
        self.pool = pool
        self.tables = tables
        self.phases = phases
        self.watched = watched
        self.usable = usable
        self.blockSize = BlockSize(blockSize)
        self.requests = requests
        self.isAsynchronous = isAsynchronous
        blocksPerHash = BlockSize(max(1, hashBlockSize / blockSize))
        hashesPerBlock = BlockSize(hashBlockSize == 0 ? 1 : max(1, blockSize / hashBlockSize))
    }

    deinit {
        deallocate(offload)
        for slot in 0..<tables.capacity { deallocate(reallocated: tables.elements[slot].blocks) }
    }

    @inline(__always)
    var isLimited: Bool { true }

    @inline(__always)
    var free: Int { pool.free }

    mutating func reserve(slots: Int) throws(BatchingError) { try tables.reserve(slots, filler: Table()) }

    @inline(__always)
    func needed(from computed: Int64, to grown: Int64) -> Int {
        blockSize.holding(grown) &- blockSize.holding(computed)
    }
}

// MARK: - Those that decode

extension CachedBlocks {
    @inline(__always)
    var neededByDecodes: Int { Int(phases.elements[current].count) }

    /// The phase in which a member is whose blocks are full but for `missing` tokens, 0 or 1.
    @inline(__always)
    private func phase(missing: Int) -> Int {
        let phase = current &- missing
        return phase < 0 ? phase &+ Int(truncatingIfNeeded: blockSize.tokens) : phase
    }

    /// One phase gets blocks; another one completes its last blocks, which are published.
    @inline(__always)
    mutating func growDecodes(_ members: UnsafePointer<Member>, admittedBefore bound: Int64) {
        if !isGrowing {
            isGrowing = true
            nextToGrow = firstInOrder(current, members)
            let isKnown = !isAsynchronous || newestAreKnown
            nextToPublish = isKnown ? firstInOrder(phase(missing: 1), members) : -1
        }
        while nextToGrow >= 0 {
            let slot = Int(nextToGrow)
            if members[slot].sequence >= bound { break }
            nextToGrow = tables.elements[slot].next
            append(1, to: slot)
            // Asynchronously the last token of the block before is known only now.
            if isAsynchronous { publish(slot, members[slot], blocks: Int(tables.elements[slot].count) &- 1) }
        }
        while nextToPublish >= 0 {
            let slot = Int(nextToPublish)
            if members[slot].sequence >= bound { break }
            nextToPublish = tables.elements[slot].next
            publish(slot, members[slot], blocks: Int(tables.elements[slot].count))
        }
    }

    @inline(__always)
    mutating func advance() {
        isGrowing = false
        newestAreKnown = false
        current = current == 0 ? Int(truncatingIfNeeded: blockSize.tokens) &- 1 : current &- 1
    }

    mutating func noteNewest(areKnown: Bool) { newestAreKnown = areKnown }

    mutating func settleDecodes(_ members: UnsafePointer<Member>) {
        var slot = firstInOrder(current, members)
        while slot >= 0 {
            publish(Int(slot), members[Int(slot)], blocks: Int(tables.elements[Int(slot)].count))
            slot = tables.elements[Int(slot)].next
        }
    }

    @inline(__always)
    mutating func join(_ slot: Int, _ members: UnsafePointer<Member>, computed: Int64) {
        var number = blockSize.rest(computed) &+ current
        if number >= Int(truncatingIfNeeded: blockSize.tokens) {
            number &-= Int(truncatingIfNeeded: blockSize.tokens)
        }
        let phase = phases.elements + number
        let tables = tables.elements
        let last = phase.pointee.last
        tables[slot].phase = Int32(truncatingIfNeeded: number)
        tables[slot].previous = last
        tables[slot].next = -1
        if last >= 0 {
            if members[Int(last)].sequence > members[slot].sequence { phase.pointee.isOutOfOrder = true }
            tables[Int(last)].next = Int32(truncatingIfNeeded: slot)
        } else {
            phase.pointee.first = Int32(truncatingIfNeeded: slot)
        }
        phase.pointee.last = Int32(truncatingIfNeeded: slot)
        phase.pointee.count &+= 1
    }

    /// The first of those in a phase, which are then in order of admission.
    @inline(__always)
    private func firstInOrder(_ number: Int, _ members: UnsafePointer<Member>) -> Int32 {
        if phases.elements[number].isOutOfOrder {
            CachedBlocks.sort(phases.elements + number, members, tables.elements)
        }
        return phases.elements[number].first
    }

    /// Merges stretches that are in order, two by two, until there is one: most often there are few.
    /// - Complexity: O(count log(stretches)), where each of the `count` gets a block, or publishes one, next.
    // Static: for a method, the compiler would copy this whole memory before it asks whether to call it.
    @inline(never)
    private static func sort(
        _ phase: UnsafeMutablePointer<Phase>, _ members: UnsafePointer<Member>, _ tables: UnsafeMutablePointer<Table>
    ) {
        /// Cuts off the stretch that begins with a slot; returns what follows it.
        func cut(_ first: Int32) -> Int32 {
            var slot = first
            while true {
                let next = tables[Int(slot)].next
                if next < 0 || members[Int(next)].sequence < members[Int(slot)].sequence {
                    tables[Int(slot)].next = -1
                    return next
                }
                slot = next
            }
        }
        var stretches = 0
        repeat {
            stretches = 0
            var rest = phase.pointee.first
            phase.pointee.first = -1
            phase.pointee.last = -1
            while rest >= 0 {
                var left = rest
                var right = cut(left)
                rest = right < 0 ? -1 : cut(right)
                stretches &+= 1
                while left >= 0 || right >= 0 {
                    let takesLeft =
                        right < 0 || (left >= 0 && members[Int(left)].sequence < members[Int(right)].sequence)
                    let slot = takesLeft ? left : right
                    if takesLeft { left = tables[Int(slot)].next } else { right = tables[Int(slot)].next }
                    let last = phase.pointee.last
                    tables[Int(slot)].previous = last
                    if last >= 0 { tables[Int(last)].next = slot } else { phase.pointee.first = slot }
                    phase.pointee.last = slot
                }
                tables[Int(phase.pointee.last)].next = -1
            }
        } while stretches > 1
        phase.pointee.isOutOfOrder = false
    }

    @inline(__always)
    mutating func leave(_ slot: Int, computed: Int64) {
        let tables = tables.elements
        let (previous, next) = (tables[slot].previous, tables[slot].next)
        let phase = phases.elements + Int(tables[slot].phase)
        if previous >= 0 { tables[Int(previous)].next = next } else { phase.pointee.first = next }
        if next >= 0 { tables[Int(next)].previous = previous } else { phase.pointee.last = previous }
        phase.pointee.count &-= 1
    }
}

// MARK: - One member

extension CachedBlocks {
    @inline(__always)
    mutating func grow(_ slot: Int, _ member: Member, by blocks: Int, from computed: Int64, to grown: Int64) {
        append(blocks, to: slot)
        // Asynchronously the newest token of a member that decodes is not known yet.
        let isUnknown = isAsynchronous && member.state == .decoding
        publish(slot, member, blocks: blockSize.full(isUnknown ? computed : grown))
    }

    /// Gives a member so many more blocks, which are free.
    @inline(__always)
    mutating func append(_ count: Int, to slot: Int) {
        if count <= 0 { return }
        let table = tables.elements + slot
        let blocks = table.pointee.blocks.unsafelyUnwrapped
        var position = Int(table.pointee.count)
        let end = position &+ count
        table.pointee.count = Int32(truncatingIfNeeded: end)
        while position < end {
            position &+= pool.take(end &- position, into: blocks + position)
            if pool.evictedWatch >= 0 { mendWatch(pool.evictedWatch) }
        }
    }

    /// Publishes the first so many blocks of a member, as far as they are not yet.
    @inline(__always)
    private mutating func publish(_ slot: Int, _ member: Member, blocks: Int) {
        let table = tables.elements + slot
        let first = Int(table.pointee.published)
        var position = first
        if position >= blocks { return }
        table.pointee.published = Int32(truncatingIfNeeded: blocks)
        let elements = table.pointee.blocks.unsafelyUnwrapped
        let request = Int(member.request)
        let shared = min(blocks, hashedBlocks(request))
        if position < shared, let hashes = requests.prefixHashes {
            let ids = hashes.ids + Int(hashes.begins[request])
            while position < shared {
                pool.publish(elements[position], content(ids, position))
                position &+= 1
            }
        }
        let rank = requests.rank(request)
        while position < blocks {
            pool.publish(elements[position], .unique(rank, position))
            position &+= 1
        }
        if offload != nil { noteFull(slot, first..<blocks, member.sequence) }
    }

    /// The full blocks of a request whose content is told by hash ids.
    @inline(__always)
    private func hashedBlocks(_ request: Int) -> Int { hashedBlocks(requests, request) }

    @inline(__always)
    func hashedBlocks(_ requests: RequestColumns, _ request: Int) -> Int {
        guard let hashes = requests.prefixHashes else { return 0 }
        let count = hashes.ends[request] &- hashes.begins[request]
        let prompt = max(1, requests.prompt(request))
        let tokens = hashes.coversOutput ? prompt &+ requests.output(request) : prompt
        // A request has fewer than 2^32 tokens, so that more ids than that make no difference.
        let inIds = hashesPerBlock.full(min(count, 1 << 32) &* blocksPerHash.tokens)
        return min(blockSize.full(tokens), inIds)
    }

    /// What is in a block: its last id, since ids are chained, or that of which it is a part.
    @inline(__always)
    func content(_ ids: UnsafePointer<Int64>, _ position: Int) -> BlockPool.Content {
        let last = (Int64(position) &+ 1) &* hashesPerBlock.tokens &- 1
        return BlockPool.Content(id: ids[blocksPerHash.full(last)], place: UInt32(truncatingIfNeeded: position))
    }

    @inline(__always)
    mutating func settle(_ slot: Int, _ member: Member, computed: Int64) {
        publish(slot, member, blocks: blockSize.full(computed))
    }

    @inline(__always)
    func noteShortage() {}

    @inline(__always)
    mutating func release(_ slot: Int, _ member: Member, computed: Int64, isPreempted: Bool) {
        let table = tables.elements + slot
        guard let blocks = table.pointee.blocks else { return }
        let published = Int(table.pointee.published)
        // Its own content is of no use to others; it will look for it if it comes back.
        if isPreempted {
            for position in 0..<published { pool.addToIndexIfMissing(blocks[position]) }
        }
        for position in published..<max(published, Int(table.pointee.count)) { pool.releaseEmpty(blocks[position]) }
        var position = published
        while position > 0 {
            position &-= 1
            pool.release(blocks[position])
        }
        table.pointee.count = 0
        table.pointee.published = 0
    }
}

// MARK: - Those that wait

extension CachedBlocks {
    /// The longest chain of cached blocks at the start of the request, which leaves at least one token to compute.
    ///
    /// The blocks found are watched, so that the next question about the same request is answered by a counter. Each
    /// that is evicted is looked for again, alone; and once what ended the chain is published, it goes on from there.
    mutating func lookUp(_ candidate: Candidate, tokens: Int64) throws(BatchingError) -> PrefixHit {
        let hashed = hashedBlocks(candidate.request)
        if hashed == 0, candidate.slot < 0 { return PrefixHit() }
        if watchedRequest != candidate.request || watchedTokens != tokens {
            try beginWatch(candidate.request, tokens: tokens)
            watchOn()
        } else if pool.awaitedIsThere {
            watchOn()
        }
        return PrefixHit(blocks: watchedCount, idle: pool.idleWatched)
    }

    @inline(never)
    private mutating func beginWatch(_ request: Int, tokens: Int64) throws(BatchingError) {
        endWatch()
        watchedLimit = min(blockSize.full(tokens &- 1), usable)
        try watched.reserve(watchedLimit)
        watchedRequest = request
        watchedTokens = tokens
    }

    @inline(__always)
    private var watchedHashes: (ids: UnsafePointer<Int64>?, blocks: Int) { hashes(watchedRequest) }

    /// The hash ids of a request, and how many of its blocks they tell the content of.
    @inline(__always)
    func hashes(_ request: Int) -> (ids: UnsafePointer<Int64>?, blocks: Int) {
        guard let hashes = requests.prefixHashes else { return (nil, 0) }
        return (hashes.ids + Int(hashes.begins[request]), hashedBlocks(request))
    }

    /// What a request has at a position.
    @inline(__always)
    func blockContent(
        _ position: Int, _ hashes: (ids: UnsafePointer<Int64>?, blocks: Int), rank: Int64
    ) -> BlockPool.Content {
        if let ids = hashes.ids, position < hashes.blocks { return content(ids, position) }
        return .unique(rank, position)
    }

    /// Watches what follows in the cache on what is watched.
    @inline(never)
    private mutating func watchOn() {
        pool.expect(.none)
        let (hashes, rank) = (watchedHashes, requests.rank(watchedRequest))
        let (watched, limit) = (watched.elements, watchedLimit)
        var count = watchedCount
        defer { watchedCount = count }
        while count < limit {
            let content = blockContent(count, hashes, rank: rank)
            let block = pool.find(content)
            if block < 0 {
                pool.expect(content)
                return
            }
            pool.watch(block)
            watched[count] = block
            count &+= 1
        }
    }

    /// A watched block was evicted: another has the same content, or the chain ends before it.
    @inline(never)
    private mutating func mendWatch(_ position: Int) {
        let content = blockContent(position, watchedHashes, rank: requests.rank(watchedRequest))
        let block = pool.find(content)
        if block >= 0 {
            pool.watch(block)
            watched.elements[position] = block
            pool.noteEvictedWatchReplaced()
            return
        }
        for position in position &+ 1..<watchedCount { pool.unwatch(watched.elements[position]) }
        watchedCount = position
        pool.expect(content)
    }

    private mutating func endWatch() {
        pool.endWatch(watched.elements, count: watchedCount)
        watchedCount = 0
        watchedRequest = -1
    }

    @inline(__always)
    mutating func admit(
        _ slot: Int, _ member: Member, _ hit: PrefixHit, to grown: Int64
    ) throws(BatchingError) {
        try reserveTable(slot, min(blockSize.holding(member.longest), usable))
        if hit.loaded > 0 { try takeLoaded(hit, member) }
        let table = tables.elements + slot
        if watchedCount > 0 {
            let blocks = table.pointee.blocks.unsafelyUnwrapped
            for position in 0..<hit.blocks {
                pool.use(watched.elements[position])
                blocks[position] = watched.elements[position]
            }
        }
        if watchedRequest >= 0 { endWatch() }
        table.pointee.count = Int32(truncatingIfNeeded: hit.blocks)
        table.pointee.published = Int32(truncatingIfNeeded: hit.blocks)
        append(blockSize.holding(grown) &- hit.blocks, to: slot)
        publish(slot, member, blocks: blockSize.full(grown))
    }

    /// Room for all the blocks that a member will ever have, so that nothing can fail later.
    @inline(__always)
    mutating func reserveTable(_ slot: Int, _ count: Int) throws(BatchingError) {
        if count > Int(tables.elements[slot].capacity) { try growTable(slot, count) }
    }

    @inline(never)
    private mutating func growTable(_ slot: Int, _ count: Int) throws(BatchingError) {
        let table = tables.elements + slot
        table.pointee.blocks = try reallocated(table.pointee.blocks, count: count)
        table.pointee.capacity = Int32(truncatingIfNeeded: count)
    }
}

// MARK: - An engine that runs on

extension CachedBlocks {
    mutating func replace(_ requests: RequestColumns) {
        self.requests = requests
        if let hashes = requests.prefixHashes { note(hashBlockSize: hashes.blockSize) }
    }

    /// - Parameter size: tokens of a hash id; 0: those of a block.
    /// How many blocks have the content of one hash id.
    var partsOfHash: BlockSize { blocksPerHash }

    mutating func note(hashBlockSize size: Int) {
        blocksPerHash = BlockSize(max(1, Int64(size) / blockSize.tokens))
        hashesPerBlock = BlockSize(size == 0 ? 1 : max(1, blockSize.tokens / Int64(size)))
        pool.noteParts(blocksPerHash)
    }

    mutating func forget(_ request: Int) {
        if watchedRequest == request { endWatch() }
    }

    mutating func resize(_ slot: Int, _ member: Member, to longest: Int64) throws(BatchingError) -> Bool {
        try reserveTable(slot, min(blockSize.holding(longest), usable))
        return true
    }

    mutating func assign(_ other: borrowing CachedBlocks, slots: Int) throws(BatchingError) {
        try tables.reserve(slots)
        for slot in 0..<slots {
            try Work.row(slot)
            let source = other.tables.elements[slot]
            let blocks = Int(source.count)
            // Room for what it may take later, too, which must not fail then.
            try reserveTable(slot, Int(source.capacity))
            let own = tables.elements[slot]
            if blocks > 0, let from = source.blocks { own.blocks?.update(from: from, count: blocks) }
            tables.elements[slot] = source
            tables.elements[slot].blocks = own.blocks
            tables.elements[slot].capacity = own.capacity
        }
        try watched.reserve(other.watchedLimit)
        watched.elements.update(from: other.watched.elements, count: other.watchedCount)
        watchedCount = other.watchedCount
        watchedRequest = other.watchedRequest
        watchedTokens = other.watchedTokens
        watchedLimit = other.watchedLimit
        phases.elements.update(from: other.phases.elements, count: Int(blockSize.tokens))
        current = other.current
        nextToGrow = other.nextToGrow
        nextToPublish = other.nextToPublish
        isGrowing = other.isGrowing
        blocksPerHash = other.blocksPerHash
        hashesPerBlock = other.hashesPerBlock
        let (offload, others) = (offload, other.offload)
        if let offload, let others { try offload.pointee.assign(others.pointee) }
    }
}

// MARK: - An estimate

extension CachedBlocks {
    mutating func copyCache(_ other: borrowing CachedBlocks) throws(BatchingError) {
        pool = try BlockPool(other.pool)
        let (offload, others) = (offload, other.offload)
        if let offload, let others { try offload.pointee.copyTiers(others.pointee) }
    }

    mutating func lendCache(to other: inout CachedBlocks) throws(BatchingError) {
        try pool.beginTrial()
        swap(&pool, &other.pool)
        let (offload, others) = (offload, other.offload)
        if let offload, let others { offload.pointee.lend(to: &others.pointee) }
    }

    mutating func takeCacheBack(from other: inout CachedBlocks) {
        let (offload, others) = (offload, other.offload)
        if let offload, let others { offload.pointee.takeBack(from: &others.pointee) }
        swap(&pool, &other.pool)
        pool.endTrial()
    }

    @inline(__always)
    var wasShort: Bool { false }

    /// Blocks that members hold: those that several do, for each.
    func held(slots: Int) -> Int {
        var held = 0
        for slot in 0..<slots { held &+= Int(tables.elements[slot].count) }
        return held
    }

    /// How many of those that decode have so many tokens in their last block, if it is not full.
    func decoding(withRest rest: Int) -> Int32 {
        let phase = rest &+ current
        let size = Int(truncatingIfNeeded: blockSize.tokens)
        return phases.elements[phase >= size ? phase &- size : phase].count
    }
}
