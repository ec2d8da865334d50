import Testing

@testable import Batching

/// Closed loops, worked out by hand from "Engine: clients" in the C header.
@Suite struct ClientTests {
    private func oneSecond() -> EngineConfig {
        var configuration = EngineConfig()
        configuration.iterationTime = .constant(1)
        return configuration
    }

    @Test func `as many requests are in flight as may be`() throws {
        // Two at a time, of 3, 1, 2 and 1 iterations: the second ends at 1, the first and the third at 3.
        let requests = [3, 1, 2, 1].enumerated().map {
            Request(id: $0.offset, promptLength: 1, outputLength: $0.element, arrivalTime: 0)
        }
        var client = ClientConfig()
        client.maxConcurrency = 2
        let result = try Engine.simulate(requests, client: client, configuration: oneSecond())
        #expect(result.sentTimes == [0, 0, 1, 3])
        #expect(result.requests.map(\.endTime) == [3, 1, 3, 4])
        #expect(result.summary.notSent == 0)
        client.maxConcurrency = 0
        #expect(throws: BatchingError(.invalidArgument, "max_concurrency is 0: must be at least 1")) {
            try Engine.simulate(requests, client: client)
        }
    }

    @Test func `a turn follows the end of the one before and its delay, and none follows one that failed`() throws {
        let lengths = UnsafeMutablePointer<Int32>.allocate(capacity: 6)
        let sessions = UnsafeMutablePointer<Int64>.allocate(capacity: 3)
        let times = UnsafeMutablePointer<Double>.allocate(capacity: 6)
        defer {
            lengths.deallocate()
            sessions.deallocate()
            times.deallocate()
        }
        for (index, length) in [1, 9, 1, 2, 1, 1].enumerated() { lengths[index] = Int32(length) }
        sessions.update(repeating: -3, count: 3)
        times.update(repeating: 0, count: 6)
        times[1] = 0.5
        let requests = RequestColumns(
            count: 3, promptLength: lengths, outputLength: lengths + 3, session: sessions, delay: times)
        var configuration = oneSecond()
        func run(_ client: ClientConfig? = nil) throws -> (sent: [Double], notSent: Int64) {
            let summary = try Engine.simulate(
                requests, client: client, configuration: configuration, results: ResultColumns(sentTime: times + 3))
            return ((3..<6).map { times[$0] }, summary.notSent)
        }
        #expect(try run().sent == [0, 2.5, 3.5])
        configuration.maxModelLength = 8
        let ended = try run()
        #expect(ended.sent[1] == 2.5)
        #expect(ended.sent[2].isNaN)
        #expect(ended.notSent == 1)
        var client = ClientConfig()
        client.sessionsGoOn = true
        #expect(try run(client).sent == [0, 2.5, 2.5])
    }
}
