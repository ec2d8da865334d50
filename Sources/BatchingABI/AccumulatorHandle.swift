import Batching
import CBatching
import CBatchingSupport

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// What a `batching_accumulator *` points to.
struct AccumulatorHandle: ~Copyable {
    /// 1 while a call uses it.
    var lock: Int32 = 0
    var accumulator: Accumulator

    init(_ accumulator: consuming Accumulator) {
        self.accumulator = accumulator
    }

    /// A handle of its own for an accumulator.
    static func create(_ accumulator: consuming Accumulator) throws(BatchingError) -> OpaquePointer {
        let size = MemoryLayout<AccumulatorHandle>.size
        guard let memory = malloc(size) else {
            throw BatchingError(.outOfMemory, "not enough memory for an accumulator")
        }
        let handle = memory.bindMemory(to: AccumulatorHandle.self, capacity: 1)
        handle.initialize(to: AccumulatorHandle(accumulator))
        return OpaquePointer(handle)
    }

    static func destroy(_ handle: UnsafeMutablePointer<AccumulatorHandle>) {
        handle.deinitialize(count: 1)
        free(handle)
    }

    /// The handle of a pointer, locked until `unlock`.
    @inline(__always)
    static func lock(
        _ pointer: OpaquePointer?, _ argument: StaticString = "accumulator"
    ) throws(BatchingError) -> UnsafeMutablePointer<AccumulatorHandle> {
        guard let pointer else { throw missing(argument) }
        let handle = UnsafeMutablePointer<AccumulatorHandle>(pointer)
        guard cbatching_try_lock(&handle.pointee.lock) != 0 else { throw busy(argument) }
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

extension UnsafeMutablePointer where Pointee == AccumulatorHandle {
    @inline(__always)
    func unlock() { cbatching_unlock(&pointee.lock) }
}

/// Runs the body of a C function on the accumulator of a handle.
@inline(__always)
func status(
    of pointer: OpaquePointer?, _ body: (inout Accumulator) throws(BatchingError) -> Void
) -> batching_status {
    status { () throws(BatchingError) in
        let handle = try AccumulatorHandle.lock(pointer)
        defer { handle.unlock() }
        try body(&handle.pointee.accumulator)
    }
}
