import Batching
import CBatching

/// A profile, and the structs of C that its configuration points to.
struct ProfileStructs: ~Copyable {
    let profile: Profile
    /// What batching_profile_get gives out.
    let config: batching_engine_config
    private let roofline: UnsafeMutablePointer<batching_roofline>?
    private let table: UnsafeMutablePointer<batching_time_table>?
    private let offload: UnsafeMutablePointer<batching_kv_offload>?

    init(_ profile: consuming Profile) throws(BatchingError) {
        let engine = profile.engine
        var config = batching_engine_config(settingsOf: engine)
        var roofline: UnsafeMutablePointer<batching_roofline>?
        var table: UnsafeMutablePointer<batching_time_table>?
        switch engine.iterationTime {
        case .constant(let seconds): (config.time_model, config.time_base) = (BATCHING_TIME_CONSTANT, seconds)
        case .affine(let time): config.set(time)
        case .roofline(let time):
            var structure = batching_roofline(time)
            structure.struct_size = UInt32(MemoryLayout<batching_roofline>.size)
            roofline = try allocated(structure)
            (config.time_model, config.time_roofline) = (BATCHING_TIME_ROOFLINE, UnsafePointer(roofline))
        case .table(let time):
            var structure = batching_time_table(time)
            structure.struct_size = UInt32(MemoryLayout<batching_time_table>.size)
            table = try allocated(structure)
            (config.time_model, config.time_table) = (BATCHING_TIME_TABLE, UnsafePointer(table))
        case .callback: break
        }
        var offload: UnsafeMutablePointer<batching_kv_offload>?
        do throws(BatchingError) {
            if let given = engine.kvOffload { offload = try allocated(batching_kv_offload(given)) }
        } catch {
            deallocate(roofline)
            deallocate(table)
            throw error
        }
        config.kv_offload = UnsafePointer(offload)
        self.profile = profile
        self.offload = offload
        self.config = config
        self.roofline = roofline
        self.table = table
    }

    deinit {
        deallocate(roofline)
        deallocate(table)
        deallocate(offload)
    }
}

typealias ProfileHandle = Handle<ProfileStructs>

@implementation @_cdecl("batching_profile_create")
public func batching_profile_create(
    _ json: UnsafePointer<CChar>!, _ size: Int64, _ profile: UnsafeMutablePointer<OpaquePointer?>!
) -> batching_status {
    status { () throws(BatchingError) in
        let json = try required(json, "json")
        guard size >= 0 else { throw .invalid("size", size, "must be at least 0") }
        let profile = try required(profile, "profile")
        let bytes = UnsafeRawBufferPointer(start: json, count: Int(size))
        profile.pointee = try ProfileHandle.create(try ProfileStructs(try Profile(json: bytes)))
    }
}

@implementation @_cdecl("batching_profile_destroy")
public func batching_profile_destroy(_ profile: OpaquePointer!) -> batching_status {
    status { () throws(BatchingError) in
        guard profile != nil else { return }
        ProfileHandle.destroy(try ProfileHandle.lock(profile, "profile"))
    }
}

@implementation @_cdecl("batching_profile_get")
public func batching_profile_get(
    _ profile: OpaquePointer!, _ config: UnsafeMutablePointer<batching_engine_config>!,
    _ facts: UnsafeMutablePointer<batching_profile_facts>!
) -> batching_status {
    status(of: profile, "profile") { (structs: inout ProfileStructs) throws(BatchingError) in
        if let config {
            _ = try batching_engine_config.read(config)
            try structs.config.checkAllIsKnown(to: config)
        }
        if let facts { _ = try batching_profile_facts.read(facts) }
        if let config { structs.config.write(to: config) }
        if let facts { batching_profile_facts(structs.profile).write(to: facts) }
    }
}

extension batching_profile_facts {
    static let firstSize = 32

    init(_ profile: borrowing Profile) {
        self.init()
        model = profile.modelText
        gpu = profile.gpuText
        client_delay = profile.clientDelay
    }
}

extension batching_engine_config {
    /// Throws if an older caller's struct lacks a field that is not 0: without it, it would say something else.
    fileprivate func checkAllIsKnown(to caller: UnsafePointer<batching_engine_config>) throws(BatchingError) {
        let known = Int(caller.pointee.struct_size)
        let isKnown = withUnsafeBytes(of: self) { bytes in
            for offset in min(known, bytes.count)..<bytes.count where bytes[offset] != 0 { return false }
            return true
        }
        guard isKnown else {
            throw BatchingError(
                .structSize,
                "config.struct_size is \(known): must be larger, as the profile has a value that a struct of that size lacks"
            )
        }
    }
}
