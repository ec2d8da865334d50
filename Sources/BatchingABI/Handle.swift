import Batching
import CBatching
import CBatchingSupport

/// What a handle of the header points to.
struct Handle<Value: ~Copyable>: ~Copyable {
    /// 1 while a call uses it.
    var lock: Int32 = 0
    var value: Value

    init(_ value: consuming Value) {
        self.value = value
    }

    /// A handle of its own for a value.
    static func create(_ value: consuming Value) throws(BatchingError) -> OpaquePointer {
        OpaquePointer(try allocated(Handle(value)))
    }

    static func destroy(_ handle: UnsafeMutablePointer<Handle>) { deallocate(handle) }

    /// The handle of a pointer, locked until `unlock`.
    @inline(__always)
    static func lock(
        _ pointer: OpaquePointer?, _ argument: StaticString
    ) throws(BatchingError) -> UnsafeMutablePointer<Handle> {
        guard let pointer else { throw missing(argument) }
        let handle = UnsafeMutablePointer<Handle>(pointer)
        guard cbatching_try_lock(lockPlace(handle)) != 0 else { throw busy(argument) }
        return handle
    }

    @inline(never)
    private static func missing(_ argument: StaticString) -> BatchingError {
        BatchingError(.nullPointer, "\(argument) is NULL: it is required")
    }

    @inline(never)
    private static func busy(_ argument: StaticString) -> BatchingError {
        BatchingError(.busy, "\(argument) is in use by another call: one thread at a time may use it")
    }
}

extension Handle where Value: ~Copyable {
    @inline(__always)
    static func unlock(_ handle: UnsafeMutablePointer<Handle>) { cbatching_unlock(lockPlace(handle)) }

    // Two places, and not two fields of `pointee`: an access to a field is one to the whole, and other threads try
    // the lock while one thread has the value.

    @inline(__always)
    private static func lockPlace(_ handle: UnsafeMutablePointer<Handle>) -> UnsafeMutablePointer<Int32> {
        UnsafeMutableRawPointer(handle).assumingMemoryBound(to: Int32.self)
    }

    @inline(__always)
    static func valuePlace(_ handle: UnsafeMutablePointer<Handle>) -> UnsafeMutablePointer<Value> {
        let offset = max(MemoryLayout<Int32>.size, MemoryLayout<Value>.alignment)
        return (UnsafeMutableRawPointer(handle) + offset).assumingMemoryBound(to: Value.self)
    }
}

typealias AccumulatorHandle = Handle<Accumulator>
typealias EngineHandle = Handle<LiveEngine>
typealias LiveCalibrationHandle = Handle<LiveCalibration>

/// Runs the body of a C function on what a handle has.
@inline(__always)
func status<Value: ~Copyable>(
    of pointer: OpaquePointer?, _ argument: StaticString, _ body: (inout Value) throws(BatchingError) -> Void
) -> batching_status {
    status { () throws(BatchingError) in
        let handle = try Handle<Value>.lock(pointer, argument)
        defer { Handle.unlock(handle) }
        try body(&Handle.valuePlace(handle).pointee)
    }
}

/// Runs the body of a C function on an accumulator.
@inline(__always)
func status(
    of pointer: OpaquePointer?, _ body: (inout Accumulator) throws(BatchingError) -> Void
) -> batching_status {
    status(of: pointer, "accumulator", body)
}

/// Runs the body of a C function on an engine.
@inline(__always)
func status(
    of pointer: OpaquePointer?, _ body: (inout LiveEngine) throws(BatchingError) -> Void
) -> batching_status {
    status(of: pointer, "engine", body)
}

/// Runs the body of a C function on a live calibration.
@inline(__always)
func status(
    of pointer: OpaquePointer?, _ body: (inout LiveCalibration) throws(BatchingError) -> Void
) -> batching_status {
    status(of: pointer, "calibration", body)
}
