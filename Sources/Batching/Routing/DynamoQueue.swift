/// Requests that wait until some worker is not busy. Of each it keeps its blocks, and what the workers held of them when it
/// arrived: 8 bytes a block, 4 a worker.
struct DynamoQueue: ~Copyable {
    private let order: WaitingOrder
    private let workers: Int
    private var heap: GrowableBuffer<Waiting>
    private(set) var count: Int
    private var arrivals: Int64
    /// By slot: where it is in the heap.
    private var place: GrowableBuffer<Int32>
    /// What the next will be kept in.
    private var spare: UnsafeMutablePointer<UInt64>?
    private var spareWords: Int

    struct Waiting: BitwiseCopyable {
        let slot: Int
        let strictPriority: Int64
        let key: Double
        let arrival: Int64
        let promptLength: Int32
        /// Blocks, whose ids come first in memory; what the workers held comes behind.
        let count: Int32
        var memory: UnsafeMutablePointer<UInt64>

        var held: UnsafePointer<Int32> {
            UnsafePointer(UnsafeMutableRawPointer(memory + Int(count)).assumingMemoryBound(to: Int32.self))
        }

        func precedes(_ other: Waiting) -> Bool {
            if strictPriority != other.strictPriority { return strictPriority > other.strictPriority }
            return key != other.key ? key < other.key : arrival < other.arrival
        }
    }

    init(order: WaitingOrder, workers: Int) throws(BatchingError) {
        let heap = try GrowableBuffer<Waiting>(capacity: 0)
        let place = try GrowableBuffer<Int32>(capacity: 0)
        self.order = order
        self.workers = workers
        self.heap = heap
        self.place = place
        (count, arrivals, spareWords) = (0, 0, 0)
    }

    init(copying other: borrowing DynamoQueue, _ copy: inout DeepCopy) {
        (order, workers) = (other.order, other.workers)
        place = GrowableBuffer(copying: other.place, count: other.place.capacity, &copy)
        heap = GrowableBuffer(copying: other.heap, count: other.count, &copy)
        (count, arrivals) = (0, other.arrivals)
        (spare, spareWords) = (nil, 0)
        for index in 0..<other.count {
            let waiting = other.heap.elements[index]
            let words = other.words(ofBlocks: Int(waiting.count))
            guard let memory = copy.elements(waiting.memory, count: words) else { return }
            heap.elements[index].memory = memory
            count &+= 1
        }
    }

    deinit {
        for index in 0..<count { deallocate(reallocated: heap.elements[index].memory) }
        deallocate(reallocated: spare)
    }

    /// Words of memory of a request.
    private func words(ofBlocks blocks: Int) -> Int { blocks &+ (workers &+ 1) / 2 }

    /// Makes room for one more.
    /// - Parameter slots: what its slot is below.
    mutating func reserve(blocks: Int, slots: Int) throws(BatchingError) {
        try heap.reserve(count &+ 1)
        try place.reserve(slots)
        let words = words(ofBlocks: blocks)
        if words > spareWords {
            spare = try reallocated(spare, count: words)
            spareWords = words
        }
    }

    /// Adds a request; there is room.
    /// - Parameters:
    ///   - ids: of its `blocks`.
    ///   - held: how many of them each worker holds.
    mutating func add(
        _ request: RoutingRequest, slot: Int, blocks: Int, blockSize: Int, held: UnsafePointer<Int32>
    ) {
        guard let memory = spare else { return }
        spare = nil
        spareWords = 0
        if let ids = request.hashIds { memory.update(from: ids, count: blocks) }
        UnsafeMutableRawPointer(memory + blocks).bindMemory(to: Int32.self, capacity: workers)
            .update(from: held, count: workers)
        let waiting = Waiting(
            slot: slot, strictPriority: request.strictPriority, key: key(request, blockSize, held), arrival: arrivals,
            promptLength: request.promptLength, count: Int32(truncatingIfNeeded: blocks), memory: memory)
        arrivals &+= 1
        count &+= 1
        let place = place.elements
        Heap.siftUp(waiting, from: count &- 1, heap.elements) {
            place[$0.slot] = Int32(truncatingIfNeeded: $1)
        } by: {
            $0.precedes($1)
        }
    }

    /// The least is next.
    private func key(_ request: RoutingRequest, _ blockSize: Int, _ held: UnsafePointer<Int32>) -> Double {
        switch order {
        case .fcfs: return request.time - request.priorityJump
        case .lcfs: return -(request.time + request.priorityJump)
        case .wspt:
            var most: Int32 = 0
            for worker in 0..<workers { most = max(most, held[worker]) }
            let tokens = Int(request.promptLength) &- Int(most) &* blockSize
            return -(1 + request.priorityJump) / Double(max(1, tokens))
        }
    }

    /// That which is next; there is one.
    var next: Waiting { heap.elements[0] }

    /// Takes out the request of a slot. Its memory is kept for the next, and stays as it is until then.
    mutating func remove(_ slot: Int) {
        let heap = heap.elements
        let place = place.elements
        let hole = Int(place[slot])
        let removed = heap[hole]
        count &-= 1
        if hole < count {
            let last = heap[count]
            if last.precedes(removed) {
                Heap.siftUp(last, from: hole, heap) {
                    place[$0.slot] = Int32(truncatingIfNeeded: $1)
                } by: {
                    $0.precedes($1)
                }
            } else {
                Heap.siftDown(last, from: hole, heap, count: count) {
                    place[$0.slot] = Int32(truncatingIfNeeded: $1)
                } by: {
                    $0.precedes($1)
                }
            }
        }
        deallocate(reallocated: spare)
        spare = removed.memory
        spareWords = words(ofBlocks: Int(removed.count))
    }
}
