/// A prompt whose KV comes to a replica, or may.
struct HeldPrompt {
    /// The request is `index` of these.
    let requests: RequestColumns
    let index: Int
    /// Tokens whose KV comes.
    let tokens: Int64
    /// The most tokens that it will ever have.
    let longest: Int64
}

// KV blocks for prompts that come from elsewhere.
extension CachedBlocks {
    mutating func leading(_ prompt: HeldPrompt) -> Int {
        guard let hashes = prompt.requests.prefixHashes else { return 0 }
        note(hashBlockSize: hashes.blockSize)
        let most = min(hashedBlocks(prompt.requests, prompt.index), blockSize.full(prompt.tokens))
        let ids = hashes.ids + Int(hashes.begins[prompt.index])
        var count = 0
        while count < most, pool.find(content(ids, count)) >= 0 { count &+= 1 }
        return count
    }

    mutating func hold(_ slot: Int, _ prompt: HeldPrompt) throws(BatchingError) -> Int? {
        let found = leading(prompt)
        let needed = blockSize.holding(prompt.tokens)
        var idle = 0
        if let hashes = prompt.requests.prefixHashes {
            let ids = hashes.ids + Int(hashes.begins[prompt.index])
            for position in 0..<found where !pool.isUsed(pool.find(content(ids, position))) { idle &+= 1 }
        }
        guard needed &- found &+ idle <= pool.free else { return nil }
        try reserveTable(slot, min(blockSize.holding(prompt.longest), usable))
        let table = tables.elements + slot
        if let hashes = prompt.requests.prefixHashes, let blocks = table.pointee.blocks {
            let ids = hashes.ids + Int(hashes.begins[prompt.index])
            for position in 0..<found {
                let block = pool.find(content(ids, position))
                pool.use(block)
                blocks[position] = block
            }
        }
        table.pointee.count = Int32(truncatingIfNeeded: found)
        table.pointee.published = Int32(truncatingIfNeeded: found)
        append(needed &- found, to: slot)
        return found
    }

    mutating func noteChanges() throws(BatchingError) {
        try pool.noteChanges()
        pool.noteParts(partsOfHash)
    }

    var notesChanges: Bool {
        @inline(__always) get { pool.changes != nil }
    }

    mutating func stampChanges(_ end: Nanoseconds) {
        let changes = pool.changes
        changes?.pointee.stamp(end)
    }
}
