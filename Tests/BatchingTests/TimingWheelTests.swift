import Testing

@testable import Batching

@Suite struct TimingWheelTests {
    @Test(arguments: [UInt64(1), 2, 3, 4, 5, 6])
    func `entries come out by iteration, then in the order in which they went in`(seed: UInt64) throws {
        var stream = RandomStream(seed: seed, purpose: .arrivals)
        let longest: Int32 = [10, 63, 64, 1000, 16_384, 200_000][Int(seed) - 1]
        let capacity = 50
        var wheel = try TimingWheel(capacity: capacity, longestDelay: Int64(longest))
        var waiting: [(due: Int64, entry: Int)] = []
        var iteration: Int64 = 0
        var entry = 0

        for _ in 0..<3000 {
            iteration += Int64(stream.integer(in: 0...max(1, longest / 20)))
            var removed: [Int] = []
            if stream.integer(in: 0...7) == 0, let next = waiting.map(\.due).min() {
                #expect(wheel.nextDue == next)
                iteration = max(iteration, next)
            }
            wheel.remove(through: iteration) { removed.append($0) }
            let expected = waiting.filter { $0.due <= iteration }.sorted { ($0.due, $0.entry) < ($1.due, $1.entry) }
            #expect(removed == expected.map(\.entry))
            waiting.removeAll { $0.due <= iteration }
            while waiting.count < capacity, stream.integer(in: 0...3) != 0 {
                let due = iteration + Int64(stream.integer(in: 1...longest))
                wheel.insert(entry, due: due)
                waiting.append((due, entry))
                entry += 1
            }
            #expect(wheel.count == waiting.count)
        }
        #expect(entry > 1000)
    }

    @Test func `an empty wheel has nothing due`() throws {
        var wheel = try TimingWheel(capacity: 1, longestDelay: 1)
        #expect(wheel.nextDue == .max)
        wheel.remove(through: 1_000_000) { _ in Issue.record("nothing went in") }
    }
}
