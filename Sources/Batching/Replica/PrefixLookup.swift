/// Where the policy that is asked can look up what rows that wait find in the prefix cache.
struct PrefixLookup {
    let memory: UnsafeMutablePointer<CachedBlocks>
    let columns: PolicyColumns
    let members: UnsafePointer<Member>

    /// For a view, which knows nothing of memory.
    static var function: PrefixFunction {
        { (lookup, row, tokens, idle) in
            let hit = lookup.assumingMemoryBound(to: PrefixLookup.self).pointee.found(row)
            tokens.pointee = hit.tokens
            idle.pointee = Int64(hit.idle)
        }
    }

    private func found(_ row: Int) -> (tokens: Int64, idle: Int) {
        let hit = memory.pointee.found(columns.candidate(row, members), tokens: columns.known(row))
        return (Int64(hit.blocks) &* memory.pointee.blockSize.tokens, hit.idle)
    }
}

extension PolicyColumns {
    /// The request of a row that waits.
    func candidate(_ row: Int, _ members: UnsafePointer<Member>) -> Candidate {
        let slot = Int(slot[row])
        return slot >= 0
            ? Candidate(request: Int(members[slot].request), slot: slot) : Candidate(request: unserved(row), slot: -1)
    }
}
