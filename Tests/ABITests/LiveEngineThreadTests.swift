import CBatching
import Foundation
import Testing

/// Live engines on several threads at once, through the C functions: for ThreadSanitizer to see.
@Suite struct LiveEngineThreadTests {
    @Test func `independent engines on many threads tell the same`() throws {
        let columns = Columns()
        let expected = try Server.allCases.map { try liveTraffic($0, columns) }
        #expect(Set(expected).count == Server.allCases.count)
        let told = Collected()
        onThreads(12) { thread in
            let server = Server.allCases[thread % Server.allCases.count]
            // The columns are the same for all of them, and no thread writes to them.
            told.append((try? liveTraffic(server, columns)) == expected[thread % Server.allCases.count] ? 1 : 0)
        }
        #expect(told.values == Array(repeating: 1, count: 12))
    }

    @Test(arguments: Server.allCases)
    func `copies of an engine go on in threads of their own`(server: Server) throws {
        let columns = Columns()
        let engine = try Engine(server)
        try engine.submit(columns, 0..<60)
        try engine.advance(to: 1)
        // Whoever asks gets a second copy inside, which must not be shared either.
        let estimate = try engine.estimate(columns, 60)
        let copies = try (0..<4).map { _ in try engine.fork() }
        let ends = Collected()
        onThreads(copies.count) { thread in
            guard (try? copies[thread].estimate(columns, 60)) == estimate, let end = try? copies[thread].end() else {
                return
            }
            ends.append(end)
        }
        let expected = try engine.end()
        #expect(ends.values == Array(repeating: expected, count: 4))
    }

    @Test func `a handle that another thread uses is busy`() throws {
        let gate = Gate()
        var config = try Server.plain.config()
        config.time_model = BATCHING_TIME_CALLBACK
        config.time_user_data = Unmanaged.passUnretained(gate).toOpaque()
        config.time_callback = { _, seconds, gate in
            guard let seconds, let gate else { return 1 }
            Unmanaged<Gate>.fromOpaque(gate).takeUnretainedValue().pass()
            seconds.pointee = 0.01
            return 0
        }
        let columns = Columns()
        let engine = try Engine(config)
        try engine.submit(columns, 0..<4)
        let other = Collected()
        Thread.detachNewThread {
            other.append(UInt64(bitPattern: Int64(batching_live_engine_advance(engine.handle, .infinity, 0))))
            gate.ended.signal()
        }
        gate.entered.wait()
        // The other thread is in the callback of its call.
        var requests = try columns.requests(4..<5)
        var results = batching_results()
        try check(batching_results_init(&results, UInt32(MemoryLayout<batching_results>.size)))
        results.capacity = 1
        var state = batching_live_engine_state()
        try check(batching_live_engine_state_init(&state, UInt32(MemoryLayout<batching_live_engine_state>.size)))
        var events = batching_live_engine_events()
        try check(batching_live_engine_events_init(&events, UInt32(MemoryLayout<batching_live_engine_events>.size)))
        var copy: OpaquePointer?
        let refused = [
            batching_live_engine_submit(engine.handle, &requests, nil),
            batching_live_engine_advance(engine.handle, 1, 0),
            batching_live_engine_poll(engine.handle, &events), batching_live_engine_abort(engine.handle, 0),
            batching_live_engine_set_output_length(engine.handle, 0, 1),
            batching_live_engine_observe(engine.handle, &state),
            batching_live_engine_estimate(engine.handle, &requests, &results),
            batching_live_engine_fork(engine.handle, &copy),
            batching_live_engine_destroy(engine.handle),
        ]
        #expect(refused == Array(repeating: BATCHING_ERROR_BUSY, count: refused.count))
        #expect(copy == nil)
        #expect(state.submitted == 0)
        gate.opened.signal()
        gate.ended.wait()
        #expect(other.values == [UInt64(BATCHING_OK)])
        let after = try engine.state()
        #expect(after.submitted == 4)
        #expect(after.finished == 4)
    }

    @Test func `threads that want the same handle get it one at a time`() throws {
        let columns = Columns()
        let engine = try Engine(.plain)
        let taken = Collected()
        onThreads(4) { thread in
            var accepted: UInt64 = 0
            for call in 0..<400 {
                let status: batching_status
                switch call % 4 {
                case 0:
                    guard var requests = try? columns.requests(call..<call + 1) else { return }
                    requests.arrival_time = nil
                    var id = Int64(1000 * thread + call)
                    status = batching_live_engine_submit(engine.handle, &requests, &id)
                    accepted += status == BATCHING_OK ? 1 : 0
                case 1: status = batching_live_engine_advance(engine.handle, .infinity, 2)
                case 2:
                    var events = batching_live_engine_events()
                    _ = batching_live_engine_events_init(
                        &events, UInt32(MemoryLayout<batching_live_engine_events>.size))
                    events.capacity = 8
                    status = batching_live_engine_poll(engine.handle, &events)
                default:
                    var copy: OpaquePointer?
                    status = batching_live_engine_fork(engine.handle, &copy)
                    _ = batching_live_engine_destroy(copy)
                }
                if status != BATCHING_OK && status != BATCHING_ERROR_BUSY { return }
            }
            taken.append(accepted)
        }
        #expect(taken.values.count == 4)
        _ = try engine.end()
        let state = try engine.state()
        #expect(UInt64(state.submitted) == taken.values.reduce(0, +))
        #expect(state.finished == state.submitted)
    }
}

/// What a test asks of a server: each of these takes another way through the loop.
enum Server: CaseIterable, Sendable {
    case plain, shortOfMemory, asynchronous, cachingPrefixes

