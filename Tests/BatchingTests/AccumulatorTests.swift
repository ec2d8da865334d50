import Testing

@testable import Batching

@Suite struct AccumulatorTests {
    @Test func `bins are in order and their middles within 2^-10`() {
        var previous = -1
        for exponent in 0..<63 {
            let power = UInt64(1) << UInt64(exponent)
            var values = [power, power + 1, power + power / 3, power + power / 2, power + (power - 1)]
            values = values.filter { $0 < 1 << 63 }.sorted()
            for value in values {
                let bin = SketchBins.index(value)
                #expect(bin >= previous && bin < SketchBins.count)
                previous = bin
                let error = abs(SketchBins.middle(bin, isWhole: true) - Double(value))
                #expect(value < 1024 ? error == 0 : error <= Double(value) * 0x1p-10)
                let ofQuotient = abs(SketchBins.middle(bin, isWhole: false) - Double(value))
                #expect(ofQuotient <= max(0.5, Double(value) * 0x1p-10))
            }
        }
        #expect(SketchBins.index(1 << 63 - 1) == SketchBins.count - 1)
    }

    @Test func `wide numbers multiply and subtract without rounding`() {
        let largest = WideNumber(low: .max)
        // (2^128 - 1)^2 - (2^128 - 1)(2^128 - 2) = 2^128 - 1
        let difference = largest * largest - largest * WideNumber(low: .max - 1)
        #expect(difference.double == 0x1p128)
        #expect((WideNumber(low: 7) - WideNumber(low: 8)).double == 0)
        #expect((WideNumber(low: 3, high: 5) * WideNumber(low: 1)).double == 5 * 0x1p128 + 3)
    }

    @Test func `the deviation of the longest latencies does not overflow`() throws {
        var accumulator = try Accumulator()
        for request in 0..<4 {
            try accumulator.arrived(Int64(request), time: 0, promptTokens: 1)
            try accumulator.tokens(Int64(request), time: request < 2 ? 0 : Nanoseconds.maximumSeconds, count: 1)
            try accumulator.finished(Int64(request), time: Nanoseconds.maximumSeconds, reason: .stop)
        }
        var told: [Distribution] = []
        var wanted = ServingMetrics.Wanted()
        wanted.ttft = WantedDistribution(percentiles: nil) { told.append($0) }
        wanted.normalizedLatency = WantedDistribution(percentiles: nil) { told.append($0) }
        _ = try accumulator.metrics(.start, ServingMetricsConfig(), wanted)
        // Half of them 0, half the maximum: mean and deviation are half of it.
        #expect(told[0].mean == Nanoseconds.maximumSeconds / 2)
        #expect(told[0].standardDeviation == Nanoseconds.maximumSeconds / 2)
        #expect(told[1].mean == Nanoseconds.maximumSeconds)
        #expect(told[1].standardDeviation == 0)
    }

    @Test(arguments: [UInt64(1), 2, 3])
    func `the table of requests is what a dictionary is`(seed: UInt64) throws {
        var random = SplitMix64(state: seed)
        var table = try LiveRequests(maxRequests: 16, maxGaps: 4096)
        var dictionary: [Int64: [Int64]] = [:]
        for _ in 0..<20_000 {
            let id = Int64(random.next() % 24) << Int64(8 * seed)
            if let request = table.find(id) {
                #expect(dictionary[id] != nil)
                var gaps: [Int64] = []
                table.forEachGap(request) { gaps.append($0) }
                #expect(gaps == dictionary[id])
                if random.next() % 8 == 0 {
                    table.remove(request)
                    dictionary[id] = nil
                } else if table.gapCount < table.maxGaps {
                    let gap = Int64(random.next() >> 1)
                    table.append(gap: gap, to: request)
                    dictionary[id]?.append(gap)
                }
            } else {
                #expect(dictionary[id] == nil)
                if table.count < table.maxRequests {
                    var request = LiveRequest()
                    request.id = id
                    table.insert(request)
                    dictionary[id] = []
                }
            }
            #expect(table.count == dictionary.count)
            #expect(table.gapCount == dictionary.values.reduce(0) { $0 + $1.count })
        }
    }

    @Test func `sorting in place is sorting`() {
        var random = SplitMix64(state: 4)
        for count in [0, 1, 2, 3, 100, 1024] {
            var values = (0..<count).map { _ in random.next() % 50 }
            let expected = values.sorted()
            values.withUnsafeMutableBufferPointer { buffer in
                if let elements = buffer.baseAddress { Heap.sort(elements, count: count, by: <) }
            }
            #expect(values == expected)
        }
    }
}
