import Testing

@testable import Batching

/// The times of iterations, found in the log of a run whose times are known.
@Suite struct CalibrationTests {
    /// Requests, and what a run made of them.
    private final class ServerLog {
        static let count = 120
        let lengths = UnsafeMutablePointer<Int32>.allocate(capacity: 2 * count)
        let times = UnsafeMutablePointer<Double>.allocate(capacity: 5 * count)

        deinit {
            lengths.deallocate()
            times.deallocate()
        }

        var requests: RequestColumns { first(Self.count) }

        func first(_ count: Int) -> RequestColumns {
            RequestColumns(
                count: count, promptLength: lengths, outputLength: lengths + Self.count, arrivalTime: times)
        }

        var recorded: RecordedColumns {
            var recorded = RecordedColumns(
                count: Self.count, endTime: times + 2 * Self.count, outputLength: lengths + Self.count)
            recorded.firstTokenTime = UnsafePointer(times + Self.count)
            return recorded
        }

        /// First tokens and ends of a run, which become the log, or stand behind it.
        func run(_ configuration: EngineConfig, at place: Int = 1) throws {
            let results = ResultColumns(
                firstTokenTime: times + place * Self.count, endTime: times + (place + 1) * Self.count)
            _ = try Engine.simulate(requests, configuration: configuration, results: results)
        }

        /// Twelve clients a second, short prompts and long ones.
        init(_ configuration: EngineConfig) throws {
            for index in 0..<Self.count {
                lengths[index] = Int32(20 + index * 7919 % 600)
                lengths[Self.count + index] = Int32(5 + index * 104_729 % 60)
                times[index] = Double(index) / 12
            }
            try run(configuration)
        }
    }

    private func server() -> EngineConfig {
        var configuration = EngineConfig()
        configuration.maxNumSeqs = 16
        configuration.maxNumBatchedTokens = 512
        configuration.iterationTime = .affine(
            AffineTime(base: 0.008, perPrefillToken: 4e-5, perDecodeToken: 6e-5, perContextToken: 2e-7))
        return configuration
    }

    private func calibration(simulations: Int64) -> CalibrationConfig {
        var configuration = CalibrationConfig()
        configuration.engine = server()
        configuration.scheduling = .given
        configuration.simulations = simulations
        return configuration
    }

    @Test func `what a run took is found again`() throws {
        let log = try ServerLog(server())
        let found = try Calibration.fit(log.requests, log.recorded, calibration(simulations: 250))
        #expect(found.simulations <= 250)
        #expect(found.lossOfOtherScheduling.isNaN)
        var again = server()
        again.iterationTime = .affine(found.time)
        try log.run(again, at: 3)
        var (measured, simulated) = (0.0, 0.0)
        for index in 0..<ServerLog.count {
            measured += log.times[2 * ServerLog.count + index] - log.times[index]
            simulated += log.times[4 * ServerLog.count + index] - log.times[index]
        }
        #expect(abs(simulated / measured - 1) < 0.005)
        // The term that most of the time went to.
        #expect(abs(found.time.base / 0.008 - 1) < 0.1)
    }

    @Test func `what clients see beside the engine is found`() throws {
        let log = try ServerLog(server())
        // Fewer a second, so that hardly any waits.
        for index in 0..<ServerLog.count { log.times[index] = Double(index) / 4 }
        try log.run(server())
        for index in ServerLog.count..<3 * ServerLog.count { log.times[index] += 0.02 }
        let found = try Calibration.fit(log.requests, log.recorded, calibration(simulations: 250))
        #expect(found.shareWithoutQueueing >= 0.5)
        #expect(abs(found.clientDelay / 0.02 - 1) < 0.02)
        #expect(found.range.leastClientDelay <= found.clientDelay)
        #expect(found.clientDelay <= found.range.mostClientDelay)
        #expect(abs(found.time.base / 0.008 - 1) < 0.1)
    }

