import Batching
import CBatching

typealias FleetHandle = Handle<LiveFleet>

/// Runs the body of a C function on a fleet.
@inline(__always)
private func status(
    of pointer: OpaquePointer?, _ body: (inout LiveFleet) throws(BatchingError) -> Void
) -> batching_status {
    status(of: pointer, "fleet", body)
}

@implementation @_cdecl("batching_fleet_create")
public func batching_fleet_create(
    _ config: UnsafePointer<batching_fleet_config>!, _ fleet: UnsafeMutablePointer<OpaquePointer?>!
) -> batching_status {
    status { () throws(BatchingError) in
        let fleet = try required(fleet, "fleet")
        let config = try batching_fleet_config.read(config)
        _ = try config.replicaCount()
        try config.checkNoLogs()
        let pools = try FleetPools(config, mayAttribute: true)
        let keepsAttribution = try pools.keepsAttribution()
        let configuration = try config.configuration(pools, hashBlock: try config.hashBlock(pools))
        fleet.pointee = try FleetHandle.create(try LiveFleet(configuration, keepsAttribution: keepsAttribution))
    }
}

@implementation @_cdecl("batching_fleet_destroy")
public func batching_fleet_destroy(_ fleet: OpaquePointer!) -> batching_status {
    status { () throws(BatchingError) in
        if fleet == nil { return }
        FleetHandle.destroy(try FleetHandle.lock(fleet, "fleet"))
    }
}

@implementation @_cdecl("batching_fleet_submit")
public func batching_fleet_submit(
    _ fleet: OpaquePointer!, _ requests: UnsafePointer<batching_requests>!, _ ids: UnsafePointer<Int64>!
) -> batching_status {
    status(of: fleet) { (fleet: inout LiveFleet) throws(BatchingError) in
        try fleet.submit(try batching_requests.read(requests).liveColumns(), ids: ids)
    }
}

@implementation @_cdecl("batching_fleet_advance")
public func batching_fleet_advance(_ fleet: OpaquePointer!, _ time: Double) -> batching_status {
    status(of: fleet) { (fleet: inout LiveFleet) throws(BatchingError) in try fleet.advance(to: time) }
}

@implementation @_cdecl("batching_fleet_abort")
public func batching_fleet_abort(_ fleet: OpaquePointer!, _ request: Int64) -> batching_status {
    status(of: fleet) { (fleet: inout LiveFleet) throws(BatchingError) in try fleet.abort(request) }
}

@implementation @_cdecl("batching_fleet_poll")
public func batching_fleet_poll(
    _ fleet: OpaquePointer!, _ events: UnsafeMutablePointer<batching_fleet_events>!
) -> batching_status {
    status(of: fleet) { (fleet: inout LiveFleet) throws(BatchingError) in
        var told = try batching_fleet_events.read(events)
        guard told.capacity >= 0 else { throw .invalid("events.capacity", told.capacity, "must be at least 0") }
        var columns = LiveFleetEventColumns(capacity: Int(told.capacity))
        columns.time = told.time
        columns.request = told.request
        columns.event = told.event
        columns.tokens = told.tokens
        columns.replica = told.replica
        (columns.results, columns.columns) = try liveColumns(
            told.results, told.fleet_results, holding: told.capacity, "events.capacity")
        told.count = Int64(try fleet.poll(into: columns))
        told.remaining = Int64(fleet.events)
        told.write(to: events)
    }
}

@implementation @_cdecl("batching_fleet_observe")
public func batching_fleet_observe(
    _ fleet: OpaquePointer!, _ state: UnsafeMutablePointer<batching_fleet_state>!
) -> batching_status {
    status(of: fleet) { (fleet: inout LiveFleet) throws(BatchingError) in
        var told = try batching_fleet_state.read(state)
        let holds = try fleet.observe()
        if told.hasColumns {
            try checkCapacity(told.capacity, "state", holding: Int64(holds.replicas), "the replicas")
            try fleet.observe(into: told.columns)
        }
        told.set(holds)
        told.write(to: state)
    }
}

@implementation @_cdecl("batching_fleet_estimate")
public func batching_fleet_estimate(
    _ fleet: OpaquePointer!, _ requests: UnsafePointer<batching_requests>!,
    _ results: UnsafePointer<batching_results>!, _ fleet_results: UnsafePointer<batching_fleet_results>!
) -> batching_status {
    status(of: fleet) { (fleet: inout LiveFleet) throws(BatchingError) in
        let requests = try batching_requests.read(requests)
        let columns = try liveColumns(results, fleet_results, holding: requests.count, "requests.count")
        try fleet.estimate(try requests.liveColumns(), results: columns.0, columns: columns.1)
    }
}

@implementation @_cdecl("batching_fleet_fork")
public func batching_fleet_fork(
    _ fleet: OpaquePointer!, _ copy: UnsafeMutablePointer<OpaquePointer?>!
) -> batching_status {
    status(of: fleet) { (fleet: inout LiveFleet) throws(BatchingError) in
        let copy = try required(copy, "copy")
        copy.pointee = try FleetHandle.create(try fleet.fork())
    }
}

/// The columns by request of what becomes of some, each of at least `count` elements.
private func liveColumns(
    _ results: UnsafePointer<batching_results>?, _ fleetResults: UnsafePointer<batching_fleet_results>?,
    holding count: Int64, _ name: StaticString
) throws(BatchingError) -> (ResultColumns, FleetColumns) {
    var columns = (ResultColumns(), FleetColumns())
    if let results {
        let given = try batching_results.read(results)
        guard given.completion_order == nil else {
            throw BatchingError(.invalidArgument, "completion_order is given: must be NULL for a live fleet")
        }
        try checkCapacity(given.capacity, "results", holding: count, name)
        columns.0 = given.columns
    }
    if let fleetResults {
        let given = try batching_fleet_results.read(fleetResults)
        try checkCapacity(given.capacity, "fleet_results", holding: count, name)
        columns.1 = try given.columns(count)
    }
    return columns
}

extension batching_fleet_config {
    /// Tokens that hash ids of requests stand for which are to come, if a router leaves that open.
    fileprivate func hashBlock(_ pools: borrowing FleetPools) throws(BatchingError) -> Int64? {
        guard let router else { return pools.commonBlock }
        return try batching_router_config.read(router).block_size == 0 ? pools.commonBlock : nil
    }
}

extension batching_fleet_events {
    static let firstSize = 88
}

extension batching_fleet_state {
    static let firstSize = 144

    fileprivate var hasColumns: Bool {
        waiting != nil || running != nil || kv_use != nil || routed != nil || queued_tokens != nil || is_up != nil
    }

    fileprivate var columns: LiveFleetReplicaColumns {
        var columns = LiveFleetReplicaColumns()
        columns.waiting = waiting
        columns.running = running
        columns.kvUse = kv_use
        columns.inFlight = routed
        columns.queuedTokens = queued_tokens
        columns.isUp = is_up
        return columns
    }

    fileprivate mutating func set(_ state: LiveFleetState) {
        clock = state.clock
        submitted = state.submitted
        pending = state.pending
        in_flight = state.inFlight
        queued = state.queued
        finished = state.finished
        rejected = state.rejected
        aborted = state.aborted
        events = state.events
        replicas = Int64(state.replicas)
    }
}
