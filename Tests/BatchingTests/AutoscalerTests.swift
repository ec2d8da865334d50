import Testing

@testable import Batching

/// What Swift's own callers see, and a fleet; what each rule decides is held by the recordings, errors by the tests in C.
@Suite struct AutoscalerTests {
    private func autoscaler(
        _ name: AutoscalerName, _ set: (inout AutoscalerConfig) -> Void = { _ in }
    ) throws -> Autoscaler {
        var configuration = AutoscalerConfig()
        configuration.autoscaler = name
        configuration.hpa.target = 10
        configuration.maxKVTokens = 1000
        configuration.planner.contextLength = 1000
        set(&configuration)
        return try Autoscaler(configuration)
    }

    @Test func `a number of replicas is decided from columns`() throws {
        var autoscaler = try autoscaler(.hpa)
        let waiting: [Int64] = [30, 0]
        let desired = try waiting.withUnsafeBufferPointer {
            var readings = ScalingReadings()
            readings.count = 2
            readings.waiting = $0.baseAddress
            return try autoscaler.decide(readings)
        }
        // 1.5 times the target in two: ceil(1.5 x 2).
        #expect(desired == 3)
    }

    @Test func `each has an interval of its own unless it is given one`() throws {
        #expect(try autoscaler(.hpa).interval.seconds == 15)
        #expect(try autoscaler(.queueLength).interval.seconds == 30)
        #expect(try autoscaler(.dynamoPlanner).interval.seconds == 5)
        #expect(try autoscaler(.llmD).interval.seconds == 30)
        #expect(try autoscaler(.hpa) { $0.interval = 2.5 }.interval.seconds == 2.5)
        // Time goes on.
        #expect(try autoscaler(.hpa) { $0.interval = 1e-12 }.interval.count == 1)
        #expect(throws: BatchingError.self) { _ = try autoscaler(.hpa) { $0.interval = 0 }.interval }
    }

    @Test func `a window keeps the extreme of what may still be it`() throws {
        for isHighest in [true, false] {
            var window = try ScalingWindow(seconds: 10e-9, most: 20, isHighest: isHighest)
            var all: [(time: Int64, number: Int)] = []
            var state: UInt64 = 7
            for _ in 0..<2000 {
                state = state &* 6_364_136_223_846_793_005 &+ 1
                let time = (all.last?.time ?? 0) + Int64(state >> 33 % 4)
                all.append((time, Int(state >> 40 % 21)))
                let live = all.filter { $0.time > time - 10 }.map(\.number)
                let expected = isHighest ? live.max() : live.min()
                #expect(window.add(all[all.count - 1].number, at: Nanoseconds(time)) == expected)
            }
        }
    }

    @Test func `more changes than are kept apart count at the time of the later`() throws {
        var changes = try ScalingChanges()
        for time in Int64(0)..<300 { changes.add(1, at: Nanoseconds(time)) }
        // 44 were added to the next each: the first that is kept apart is that of 44, with 45.
        #expect(changes.total(in: 1000, at: Nanoseconds(299)) == 300)
        #expect(changes.total(in: 255, at: Nanoseconds(299)) == 255)
        #expect(changes.total(in: 256, at: Nanoseconds(299)) == 300)
    }
}
