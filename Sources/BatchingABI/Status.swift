import Batching
import CBatching
import CBatchingSupport

@implementation @_cdecl("batching_last_error")
public func batching_last_error() -> UnsafePointer<CChar>! {
    cbatching_error()
}

extension BatchingError {
    fileprivate var status: batching_status {
        switch kind {
        case .invalidArgument: BATCHING_ERROR_INVALID_ARGUMENT
        case .nullPointer: BATCHING_ERROR_NULL_POINTER
        case .structSize: BATCHING_ERROR_STRUCT_SIZE
        case .capacity: BATCHING_ERROR_CAPACITY
        case .overflow: BATCHING_ERROR_OVERFLOW
        case .outOfMemory: BATCHING_ERROR_OUT_OF_MEMORY
        case .cancelled: BATCHING_ERROR_CANCELLED
        case .busy: BATCHING_ERROR_BUSY
        }
    }
}

/// Runs the body of a C function, in the standard floating-point mode: an error becomes the thread's last error and a
/// status.
func status(of body: () throws(BatchingError) -> Void) -> batching_status {
    let outer = cbatching_enter()
    defer { cbatching_leave(outer) }
    do throws(BatchingError) {
        try body()
        return BATCHING_OK
    } catch {
        error.text.withUTF8 { cbatching_set_error($0.baseAddress, $0.count) }
        return error.status
    }
}

/// Calls a function of the caller's, in the caller's floating-point mode.
@inline(__always)
func calling(_ callback: () -> Int32) -> Int32 {
    cbatching_begin_callback()
    defer { cbatching_end_callback() }
    return callback()
}

/// A pointer that must not be NULL.
func required<Pointer>(_ pointer: Pointer?, _ argument: StaticString) throws(BatchingError) -> Pointer {
    guard let pointer else { throw BatchingError(.nullPointer, "\(argument) is NULL: it is required") }
    return pointer
}

/// Tells how many elements are needed. False if there is no buffer; throws if it is too small.
func hasRoom<Element>(
    _ buffer: UnsafeMutablePointer<Element>?, _ capacity: Int64, for size: Int, _ needed: UnsafeMutablePointer<Int64>?
) throws(BatchingError) -> Bool {
    guard capacity >= 0 else { throw .invalid("capacity", capacity, "must be at least 0") }
    needed?.pointee = Int64(size)
    if buffer == nil { return false }
    guard capacity >= Int64(size) else {
        throw BatchingError(.capacity, "capacity is \(capacity): must be at least \(size)")
    }
    return true
}
