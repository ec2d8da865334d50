/// The requests that wait. By arrival it needs no memory: those that never ran are a stretch of the caller's columns, and
/// those preempted, which come before them, are linked through their slots. In any other order it is a heap.
struct WaitingQueue: ~Copyable {
    struct Entry: BitwiseCopyable {
        var key: Int64 = 0
        var arrival: Int64 = 0
        var tieBreak: Int64 = 0
        var rank: Int64 = 0
        var request: UInt32 = 0
        var slot: Int32 = -1

        @inline(__always)
        func precedes(_ other: Entry) -> Bool {
            if key != other.key { return key < other.key }
            if arrival != other.arrival { return arrival < other.arrival }
            if tieBreak != other.tieBreak { return tieBreak < other.tieBreak }
            return rank < other.rank
        }
    }

    let order: QueueOrder
    /// nil: by arrival.
    private let key: QueueKey?
    let isByArrival: Bool
    private var requests: RequestColumns
    /// By arrival: the one preempted last; -1 if there is none.
    private var lastPreempted = -1
    /// By arrival: the position, in order of arrival, of the first that never ran.
    private(set) var firstFresh = 0
    /// In any other order.
    private var heap: GrowableBuffer<Entry>
    /// Where in it each request is; kept only where any may leave: in an engine that runs on, or with times of aborts.
    private var places: GrowableBuffer<UInt32>
    private var keepsPlaces: Bool
    /// In any other order: the earliest arrival among those that wait; negative if it has to be looked for.
    private var earliest: Int64 = -1
    private(set) var count = 0

    init(_ requests: RequestColumns, order: QueueOrder, key: QueueKey?) throws(BatchingError) {
        let heap = try GrowableBuffer<Entry>(capacity: key == nil ? 0 : 64)
        let places = try GrowableBuffer<UInt32>(capacity: 0)
        self.heap = heap
        self.places = places
        keepsPlaces = requests.abortTime != nil
        self.requests = requests
        self.order = order
        self.key = key
        isByArrival = key == nil
    }

    /// By arrival: the next request in the caller's columns arrives; or one waits that a policy keeps by itself.
    @inline(__always)
    mutating func appendNext() { count &+= 1 }

    /// A request arrives; by arrival it is the next in the caller's columns.
    @inline(__always)
    mutating func append(_ request: Int) throws(BatchingError) {
        if isByArrival {
            appendNext()
        } else {
            try push(request, slot: -1)
        }
    }

    /// A preempted request waits again: by arrival before all others. Not for a policy that keeps the queue by itself.
    mutating func putBack(_ slot: Int, _ members: UnsafeMutablePointer<Member>) throws(BatchingError) {
        if isByArrival {
            members[slot].previous = -1
            members[slot].next = Int32(truncatingIfNeeded: lastPreempted)
            if lastPreempted >= 0 { members[lastPreempted].previous = Int32(truncatingIfNeeded: slot) }
            lastPreempted = slot
            count &+= 1
        } else {
            try push(Int(members[slot].request), slot: slot)
        }
    }

    /// The first slot of those preempted, or -1. By arrival only.
    @inline(__always)
    var firstPreempted: Int { lastPreempted }

    /// Passes over the first of those that never ran. By arrival only.
    @inline(__always)
    mutating func skipFresh() { firstFresh &+= 1 }

    /// The first of the heap.
    @inline(__always)
    var top: Candidate { candidate(at: 0) }

    /// Anyone in the heap.
    @inline(__always)
    func candidate(at position: Int) -> Candidate {
        let entry = heap.elements[position]
        return Candidate(request: Int(entry.request), slot: Int(entry.slot))
    }

    /// Takes out the first.
    @inline(__always)
    /// The first of those that never ran no longer waits, whatever waits before it. Only by arrival.
    mutating func removeFirstFresh() {
        count &-= 1
        firstFresh &+= 1
    }

    mutating func removeFirst(_ members: UnsafeMutablePointer<Member>) {
        count &-= 1
        if isByArrival {
            if lastPreempted >= 0 {
                unlink(lastPreempted, members)
            } else {
                firstFresh &+= 1
            }
        } else {
            removeFromHeap(at: 0)
        }
    }

    /// A request waits no longer: only for a policy that keeps the queue by itself, and has this count it.
    @inline(__always)
    mutating func removeOne() { count &-= 1 }

    /// Takes out a preempted request, wherever it is.
    mutating func remove(_ slot: Int, _ members: UnsafeMutablePointer<Member>) {
        guard isByArrival else {
            removeFromHeap(Int(members[slot].request))
            return
        }
        count &-= 1
        unlink(slot, members)
    }

