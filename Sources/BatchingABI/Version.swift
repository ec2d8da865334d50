import CBatching
import CBatchingSupport

@implementation @_cdecl("batching_version_number")
public func batching_version_number() -> Int32 {
    BATCHING_VERSION_MAJOR * 1_000_000 + BATCHING_VERSION_MINOR * 1000 + BATCHING_VERSION_PATCH
}

@implementation @_cdecl("batching_version")
public func batching_version() -> UnsafePointer<CChar>! {
    cbatching_version()
}
