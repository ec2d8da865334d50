import Testing

@testable import Batching

/// Tiers beside the prefix cache, by hand. Whether runs with them are right is shown by a slow engine, in the tests of the Python
/// package.
@Suite struct KVOffloadTests {
    private func content(_ id: Int64) -> BlockPool.Content { BlockPool.Content(id: id, place: UInt32(id)) }

    @Test func `of a full tier the block goes that was used longest ago`() throws {
        // A block takes 100 bytes / 100 bytes a second.
        var tier = try KVTier(KVTier.Settings(blocks: 2, blockBytes: 100, writeBandwidth: 100))
        let second = Nanoseconds(1_000_000_000)
        var written = try tier.write(content(1), at: .zero)
        #expect(written)
        written = try tier.write(content(2), at: .zero)
        #expect(written)
        // The macro takes no value that cannot be copied.
        var held = [
            tier.holds(content(1), at: second - Nanoseconds(1)), tier.holds(content(1), at: second),
            tier.holds(content(2), at: second), tier.holds(content(2), at: second + second),
        ]
        #expect(held == [false, true, false, true])
        // It is there, and so only used: the other goes.
        written = try tier.write(content(1), at: second)
        #expect(!written)
        written = try tier.write(content(3), at: second)
        #expect(written)
        let end = Nanoseconds(4_000_000_000)
        held = [tier.holds(content(1), at: end), tier.holds(content(2), at: end), tier.holds(content(3), at: end)]
        #expect(held == [true, false, true])
        let (count, writeEnd) = (tier.count, tier.writeEnd)
        #expect(count == 2)
        #expect(writeEnd == Nanoseconds(3_000_000_000))
    }

    @Test func `after a trial a tier is as it was before`() throws {
        var tier = try KVTier(KVTier.Settings(blocks: 3, blockBytes: 100, writeBandwidth: 100))
        for id in 1...3 { _ = try tier.write(content(Int64(id)), at: .zero) }
        let before = try bytes(of: tier)
        tier.beginTrial()
        try tier.use(content(1))
        _ = try tier.write(content(4), at: .zero)
        try tier.use(content(3))
        _ = try tier.write(content(2), at: .zero)
        _ = try tier.write(content(5), at: .zero)
        try tier.use(content(2))
        tier.endTrial()
        let after = try bytes(of: tier)
        #expect(after == before)
        // Which is the next to go is as before, too.
        _ = try tier.write(content(6), at: .zero)
        let held = [tier.holds(content(1), at: .maximum), tier.holds(content(2), at: .maximum)]
        #expect(held == [false, true])
    }

    private func bytes(of tier: borrowing KVTier) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 1000)
        let count = bytes.withUnsafeMutableBufferPointer {
            var writer = ByteWriter(buffer: $0.baseAddress)
            tier.write(to: &writer)
            return writer.count
        }
        return Array(bytes.prefix(count))
    }

    @Test(arguments: [(false, 6.0), (true, 7.0)])
    func `what was evicted is loaded while it computes, or before`(loadsBlock: Bool, end: Double) throws {
        // Blocks of 4 tokens and 400 bytes, of which the GPU holds four; an iteration takes a second. The first request has two
        // full blocks, the second takes all that the GPU has, the third begins as the first: it loads 800 bytes in 2 s.
        var configuration = EngineConfig()
        configuration.numGPUBlocks = 5
        configuration.blockSize = 4
        configuration.cachesPrefixes = true
        configuration.iterationTime = .constant(1)
        configuration.kvOffload = KVOffload(
            host: .init(tokens: 400, readBandwidth: 400, writeBandwidth: 400), kvBytesPerToken: 100,
            loadsBlock: loadsBlock)
        let prompts: [Int32] = [8, 16, 9]
        let arrivals = [0.0, 1.0, 4.0]
        let (ids, offsets): ([Int64], [Int64]) = ([1, 2, 11, 12, 13, 14, 1, 2], [0, 2, 6, 8])
        let summary = try prompts.withUnsafeBufferPointer { prompts in
            try arrivals.withUnsafeBufferPointer { arrivals in
                try ids.withUnsafeBufferPointer { ids in
                    try offsets.withUnsafeBufferPointer { offsets in
                        let hashes = PrefixHashes(
                            ids: ids.baseAddress.unsafelyUnwrapped, offsets: offsets.baseAddress.unsafelyUnwrapped)
                        let requests = RequestColumns(
                            count: 3, promptLength: prompts.baseAddress, arrivalTime: arrivals.baseAddress,
                            prefixHashes: hashes)
                        return try Engine.simulate(requests, configuration: configuration)
                    }
                }
            }
        }
        #expect(summary.totalTime == end)
        #expect(summary.kvOffload.hostHits == 8 && summary.kvOffload.hostLoaded == 8)
        #expect(summary.kvOffload.hostBlocksWritten == 6 && summary.kvOffload.loadTime == 2)
    }
}
