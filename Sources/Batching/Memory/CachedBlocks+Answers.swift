// The answer of a custom policy is checked before anything of it is done: users of blocks are counted as if it were, and are
// counted back.
extension CachedBlocks {
    mutating func found(_ candidate: Candidate, tokens: Int64, at time: Nanoseconds) -> PrefixHit {
        var idle = 0
        let blocks = forEachFound(candidate, tokens: tokens) { (pool, block) in
            if !pool.isUsed(block) { idle &+= 1 }
        }
        var hit = PrefixHit(blocks: blocks, idle: idle, time: time)
        if offloads { hit.loaded = loadable(candidate, tokens: tokens, behind: hit, at: time) }
        return hit
    }

    /// How many of the blocks of a member no other holds.
    func unshared(_ slot: Int) -> Int {
        guard let blocks = tables.elements[slot].blocks else { return 0 }
        var unshared = 0
        for position in 0..<Int(tables.elements[slot].count) where pool.users(blocks[position]) == 1 { unshared &+= 1 }
        return unshared
    }

    mutating func countUser(_ candidate: Candidate, tokens: Int64, by difference: Int32) -> Int {
        var taken = 0
        _ = forEachFound(candidate, tokens: tokens) { (pool, block) in
            if pool.countUser(block, by: difference) == 1 { taken &+= 1 }
        }
        return taken
    }

    mutating func countUser(_ slot: Int, by difference: Int32) -> Int {
        let table = tables.elements[slot]
        guard let blocks = table.blocks else { return 0 }
        var freed = 0
        for position in 0..<Int(table.count) where pool.countUser(blocks[position], by: difference) == 0 { freed &+= 1 }
        return freed
    }

    mutating func hold(_ candidate: Candidate, tokens: Int64, blocks: Int) {
        _ = forEachFound(candidate, tokens: tokens, atMost: blocks) { (pool, block) in pool.use(block) }
    }

    mutating func letGo(_ slot: Int, blocks: Int) {
        guard let held = tables.elements[slot].blocks else { return }
        for position in 0..<blocks { pool.release(held[position]) }
    }

    /// Calls `body` with the longest chain of cached blocks at the start of a request that waits, which leaves at least one
    /// token to compute. What `body` does changes nothing of what is found.
    /// - Returns: how many there are.
    private mutating func forEachFound(
        _ candidate: Candidate, tokens: Int64, atMost limit: Int = .max, _ body: (inout BlockPool, Int32) -> Void
    ) -> Int {
        let hashes = hashes(candidate.request)
        // One that never ran has published nothing of its own.
        if hashes.blocks == 0, candidate.slot < 0 { return 0 }
        let rank = requests.rank(candidate.request)
        let limit = min(limit, blockSize.full(tokens &- 1), usable)
        var count = 0
        while count < limit {
            let block = pool.find(blockContent(count, hashes, rank: rank))
            if block < 0 { break }
            body(&pool, block)
            count &+= 1
        }
        return count
    }
}

extension BlockPool {
    func isUsed(_ block: Int32) -> Bool { blocks.elements[Int(block)].isUsed }

    func users(_ block: Int32) -> UInt32 { blocks.elements[Int(block)].users & ~Block.watched }

    /// As many users more, which are taken back before anything else is done with the pool.
    /// - Returns: how many there are then.
    func countUser(_ block: Int32, by difference: Int32) -> UInt32 {
        let users = blocks.elements[Int(block)].users
        blocks.elements[Int(block)].users = users &+ UInt32(bitPattern: difference)
        return self.users(block)
    }
}
