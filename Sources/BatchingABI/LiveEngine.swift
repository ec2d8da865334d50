import Batching
import CBatching

@implementation @_cdecl("batching_live_engine_create")
public func batching_live_engine_create(
    _ config: UnsafePointer<batching_engine_config>!, _ engine: UnsafeMutablePointer<OpaquePointer?>!
) -> batching_status {
    status { () throws(BatchingError) in
        let engine = try required(engine, "engine")
        let config = config == nil ? batching_engine_config() : try batching_engine_config.read(config)
        func check(_ isGiven: Bool, _ name: StaticString) throws(BatchingError) {
            if isGiven {
                throw BatchingError(.invalidArgument, "config.\(name) is given: must be NULL for a live engine")
            }
        }
        try check(config.iteration_log != nil, "iteration_log")
        try check(config.decision_log != nil, "decision_log")
        try check(config.attribution != nil, "attribution")
        engine.pointee = try EngineHandle.create(try LiveEngine(try config.configuration()))
    }
}

@implementation @_cdecl("batching_live_engine_destroy")
public func batching_live_engine_destroy(_ engine: OpaquePointer!) -> batching_status {
    status { () throws(BatchingError) in
        guard engine != nil else { return }
        EngineHandle.destroy(try EngineHandle.lock(engine, "engine"))
    }
}

@implementation @_cdecl("batching_live_engine_submit")
public func batching_live_engine_submit(
    _ engine: OpaquePointer!, _ requests: UnsafePointer<batching_requests>!, _ ids: UnsafePointer<Int64>!
) -> batching_status {
    status(of: engine) { (engine: inout LiveEngine) throws(BatchingError) in
        try engine.submit(try batching_requests.read(requests).liveColumns(), ids: ids)
    }
}

@implementation @_cdecl("batching_live_engine_advance")
public func batching_live_engine_advance(
    _ engine: OpaquePointer!, _ time: Double, _ iterations: Int64
) -> batching_status {
    status(of: engine) { (engine: inout LiveEngine) throws(BatchingError) in
        guard iterations >= 0 else { throw .invalid("iterations", iterations, "must be at least 0") }
        try engine.advance(to: time, iterations: iterations == 0 ? nil : iterations)
    }
}

@implementation @_cdecl("batching_live_engine_advance_logged")
public func batching_live_engine_advance_logged(
    _ engine: OpaquePointer!, _ time: Double, _ iterations: Int64,
    _ iteration_log: UnsafeMutablePointer<batching_iteration_log>!,
    _ decision_log: UnsafeMutablePointer<batching_decision_log>!
) -> batching_status {
    status(of: engine) { (engine: inout LiveEngine) throws(BatchingError) in
        var iterationLog: IterationLog?
        var decisionLog: DecisionLog?
        if let log = iteration_log { iterationLog = try batching_iteration_log.read(log).log }
        if let log = decision_log { decisionLog = try batching_decision_log.read(log).log() }
        defer {
            // What has happened is told also where the call fails on its way.
            if let log = iteration_log, let iterationLog { log.pointee.count = iterationLog.rows.count }
            if let log = decision_log, let decisionLog { log.pointee.count = decisionLog.rows.count }
        }
        guard iterations >= 0 else { throw .invalid("iterations", iterations, "must be at least 0") }
        try engine.advance(
            to: time, iterations: iterations == 0 ? nil : iterations, iterationLog: &iterationLog,
            decisionLog: &decisionLog)
    }
}

@implementation @_cdecl("batching_live_engine_poll")
public func batching_live_engine_poll(
    _ engine: OpaquePointer!, _ events: UnsafeMutablePointer<batching_live_engine_events>!
) -> batching_status {
    status(of: engine) { (engine: inout LiveEngine) throws(BatchingError) in
        var told = try batching_live_engine_events.read(events)
        guard told.capacity >= 0 else { throw .invalid("events.capacity", told.capacity, "must be at least 0") }
        var attribution: AttributionColumns?
        if let parts = told.attribution {
            attribution = try batching_attribution.read(parts).columns(holding: told.capacity, "events.capacity")
        }
        let columns = LiveEngineEventColumns(
            capacity: Int(told.capacity), time: told.time, request: told.request, event: told.event,
            tokens: told.tokens, attribution: attribution)
        told.count = Int64(try engine.poll(into: columns))
        told.remaining = Int64(engine.events)
        told.write(to: events)
    }
}

@implementation @_cdecl("batching_live_engine_abort")
public func batching_live_engine_abort(_ engine: OpaquePointer!, _ request: Int64) -> batching_status {
    status(of: engine) { (engine: inout LiveEngine) throws(BatchingError) in try engine.abort(request) }
}

