import Testing

@testable import Batching

/// How long iterations take, by hand; the formulas are those of "Engine: iteration times" in the C header.
@Suite struct IterationTimeTests {
    /// Prefill tokens in chunks, with the sum of tokens x context; sequences that decode, and the context of all.
    struct Work {
        var prefill: Int64 = 0
        var chunks: Int64 = 0
        var prefillContext = 0.0
        var decodes: Int64 = 0
        var context: Int64 = 0
    }

    private func seconds(_ time: IterationTime, _ work: Work) throws -> Double {
        let integers = UnsafeMutablePointer<Int64>.allocate(capacity: 4)
        let doubles = UnsafeMutablePointer<Double>.allocate(capacity: 2)
        defer {
            integers.deallocate()
            doubles.deallocate()
        }
        for (index, value) in [work.prefill, work.chunks, work.decodes, work.context].enumerated() {
            integers[index] = value
        }
        doubles[0] = work.prefillContext
        doubles[1] = -7
        var columns = IterationColumns(count: 1)
        columns.prefillTokens = UnsafePointer(integers)
        columns.prefillChunks = UnsafePointer(integers + 1)
        columns.decodeTokens = UnsafePointer(integers + 2)
        columns.contextTokens = UnsafePointer(integers + 3)
        columns.prefillContext = UnsafePointer(doubles)
        try time.seconds(of: columns, into: doubles + 1)
        return doubles[1]
    }

    /// All speeds are 1 a second.
    private func unitRoofline() -> RooflineTime {
        var time = RooflineTime()
        (time.memoryBandwidth, time.linearPeak, time.headPeak, time.attentionPeak) = (1, 1, 1, 1)
        (time.expertPeak, time.linkBandwidth) = (1, 1)
        (time.bandwidthShare, time.gemmShare, time.headShare, time.kvShare) = (1, 1, 1, 1)
        (time.attentionShare, time.expertBandwidthShare, time.expertGEMMShare, time.linkShare) = (1, 1, 1, 1)
        return time
    }

    @Test func `a roofline, term by term`() throws {
        var time = unitRoofline()
        let decode = Work(decodes: 2, context: 30)
        // Weights are read in 3 s, and 2 x 2 s of arithmetic overlap with that: the hypotenuse.
        (time.linearBytes, time.linearFLOPs) = (3, 2)
        #expect(try seconds(.roofline(time), decode) == 5)
        // Half of the bandwidth, and half of the peak.
        (time.bandwidthShare, time.gemmShare) = (0.5, 0.5)
        #expect(try seconds(.roofline(time), decode) == 10)
        (time.bandwidthShare, time.gemmShare) = (1, 1)
        // The head of each of two sequences: 5 s and 2 x 6 s.
        (time.headBytes, time.headFLOPs) = (5, 6)
        #expect(try seconds(.roofline(time), decode) == 5 + 13)
        // Ten layers of 0.25 s, and 0.5 s a sequence, and 1 s in any case.
        (time.layers, time.perLayer, time.perSequence, time.perIteration) = (10, 0.25, 0.5, 1)
        #expect(try seconds(.roofline(time), decode) == 18 + 2.5 + 1 + 1)
        // 0.125 s a token of context; those beyond 4 tokens of each window are not read.
        (time.kvBytes, time.windowBytes, time.window) = (0.125, 0.25, 4)
        let reading: Double = 30 * 0.125 + 2 * 4 * 0.25
        #expect(try seconds(.roofline(time), decode) == 22.5 + reading)
        #expect(try seconds(.roofline(time), Work()) == 0)
    }

