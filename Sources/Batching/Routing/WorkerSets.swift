/// A counter for each set of workers that are up, over those in the alphabetical order of their names. It keeps a bit a worker
/// and 24 bytes for each set in which a request was routed or booked.
struct WorkerSets: ~Copyable {
    private let workers: Int
    /// Words of a set.
    private let size: Int
    private let order: ScratchBuffer<Int32>
    // The set that is up now.
    private let upInOrder: ScratchBuffer<Int32>
    private let bits: ScratchBuffer<UInt64>
    /// Its number; `none`: it is new.
    private var current: Int
    /// Its id, if it is new.
    private var id: Int64
    private var isOld: Bool
    // By number of a set.
    private var count: Int
    private var sets: GrowableBuffer<UInt64>
    private var ids: GrowableBuffer<Int64>
    private var counters: GrowableBuffer<Int>
    private var index: IdIndex

    private static var none: Int { -1 }

    init(_ configuration: RouterConfig) throws(BatchingError) {
        let workers = configuration.workers
        let size = (workers &+ 63) / 64
        let names = try WorkerNames(configuration)
        let order = try names.alphabetical(workers)
        let upInOrder = try ScratchBuffer<Int32>(count: workers, repeating: 0)
        let bits = try ScratchBuffer<UInt64>(count: size, repeating: 0)
        let sets = try GrowableBuffer<UInt64>(capacity: 0)
        let ids = try GrowableBuffer<Int64>(capacity: 0)
        let counters = try GrowableBuffer<Int>(capacity: 0)
        let index = try IdIndex(count: 0)
        self.workers = workers
        self.size = size
        self.order = order
        self.upInOrder = upInOrder
        self.bits = bits
        self.sets = sets
        self.ids = ids
        self.counters = counters
        self.index = index
        (current, id, isOld, count) = (Self.none, 0, true, 0)
    }

    init(copying other: borrowing WorkerSets, _ copy: inout DeepCopy) {
        (workers, size) = (other.workers, other.size)
        order = ScratchBuffer(copying: other.order, &copy)
        upInOrder = ScratchBuffer(copying: other.upInOrder, &copy)
        bits = ScratchBuffer(copying: other.bits, &copy)
        (current, id, isOld, count) = (other.current, other.id, other.isOld, other.count)
        sets = GrowableBuffer(copying: other.sets, count: other.count &* other.size, &copy)
        ids = GrowableBuffer(copying: other.ids, count: other.count, &copy)
        counters = GrowableBuffer(copying: other.counters, count: other.count, &copy)
        index = IdIndex(copying: other.index, &copy)
    }

    /// Other workers are up than before.
    mutating func workersChanged() { isOld = true }

    /// The worker whose turn it is. At least one is up.
    mutating func next(_ state: borrowing RoutingState) -> Int {
        lookUp(state)
        let turn = current < 0 ? 0 : counters.elements[current] % state.upCount
        return Int(upInOrder.elements[turn])
    }

    /// Makes room for a counter of the set that is up.
    mutating func reserve(_ state: borrowing RoutingState) throws(BatchingError) {
        lookUp(state)
        if current >= 0 { return }
        try sets.reserve((count &+ 1) &* size)
        try ids.reserve(count &+ 1)
        try counters.reserve(count &+ 1)
        let ids = ids.elements
        try index.reserve(count &+ 1) { ids[$0] }
        (sets.elements + count &* size).update(from: bits.elements, count: size)
        ids[count] = id
        counters.elements[count] = 0
        index.insert(count, count: count &+ 1, isUsed: { _ in true }, { ids[$0] })
        current = count
        count &+= 1
    }

    /// Its turn was taken; there is room.
    mutating func advance() { counters.elements.add(1, at: current) }

    private mutating func lookUp(_ state: borrowing RoutingState) {
        if !isOld { return }
        isOld = false
        var up = 0
        bits.elements.update(repeating: 0, count: size)
        for place in 0..<workers {
            let worker = Int(order.elements[place])
            guard state.isUp.elements[worker] else { continue }
            bits.elements.include(1 &<< UInt64(truncatingIfNeeded: worker % 64), at: worker / 64)
            upInOrder.elements[up] = order.elements[place]
            up &+= 1
        }
        find()
    }

    /// Sets with one hash have the ids that follow from it; there are hardly ever two.
    private mutating func find() {
        var hash = SipHash(HashKey())
        for word in 0..<size { hash.add(bits.elements[word]) }
        let ids = ids.elements
        while true {
            var end = hash
            id = Int64(bitPattern: end.finish())
            current = index.number(of: id) { ids[$0] }
            if current < 0 || isCurrent(current) { return }
            hash.add(0)
        }
    }

    private func isCurrent(_ set: Int) -> Bool {
        let words = sets.elements + set &* size
        for word in 0..<size where words[word] != bits.elements[word] { return false }
        return true
    }
}
