/// What a fleet that runs on needs of its configuration, in memory of its own.
struct OwnedFleetConfig: ~Copyable {
    /// But for what only the routers look at, which have been made.
    private(set) var configuration: FleetConfig
    private let pools: UnsafeMutablePointer<FleetConfig.Pool>
    /// What the time models of the pools point to.
    private let tables: UnsafeMutablePointer<TableStorage>
    private let faultTime: ScratchBuffer<Double>
    private let faultReplica: ScratchBuffer<Int32>
    private let faultKind: ScratchBuffer<Int32>
    private let faultFactor: ScratchBuffer<Double>

    /// - Parameter given: which has been checked; another such configuration to make a copy.
    init(_ given: FleetConfig) throws(BatchingError) {
        let faults = given.faults
        let faultTime = try ScratchBuffer<Double>.copy(faults.time, count: faults.count)
        let faultReplica = try ScratchBuffer<Int32>.copy(faults.replica, count: faults.count)
        let faultKind = try ScratchBuffer<Int32>.copy(faults.kind, count: faults.count)
        let faultFactor = try ScratchBuffer<Double>.copy(faults.factor, count: faults.count)
        let count = given.poolCount
        let pools = try RawMemory.allocate(count, stride: MemoryLayout<FleetConfig.Pool>.stride)
            .bindMemory(to: FleetConfig.Pool.self, capacity: count)
        var tables: UnsafeMutablePointer<TableStorage>?
        var made = 0
        do throws(BatchingError) {
            let memory = try RawMemory.allocate(count, stride: MemoryLayout<TableStorage>.stride)
                .bindMemory(to: TableStorage.self, capacity: count)
            tables = memory
            while made < count {
                var own = given.pools[made]
                (memory + made).initialize(to: try TableStorage.copying(&own.engine.iterationTime))
                (pools + made).initialize(to: own)
                made &+= 1
            }
        } catch {
            tables?.deinitialize(count: made)
            deallocate(reallocated: tables)
            pools.deinitialize(count: made)
            deallocate(reallocated: pools)
            throw error
        }
        var configuration = given
        configuration.router = RouterConfig()
        configuration.router.blockSize = given.router.blockSize
        configuration.decodeRouter = nil
        configuration.pools = UnsafePointer(pools)
        configuration.faults.time = faultTime.column(of: faults.time)
        configuration.faults.replica = faultReplica.column(of: faults.replica)
        configuration.faults.kind = faultKind.column(of: faults.kind)
        configuration.faults.factor = faultFactor.column(of: faults.factor)
        self.configuration = configuration
        self.pools = pools
        self.tables = tables.unsafelyUnwrapped
        self.faultTime = faultTime
        self.faultReplica = faultReplica
        self.faultKind = faultKind
        self.faultFactor = faultFactor
    }

    /// The same with the routers of what it was made of, while that is there.
    func with(routersOf given: FleetConfig) -> FleetConfig {
        var whole = configuration
        whole.router = given.router
        whole.decodeRouter = given.decodeRouter
        return whole
    }

    deinit {
        pools.deinitialize(count: configuration.poolCount)
        deallocate(reallocated: pools)
        tables.deinitialize(count: configuration.poolCount)
        deallocate(reallocated: tables)
    }
}

extension ScratchBuffer {
    /// The same elements as those of a column; none where there is no column.
    fileprivate static func copy(
        _ column: UnsafePointer<Element>?, count: Int
    ) throws(BatchingError) -> ScratchBuffer {
        let copy = try ScratchBuffer(uninitialized: column == nil ? 0 : count)
        if let column { try copy.elements.copy(column, count: count) }
        return copy
    }

    fileprivate func column(of given: UnsafePointer<Element>?) -> UnsafePointer<Element>? {
        given == nil ? nil : UnsafePointer(elements)
    }
}