    @Test func `a roofline of experts, of several GPUs, and of chunks`() throws {
        var time = unitRoofline()
        // Of four experts two tokens read 4 x (1 - (1 - 1/4) x (1 - 1/4)) = 1.75.
        (time.experts, time.expertsPerToken, time.expertBytes) = (4, 1, 16)
        #expect(try seconds(.roofline(time), Work(decodes: 2, context: 2)) == 28)
        time.experts = 0
        time.expertsPerToken = 0
        // Six all-reduces of 0.5 s, twice doubled, and of 2 x 3/4 of 2 bytes a token.
        (time.layers, time.tensorParallel, time.allreduceLatency, time.allreduceBytes) = (3, 4, 0.5, 2)
        let allreduces: Double = 6 * (0.5 * 2 + 2 * 3)
        #expect(try seconds(.roofline(time), Work(decodes: 2, context: 2)) == allreduces)
        time.tensorParallel = 1
        // Chunks of 3 and 5 tokens with none before: 9 + 25, of which half of 8 x 8 / 2 are not attended to.
        (time.attentionFLOPs, time.perPrefillIteration) = (0.5, 2)
        let chunks = Work(prefill: 8, chunks: 2, prefillContext: 34)
        #expect(try seconds(.roofline(time), chunks) == 2 + 9)
        // Reading 34 / 8 tokens of context for each chunk takes longer if a token takes 8 s.
        time.kvBytes = 8
        #expect(try seconds(.roofline(time), chunks) == 2 + 2 * 34)
    }

    /// Columns of a table that a test fills, and spoils.
    private final class Columns {
        let start = UnsafeMutablePointer<Double>.allocate(capacity: 32)

        deinit { start.deallocate() }

        func table() -> TableTime {
            let values: [Double] = [
                1, 5, 0.5, 0.75,  // linear: tokens, seconds
                2, 0.25,  // head: sequences, seconds
                1, 3, 10, 20, 1, 2, 3, 5,  // decode: sequences, contexts, seconds row by row
                4, 8, 0, 16, 0.5, 1, 2, 4,  // prefill: tokens, contexts, seconds row by row
            ]
            for (index, value) in values.enumerated() { start[index] = value }
            var table = TableTime()
            table.linear = TimeCurve(count: 2, places: start, seconds: start + 2)
            table.head = TimeCurve(count: 1, places: start + 4, seconds: start + 5)
            table.decode = TimeGrid(
                rowCount: 2, columnCount: 2, rows: start + 6, columns: start + 8, seconds: start + 10)
            table.prefill = TimeGrid(
                rowCount: 2, columnCount: 2, rows: start + 14, columns: start + 16, seconds: start + 18)
            return table
        }
    }

    @Test func `a table, between its places and beyond them`() throws {
        let columns = Columns()
        var table = columns.table()
        func taken(_ work: Work) throws -> Double { try seconds(.table(table), work) }
        // 0.0625 s a token more; one place of the head; between sequences and between contexts: (1 + 3) / 2, (2 + 5) / 2.
        #expect(try taken(Work(decodes: 2, context: 15)) == 0.8125 + 2.75)
        // Below the first context as at it; beyond the last in proportion.
        #expect(try taken(Work(decodes: 1, context: 4)) == 0.75 + 1)
        #expect(try taken(Work(decodes: 3, context: 40)) == 0.875 + 10)
        // More sequences than were measured attend as the most; the linear layers go on, to 1.0 s.
        #expect(try taken(Work(decodes: 9, context: 20)) == 1.25 + 5)
        // A chunk of 6 tokens after 8: A = 6 x 8 + 18; between rows 1.25 and 2.5, and half way.
        let chunk = Work(prefill: 6, chunks: 1, prefillContext: 84)
        #expect(try taken(chunk) == 1.0625 + 1.875)
        // 16 tokens with none before, in pieces of 8: as many pairs, 128, mean 4 before each.
        #expect(try taken(Work(prefill: 16, chunks: 1, prefillContext: 256)) == 1.6875 + 5)
        (table.linearScale, table.headScale, table.prefillScale) = (2, 4, 0.5)
        (table.perIteration, table.perSequence, table.perPrefillIteration) = (1, 0.125, 2)
        #expect(try taken(chunk) == 2.625 + 0.9375 + 3.125)
    }

