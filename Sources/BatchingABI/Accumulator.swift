import Batching
import CBatching

@implementation @_cdecl("batching_accumulator_create")
public func batching_accumulator_create(
    _ config: UnsafePointer<batching_accumulator_config>!, _ accumulator: UnsafeMutablePointer<OpaquePointer?>!
) -> batching_status {
    status { () throws(BatchingError) in
        let accumulator = try required(accumulator, "accumulator")
        let configuration =
            config == nil
            ? AccumulatorConfig() : try batching_accumulator_config.read(config).configuration
        accumulator.pointee = try AccumulatorHandle.create(try Accumulator(configuration))
    }
}

@implementation @_cdecl("batching_accumulator_destroy")
public func batching_accumulator_destroy(_ accumulator: OpaquePointer!) -> batching_status {
    status { () throws(BatchingError) in
        if accumulator == nil { return }
        AccumulatorHandle.destroy(try AccumulatorHandle.lock(accumulator, "accumulator"))
    }
}

@implementation @_cdecl("batching_accumulator_arrived")
public func batching_accumulator_arrived(
    _ accumulator: OpaquePointer!, _ request: Int64, _ time: Double, _ prompt_tokens: Int32
) -> batching_status {
    status(of: accumulator) { (accumulator: inout Accumulator) throws(BatchingError) in
        try accumulator.arrived(request, time: time, promptTokens: prompt_tokens)
    }
}

@implementation @_cdecl("batching_accumulator_started")
public func batching_accumulator_started(
    _ accumulator: OpaquePointer!, _ request: Int64, _ time: Double
) -> batching_status {
    status(of: accumulator) { (accumulator: inout Accumulator) throws(BatchingError) in
        try accumulator.started(request, time: time)
    }
}

@implementation @_cdecl("batching_accumulator_tokens")
public func batching_accumulator_tokens(
    _ accumulator: OpaquePointer!, _ request: Int64, _ time: Double, _ tokens: Int32
) -> batching_status {
    status(of: accumulator) { (accumulator: inout Accumulator) throws(BatchingError) in
        try accumulator.tokens(request, time: time, count: tokens)
    }
}

@implementation @_cdecl("batching_accumulator_finished")
public func batching_accumulator_finished(
    _ accumulator: OpaquePointer!, _ request: Int64, _ time: Double, _ reason: Int32
) -> batching_status {
    status(of: accumulator) { (accumulator: inout Accumulator) throws(BatchingError) in
        try accumulator.finished(request, time: time, reason: FinishReason(checking: reason))
    }
}

@implementation @_cdecl("batching_accumulator_failed")
public func batching_accumulator_failed(
    _ accumulator: OpaquePointer!, _ request: Int64, _ time: Double, _ reason: Int32
) -> batching_status {
    status(of: accumulator) { (accumulator: inout Accumulator) throws(BatchingError) in
        try accumulator.failed(request, time: time, reason: FailureReason(checking: reason))
    }
}

@implementation @_cdecl("batching_accumulator_add")
public func batching_accumulator_add(
    _ accumulator: OpaquePointer!, _ events: UnsafePointer<batching_accumulator_events>!,
    _ accepted: UnsafeMutablePointer<Int64>!
) -> batching_status {
    status(of: accumulator) { (accumulator: inout Accumulator) throws(BatchingError) in
        let columns = try batching_accumulator_events.columns(events)
        var taken = 0
        defer { accepted?.pointee = Int64(taken) }
        try accumulator.add(columns, accepted: &taken)
    }
}

@implementation @_cdecl("batching_accumulator_advance")
public func batching_accumulator_advance(_ accumulator: OpaquePointer!, _ time: Double) -> batching_status {
    status(of: accumulator) { (accumulator: inout Accumulator) throws(BatchingError) in
        try accumulator.advance(to: time)
    }
}

@implementation @_cdecl("batching_accumulator_observe")
public func batching_accumulator_observe(
    _ accumulator: OpaquePointer!, _ state: UnsafeMutablePointer<batching_accumulator_state>!
) -> batching_status {
    status(of: accumulator) { (accumulator: inout Accumulator) throws(BatchingError) in
        _ = try batching_accumulator_state.read(state)
        batching_accumulator_state(accumulator.state()).write(to: state)
    }
}

@implementation @_cdecl("batching_accumulator_measure")
public func batching_accumulator_measure(
    _ accumulator: OpaquePointer!, _ scope: Int32, _ config: UnsafePointer<batching_serving_metrics_config>!,
    _ metrics: UnsafeMutablePointer<batching_serving_metrics>!
) -> batching_status {
    status(of: accumulator) { (accumulator: inout Accumulator) throws(BatchingError) in
        let config = try batching_serving_metrics_config.config(config)
        var written = try batching_serving_metrics.read(metrics)
        let scope: AccumulatorScope = try choice(scope, "scope")
        written.set(try accumulator.metrics(scope, config, try written.wanted()))
        written.write(to: metrics)
    }
}

