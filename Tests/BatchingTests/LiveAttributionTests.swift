import Testing

@testable import Batching

/// The parts that a live engine tells, however its clock is moved, are those of a run of all at once.
@Suite struct LiveAttributionTests {
    private static let parts = 7

    private static func columns(_ first: UnsafeMutablePointer<Double>, _ count: Int) -> AttributionColumns {
        AttributionColumns(
            waitingForSlot: first, waitingForMemory: first + count, prefill: first + 2 * count,
            decode: first + 3 * count, slowedByPrefill: first + 4 * count, preempted: first + 5 * count,
            heldInBatch: first + 6 * count)
    }

    @Test(arguments: [PolicyName.vllm, .static, .orca], [false, true])
    func `an event that ends a request tells the parts of its time`(policy: PolicyName, isAsynchronous: Bool) throws {
        let count = 6
        var configuration = EngineConfig()
        configuration.policy = policy
        configuration.maxNumSeqs = 2
        configuration.isAsynchronous = isAsynchronous
        configuration.numGPUBlocks = 8
        configuration.blockSize = 2
        configuration.iterationTime = .affine(AffineTime(base: 0.25, perPrefillToken: 0.001))
        configuration.keepsAttribution = true
        let lengths = try ScratchBuffer<Int32>(count: 2 * count, repeating: 4)
        let arrivals = try ScratchBuffer(count: count, repeating: 0.0)
        for request in 0..<count {
            lengths.elements[request] = Int32(2 + 3 * request % 7)
            arrivals.elements[request] = 0.3 * Double(request)
        }
        let requests = RequestColumns(
            count: count, promptLength: lengths.elements + count, outputLength: lengths.elements,
            arrivalTime: arrivals.elements)
        let expected = try ScratchBuffer(count: Self.parts * count, repeating: -7.0)
        _ = try Engine.simulate(
            requests, configuration: configuration, attribution: Self.columns(expected.elements, count))

        var engine = try LiveEngine(configuration)
        #expect(engine.observe().keepsAttribution)
        try engine.submit(requests)
        for time in [0.1, 0.25, 0.3, 0.6, 0.61, 1.7] {
            try engine.advance(to: time)
            engine = try engine.fork()
            engine = try LiveEngine.load(try engine.saved())
        }
        try engine.advance(to: .infinity)
        let capacity = engine.events
        let told = try ScratchBuffer(count: Self.parts * capacity, repeating: -7.0)
        let ids = try ScratchBuffer<Int64>(count: capacity, repeating: -7)
        let events = try ScratchBuffer<Int32>(count: capacity, repeating: -7)
        let taken = try engine.poll(
            into: LiveEngineEventColumns(
                capacity: capacity, request: ids.elements, event: events.elements,
                attribution: Self.columns(told.elements, capacity)))
        #expect(taken == capacity)
        var ended = 0
        for row in 0..<capacity {
            let isEnd = events.elements[row] == LiveEngineEvent.finished.rawValue
            ended += isEnd ? 1 : 0
            for part in 0..<Self.parts {
                let seconds = told.elements[part * capacity + row]
                if isEnd {
                    #expect(seconds == expected.elements[part * count + Int(ids.elements[row])])
                } else {
                    #expect(seconds.isNaN)
                }
            }
        }
        #expect(ended > 0)
    }

    @Test func `an engine that keeps no attribution tells none`() throws {
        var engine = try LiveEngine(EngineConfig())
        #expect(!engine.observe().keepsAttribution)
        #expect(throws: BatchingError.self) {
            try engine.poll(into: LiveEngineEventColumns(capacity: 0, attribution: AttributionColumns()))
        }
    }
}