    @Test func `what a table lacks, or has too much of, is said`() throws {
        let columns = Columns()
        var table = columns.table()
        table.prefill.columnCount = 1
        table.prefill.columns = nil
        #expect(throws: BatchingError(.nullPointer, "time_table.prefill_contexts is NULL: it is required")) {
            try seconds(.table(table), Work(prefill: 1, chunks: 1, prefillContext: 1))
        }
        table = columns.table()
        columns.start[13] = 1.5
        #expect(
            throws: BatchingError(
                .invalidArgument, "time_table.decode_seconds[3] is 1.5: must be at least element 2, which is 3.0")
        ) {
            try seconds(.table(table), Work(decodes: 1, context: 1))
        }
    }

    private func ends(_ engine: inout LiveEngine) throws -> [Double] {
        var times: [Double] = []
        for clock in [0.4, 3, 1e9] {
            try engine.advance(to: clock)
            times.append(engine.observe().nextIterationEnd)
        }
        times.append(engine.observe().clock)
        return times.map { $0.isNaN ? -1 : $0 }
    }

    private func submit(_ engine: inout LiveEngine) throws {
        let lengths = UnsafeMutablePointer<Int32>.allocate(capacity: 6)
        defer { lengths.deallocate() }
        for (index, length) in [10, 4, 7, 3, 9, 5].enumerated() { lengths[index] = Int32(length) }
        try engine.submit(RequestColumns(count: 3, promptLength: lengths, outputLength: lengths + 3))
    }

    @Test func `a live engine keeps a table whose columns are gone, and so do its copies and its bytes`() throws {
        var columns: Columns? = Columns()
        var configuration = EngineConfig()
        configuration.maxNumSeqs = 2
        configuration.iterationTime = .table(try #require(columns).table())
        var first = try LiveEngine(configuration)
        var second = try LiveEngine(configuration)
        try submit(&first)
        let expected = try ends(&first)
        try #require(columns).start.update(repeating: .nan, count: 32)
        columns = nil
        try submit(&second)
        var copy = try second.fork()
        var loaded = try LiveEngine.load(try second.saved())
        #expect(try ends(&second) == expected)
        #expect(try ends(&copy) == expected)
        #expect(try ends(&loaded) == expected)
        #expect(expected.last ?? 0 > 3)
    }

    /// Version 3 had five coefficients of affine times where there are now eight, and an engine with nothing in flight
    /// had all else.
    @Test func `bytes of version 3 are read`() throws {
        var configuration = EngineConfig()
        configuration.maxNumSeqs = 2
        configuration.iterationTime = .affine(AffineTime(base: 0.25, perPrefillToken: 0.001, perContextToken: 1e-5))
        var engine = try LiveEngine(configuration)
        var old = try engine.saved()
        #expect(old[8] == 5)
        old[8] = 3
        // Behind a head of 24 bytes and 79 of the configuration stand the coefficients, then whether attribution is kept, and
        // whether there is KV offload, of which version 5 is the first to tell.
        old.remove(at: 24 + 79 + 8 * 8 + 1)
        old.removeSubrange(24 + 79 + 5 * 8..<24 + 79 + 8 * 8)
        write(UInt64(old.count), to: &old, at: 16)
        write(checksum(old.dropLast(8)), to: &old, at: old.count - 8)
        var loaded = try LiveEngine.load(old)
        #expect(try loaded.saved() == engine.saved())
        try submit(&engine)
        try submit(&loaded)
        #expect(try ends(&loaded) == ends(&engine))
    }

    private func write(_ value: UInt64, to bytes: inout [UInt8], at place: Int) {
        for byte in 0..<8 { bytes[place + byte] = UInt8(truncatingIfNeeded: value >> (8 * byte)) }
    }

    /// FNV-1a.
    private func checksum(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}
