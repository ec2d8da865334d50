/// A worker that a node of a radix tree was sent to.
struct Tenant: BitwiseCopyable {
    var worker: Int32
    /// Children of the node that were sent to it, too.
    var children: Int32
    /// When it was used last there; 0: it was only passed through.
    var stamp: Int64
}

/// A list of tenants, in the order of their workers: part of `TenantLists`.
struct TenantList: BitwiseCopyable {
    fileprivate(set) var start: Int
    fileprivate(set) var count: Int32
    /// It has room for 2 to the power of this.
    fileprivate(set) var size: Int32

    /// None.
    init() { (start, count, size) = (0, 0, -1) }

    fileprivate var isFull: Bool { size < 0 || Int(count) == 1 &<< Int(size) }
}

/// The lists of tenants of all nodes, in one piece of memory. Each has room for a power of two; what one leaves is for the
/// next of that size.
struct TenantLists: ~Copyable {
    private var tenants: GrowableBuffer<Tenant>
    private var used: Int
    /// By size: the first that is free, whose stamp is the next; -1: none.
    private let free: ScratchBuffer<Int64>

    init() throws(BatchingError) {
        let free = try ScratchBuffer<Int64>(count: 32, repeating: -1)
        tenants = try GrowableBuffer(capacity: 0)
        self.free = free
        used = 0
    }

    init(copying other: borrowing TenantLists, _ copy: inout DeepCopy) {
        tenants = GrowableBuffer(copying: other.tenants, count: other.used, &copy)
        used = other.used
        free = ScratchBuffer(copying: other.free, &copy)
    }

    /// Valid until there is room for more.
    @inline(__always)
    func tenants(_ list: TenantList) -> UnsafeMutablePointer<Tenant> { tenants.elements + list.start }

    /// Where a worker is, or else would be, in a list.
    @inline(__always)
    private func place(of worker: Int32, _ list: TenantList) -> Int {
        let tenants = tenants(list)
        var (low, high) = (0, Int(list.count))
        while low < high {
            let middle = (low &+ high) / 2
            if tenants[middle].worker < worker { low = middle &+ 1 } else { high = middle }
        }
        return low
    }

    /// nil: it is not in the list.
    @inline(__always)
    func tenant(_ worker: Int32, _ list: TenantList) -> UnsafeMutablePointer<Tenant>? {
        let place = place(of: worker, list)
        let tenant = tenants(list) + place
        return place < Int(list.count) && tenant.pointee.worker == worker ? tenant : nil
    }

    /// How many tenants there must be room for, before one is added.
    func room(_ list: TenantList) -> Int { list.isFull ? 1 &<< Int(list.size &+ 1) : 0 }

    /// The same before a copy is made, and one is added to that.
    func roomForCopy(_ list: TenantList) -> Int { 4 &* (Int(list.count) &+ 1) }

    mutating func reserve(_ more: Int) throws(BatchingError) { try tenants.reserve(used &+ more) }

    /// Adds a worker that is not there; there is room.
    mutating func add(_ tenant: Tenant, to list: inout TenantList) {
        if list.isFull { move(&list, size: list.size &+ 1) }
        let place = place(of: tenant.worker, list)
        let here = tenants(list) + place
        here.successor().update(from: here, count: Int(list.count) &- place)
        here.pointee = tenant
        list.count &+= 1
    }

    /// Removes a worker that is there.
    mutating func remove(_ worker: Int32, from list: inout TenantList) {
        let place = place(of: worker, list)
        let here = tenants(list) + place
        list.count &-= 1
        here.update(from: here.successor(), count: Int(list.count) &- place)
        if list.count == 0 {
            release(list)
            list = TenantList()
        }
    }

    /// The same workers with the same stamps, each with one child; there is room.
    mutating func copy(_ list: TenantList) -> TenantList {
        var other = TenantList()
        var size: Int32 = 0
        while 1 &<< Int(size) < Int(list.count) { size &+= 1 }
        other.start = take(size)
        (other.count, other.size) = (list.count, size)
        let (from, to) = (tenants(list), tenants(other))
        for place in 0..<Int(list.count) {
            to[place] = Tenant(worker: from[place].worker, children: 1, stamp: from[place].stamp)
        }
        return other
    }

    private mutating func move(_ list: inout TenantList, size: Int32) {
        let start = take(size)
        (tenants.elements + start).update(from: tenants(list), count: Int(list.count))
        release(list)
        (list.start, list.size) = (start, size)
    }

    private mutating func take(_ size: Int32) -> Int {
        let first = Int(free.elements[Int(size)])
        if first >= 0 {
            free.elements[Int(size)] = tenants.elements[first].stamp
            return first
        }
        used &+= 1 &<< Int(size)
        return used &- 1 &<< Int(size)
    }

    private func release(_ list: TenantList) {
        if list.size < 0 { return }
        tenants.elements[list.start].stamp = free.elements[Int(list.size)]
        free.elements[Int(list.size)] = Int64(list.start)
    }
}
