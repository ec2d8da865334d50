import Testing

@testable import Batching

@Suite struct MetricsTests {
    private struct Values: IntegerColumn {
        let values: [Int64]
        subscript(index: Int) -> Int64 { values[index] }
    }

    @Test(arguments: [Int64(0), 1, 8191, 8192, 1 << 20, 1 << 45, .max])
    func `order statistics are those of the sorted values`(range: Int64) throws {
        var stream = RandomStream(seed: UInt64(range), purpose: .arrivals)
        for count in [1, 2, 3, 100, 5000] {
            let values = (0..<count).map { _ in
                range == .max ? Int64(stream.next() >> 1) : Int64(stream.next() % UInt64(range + 1))
            }
            let sorted = values.sorted()
            let ranks = [0, count / 2, (count - 1) * 19 / 20, count - 1].sorted()
            let statistics = try OrderStatistics(ranks: ranks)
            try statistics.select(Values(values: values), count: count, smallest: sorted[0], largest: sorted[count - 1])
            for rank in ranks { #expect(statistics.value(rank: rank) == sorted[rank]) }
        }
    }

    @Test func `order statistics of many equal values and few others`() throws {
        let common: Int64 = 1_000_000_007
        let values = [Int64](repeating: common, count: 9000) + [3, 1 << 40]
        let statistics = try OrderStatistics(ranks: [0, 1, 4500, 9000, 9001])
        try statistics.select(Values(values: values), count: values.count, smallest: 3, largest: 1 << 40)
        let selected = [0, 1, 4500, 9000, 9001].map { statistics.value(rank: $0) }
        #expect(selected == [3, common, common, common, 1 << 40])
    }

    @Test func `percentiles interpolate between the two closest ranks`() throws {
        // For 1, 2, 3, 4: position of p50 is 1.5, of p95 2.85, of p99 2.97.
        let positions = [0.50, 0.95, 0.99].map { RankPosition($0, 4, .linear) }
        let statistics = try OrderStatistics(positions)
        try statistics.select(Values(values: [4, 2, 1, 3]), count: 4, smallest: 1, largest: 4)
        #expect(statistics.value(positions[0]) == 2.5)
        #expect(abs(statistics.value(positions[1]) - 3.85) < 1e-15)
        #expect(abs(statistics.value(positions[2]) - 3.97) < 1e-15)
    }

    private func request(_ id: Int, _ arrival: Double, _ start: Double, _ end: Double, tokens: Int = 1) -> Request {
        Request(
            id: id, promptLength: 0, outputLength: tokens, arrivalTime: arrival, startTime: start, endTime: end,
            tokensGenerated: tokens)
    }

    @Test func `metrics of three requests by hand`() throws {
        let requests = [
            request(0, 0, 0, 2, tokens: 4), request(1, 0, 1, 3, tokens: 2), request(2, 1, 5, 9, tokens: 8),
        ]
        let metrics = try calculateBatchMetrics(requests, totalTime: 10)
        #expect(metrics.totalTokens == 14)
        #expect(metrics.throughput == 1.4)
        // Latencies 2, 3, 8: p95 is at position 1.9, p99 at 1.98.
        #expect(metrics.averageLatency == 13.0 / 3)
        #expect(metrics.p50Latency == 3)
        #expect(abs(metrics.p95Latency - 7.5) < 1e-14)
        #expect(abs(metrics.p99Latency - 7.9) < 1e-14)
        #expect(metrics.averageQueueTime == 5.0 / 3)
        // Equal steps: 0 + 2/4, 1 + 2/2, 4 + 4/8.
        #expect(metrics.averageTimeToFirstToken == 7.0 / 3)
        // [0, 3] and [5, 9].
        #expect(metrics.gpuUtilization == 0.7)
    }

    @Test func `utilization counts only what is within the total time`() throws {
        #expect(try calculateBatchMetrics([request(0, 0, 1, 8)], totalTime: 4).gpuUtilization == 0.75)
        #expect(try calculateBatchMetrics([request(0, 0, 6, 8)], totalTime: 4).gpuUtilization == 0)
    }

    @Test(arguments: ["by start", "by end", "in no order"])
    func `utilization is the union of the intervals in any order`(order: String) throws {
        var stream = RandomStream(seed: 5, purpose: .arrivals)
        for _ in 0..<300 {
            var intervals = (0..<Int(stream.integer(in: 1...30))).map { _ in
                let start = Int64(stream.integer(in: 0...1000))
                return (start: start, end: start + Int64(stream.integer(in: 0...60)))
            }
            if order == "by start" { intervals.sort { $0.start < $1.start } }
            if order == "by end" { intervals.sort { $0.end < $1.end } }
            let requests = intervals.enumerated().map {
                request($0, 0, Nanoseconds($1.start).seconds, Nanoseconds($1.end).seconds)
            }
            let metrics = try calculateBatchMetrics(requests, totalTime: Nanoseconds(700).seconds)
            let cut = intervals.map { (start: min($0.start, 700), end: min($0.end, 700)) }
            #expect(metrics.gpuUtilization == Double(lengthOfUnion(cut)) / 700, "\(intervals)")
        }
    }

    @Test func `contradictory times are errors that name both`() throws {
        var error = #expect(throws: BatchingError.self) {
            try calculateBatchMetrics([request(0, 0, 1, 2), request(1, 3, 2, 4)], totalTime: 4)
        }
        #expect(error?.message == "start_time[1] is 2.0: must not be before arrival_time[1], which is 3.0")
        error = #expect(throws: BatchingError.self) { try calculateBatchMetrics([request(0, 0, 2, 1)], totalTime: 4) }
        #expect(error?.message == "end_time[0] is 1.0: must not be before start_time[0], which is 2.0")
        error = #expect(throws: BatchingError.self) {
            try calculateBatchMetrics([request(0, 0, 1, 2, tokens: 0)], totalTime: 4)
        }
        #expect(error?.message.hasPrefix("tokens_generated[0] is 0: must be at least 1") == true)
        error = #expect(throws: BatchingError.self) { try calculateBatchMetrics([request(0, 0, 1, 2)], totalTime: 0) }
        #expect(error?.message.hasPrefix("total_time is 0.0: must be greater than 0") == true)
        var early = request(0, 0, 1, 2)
        early.firstTokenTime = 0.5
        error = #expect(throws: BatchingError.self) { try calculateBatchMetrics([early], totalTime: 4) }
        #expect(error?.message.hasPrefix("first_token_time[0] is 0.5: must be between start_time[0]") == true)
    }

    @Test func `what a simulator gives of epoch arrivals can be measured`() throws {
        let requests = (0..<1000).map {
            Request(id: $0, promptLength: 1, outputLength: 1 + $0 % 50, arrivalTime: 1.7e9 + Double($0) * 0.0371)
        }
        for run in [
            try staticBatchSimulation(requests, batchSize: 8), try continuousBatchSimulation(requests, maxBatchSize: 8),
        ] {
            let metrics = try calculateBatchMetrics(run.completedRequests, totalTime: run.totalTime)
            #expect(metrics.totalTokens == 25_500)
            #expect(metrics.averageLatency > 0)
        }
    }
}