    @Test func `the delay that fits best makes the loss least`() throws {
        let log = try ServerLog(server())
        var compared = try CalibrationLog(
            log.recorded, firstToken: log.times + ServerLog.count, arrival: log.times, until: .infinity)
        // A run in which each has its first token up to 79 ms earlier.
        for index in 0..<ServerLog.count {
            let earlier = Double(index * 37 % 80) / 1000
            log.times[3 * ServerLog.count + index] = log.times[ServerLog.count + index] - earlier
            log.times[4 * ServerLog.count + index] = log.times[2 * ServerLog.count + index] - earlier
        }
        let (first, end) = (log.times + 3 * ServerLog.count, log.times + 4 * ServerLog.count)
        try compared.compare(firstToken: first, end: end, fitsDelay: true)
        let (delay, least) = (compared.figures.delay, compared.loss())
        #expect(delay > 0.03 && delay < 0.05)
        for other in [delay - 1e-4, delay + 1e-4] {
            for index in 0..<ServerLog.count {
                first[index] += other
                end[index] += other
            }
            try compared.compare(firstToken: first, end: end, fitsDelay: false)
            #expect(compared.loss() > least)
            for index in 0..<ServerLog.count {
                first[index] -= other
                end[index] -= other
            }
        }
        // One that comes too late has no delay.
        for index in 0..<ServerLog.count { first[index] = log.times[ServerLog.count + index] + 0.01 }
        try compared.compare(firstToken: first, end: end, fitsDelay: true)
        #expect(compared.figures.delay == 0)
    }

    @Test func `the same seed finds the same`() throws {
        let log = try ServerLog(server())
        let configuration = calibration(simulations: 40)
        let first = try Calibration.fit(log.requests, log.recorded, configuration)
        let second = try Calibration.fit(log.requests, log.recorded, configuration)
        // Not-a-number is not equal to itself.
        #expect(first.time == second.time)
        #expect(first.loss == second.loss)
        #expect(!first.isComplete)
    }

    @Test func `a closure is told how far it has come, ends it early, or stops it`() throws {
        let log = try ServerLog(server())
        var configuration = calibration(simulations: 40)
        var told: [CalibrationProgress] = []
        configuration.onProgress { (progress) throws(BatchingError) in
            told.append(progress)
            return progress.simulations == 12
        }
        let found = try Calibration.fit(log.requests, log.recorded, configuration)
        #expect(told.map(\.simulations) == Array(1...12))
        #expect(told.allSatisfy { $0.most == 40 })
        #expect(zip(told, told.dropFirst()).allSatisfy { $0.loss >= $1.loss })
        #expect(found.simulations == 12)
        #expect(!found.isComplete)
        configuration.onProgress { (progress) throws(BatchingError) in
            throw BatchingError(.cancelled, "that is all")
        }
        #expect(throws: BatchingError(.cancelled, "that is all")) {
            try Calibration.fit(log.requests, log.recorded, configuration)
        }
    }

    @Test func `a log that says nothing, or cannot be, is refused`() throws {
        let log = try ServerLog(server())
        let configuration = calibration(simulations: 3)
        func error(_ sentence: ErrorText, _ requests: RequestColumns, _ recorded: RecordedColumns) {
            #expect(throws: BatchingError(.invalidArgument, sentence)) {
                try Calibration.fit(requests, recorded, configuration)
            }
        }
        var recorded = log.recorded
        recorded.count = 3
        #expect(throws: BatchingError.self) { try Calibration.fit(log.first(3), recorded, configuration) }
        error("recorded.count is 3: must be requests.count, which is 120", log.requests, recorded)
        recorded = log.recorded
        recorded.firstTokenTime = nil
        #expect(throws: BatchingError(.nullPointer, "recorded.first_token_time is NULL: it is required")) {
            try Calibration.fit(log.requests, recorded, configuration)
        }
        let first = log.times[ServerLog.count + 7]
        log.times[ServerLog.count + 7] = log.times[7] - 0.5
        error(
            "recorded.first_token_time[7] is \(log.times[7] - 0.5): must be at least arrival_time, which is \(log.times[7])",
            log.requests, log.recorded)
        log.times[ServerLog.count + 7] = first
        log.times[2 * ServerLog.count + 7] = .infinity
        #expect(throws: BatchingError.self) { try Calibration.fit(log.requests, log.recorded, configuration) }
    }
}
