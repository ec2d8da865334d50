import Batching
import CBatching

@implementation @_cdecl("batching_live_calibration_create")
public func batching_live_calibration_create(
    _ config: UnsafePointer<batching_calibration_config>!, _ window: Int64,
    _ calibration: UnsafeMutablePointer<OpaquePointer?>!
) -> batching_status {
    status { () throws(BatchingError) in
        let calibration = try required(calibration, "calibration")
        let config = config == nil ? batching_calibration_config() : try batching_calibration_config.read(config)
        calibration.pointee = try LiveCalibrationHandle.create(
            try LiveCalibration(try config.configuration(), window: Int(window)))
    }
}

@implementation @_cdecl("batching_live_calibration_destroy")
public func batching_live_calibration_destroy(_ calibration: OpaquePointer!) -> batching_status {
    status { () throws(BatchingError) in
        guard calibration != nil else { return }
        LiveCalibrationHandle.destroy(try LiveCalibrationHandle.lock(calibration, "calibration"))
    }
}

@implementation @_cdecl("batching_live_calibration_arrived")
public func batching_live_calibration_arrived(
    _ calibration: OpaquePointer!, _ request: Int64, _ time: Double, _ prompt_length: Int32,
    _ expected_output_length: Int32, _ hash_ids: UnsafePointer<Int64>!, _ hash_count: Int64
) -> batching_status {
    status(of: calibration) { (calibration: inout LiveCalibration) throws(BatchingError) in
        guard hash_count >= 0 else { throw .invalid("hash_count", hash_count, "must be at least 0") }
        var ids: UnsafeBufferPointer<Int64>?
        if hash_count > 0 {
            ids = UnsafeBufferPointer(start: try required(hash_ids, "hash_ids"), count: Int(hash_count))
        }
        try calibration.arrived(
            request, time: time, promptLength: prompt_length, expectedOutput: expected_output_length, hashIDs: ids)
    }
}

@implementation @_cdecl("batching_live_calibration_first_token")
public func batching_live_calibration_first_token(
    _ calibration: OpaquePointer!, _ request: Int64, _ time: Double
) -> batching_status {
    status(of: calibration) { (calibration: inout LiveCalibration) throws(BatchingError) in
        try calibration.firstToken(request, time: time)
    }
}

@implementation @_cdecl("batching_live_calibration_finished")
public func batching_live_calibration_finished(
    _ calibration: OpaquePointer!, _ request: Int64, _ time: Double, _ output_length: Int32
) -> batching_status {
    status(of: calibration) { (calibration: inout LiveCalibration) throws(BatchingError) in
        try calibration.finished(request, time: time, outputLength: output_length)
    }
}

@implementation @_cdecl("batching_live_calibration_failed")
public func batching_live_calibration_failed(
    _ calibration: OpaquePointer!, _ request: Int64, _ time: Double
) -> batching_status {
    status(of: calibration) { (calibration: inout LiveCalibration) throws(BatchingError) in
        try calibration.failed(request, time: time)
    }
}

@implementation @_cdecl("batching_live_calibration_observe")
public func batching_live_calibration_observe(
    _ calibration: OpaquePointer!, _ state: UnsafeMutablePointer<batching_live_calibration_state>!
) -> batching_status {
    status(of: calibration) { (calibration: inout LiveCalibration) throws(BatchingError) in
        _ = try batching_live_calibration_state.read(state)
        batching_live_calibration_state(try calibration.observe()).write(to: state)
    }
}

@implementation @_cdecl("batching_live_calibration_log_write")
public func batching_live_calibration_log_write(
    _ calibration: OpaquePointer!, _ log: UnsafeMutablePointer<batching_live_calibration_log>!
) -> batching_status {
    status(of: calibration) { (calibration: inout LiveCalibration) throws(BatchingError) in
        var written = try batching_live_calibration_log.read(log)
        let columns = try written.columns()
        (written.count, written.hash_count) = (Int64(calibration.count), Int64(calibration.hashCount))
        do throws(BatchingError) {
            written.first_arrival = try calibration.writeLog(to: columns) ?? .nan
        } catch {
            // How much room there must be is told all the same.
            if error.kind == .capacity { written.write(to: log) }
            throw error
        }
        written.write(to: log)
    }
}

@implementation @_cdecl("batching_live_calibration_fork")
public func batching_live_calibration_fork(
    _ calibration: OpaquePointer!, _ copy: UnsafeMutablePointer<OpaquePointer?>!
) -> batching_status {
    status(of: calibration) { (calibration: inout LiveCalibration) throws(BatchingError) in
        let copy = try required(copy, "copy")
        copy.pointee = try LiveCalibrationHandle.create(try calibration.fork())
    }
}

@implementation @_cdecl("batching_live_calibration_fit")
public func batching_live_calibration_fit(
    _ calibration: OpaquePointer!, _ simulations: Int64, _ callback: batching_calibration_callback!,
    _ user_data: UnsafeMutableRawPointer!, _ found: UnsafeMutablePointer<batching_calibration>!
) -> batching_status {
    status(of: calibration) { (calibration: inout LiveCalibration) throws(BatchingError) in
        guard simulations >= 0 else { throw .invalid("simulations", simulations, "must be at least 0") }
        _ = try batching_calibration.read(try required(UnsafePointer(found), "found"))
        let result = try calibration.fit(
            simulations: simulations == 0 ? nil : simulations, callback: CalibrationCallback.of(callback, user_data))
        batching_calibration(result).write(to: found)
    }
}

extension batching_live_calibration_state {
    static let firstSize = 56

    init(_ state: LiveCalibrationState) {
        self.init()
        in_flight = Int64(state.inFlight)
        finished = Int64(state.finished)
        failed = Int64(state.failed)
        counting = Int64(state.counting)
        hash_ids = Int64(state.hashIDs)
        forgotten_until = state.forgottenUntil ?? .nan
    }
}

extension batching_live_calibration_log {
    static let firstSize = 128

    func columns() throws(BatchingError) -> LiveCalibrationLogColumns {
        guard capacity >= 0 else { throw .invalid("log.capacity", capacity, "must be at least 0") }
        guard hash_capacity >= 0 else { throw .invalid("log.hash_capacity", hash_capacity, "must be at least 0") }
        var columns = LiveCalibrationLogColumns()
        columns.capacity = Int(capacity)
        columns.hashCapacity = Int(hash_capacity)
        columns.request = request
        columns.promptLength = prompt_length
        columns.outputLength = output_length
        columns.arrivalTime = arrival_time
        columns.abortTime = abort_time
        columns.firstTokenTime = first_token_time
        columns.endTime = end_time
        columns.success = success
        columns.hashOffsets = hash_offsets
        columns.hashIDs = hash_ids
        return columns
    }
}