    func config() throws -> batching_engine_config {
        var config = batching_engine_config()
        try check(batching_engine_config_init(&config, UInt32(MemoryLayout<batching_engine_config>.size)))
        config.max_num_seqs = 16
        config.time_model = BATCHING_TIME_AFFINE
        config.time_base = 0.005
        config.time_per_prefill_token = 3e-5
        config.num_gpu_blocks = self == .plain ? 0 : 40
        config.async_scheduling = self == .asynchronous ? 1 : 0
        config.enable_prefix_caching = self == .cachingPrefixes ? 1 : 0
        return config
    }
}

/// Requests, in columns that threads share.
private final class Columns: @unchecked Sendable {
    static let count = 400
    let prompt = UnsafeMutablePointer<Int32>.allocate(capacity: count)
    let output = UnsafeMutablePointer<Int32>.allocate(capacity: count)
    let arrival = UnsafeMutablePointer<Double>.allocate(capacity: count)

    init() {
        for index in 0..<Self.count {
            prompt[index] = Int32(1 + index * 7919 % 83)
            output[index] = Int32(1 + index * 104_729 % 97)
            arrival[index] = Double(index) / 64
        }
    }

    deinit {
        prompt.deallocate()
        output.deallocate()
        arrival.deallocate()
    }

    func requests(_ range: Range<Int>) throws -> batching_requests {
        var requests = batching_requests()
        try check(batching_requests_init(&requests, UInt32(MemoryLayout<batching_requests>.size)))
        requests.count = Int64(range.count)
        requests.prompt_length = UnsafePointer(prompt + range.lowerBound)
        requests.output_length = UnsafePointer(output + range.lowerBound)
        requests.arrival_time = UnsafePointer(arrival + range.lowerBound)
        return requests
    }
}

/// A handle, which may be handed to another thread.
private final class Engine: @unchecked Sendable {
    let handle: OpaquePointer

    init(_ config: batching_engine_config) throws {
        var config = config
        var handle: OpaquePointer?
        try check(batching_live_engine_create(&config, &handle))
        self.handle = try #require(handle)
    }

    convenience init(_ server: Server) throws { try self.init(try server.config()) }

    private init(_ handle: OpaquePointer) { self.handle = handle }

    deinit { _ = batching_live_engine_destroy(handle) }

    func submit(_ columns: Columns, _ range: Range<Int>) throws {
        var requests = try columns.requests(range)
        try check(batching_live_engine_submit(handle, &requests, nil))
    }

    func advance(to time: Double) throws { try check(batching_live_engine_advance(handle, time, 0)) }

    func fork() throws -> Engine {
        var copy: OpaquePointer?
        try check(batching_live_engine_fork(handle, &copy))
        return Engine(try #require(copy))
    }

    func state() throws -> batching_live_engine_state {
        var state = batching_live_engine_state()
        try check(batching_live_engine_state_init(&state, UInt32(MemoryLayout<batching_live_engine_state>.size)))
        try check(batching_live_engine_observe(handle, &state))
        return state
    }

    /// When one of the requests would end, as bits.
    func estimate(_ columns: Columns, _ index: Int) throws -> UInt64 {
        var requests = try columns.requests(index..<index + 1)
        requests.arrival_time = nil
        var results = batching_results()
        try check(batching_results_init(&results, UInt32(MemoryLayout<batching_results>.size)))
        var end = 0.0
        try withUnsafeMutablePointer(to: &end) { end in
            results.capacity = 1
            results.end_time = end
            try check(batching_live_engine_estimate(handle, &requests, &results))
        }
        return end.bitPattern
    }

    /// When each request is served, as bits.
    func end() throws -> UInt64 {
        try advance(to: .infinity)
        return try state().clock.bitPattern
    }
}

/// What threads come to, in whatever order.
private final class Collected: @unchecked Sendable {
    private let lock = NSLock()
    private var collected: [UInt64] = []

    var values: [UInt64] { lock.withLock { collected } }

    func append(_ value: UInt64) { lock.withLock { collected.append(value) } }
}

/// Holds the first thread that passes.
private final class Gate: @unchecked Sendable {
    let entered = DispatchSemaphore(value: 0)
    let opened = DispatchSemaphore(value: 0)
    let ended = DispatchSemaphore(value: 0)
    private var isFirst = true

    func pass() {
        guard isFirst else { return }
        isFirst = false
        entered.signal()
        opened.wait()
    }
}

/// Runs it in so many threads at once, and waits for them.
private func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let ended = DispatchSemaphore(value: 0)
    for thread in 0..<count {
        Thread.detachNewThread {
            body(thread)
            ended.signal()
        }
    }
    for _ in 0..<count { ended.wait() }
}

/// Requests come one after the other, some leave or get another length; now and then a copy goes on. When each of the
/// questions on the way would end, and the whole, as bits.
private func liveTraffic(_ server: Server, _ columns: Columns) throws -> [UInt64] {
    var engine = try Engine(server)
    var bits: [UInt64] = []
    for index in 0..<200 {
        try engine.submit(columns, index..<index + 1)
        try engine.advance(to: columns.arrival[index])
        if index % 10 == 0 { bits.append(try engine.estimate(columns, index)) }
        if index % 16 == 5 { _ = batching_live_engine_abort(engine.handle, Int64(index - 4)) }
        if index % 16 == 7 { _ = batching_live_engine_set_output_length(engine.handle, Int64(index - 3), 5) }
        if index % 32 == 9 { engine = try engine.fork() }
    }
    bits.append(try engine.end())
    let state = try engine.state()
    bits += [state.finished, state.aborted, state.preemptions, state.iterations].map { UInt64(bitPattern: $0) }
    return bits
}
