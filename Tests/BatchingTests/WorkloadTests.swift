import Foundation
import Testing

@testable import Batching

@Suite struct WorkloadTests {
    @Test func `the generators give the published numbers`() {
        // Of the authors' C programs: xoshiro256++ from the state 1, 2, 3, 4; SplitMix64 from 1234567.
        var stream = RandomStream(state: (1, 2, 3, 4))
        #expect(
            (0..<6).map { _ in stream.next() } == [
                41_943_041, 58_720_359, 3_588_806_011_781_223, 3_591_011_842_654_386, 9_228_616_714_210_784_205,
                9_973_669_472_204_895_162,
            ])
        var filler = SplitMix64(state: 1_234_567)
        #expect((0..<2).map { _ in filler.next() } == [6_457_827_717_110_365_317, 3_203_168_211_198_807_973])
    }

    @Test func `the logarithm is that of the C library, to two units in the last place`() {
        var stream = RandomStream(seed: 4, purpose: .arrivals)
        for _ in 0..<100_000 {
            let value = Double(stream.next() >> 11 + 1) * 0x1p-53
            let expected = log(value)
            #expect(abs(Logarithm.natural(value) - expected) <= 2 * expected.ulp)
        }
        #expect(Logarithm.natural(1) == 0)
    }

    @Test func `the exponential is that of the C library, to two units in the last place`() {
        var stream = RandomStream(seed: 5, purpose: .arrivals)
        for _ in 0..<100_000 {
            let value = (Double(stream.next() >> 11) * 0x1p-53 - 0.5) * 1400
            let expected = exp(value)
            #expect(abs(Exponential.natural(value) - expected) <= 2 * expected.ulp)
        }
        #expect(Exponential.natural(0) == 1)
        #expect(Exponential.natural(-1e9) == 0)
        #expect(Exponential.natural(1e9) == .infinity)
    }

    @Test func `gaps have the mean and the deviation of an exponential, lengths those of a uniform`() throws {
        let count = 200_000
        let requests = try simulateWorkload(
            requestCount: count, promptLengthRange: 0...9, outputLengthRange: 20...500, arrivalRate: 4, seed: 3)
        let arrivals = [0] + requests.map(\.arrivalTime)
        let gaps = (0..<count).map { arrivals[$0 + 1] - arrivals[$0] }
        let mean = gaps.reduce(0, +) / Double(count)
        let deviation = (gaps.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / Double(count)).squareRoot()
        // Five standard errors: of a mean 1/sqrt(n), of a deviation sqrt(2/n), both in units of the mean.
        #expect(abs(mean - 0.25) < 0.25 * 5 / Double(count).squareRoot())
        #expect(abs(deviation - 0.25) < 0.25 * 5 * (2 / Double(count)).squareRoot())
        let outputs = requests.map { Double($0.outputLength) }
        #expect(abs(outputs.reduce(0, +) / Double(count) - 260) < 5 * 138.85 / Double(count).squareRoot())
        #expect(outputs.min() == 20)
        #expect(outputs.max() == 500)
        // Each of ten prompt lengths has a tenth, within five standard errors.
        for length in 0...9 {
            let share = Double(requests.count { $0.promptLength == length }) / Double(count)
            #expect(abs(share - 0.1) < 5 * (0.09 / Double(count)).squareRoot())
        }
    }

    @Test func `a seed is a workload, and a longer one begins the same`() throws {
        let long = try simulateWorkload(requestCount: 100, seed: 9)
        #expect(try simulateWorkload(requestCount: 100, seed: 9) == long)
        #expect(try simulateWorkload(requestCount: 40, seed: 9) == Array(long.prefix(40)))
        #expect(try simulateWorkload(requestCount: 100, seed: 10) != long)
        // A draw in one column shifts no other.
        let other = try simulateWorkload(requestCount: 100, promptLengthRange: 1...1_000_000, seed: 9)
        #expect(other.map(\.arrivalTime) == long.map(\.arrivalTime))
        #expect(other.map(\.outputLength) == long.map(\.outputLength))
    }

    @Test func `the extremes of the ranges`() throws {
        let requests = try simulateWorkload(
            requestCount: 1000, promptLengthRange: 0...Int32.max, outputLengthRange: 1...1, arrivalRate: .infinity)
        #expect(requests.allSatisfy { $0.arrivalTime == 0 && $0.outputLength == 1 && $0.promptLength >= 0 })
        #expect(requests.contains { $0.promptLength > 1_000_000_000 })
    }

    @Test func `bad workloads are errors`() {
        func message(_ body: () throws -> Void) -> String? {
            #expect(throws: BatchingError.self) { try body() }?.message
        }
        for rate in [0, -1, Double.nan] {
            #expect(
                message { _ = try simulateWorkload(requestCount: 1, arrivalRate: rate) }
                    == "arrival_rate is \(rate): must be greater than 0")
        }
        #expect(message { _ = try simulateWorkload(requestCount: -1) } == "count is -1: must be at least 0")
        #expect(
            message { _ = try simulateWorkload(requestCount: 1, promptLengthRange: -1...4) }
                == "prompt_length_min is -1: must be at least 0")
        #expect(
            message { _ = try simulateWorkload(requestCount: 1, outputLengthRange: 0...4) }
                == "output_length_min is 0: must be at least 1")
        #expect(
            message { _ = try simulateWorkload(requestCount: 10, arrivalRate: 1e-11) }?.hasPrefix(
                "arrival_rate is 1e-11: request ") == true)
    }
}