    /// By arrival: a slot is no longer among those preempted.
    @inline(__always)
    private mutating func unlink(_ slot: Int, _ members: UnsafeMutablePointer<Member>) {
        let (previous, next) = (members[slot].previous, members[slot].next)
        if previous >= 0 { members[Int(previous)].next = next } else { lastPreempted = Int(next) }
        if next >= 0 { members[Int(next)].previous = previous }
    }

    /// Takes out a request, wherever it is. In any order but that of arrival.
    mutating func removeFromHeap(_ request: Int) {
        guard let position = position(of: request) else { return }
        count &-= 1
        removeFromHeap(at: position)
    }

    /// Where in the heap a request is. Without places it is one that finishes asynchronously, after it was preempted.
    private func position(of request: Int) -> Int? {
        guard keepsPlaces else {
            for position in 0..<count where Int(heap.elements[position].request) == request { return position }
            return nil
        }
        return Int(places.elements[request])
    }

    /// Puts an entry in its place in the heap, from a position on upwards, or downwards.
    private mutating func place(_ entry: Entry, from position: Int, upwards: Bool) {
        if keepsPlaces {
            let places = places.elements
            let note = { (entry: Entry, position: Int) in
                places[Int(entry.request)] = UInt32(truncatingIfNeeded: position)
            }
            if upwards {
                Heap.siftUp(entry, from: position, heap.elements, placed: note) { $0.precedes($1) }
            } else {
                Heap.siftDown(entry, from: position, heap.elements, count: count, placed: note) { $0.precedes($1) }
            }
        } else if upwards {
            Heap.siftUp(entry, from: position, heap.elements) { $0.precedes($1) }
        } else {
            Heap.siftDown(entry, from: position, heap.elements, count: count) { $0.precedes($1) }
        }
    }

    /// The earliest arrival in the heap, which is not empty. It is looked for only after that one was taken out, and not
    /// whenever a request arrives.
    var earliestInHeap: Nanoseconds {
        mutating get {
            if earliest < 0 {
                earliest = heap.elements[0].arrival
                for position in 1..<max(count, 1) { earliest = min(earliest, heap.elements[position].arrival) }
            }
            return Nanoseconds(earliest)
        }
    }

    /// A copy of a queue that is a heap, to be emptied in order.
    func sorted() throws(BatchingError) -> WaitingQueue {
        var copy = try WaitingQueue(requests, order: order, key: key)
        copy.keepsPlaces = false
        try copy.heap.reserve(count)
        copy.heap.elements.update(from: heap.elements, count: count)
        copy.count = count
        return copy
    }

    @inline(never)
    private mutating func push(_ request: Int, slot: Int) throws(BatchingError) {
        try heap.reserve(count &+ 1)
        if keepsPlaces { try places.reserve(request &+ 1) }
        let entry = Entry(
            key: key?(requests, request) ?? 0,
            arrival: requests.arrival(request).count, tieBreak: requests.tieBreak?[request] ?? 0,
            rank: requests.rank(request), request: UInt32(truncatingIfNeeded: request),
            slot: Int32(truncatingIfNeeded: slot))
        // What is not known stays so.
        earliest = count == 0 ? entry.arrival : min(earliest, entry.arrival)
        count &+= 1
        place(entry, from: count &- 1, upwards: true)
    }

    /// Takes out one entry; `count` no longer counts it.
    @inline(never)
    private mutating func removeFromHeap(at position: Int) {
        if heap.elements[position].arrival == earliest { earliest = -1 }
        let last = heap.elements[count]
        if position == count { return }
        let isUrgent = position > 0 && last.precedes(heap.elements[(position &- 1) / 2])
        place(last, from: position, upwards: isUrgent)
    }

    // For an engine that runs on

    /// The columns have moved.
    mutating func replace(_ requests: RequestColumns) {
        self.requests = requests
        keepsPlaces = true
    }

    /// By arrival: a request that never ran was taken out of the caller's columns, from among those that wait.
    mutating func removeFresh() { count &-= 1 }

    /// By arrival: so many positions before the first that never ran are gone.
    mutating func rebase(by positions: Int) { firstFresh &-= positions }

    /// In any other order: a request may have another key now.
    mutating func renew(_ request: Int, slot: Int) throws(BatchingError) {
        removeFromHeap(request)
        try push(request, slot: slot)
    }

    /// Becomes equal to another queue of the same order, but for the columns.
    mutating func assign(_ other: borrowing WaitingQueue) throws(BatchingError) {
        if !isByArrival {
            try heap.reserve(other.count)
            heap.elements.update(from: other.heap.elements, count: other.count)
            try places.assign(other.places, count: other.places.capacity)
        }
        lastPreempted = other.lastPreempted
        firstFresh = other.firstFresh
        earliest = other.earliest
        count = other.count
    }
}
