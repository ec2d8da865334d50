/// Where the policy that is asked can look up what rows find in the prefix cache, and share.
struct PrefixLookup {
    let memory: UnsafeMutablePointer<CachedBlocks>
    let columns: PolicyColumns
    let members: UnsafePointer<Member>
    let runningCount: Int
    let time: Nanoseconds

    /// For a view, which knows nothing of memory.
    static var function: PrefixFunction {
        { (lookup, row, tokens, unshared) in
            let hit = lookup.assumingMemoryBound(to: PrefixLookup.self).pointee.found(row)
            tokens.pointee = hit.tokens
            unshared.pointee = Int64(hit.unshared)
        }
    }

    private func found(_ row: Int) -> (tokens: Int64, unshared: Int) {
        if row < runningCount { return (0, memory.pointee.unshared(Int(columns.slot[row]))) }
        let hit = memory.pointee.found(columns.candidate(row, members), tokens: columns.known(row), at: time)
        return (Int64(hit.all) &* memory.pointee.blockSize.tokens, hit.idle &+ hit.loaded)
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
