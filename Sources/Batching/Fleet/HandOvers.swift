/// A request whose prompt one replica computes, and that decodes in another.
struct HandOver: BitwiseCopyable {
    var request: Int32 = -1
    var source: Int32 = -1
    /// -1: not known yet.
    var target: Int32 = -1
    /// Slots that hold KV, in the source, and in the target.
    var heldSlot: Int32 = -1
    var reservedSlot: Int32 = -1
    /// When it was reserved.
    var reservedTime = Nanoseconds.zero
    /// Tokens of its last chunk, which nothing is sent of before the prompt is done.
    var lastChunk: Int32 = 0
    /// Full blocks of it that were in the target's prefix cache.
    var found: Int32 = 0
    /// The next in a list.
    var next: Int32 = -1
    /// Whether its prompt is done and handed over, and whether its transfer has begun.
    var isHeld = false
    var isSent = false
    /// Whether its KV is there, and it waits for the end of an iteration.
    var hasLanded = false
    /// To tell it from others that had its number.
    var mark: Int64 = 0
}

/// What waits at a replica that decodes.
struct TargetQueue: BitwiseCopyable {
    /// For KV blocks, in order.
    var firstToReserve: Int32 = -1
    var lastToReserve: Int32 = -1
    /// For the end of an iteration, with its KV there.
    var firstLanded: Int32 = -1
    var lastLanded: Int32 = -1
    /// How often it may reserve.
    var pokes = 0
    /// Reserved, and not yet among its requests.
    var reserved: Int64 = 0

    var isEmpty: Bool { firstToReserve < 0 && firstLanded < 0 }
}

/// The requests between two replicas: in memory for as many as are there at a time.
struct HandOvers: ~Copyable {
    private var records: GrowableBuffer<HandOver>
    private var count: Int
    private var firstFree: Int32
    private var made: Int64
    private(set) var used: Int64
    /// By replica.
    let queues: ScratchBuffer<TargetQueue>
    /// By request: its number here; -1: it has none.
    private var numbers: GrowableBuffer<Int32>
    /// Prompts that were done at `time`, before it was decided what becomes of them.
    private var done: GrowableBuffer<Int32>
    private(set) var doneCount: Int
    private(set) var time: Nanoseconds

    init(requests: Int, replicas: Int) throws(BatchingError) {
        let records = try GrowableBuffer<HandOver>(capacity: 0)
        let queues = try ScratchBuffer(count: replicas, repeating: TargetQueue())
        var numbers = try GrowableBuffer<Int32>(capacity: 0)
        try numbers.reserve(requests, filler: -1)
        let done = try GrowableBuffer<Int32>(capacity: 0)
        self.records = records
        self.queues = queues
        self.numbers = numbers
        self.done = done
        (count, firstFree, made, used, doneCount, time) = (0, -1, 0, 0, 0, .zero)
    }

    init(copying other: borrowing HandOvers, _ copy: inout DeepCopy) {
        records = GrowableBuffer(copying: other.records, count: other.count, &copy)
        (count, firstFree, made, used) = (other.count, other.firstFree, other.made, other.used)
        queues = ScratchBuffer(copying: other.queues, &copy)
        numbers = GrowableBuffer(copying: other.numbers, count: other.numbers.capacity, &copy)
        done = GrowableBuffer(copying: other.done, count: other.doneCount, &copy)
        (doneCount, time) = (other.doneCount, other.time)
    }

    subscript(number: Int) -> HandOver {
        @inline(__always) get { records.elements[number] }
        @inline(__always) nonmutating set { records.elements[number] = newValue }
    }

    /// Makes room for so many requests.
    mutating func reserve(requests: Int) throws(BatchingError) { try numbers.reserve(requests, filler: -1) }

    func number(of request: Int) -> Int { Int(numbers.elements[request]) }

    mutating func add(_ request: Int, source: Int, target: Int) throws(BatchingError) -> Int {
        var number = firstFree
        if number < 0 {
            try records.reserve(count &+ 1)
            number = Int32(truncatingIfNeeded: count)
            count &+= 1
        } else {
            firstFree = records.elements[Int(number)].next
        }
        var record = HandOver()
        record.request = Int32(truncatingIfNeeded: request)
        record.source = Int32(truncatingIfNeeded: source)
        record.target = Int32(truncatingIfNeeded: target)
        record.mark = made
        made &+= 1
        records.elements[Int(number)] = record
        numbers.elements[request] = number
        used &+= 1
        return Int(number)
    }

