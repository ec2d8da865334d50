import Batching
import CBatching

typealias AutoscalerHandle = Handle<Autoscaler>

/// Runs the body of a C function on an autoscaler.
@inline(__always)
func status(
    of pointer: OpaquePointer?, _ body: (inout Autoscaler) throws(BatchingError) -> Void
) -> batching_status {
    status(of: pointer, "autoscaler", body)
}

@implementation @_cdecl("batching_autoscaler_create")
public func batching_autoscaler_create(
    _ config: UnsafePointer<batching_autoscaler_config>!, _ autoscaler: UnsafeMutablePointer<OpaquePointer?>!
) -> batching_status {
    status { () throws(BatchingError) in
        let autoscaler = try required(autoscaler, "autoscaler")
        let configuration = try batching_autoscaler_config.read(config).configuration()
        autoscaler.pointee = try AutoscalerHandle.create(try Autoscaler(configuration))
    }
}

@implementation @_cdecl("batching_autoscaler_destroy")
public func batching_autoscaler_destroy(_ autoscaler: OpaquePointer!) -> batching_status {
    status { () throws(BatchingError) in
        if autoscaler == nil { return }
        AutoscalerHandle.destroy(try AutoscalerHandle.lock(autoscaler, "autoscaler"))
    }
}

@implementation @_cdecl("batching_autoscaler_decide")
public func batching_autoscaler_decide(
    _ autoscaler: OpaquePointer!, _ readings: UnsafePointer<batching_scaling_readings>!,
    _ desired: UnsafeMutablePointer<Int64>!
) -> batching_status {
    status(of: autoscaler) { (autoscaler: inout Autoscaler) throws(BatchingError) in
        let desired = try required(desired, "desired")
        desired.pointee = Int64(try autoscaler.decide(try batching_scaling_readings.read(readings).readings))
    }
}