@implementation @_cdecl("batching_accumulator_merge")
public func batching_accumulator_merge(
    _ accumulator: OpaquePointer!, _ other: OpaquePointer!
) -> batching_status {
    status { () throws(BatchingError) in
        guard accumulator == nil || accumulator != other else {
            throw BatchingError(.invalidArgument, "other is the accumulator itself: must be another one")
        }
        let target = try AccumulatorHandle.lock(accumulator, "accumulator")
        defer { AccumulatorHandle.unlock(target) }
        let source = try AccumulatorHandle.lock(other, "other")
        defer { AccumulatorHandle.unlock(source) }
        try AccumulatorHandle.valuePlace(target).pointee.merge(AccumulatorHandle.valuePlace(source).pointee)
    }
}

@implementation @_cdecl("batching_accumulator_save")
public func batching_accumulator_save(
    _ accumulator: OpaquePointer!, _ buffer: UnsafeMutablePointer<UInt8>!, _ capacity: Int64,
    _ needed: UnsafeMutablePointer<Int64>!
) -> batching_status {
    status(of: accumulator) { (accumulator: inout Accumulator) throws(BatchingError) in
        let size = try accumulator.savedSize()
        if try hasRoom(buffer, capacity, for: size, needed) { try accumulator.save(into: buffer) }
    }
}

@implementation @_cdecl("batching_accumulator_load")
public func batching_accumulator_load(
    _ bytes: UnsafePointer<UInt8>!, _ size: Int64, _ accumulator: UnsafeMutablePointer<OpaquePointer?>!
) -> batching_status {
    status { () throws(BatchingError) in
        let accumulator = try required(accumulator, "accumulator")
        let bytes = try required(bytes, "bytes")
        guard size >= 0 else { throw .invalid("size", size, "must be at least 0") }
        accumulator.pointee = try AccumulatorHandle.create(try Accumulator.load(bytes, count: Int(size)))
    }
}

@implementation @_cdecl("batching_accumulator_prometheus")
public func batching_accumulator_prometheus(
    _ accumulator: OpaquePointer!, _ model_name: UnsafePointer<CChar>!, _ engine: UnsafePointer<CChar>!,
    _ max_model_len: Int64, _ buffer: UnsafeMutablePointer<CChar>!, _ capacity: Int64,
    _ needed: UnsafeMutablePointer<Int64>!
) -> batching_status {
    status(of: accumulator) { (accumulator: inout Accumulator) throws(BatchingError) in
        let modelName = try label(model_name, "model_name")
        let engine = try label(engine, "engine")
        guard max_model_len >= 0 else { throw .invalid("max_model_len", max_model_len, "must be at least 0") }
        let longest = max_model_len == 0 ? Int64.max : max_model_len
        let size = accumulator.renderPrometheus(
            modelName: modelName, engine: engine, maxModelLength: longest, into: nil)
        guard try hasRoom(buffer, capacity, for: size + 1, needed) else { return }
        buffer.withMemoryRebound(to: UInt8.self, capacity: size + 1) { bytes in
            _ = accumulator.renderPrometheus(
                modelName: modelName, engine: engine, maxModelLength: longest, into: bytes)
            bytes[size] = 0
        }
    }
}

/// A label: valid UTF-8.
private func label(
    _ text: UnsafePointer<CChar>?, _ name: StaticString
) throws(BatchingError) -> UnsafeBufferPointer<UInt8> {
    let start = UnsafeRawPointer(try required(text, name)).assumingMemoryBound(to: UInt8.self)
    var count = 0
    while start[count] != 0 { count += 1 }
    let label = UnsafeBufferPointer(start: start, count: count)
    guard (try? UTF8Span(validating: label.span)) != nil else {
        throw BatchingError(.invalidArgument, "\(name) is not UTF-8: must be UTF-8")
    }
    return label
}

extension batching_accumulator_config {
    static let firstSize = 72

    var configuration: AccumulatorConfig {
        get throws(BatchingError) {
            guard reserved_2 == 0 else { throw .invalid("config.reserved_2", reserved_2, "must be 0") }
            guard let requests = Int(exactly: max_requests), let gaps = Int(exactly: max_gaps) else {
                throw BatchingError(.invalidArgument, "max_requests or max_gaps is out of its range")
            }
            var configuration = AccumulatorConfig()
            if window != 0 { configuration.window = window }
            if slot_count != 0 { configuration.slotCount = Int(slot_count) }
            if requests != 0 { configuration.maxRequests = requests }
            configuration.maxGaps = gaps
            configuration.sloTTFT = slo_ttft
            configuration.sloTPOT = slo_tpot
            configuration.sloITL = slo_itl
            configuration.sloE2E = slo_e2e
            return configuration
        }
    }
}

extension batching_accumulator_events {
    static let firstSize = 48

    static func columns(
        _ events: UnsafePointer<batching_accumulator_events>?
    ) throws(BatchingError) -> AccumulatorEventColumns {
        let events = try read(events)
        if events.event != nil, events.count != 0 { _ = try required(events.value, "events.value") }
        return AccumulatorEventColumns(
            count: Int(events.count), event: events.event,
            request: try requiredColumn(events.request, "events.request", count: events.count),
            time: try requiredColumn(events.time, "events.time", count: events.count), value: events.value)
    }
}

extension batching_accumulator_state {
    static let firstSize = 64

    init(_ state: AccumulatorState) {
        self.init()
        first_arrival = state.firstArrival
        clock = state.clock
        window_begin = state.windowBegin
        arrived = state.arrived
        running = state.running
        waiting = state.waiting
        gaps = state.gaps
    }
}
