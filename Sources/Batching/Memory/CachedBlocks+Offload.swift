// Blocks that become full go to tiers, and are loaded from there.
extension CachedBlocks {
    @inline(__always)
    var offloads: Bool { offload != nil }

    @inline(__always)
    var load: Nanoseconds { offload?.pointee.load ?? .zero }

    @inline(__always)
    var loadsBlock: Bool { offload?.pointee.loadsBlock ?? false }

    var offloadTotals: KVOffloadTotals { offload?.pointee.totals ?? KVOffloadTotals() }

    /// Blocks in the tiers.
    var tierBlocks: (host: Int, disk: Int) {
        guard let tiers = offload?.pointee.tiers else { return (0, 0) }
        return (tiers.pointee.host.count, tiers.pointee.disk.count)
    }

    /// Published blocks of a member have become full.
    @inline(never)
    mutating func noteFull(_ slot: Int, _ positions: Range<Int>, _ sequence: Int64) {
        guard let offload, let blocks = tables.elements[slot].blocks else { return }
        for position in positions {
            offload.pointee.note(pool.blocks.elements[Int(blocks[position])].content, sequence: sequence)
        }
    }

    func loadable(_ candidate: Candidate, tokens: Int64, behind hit: PrefixHit, at time: Nanoseconds) -> Int {
        guard let offload else { return 0 }
        let hashes = hashes(candidate.request)
        let most = min(blockSize.full(tokens &- 1), usable)
        // Of one that never ran nothing of its own has been written.
        let last = candidate.slot < 0 ? min(hashes.blocks, most) : most
        guard hit.blocks < last else { return 0 }
        let rank = requests.rank(candidate.request)
        return offload.pointee.found(hit.blocks..<last, at: time) { blockContent($0, hashes, rank: rank) }
    }

    /// A new member has blocks loaded behind those that it found.
    @inline(never)
    mutating func takeLoaded(_ hit: PrefixHit, _ member: Member) throws(BatchingError) {
        guard let offload else { return }
        let (request, rank) = (Int(member.request), requests.rank(Int(member.request)))
        let hashes = hashes(request)
        try offload.pointee.take(hit.blocks..<hit.blocks &+ hit.loaded, at: hit.time, isFirst: !member.wasPreempted) {
            blockContent($0, hashes, rank: rank)
        }
    }

    mutating func settleOffload(at time: Nanoseconds, start: Nanoseconds) throws(BatchingError) {
        guard let offload else { return }
        offload.pointee.beginLoad(from: start)
        try offload.pointee.writeFull(at: time)
    }

    mutating func writeFull(at time: Nanoseconds) throws(BatchingError) {
        guard let offload else { return }
        try offload.pointee.writeFull(at: time)
    }
}
