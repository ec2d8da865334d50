import Testing

@testable import Batching

/// A live calibration as Swift has it; `Tests/c/live_calibration.c` holds it against a slow model.
@Suite struct LiveCalibrationTests {
    private func configuration(simulations: Int64 = 40) -> CalibrationConfig {
        var configuration = CalibrationConfig()
        configuration.engine.maxNumSeqs = 16
        configuration.engine.maxNumBatchedTokens = 512
        configuration.scheduling = .given
        configuration.simulations = simulations
        return configuration
    }

    /// Requests one after the other, with iterations of 10 ms: a prompt takes one, and each token after the first another.
    private func tell(_ live: inout LiveCalibration, _ ids: Range<Int64>) throws {
        for id in ids {
            let (arrival, output) = (2 * Double(id), Int32(10 + id % 7))
            try live.arrived(id, time: arrival, promptLength: 100)
            try live.firstToken(id, time: arrival + 0.01)
            try live.finished(id, time: arrival + 0.01 * Double(output), outputLength: output)
        }
    }

    @Test func `iterations of 10 ms are found`() throws {
        var live = try LiveCalibration(configuration(), window: 100)
        try tell(&live, 0..<60)
        try live.arrived(99, time: 120, promptLength: 5)
        let state = try live.observe()
        #expect(
            state
                == LiveCalibrationState(
                    inFlight: 1, finished: 60, failed: 0, counting: 60, hashIDs: 0, forgottenUntil: nil))
        let found = try live.fit(simulations: 200)
        let work = found.time.base + found.time.perDecodeToken + found.time.perContextToken * 105
        #expect(abs(work / 0.01 - 1) < 0.02)
    }

    @Test func `a fork finds the same, and goes its own way`() throws {
        var live = try LiveCalibration(configuration(), window: 30)
        try tell(&live, 0..<50)
        var copy = try live.fork()
        try tell(&live, 50..<60)
        let first = try copy.fit(simulations: 10)
        var again = try LiveCalibration(configuration(), window: 30)
        try tell(&again, 0..<50)
        let second = try again.fit(simulations: 10)
        #expect(first.time == second.time)
        #expect(first.loss == second.loss)
        // The last of those that are forgotten were 19 and 29, with 10 + 5 and 10 + 1 tokens.
        let (ofCopy, ofLive) = (try copy.observe(), try live.observe())
        #expect(ofCopy.forgottenUntil == 38.15)
        #expect(ofLive.forgottenUntil == 58.11)
    }

    @Test func `a closure ends a fit, or stops it`() throws {
        var live = try LiveCalibration(configuration())
        try tell(&live, 0..<20)
        var told: Int64 = 0
        let found = try live.fit { (progress) throws(BatchingError) in
            told = progress.simulations
            return progress.simulations == 7
        }
        #expect(found.simulations == 7)
        #expect(told == 7)
        #expect(throws: BatchingError(.cancelled, "that is all")) {
            try live.fit { (_) throws(BatchingError) in throw BatchingError(.cancelled, "that is all") }
        }
    }

    @Test func `its log has hash ids, and requests that failed`() throws {
        var configuration = configuration()
        configuration.engine.cachesPrefixes = true
        configuration.engine.numGPUBlocks = 100
        var live = try LiveCalibration(configuration)
        let ids: [Int64] = [7, 8]
        try ids.withUnsafeBufferPointer { hashes in
            try live.arrived(1, time: 5, promptLength: 40, expectedOutput: 3, hashIDs: hashes)
        }
        try live.arrived(2, time: 4, promptLength: 9)
        try live.failed(1, time: 6)
        let (count, hashCount) = (live.count, live.hashCount)
        #expect(count == 2)
        #expect(hashCount == 2)
        var (requests, hashes) = ([Int64](repeating: 0, count: 2), [Int64](repeating: 0, count: 2))
        var (offsets, aborts) = ([Int64](repeating: 0, count: 3), [Double](repeating: 0, count: 2))
        var columns = LiveCalibrationLogColumns()
        (columns.capacity, columns.hashCapacity) = (2, 2)
        let first = try requests.withUnsafeMutableBufferPointer { requests in
            try hashes.withUnsafeMutableBufferPointer { hashes in
                try offsets.withUnsafeMutableBufferPointer { offsets in
                    try aborts.withUnsafeMutableBufferPointer { aborts in
                        (columns.request, columns.hashIDs) = (requests.baseAddress, hashes.baseAddress)
                        (columns.hashOffsets, columns.abortTime) = (offsets.baseAddress, aborts.baseAddress)
                        return try live.writeLog(to: columns)
                    }
                }
            }
        }
        #expect(first == 4)
        #expect(requests == [2, 1])
        #expect(hashes == ids)
        #expect(offsets == [0, 0, 2])
        #expect(aborts[0].isNaN)
        #expect(aborts[1] == 2)
        columns.capacity = 1
        #expect(throws: BatchingError(.capacity, "log.capacity is 1: must be at least 2")) {
            try live.writeLog(to: columns)
        }
    }

    @Test func `what cannot be is refused`() throws {
        #expect(throws: BatchingError(.invalidArgument, "window is 15: must be between 16 and 500000")) {
            _ = try LiveCalibration(configuration(), window: 15)
        }
        var observed = configuration()
        observed.observedUntil = 5
        #expect(throws: BatchingError.self) { _ = try LiveCalibration(observed) }
        var live = try LiveCalibration(configuration())
        try tell(&live, 0..<15)
        #expect(
            throws: BatchingError(
                .invalidArgument, "counting is 15: must be at least 16, or there is too little to fit to")
        ) {
            try live.fit()
        }
        #expect(throws: BatchingError(.invalidArgument, "request is 3: must be in flight")) {
            try live.firstToken(3, time: 90)
        }
    }
}
