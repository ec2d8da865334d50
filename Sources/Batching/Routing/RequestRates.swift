/// Requests a second that each worker was sent over a window up to now. It keeps the times of those in the window.
struct RequestRates: ~Copyable {
    private let window: Double
    /// A ring, in order of routing.
    private var routed: GrowableBuffer<Routed>
    private var first: Int
    private var count: Int
    /// By worker, of those in the ring.
    private let requests: ScratchBuffer<Int64>
    /// The same less those that are too old by now.
    private let recent: ScratchBuffer<Int64>
    private let wasUsed: ScratchBuffer<Bool>

    struct Routed: BitwiseCopyable {
        let time: Double
        let worker: Int32
    }

    init(_ configuration: RouterConfig) throws(BatchingError) {
        let routed = try GrowableBuffer<Routed>(capacity: 0)
        let requests = try ScratchBuffer<Int64>(count: configuration.workers, repeating: 0)
        let recent = try ScratchBuffer<Int64>(count: configuration.workers, repeating: 0)
        let wasUsed = try ScratchBuffer(count: configuration.workers, repeating: false)
        window = configuration.statsWindow
        self.routed = routed
        self.requests = requests
        self.recent = recent
        self.wasUsed = wasUsed
        (first, count) = (0, 0)
    }

    init(copying other: borrowing RequestRates, _ copy: inout DeepCopy) {
        window = other.window
        // The ring goes round all of it.
        routed = GrowableBuffer(copying: other.routed, count: other.routed.capacity, &copy)
        (first, count) = (other.first, other.count)
        requests = ScratchBuffer(copying: other.requests, &copy)
        recent = ScratchBuffer(copying: other.recent, &copy)
        wasUsed = ScratchBuffer(copying: other.wasUsed, &copy)
    }

    /// Makes room for one more.
    mutating func reserve() throws(BatchingError) {
        let before = routed.capacity
        if count < before { return }
        try routed.reserve(count &+ 1)
        // Capacity has at least doubled: what had gone round to the start is put behind the rest.
        (routed.elements + before).update(from: routed.elements, count: first)
    }

    /// A worker has been sent a request; there is room.
    mutating func add(_ worker: Int, time: Double) {
        while count > 0, routed.elements[first].time < time - window {
            requests.elements.subtract(1, at: Int(routed.elements[first].worker))
            first = place(1)
            count &-= 1
        }
        routed.elements[place(count)] = Routed(time: time, worker: Int32(truncatingIfNeeded: worker))
        count &+= 1
        requests.elements.add(1, at: worker)
        wasUsed.elements[worker] = true
    }

    /// Where the one is that was routed so many after the first.
    @inline(__always)
    private func place(_ number: Int) -> Int {
        let place = first &+ number
        return place >= routed.capacity ? place &- routed.capacity : place
    }

    /// Allows the first worker that was never sent one, or else the first of those with the lowest rate. Scores are rates; that of one
    /// that was never used is NaN.
    mutating func decide(at time: Double, _ state: inout RoutingState) throws(BatchingError) {
        let (requests, recent, wasUsed) = (requests.elements, recent.elements, wasUsed.elements)
        recent.update(from: requests, count: state.workers)
        // Time may be that of a question only: those that are too old stay.
        var old = 0
        while old < count, routed.elements[place(old)].time < time - window {
            try Work.row(old)
            recent[Int(routed.elements[place(old)].worker)] &-= 1
            old &+= 1
        }
        let window = window
        state.score { wasUsed[$0] ? Double(recent[$0]) / window : .nan }
        var least = -1
        for place in 0..<state.upCount {
            let worker = Int(state.upWorkers.elements[place])
            if !wasUsed[worker] { return state.allowOnly(worker) }
            if least < 0 || recent[worker] < recent[least] { least = worker }
        }
        state.allowOnly(least)
    }
}
