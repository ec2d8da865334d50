extension RequestColumns {
    /// The same requests, of which those of a group have the beginning of their prompts in common: for traces that do not
    /// tell what is in the prompts.
    ///
    /// Each session (a request without one is its own), in the order of their first turns, draws its group: those that a
    /// workload of the seed draws. Lengths and arrivals stay as they are: the first min(`prefixes.length`, prompt)
    /// tokens are those of the group, and the request has hash ids for the full blocks among them. Block b, from 0, of
    /// group g has the id 2^62 + g x 2^31 + b. Hash ids that the requests have are replaced.
    /// - Parameters:
    ///   - prefixes: groups, at least 1, their length and how they are drawn.
    ///   - hashBlockSize: tokens that one hash id stands for; at least 1.
    /// - Complexity: O(count), plus the hash ids.
    public func withPrefixes(
        _ prefixes: SharedPrefixes, hashBlockSize: Int32 = 16, seed: UInt64 = 42
    ) throws(BatchingError) -> OwnedRequestColumns {
        try prefixes.validate()
        guard prefixes.groups >= 1 else { throw .invalid("prefix_groups", prefixes.groups, "must be at least 1") }
        guard hashBlockSize >= 1 else { throw .invalid("hash_block_size", hashBlockSize, "must be at least 1") }
        try checkSliced()
        let sessions = try SessionNumbers(self)
        let groups = try ScratchBuffer<Int64>(uninitialized: sessions.count)
        let zipf = ZipfDistribution(count: Int64(prefixes.groups), exponent: prefixes.exponent)
        var stream = RandomStream(seed: seed, purpose: .groups)
        for number in 0..<sessions.count {
            try Work.row(number)
            groups.elements[number] = zipf.rank(&stream) &- 1
        }
        func blocks(_ index: Int) -> Int64 {
            max(0, min(prompt(index), Int64(prefixes.length))) / Int64(hashBlockSize)
        }
        var all = 0
        for index in 0..<count {
            try Work.row(index)
            // At most 2^31 requests of 2^31 blocks each.
            all &+= Int(blocks(index))
        }
        let hashes = try OwnedHashes(count: count, ids: all, blockSize: Int(hashBlockSize), coversOutput: false)
        var place = 0
        for index in 0..<count {
            try Work.row(index)
            let group = groups.elements[sessions.number(of: index)]
            for block in 0..<blocks(index) {
                hashes.ids.elements?[place] = 1 << 62 | group << 31 | block
                place &+= 1
            }
            hashes.offsets.elements?[index &+ 1] = Int64(place)
        }
        let shared = try OwnedRequestColumns(count: count, like: self, hashes, hasArrivals: arrivalTime != nil)
        for index in 0..<count {
            try Work.row(index)
            shared.put(self, index, at: index)
        }
        return shared
    }
}
