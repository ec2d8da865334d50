/// Paths of blocks that are held for a time, in the order in which that ends. Of each it keeps 24 bytes until then.
struct BlockLeases: ~Copyable {
    private var leases: GrowableBuffer<Lease>
    private var first: Int
    private var end: Int

    struct Lease: BitwiseCopyable {
        let until: Double
        /// Of the path; -1: it holds nothing any more.
        var last: Int32
        let worker: Int32
    }

    init() throws(BatchingError) {
        leases = try GrowableBuffer(capacity: 0)
        (first, end) = (0, 0)
    }

    init(copying other: borrowing BlockLeases, _ copy: inout DeepCopy) {
        leases = GrowableBuffer(copying: other.leases, count: other.end, &copy)
        (first, end) = (other.first, other.end)
    }

    /// Makes room for one more.
    mutating func reserve() throws(BatchingError) {
        if end < leases.capacity { return }
        if first > end / 2 {
            leases.elements.update(from: leases.elements + first, count: end &- first)
            end &-= first
            first = 0
        } else {
            try leases.reserve(end &+ 1)
        }
    }

    mutating func add(_ lease: Lease) {
        leases.elements[end] = lease
        end &+= 1
    }

    /// Takes out the next that has ended by a time; nil: there is none.
    mutating func ended(by time: Double) -> Lease? {
        guard first < end, leases.elements[first].until <= time else { return nil }
        first &+= 1
        return leases.elements[first &- 1]
    }

    /// What a worker holds by them, one after the other: those are taken out. nil: nothing more.
    /// - Parameter place: where to go on; 0 at first.
    mutating func next(of worker: Int, from place: inout Int) -> Int32? {
        place = max(place, first)
        while place < end {
            let lease = leases.elements[place]
            if Int(lease.worker) == worker, lease.last >= 0 {
                leases.elements[place].last = -1
                return lease.last
            }
            place &+= 1
        }
        return nil
    }
}
