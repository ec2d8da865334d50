import Batching
import CBatching

typealias RouterHandle = Handle<Router>

/// Runs the body of a C function on a router.
@inline(__always)
func status(
    of pointer: OpaquePointer?, _ body: (inout Router) throws(BatchingError) -> Void
) -> batching_status {
    status(of: pointer, "router", body)
}

@implementation @_cdecl("batching_router_create")
public func batching_router_create(
    _ config: UnsafePointer<batching_router_config>!, _ router: UnsafeMutablePointer<OpaquePointer?>!
) -> batching_status {
    status { () throws(BatchingError) in
        let router = try required(router, "router")
        let configuration = try batching_router_config.read(config).configuration()
        router.pointee = try RouterHandle.create(try Router(configuration))
    }
}

@implementation @_cdecl("batching_router_destroy")
public func batching_router_destroy(_ router: OpaquePointer!) -> batching_status {
    status { () throws(BatchingError) in
        if router == nil { return }
        RouterHandle.destroy(try RouterHandle.lock(router, "router"))
    }
}

@implementation @_cdecl("batching_router_route")
public func batching_router_route(
    _ router: OpaquePointer!, _ request: UnsafePointer<batching_routing_request>!,
    _ worker: UnsafeMutablePointer<Int64>!
) -> batching_status {
    status(of: router) { (router: inout Router) throws(BatchingError) in
        let worker = try required(worker, "worker")
        let chosen = try router.route(try batching_routing_request.read(request).question)
        worker.pointee = chosen.map { Int64($0) } ?? Int64(BATCHING_WORKER_NONE)
    }
}

@implementation @_cdecl("batching_router_explain")
public func batching_router_explain(
    _ router: OpaquePointer!, _ request: UnsafePointer<batching_routing_request>!,
    _ allowed: UnsafeMutablePointer<Int32>!, _ score: UnsafeMutablePointer<Double>!
) -> batching_status {
    status(of: router) { (router: inout Router) throws(BatchingError) in
        try router.explain(try batching_routing_request.read(request).question, allowed: allowed, score: score)
    }
}

@implementation @_cdecl("batching_router_book")
public func batching_router_book(
    _ router: OpaquePointer!, _ request: UnsafePointer<batching_routing_request>!, _ worker: Int64
) -> batching_status {
    status(of: router) { (router: inout Router) throws(BatchingError) in
        try router.book(try batching_routing_request.read(request).question, worker: Int(worker))
    }
}

@implementation @_cdecl("batching_router_release")
public func batching_router_release(
    _ router: OpaquePointer!, _ request: UnsafeMutablePointer<Int64>!, _ worker: UnsafeMutablePointer<Int64>!
) -> batching_status {
    status(of: router) { (router: inout Router) throws(BatchingError) in
        let request = try required(request, "request")
        let worker = try required(worker, "worker")
        if let released = try router.release() {
            request.pointee = released.request
            worker.pointee = Int64(released.worker)
        } else {
            worker.pointee = Int64(BATCHING_WORKER_NONE)
        }
    }
}

@implementation @_cdecl("batching_router_first_token")
public func batching_router_first_token(
    _ router: OpaquePointer!, _ request: Int64, _ time: Double
) -> batching_status {
    status(of: router) { (router: inout Router) throws(BatchingError) in try router.firstToken(request, time: time) }
}

@implementation @_cdecl("batching_router_output_block")
public func batching_router_output_block(
    _ router: OpaquePointer!, _ request: Int64, _ weight: Double
) -> batching_status {
    status(of: router) { (router: inout Router) throws(BatchingError) in
        try router.outputBlock(request, weight: weight)
    }
}

@implementation @_cdecl("batching_router_finished")
public func batching_router_finished(_ router: OpaquePointer!, _ request: Int64, _ time: Double) -> batching_status {
    status(of: router) { (router: inout Router) throws(BatchingError) in try router.finished(request, time: time) }
}

@implementation @_cdecl("batching_router_set_worker")
public func batching_router_set_worker(
    _ router: OpaquePointer!, _ worker: Int64, _ is_up: Int32, _ time: Double
) -> batching_status {
    status(of: router) { (router: inout Router) throws(BatchingError) in
        try router.setWorker(Int(worker), isUp: try flag(is_up, "is_up"), time: time)
    }
}

@implementation @_cdecl("batching_router_observe")
public func batching_router_observe(
    _ router: OpaquePointer!, _ metrics: UnsafePointer<batching_worker_metrics>!
) -> batching_status {
    status(of: router) { (router: inout Router) throws(BatchingError) in
        try router.observe(try batching_worker_metrics.read(metrics).metrics)
    }
}

@implementation @_cdecl("batching_router_stored")
public func batching_router_stored(
    _ router: OpaquePointer!, _ worker: Int64, _ hash_ids: UnsafePointer<UInt64>!, _ count: Int64, _ first: Int64
) -> batching_status {
    status(of: router) { (router: inout Router) throws(BatchingError) in
        let hashIds = try requiredColumn(hash_ids, "hash_ids", count: count)
        try router.stored(Int(worker), hashIds: hashIds, count: Int(count), first: Int(first))
    }
}

@implementation @_cdecl("batching_router_removed")
public func batching_router_removed(
    _ router: OpaquePointer!, _ worker: Int64, _ hash_ids: UnsafePointer<UInt64>!, _ count: Int64
) -> batching_status {
    status(of: router) { (router: inout Router) throws(BatchingError) in
        let hashIds = try requiredColumn(hash_ids, "hash_ids", count: count)
        try router.removed(Int(worker), hashIds: hashIds, count: Int(count))
    }
}

@implementation @_cdecl("batching_router_evict")
public func batching_router_evict(_ router: OpaquePointer!, _ max_tree_size: Int64) -> batching_status {
    status(of: router) { (router: inout Router) throws(BatchingError) in try router.evict(most: max_tree_size) }
}

@implementation @_cdecl("batching_router_load")
public func batching_router_load(
    _ router: OpaquePointer!, _ requests: UnsafeMutablePointer<Int64>!, _ prefill_tokens: UnsafeMutablePointer<Int64>!,
    _ waiting: UnsafeMutablePointer<Int64>!
) -> batching_status {
    status(of: router) { (router: inout Router) throws(BatchingError) in
        let waits = Int64(try router.waiting())
        for worker in 0..<router.workers {
            if let requests { requests[worker] = router.requests(worker) }
            if let prefill_tokens { prefill_tokens[worker] = router.prefillTokens(worker) }
        }
        waiting?.pointee = waits
    }
}

@implementation @_cdecl("batching_router_fork")
public func batching_router_fork(
    _ router: OpaquePointer!, _ copy: UnsafeMutablePointer<OpaquePointer?>!
) -> batching_status {
    status(of: router) { (router: inout Router) throws(BatchingError) in
        let copy = try required(copy, "copy")
        copy.pointee = try RouterHandle.create(try router.fork())
    }
}
