import Testing

@testable import Batching

/// Five requests by hand: sessions 7 (rows 0, 2 and 4) and 3 (rows 1 and 3), the first turns at 2 and 4 s. Rows 0 and 2 have
/// the hash ids 90 and 90, 50; row 3 has 50, 60.
private struct Trace {
    var prompt: [Int32] = [10, 40, 20, 70, 5]
    var output: [Int32] = [1, 2, 3, 4, 5]
    var arrival: [Double]? = [2, 4, 3, 6, 9]
    var abort: [Double]? = [5, .nan, 3.5, .nan, 10]
    var session: [Int64]? = [7, 3, 7, 3, 7]
    var delay: [Double]? = [0, 0, 1.5, 0.25, 2]
    var hashIds: [Int64]? = [90, 90, 50, 50, 60]
    var hashOffsets: [Int64] = [0, 1, 1, 3, 5, 5]

    func slice(
        _ take: (RequestColumns) throws(BatchingError) -> OwnedRequestColumns
    ) throws -> Rows {
        try prompt.withUnsafeBufferPointer { prompt in
            try output.withUnsafeBufferPointer { output in
                try withColumn(arrival) { arrival in
                    try withColumn(abort) { abort in
                        try withColumn(session) { session in
                            try withColumn(delay) { delay in
                                try withColumn(hashIds) { ids in
                                    try withColumn(hashOffsets) { offsets in
                                        let hashes = ids.map {
                                            PrefixHashes(ids: $0, offsets: offsets!, blockSize: 16, coversOutput: true)
                                        }
                                        let slice = try take(
                                            RequestColumns(
                                                count: prompt.count, promptLength: prompt.baseAddress,
                                                outputLength: output.baseAddress, arrivalTime: arrival,
                                                prefixHashes: hashes, abortTime: abort, session: session,
                                                delay: delay))
                                        return try slice.withColumns { columns in Rows(columns) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    private func withColumn<Element, Result>(
        _ column: [Element]?, _ body: (UnsafePointer<Element>?) throws -> Result
    ) throws -> Result {
        guard let column else { return try body(nil) }
        return try column.withUnsafeBufferPointer { try body($0.baseAddress) }
    }
}

/// What a slice holds.
private struct Rows {
    var prompt: [Int32]?
    var output: [Int32]?
    var arrival: [Double]?
    var abort: [Double]?
    var session: [Int64]?
    var delay: [Double]?
    var hashes: [[Int64]]?
    var blockSize = 0
    var coversOutput = false

    init(_ columns: RequestColumns) {
        func copied<Element>(_ column: UnsafePointer<Element>?) -> [Element]? {
            column.map { Array(UnsafeBufferPointer(start: $0, count: columns.count)) }
        }
        prompt = copied(columns.promptLength)
        output = copied(columns.outputLength)
        arrival = copied(columns.arrivalTime)
        abort = copied(columns.abortTime)
        session = copied(columns.session)
        delay = copied(columns.delay)
        guard let hashes = columns.prefixHashes else { return }
        self.hashes = (0..<columns.count).map { row in
            (hashes.begins[row]..<hashes.ends[row]).map { hashes.ids[Int($0)] }
        }
        (blockSize, coversOutput) = (hashes.blockSize, hashes.coversOutput)
    }
}

/// Equal, and not-a-number in the same places.
private func same(_ one: [Double]?, _ other: [Double]?) -> Bool {
    one?.map(\.bitPattern) == other?.map(\.bitPattern)
}

@Suite struct SliceTests {
    @Test func `a slice in time has whole sessions, and begins at 0`() throws {
        // Session 3 begins at 4; session 7 at 2, though it has turns at 3 and 9.
        let later = try Trace().slice { columns throws(BatchingError) in try columns.between(3, .infinity) }
        #expect(later.prompt == [40, 70])
        #expect(later.output == [2, 4])
        #expect(later.arrival == [1, 3])
        #expect(same(later.abort, [.nan, .nan]))
        #expect(later.session == [3, 3])
        #expect(later.delay == [0, 0.25])
        #expect(later.hashes == [[], [50, 60]])
        #expect(later.blockSize == 16)
        #expect(later.coversOutput)
        // The end is not in it.
        let sooner = try Trace().slice { columns throws(BatchingError) in try columns.between(2, 4) }
        #expect(sooner.arrival == [0, 1, 7])
        #expect(same(sooner.abort, [3, 1.5, 8]))
        #expect(sooner.hashes == [[90], [90, 50], []])
        // Without sessions each request is its own.
        let alone = try Trace(session: nil).slice { columns throws(BatchingError) in try columns.between(3, 6) }
        #expect(alone.arrival == [1, 0])
        #expect(alone.session == nil)
        #expect(alone.hashes == [[], [90, 50]])
        #expect(try Trace().slice { columns throws(BatchingError) in try columns.between(0, 0) }.arrival == [])
        // No arrivals: all at 0.
        let atOnce = Trace(arrival: nil, abort: nil)
        #expect(try atOnce.slice { columns throws(BatchingError) in try columns.between(0, 1) }.prompt?.count == 5)
        #expect(try atOnce.slice { columns throws(BatchingError) in try columns.between(1, 2) }.prompt == [])
    }

    @Test func `a rate is that of the first turns, and what follows keeps its pace`() throws {
        // Two sessions in 2 s are one a second; four a second are a quarter of the gap: first turns at 2 and 2.5.
        let scaled = try Trace().slice { columns throws(BatchingError) in try columns.scaledToRate(4) }
        #expect(scaled.arrival == [2, 2.5, 3, 4.5, 9])
        // Aborts come as long after their arrivals: 3, 0.5 and 1 s.
        #expect(same(scaled.abort, [5, .nan, 3.5, .nan, 10]))
        #expect(scaled.delay == [0, 0, 1.5, 0.25, 2])
        #expect(scaled.session == [7, 3, 7, 3, 7])
        #expect(scaled.hashes == [[90], [], [90, 50], [50, 60], []])
        // Five requests in 7 s, at half that rate: 2 + 2 (t - 2).
        let alone = try Trace(session: nil).slice { columns throws(BatchingError) in try columns.scaledToRate(2.5 / 7) }
        for (found, expected) in zip(alone.arrival ?? [], [2.0, 6, 4, 10, 16]) {
            #expect(abs(found - expected) < 1e-12)
        }
        #expect(alone.arrival?.count == 5)
    }

    @Test func `copies follow each other, and share nothing`() throws {
        // First turns at 2 and 4: 2 s, and a mean gap of 2 s more.
        let twice = try Trace().slice { columns throws(BatchingError) in try columns.repeated(2) }
        #expect(twice.arrival == [2, 4, 3, 6, 9, 6, 8, 7, 10, 13])
        #expect(same(twice.abort, [5, .nan, 3.5, .nan, 10, 9, .nan, 7.5, .nan, 14]))
        #expect(twice.prompt == [10, 40, 20, 70, 5, 10, 40, 20, 70, 5])
        // By rank: 3 is 0, 7 is 1, and two more in the second copy.
        #expect(twice.session == [1, 0, 1, 0, 1, 3, 2, 3, 2, 3])
        #expect(twice.delay == [0, 0, 1.5, 0.25, 2, 0, 0, 1.5, 0.25, 2])
        // 50, 60 and 90 are 0, 1 and 2, and three more in the second copy.
        #expect(twice.hashes == [[2], [], [2, 0], [0, 1], [], [5], [], [5, 3], [3, 4], []])
        let kept = try Trace().slice { columns throws(BatchingError) in
            try columns.repeated(3, period: 0.5, keepsHashIds: true)
        }
        #expect(kept.hashes == Array(repeating: [[90], [], [90, 50], [50, 60], []], count: 3).flatMap { $0 })
        #expect(kept.arrival == [2, 4, 3, 6, 9, 2.5, 4.5, 3.5, 6.5, 9.5, 3, 5, 4, 7, 10])
        // Without arrivals they get some where a period is given.
        let atOnce = Trace(arrival: nil, abort: nil)
        #expect(
            try atOnce.slice { columns throws(BatchingError) in try columns.repeated(2, period: 1) }.arrival
                == [0, 0, 0, 0, 0, 1, 1, 1, 1, 1])
        #expect(try atOnce.slice { columns throws(BatchingError) in try columns.repeated(2) }.arrival == nil)
        // Five requests in 7 s: 7 + 7 / 4.
        let alone = try Trace(session: nil).slice { columns throws(BatchingError) in try columns.repeated(2) }
        #expect(alone.arrival?[5] == 10.75)
        #expect(alone.session == nil)
        let none = Trace(prompt: [], output: [], arrival: nil, abort: nil, session: nil, delay: nil, hashIds: nil)
        #expect(try none.slice { columns throws(BatchingError) in try columns.repeated(2_000_000_000) }.output == [])
    }

    @Test func `a sample has sessions in the order of their first turns`() throws {
        var seen: Set<[Int64]> = []
        for seed in UInt64(0)..<40 {
            let sampled = try Trace().slice { columns throws(BatchingError) in try columns.sample(1, seed: seed) }
            // One integer is drawn below 2: session 7, whose first turn comes first, is chosen if it is 0.
            var stream = RandomStream(seed: seed, purpose: .selection)
            let isFirst = stream.next() < 1 << 63
            #expect(sampled.session == (isFirst ? [7, 7, 7] : [3, 3]))
            #expect(sampled.arrival == (isFirst ? [2, 3, 9] : [4, 6]))
            #expect(sampled.hashes == (isFirst ? [[90], [90, 50], []] : [[], [50, 60]]))
            seen.insert(sampled.session ?? [])
        }
        #expect(seen.count == 2)
        let all = try Trace().slice { columns throws(BatchingError) in try columns.sample(2) }
        #expect(all.arrival == [2, 4, 3, 6, 9])
        #expect(try Trace().slice { columns throws(BatchingError) in try columns.sample(0) }.output == [])
    }

    @Test func `the turns of a session have the prefix of one group`() throws {
        var prefixes = SharedPrefixes()
        (prefixes.groups, prefixes.length) = (3, 32)
        for seed in UInt64(0)..<20 {
            let shared = try Trace().slice { columns throws(BatchingError) in
                try columns.withPrefixes(prefixes, hashBlockSize: 8, seed: seed)
            }
            // Prompts of 10, 40, 20, 70 and 5 have 1, 4, 2, 4 and 0 full blocks of 8 within 32 tokens. The groups are those
            // of the first two requests that a workload generates.
            let groups = try generatedGroups(prefixes, seed: seed)
            let expected = [(0, 1), (1, 4), (0, 2), (1, 4), (0, 0)].map { session, blocks in
                (0..<Int64(blocks)).map { 1 << 62 + groups[session] << 31 + $0 }
            }
            #expect(shared.hashes == expected)
            #expect(shared.blockSize == 8)
            #expect(!shared.coversOutput)
            #expect(shared.prompt == [10, 40, 20, 70, 5])
            #expect(shared.arrival == [2, 4, 3, 6, 9])
        }
    }

    private func generatedGroups(_ prefixes: SharedPrefixes, seed: UInt64) throws -> [Int64] {
        var workload = Workload()
        (workload.seed, workload.prefixes) = (seed, prefixes)
        (workload.prefixes.length, workload.hashBlockSize) = (1, 1)
        var ids = [Int64](repeating: 0, count: 2)
        _ = try workload.generateHashes(count: 2, offsets: nil, ids: &ids, capacity: 2)
        return ids.map { ($0 - 1 << 62) >> 31 }
    }

    @Test func `what cannot be sliced is named`() {
        func expect(
            _ message: String, _ trace: Trace = Trace(),
            _ take: (RequestColumns) throws(BatchingError) -> OwnedRequestColumns
        ) {
            do {
                _ = try trace.slice(take)
                Issue.record("nothing was thrown: \(message)")
            } catch {
                #expect("\(error)".hasPrefix(message))
            }
        }
        expect("t0 is -1.0: must be between 0 and 9223372036") { columns throws(BatchingError) in
            try columns.between(-1, 2)
        }
        expect("t1 is nan: must be at least t0, which is 1.0") { columns throws(BatchingError) in
            try columns.between(1, .nan)
        }
        expect("rate is 0.0: must be a finite number above 0") { columns throws(BatchingError) in
            try columns.scaledToRate(0)
        }
        expect("rate is 2.0: the requests have no rate", Trace(arrival: nil)) { columns throws(BatchingError) in
            try columns.scaledToRate(2)
        }
        expect("rate is 1e-300: request 1 would arrive after") { columns throws(BatchingError) in
            try columns.scaledToRate(1e-300)
        }
        expect("n is 0: must be between 1 and 400000000") { columns throws(BatchingError) in try columns.repeated(0) }
        expect("n is 400000001: must be between 1 and 400000000") { columns throws(BatchingError) in
            try columns.repeated(400_000_001)
        }
        expect("period is -1.0: must be between 0 and") { columns throws(BatchingError) in
            try columns.repeated(2, period: -1)
        }
        expect("n is 3.0: request 5 would arrive after") { columns throws(BatchingError) in
            try columns.repeated(3, period: 9_223_372_035)
        }
        expect("n is 3: must be between 0 and count, which is 2") { columns throws(BatchingError) in
            try columns.sample(3)
        }
        expect("arrival_time[1] is nan: must be a finite number", Trace(arrival: [0, .nan, 1, 2, 3])) {
            columns throws(BatchingError) in try columns.between(0, 1)
        }
        expect("hash_offsets[2] is 0: must not be smaller", Trace(hashOffsets: [0, 1, 0, 3, 5, 5])) {
            columns throws(BatchingError) in try columns.sample(1)
        }
        expect("prefix_groups is 0: must be at least 1") { columns throws(BatchingError) in
            try columns.withPrefixes(SharedPrefixes())
        }
    }
}