@implementation @_cdecl("batching_live_engine_set_output_length")
public func batching_live_engine_set_output_length(
    _ engine: OpaquePointer!, _ request: Int64, _ output_length: Int32
) -> batching_status {
    status(of: engine) { (engine: inout LiveEngine) throws(BatchingError) in
        try engine.setOutputLength(request, output_length)
    }
}

@implementation @_cdecl("batching_live_engine_observe")
public func batching_live_engine_observe(
    _ engine: OpaquePointer!, _ state: UnsafeMutablePointer<batching_live_engine_state>!
) -> batching_status {
    status(of: engine) { (engine: inout LiveEngine) throws(BatchingError) in
        _ = try batching_live_engine_state.read(state)
        batching_live_engine_state(engine.observe()).write(to: state)
    }
}

@implementation @_cdecl("batching_live_engine_estimate")
public func batching_live_engine_estimate(
    _ engine: OpaquePointer!, _ requests: UnsafePointer<batching_requests>!,
    _ results: UnsafePointer<batching_results>!
) -> batching_status {
    status(of: engine) { (engine: inout LiveEngine) throws(BatchingError) in
        let requests = try batching_requests.read(requests)
        let results = try batching_results.columns(results, holding: requests.count)
        try engine.estimate(requests.liveColumns(), results: results)
    }
}

@implementation @_cdecl("batching_live_engine_fork")
public func batching_live_engine_fork(
    _ engine: OpaquePointer!, _ copy: UnsafeMutablePointer<OpaquePointer?>!
) -> batching_status {
    status(of: engine) { (engine: inout LiveEngine) throws(BatchingError) in
        let copy = try required(copy, "copy")
        copy.pointee = try EngineHandle.create(try engine.fork())
    }
}

@implementation @_cdecl("batching_live_engine_save")
public func batching_live_engine_save(
    _ engine: OpaquePointer!, _ buffer: UnsafeMutablePointer<UInt8>!, _ capacity: Int64,
    _ needed: UnsafeMutablePointer<Int64>!
) -> batching_status {
    status(of: engine) { (engine: inout LiveEngine) throws(BatchingError) in
        let size = try engine.savedSize()
        // What can fail comes before anything is written.
        if let buffer, capacity >= Int64(size) { try engine.save(into: buffer, size: size) }
        _ = try hasRoom(buffer, capacity, for: size, needed)
    }
}

@implementation @_cdecl("batching_live_engine_load")
public func batching_live_engine_load(
    _ bytes: UnsafePointer<UInt8>!, _ size: Int64, _ callbacks: UnsafePointer<batching_engine_config>!,
    _ engine: UnsafeMutablePointer<OpaquePointer?>!
) -> batching_status {
    status { () throws(BatchingError) in
        let engine = try required(engine, "engine")
        let bytes = try required(bytes, "bytes")
        guard size >= 0 else { throw .invalid("size", size, "must be at least 0") }
        let callbacks = callbacks == nil ? batching_engine_config() : try batching_engine_config.read(callbacks)
        engine.pointee = try EngineHandle.create(
            try LiveEngine.load(bytes, count: Int(size), callbacks: try callbacks.callbacks()))
    }
}

extension batching_live_engine_events {
    static let firstSize = 64
}

extension batching_live_engine_state {
    static let firstSize = 136

    init(_ state: LiveEngineState) {
        self.init()
        clock = state.clock
        submitted = state.submitted
        pending = state.pending
        waiting = state.waiting
        running = state.running
        finished = state.finished
        rejected = state.rejected
        aborted = state.aborted
        tokens_in_flight = state.tokensInFlight
        kv_blocks_used = state.usedBlocks
        kv_blocks_usable = state.usableBlocks
        iterations = state.iterations
        preemptions = state.preemptions
        next_iteration_end = state.nextIterationEnd
        is_stuck = state.isStuck ? 1 : 0
        events = state.events
        keeps_attribution = state.keepsAttribution ? 1 : 0
        host_kv_blocks = state.hostBlocks
        disk_kv_blocks = state.diskBlocks
        host_kv_hits = state.kvOffload.hostHits
        disk_kv_hits = state.kvOffload.diskHits
        host_kv_loaded = state.kvOffload.hostLoaded
        disk_kv_loaded = state.kvOffload.diskLoaded
        host_kv_blocks_written = state.kvOffload.hostBlocksWritten
        disk_kv_blocks_written = state.kvOffload.diskBlocksWritten
        kv_load_time = state.kvOffload.loadTime
    }
}