    mutating func remove(_ number: Int) {
        numbers.elements[Int(records.elements[number].request)] = -1
        records.elements[number].request = -1
        records.elements[number].mark = -1
        records.elements[number].next = firstFree
        firstFree = Int32(truncatingIfNeeded: number)
        used &-= 1
    }

    /// Those that are left, in order of their numbers.
    func visit(_ body: (HandOver) throws(BatchingError) -> Void) throws(BatchingError) {
        for number in 0..<count where records.elements[number].request >= 0 {
            try Work.row(number)
            try body(records.elements[number])
        }
    }

    /// The first from a number on; nil: there is none.
    func next(from number: Int) -> Int? {
        var number = number
        while number < count, records.elements[number].request < 0 { number &+= 1 }
        return number < count ? number : nil
    }

    /// Nothing waits at a target any more.
    func clear(_ target: Int) { queues.elements[target] = TargetQueue() }

    /// A prompt is done.
    mutating func noteDone(_ number: Int, at time: Nanoseconds) throws(BatchingError) {
        try done.reserve(doneCount &+ 1)
        done.elements[doneCount] = Int32(truncatingIfNeeded: number)
        doneCount &+= 1
        self.time = time
    }

    /// -1: it has been taken out.
    func done(_ position: Int) -> Int { Int(done.elements[position]) }

    /// A prompt that was done is not looked at.
    func removeDone(_ number: Int) {
        for position in 0..<doneCount where Int(done.elements[position]) == number { done.elements[position] = -1 }
    }

    mutating func forgetDone() { doneCount = 0 }

    /// A target may reserve once more, or just once; or has one reservation less.
    func poke(_ target: Int) {
        let queue = queues.elements + target
        queue.pointee.pokes = queue.pointee.pokes &+ 1
    }

    func pokeOnce(_ target: Int) {
        let queue = queues.elements + target
        queue.pointee.pokes = 1
    }

    func noteFreed(_ target: Int) {
        let queue = queues.elements + target
        queue.pointee.reserved = queue.pointee.reserved &- 1
    }

    // Lists

    func appendToReserve(_ number: Int, _ target: Int) {
        let queue = queues.elements + target
        let number32 = Int32(truncatingIfNeeded: number)
        records.elements[number].next = -1
        if queue.pointee.lastToReserve >= 0 {
            records.elements[Int(queue.pointee.lastToReserve)].next = number32
        } else {
            queue.pointee.firstToReserve = number32
        }
        queue.pointee.lastToReserve = number32
    }

    func removeFirstToReserve(_ target: Int) {
        let queue = queues.elements + target
        queue.pointee.firstToReserve = records.elements[Int(queue.pointee.firstToReserve)].next
        if queue.pointee.firstToReserve < 0 { queue.pointee.lastToReserve = -1 }
    }

    /// Takes one out, wherever it is.
    /// - Complexity: O(those before it).
    func removeToReserve(_ number: Int, _ target: Int) {
        let queue = queues.elements + target
        if Int(queue.pointee.firstToReserve) == number { return removeFirstToReserve(target) }
        var before = queue.pointee.firstToReserve
        while before >= 0, Int(records.elements[Int(before)].next) != number {
            before = records.elements[Int(before)].next
        }
        if before < 0 { return }
        records.elements[Int(before)].next = records.elements[number].next
        if Int(queue.pointee.lastToReserve) == number { queue.pointee.lastToReserve = before }
    }

    func appendLanded(_ number: Int, _ target: Int) {
        let queue = queues.elements + target
        let number32 = Int32(truncatingIfNeeded: number)
        records.elements[number].next = -1
        if queue.pointee.lastLanded >= 0 {
            records.elements[Int(queue.pointee.lastLanded)].next = number32
        } else {
            queue.pointee.firstLanded = number32
        }
        queue.pointee.lastLanded = number32
    }

    func removeFirstLanded(_ target: Int) {
        let queue = queues.elements + target
        queue.pointee.firstLanded = records.elements[Int(queue.pointee.firstLanded)].next
        if queue.pointee.firstLanded < 0 { queue.pointee.lastLanded = -1 }
    }
}
