// Generated from include/batching.h by `make generate`: change that, not this.
// swift-format-ignore-file
import CBatching

@implementation @_cdecl("batching_status_name")
public func batching_status_name(_ status: batching_status) -> UnsafePointer<CChar>! {
    let name: StaticString =
        switch status {
        case BATCHING_OK: "BATCHING_OK"
        case BATCHING_ERROR_INVALID_ARGUMENT: "BATCHING_ERROR_INVALID_ARGUMENT"
        case BATCHING_ERROR_NULL_POINTER: "BATCHING_ERROR_NULL_POINTER"
        case BATCHING_ERROR_STRUCT_SIZE: "BATCHING_ERROR_STRUCT_SIZE"
        case BATCHING_ERROR_CAPACITY: "BATCHING_ERROR_CAPACITY"
        case BATCHING_ERROR_OVERFLOW: "BATCHING_ERROR_OVERFLOW"
        case BATCHING_ERROR_OUT_OF_MEMORY: "BATCHING_ERROR_OUT_OF_MEMORY"
        case BATCHING_ERROR_CANCELLED: "BATCHING_ERROR_CANCELLED"
        case BATCHING_ERROR_BUSY: "BATCHING_ERROR_BUSY"
        default: "unknown status"
        }
    return UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
}
