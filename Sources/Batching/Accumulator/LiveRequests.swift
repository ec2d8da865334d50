/// A request in flight: 64 bytes, a cache line.
struct LiveRequest: BitwiseCopyable {
    var id: Int64 = 0
    /// Times in nanoseconds: of its last event, ...
    var last: Int64 = 0
    var arrival: Int64 = 0
    /// ... and -1 where it has not started, or has no token.
    var start: Int64 = -1
    var firstToken: Int64 = -1
    var promptTokens: Int32 = 0
    var tokens: Int32 = 0
    var gapCount: UInt32 = 0
    /// Blocks of its gaps; meaningless while it has none. Of a place that is free again: the next of those.
    var firstBlock: UInt32 = 0
    var lastBlock: UInt32 = 0
    /// 0 for a place that no request has.
    var isUsed: UInt32 = 0

    var isWaiting: Bool { start < 0 && firstToken < 0 }
}

/// The requests in flight, by id, in places whose number is fixed; and the gaps between their tokens, in lists of blocks from
/// a pool whose size is fixed. A request stays in its place.
struct LiveRequests: ~Copyable {
    private static let blockBits: UInt32 = 5
    private static let blockSize = 1 << Int(blockBits)

    let maxRequests: Int
    let maxGaps: Int
    private(set) var count = 0
    private(set) var gapCount = 0
    private let requests: ZeroedBuffer<LiveRequest>
    private var index: IdIndex
    /// Places given back, in a list through `firstBlock` that ends with UInt32.max; from `touchedPlaces` on none was ever
    /// taken.
    private var freePlace = UInt32.max
    private var touchedPlaces = 0
    private let gaps: ZeroedBuffer<Int64>
    private let nextBlock: ZeroedBuffer<UInt32>
    /// Blocks given back, in a list through `nextBlock` that ends with UInt32.max; beyond `touchedBlocks` none was ever taken.
    private var freeBlock = UInt32.max
    private var touchedBlocks: UInt32 = 0

    init(maxRequests: Int, maxGaps: Int) throws(BatchingError) {
        // Each request has at most one block that is not full.
        let blocks = maxGaps / LiveRequests.blockSize + maxRequests
        let requests = try ZeroedBuffer<LiveRequest>(count: maxRequests)
        let index = try IdIndex(count: maxRequests)
        let gaps = try ZeroedBuffer<Int64>(count: blocks * LiveRequests.blockSize)
        let nextBlock = try ZeroedBuffer<UInt32>(count: blocks)
        self.maxRequests = maxRequests
        self.maxGaps = maxGaps
        self.requests = requests
        self.index = index
        self.gaps = gaps
        self.nextBlock = nextBlock
    }

    /// The request, until it is removed.
    @inline(__always)
    func find(_ id: Int64) -> UnsafeMutablePointer<LiveRequest>? {
        let elements = requests.elements
        let place = index.number(of: id) { elements[$0].id }
        return place < 0 ? nil : elements + place
    }

    /// Adds one that is not there, while there is room.
    @discardableResult
    mutating func insert(_ request: LiveRequest) -> UnsafeMutablePointer<LiveRequest> {
        let elements = requests.elements
        let place: Int
        if freePlace != UInt32.max {
            place = Int(freePlace)
            freePlace = elements[place].firstBlock
        } else {
            place = touchedPlaces
            touchedPlaces &+= 1
        }
        elements[place] = request
        elements[place].isUsed = 1
        index.insert(place, count: touchedPlaces, isUsed: { elements[$0].isUsed != 0 }, { elements[$0].id })
        count &+= 1
        return elements + place
    }

    /// Removes one and gives its gaps back.
    mutating func remove(_ request: UnsafeMutablePointer<LiveRequest>) {
        if request.pointee.gapCount > 0 {
            nextBlock.elements[Int(request.pointee.lastBlock)] = freeBlock
            freeBlock = request.pointee.firstBlock
            gapCount &-= Int(request.pointee.gapCount)
        }
        count &-= 1
        let elements = requests.elements
        let place = request - elements
        request.pointee.isUsed = 0
        index.remove(place, count: touchedPlaces, isUsed: { elements[$0].isUsed != 0 }, { elements[$0].id })
        request.pointee.firstBlock = freePlace
        freePlace = UInt32(truncatingIfNeeded: place)
    }

    /// Adds a gap while there are fewer than `maxGaps`.
    @inline(__always)
    mutating func append(gap: Int64, to request: UnsafeMutablePointer<LiveRequest>) {
        let place = request.pointee.gapCount & UInt32(LiveRequests.blockSize &- 1)
        if place == 0 { addBlock(to: request) }
        gaps.elements[Int(request.pointee.lastBlock) &<< Int(LiveRequests.blockBits) &+ Int(place)] = gap
        request.pointee.gapCount &+= 1
        gapCount &+= 1
    }

    @inline(never)
    private mutating func addBlock(to request: UnsafeMutablePointer<LiveRequest>) {
        let block: UInt32
        if freeBlock != UInt32.max {
            block = freeBlock
            freeBlock = nextBlock.elements[Int(block)]
        } else {
            block = touchedBlocks
            touchedBlocks &+= 1
        }
        if request.pointee.gapCount == 0 {
            request.pointee.firstBlock = block
        } else {
            nextBlock.elements[Int(request.pointee.lastBlock)] = block
        }
        request.pointee.lastBlock = block
    }

    /// The gaps of a request, in order.
    @inline(__always)
    func forEachGap(_ request: UnsafeMutablePointer<LiveRequest>, _ body: (Int64) -> Void) {
        var block = request.pointee.firstBlock
        var left = Int(request.pointee.gapCount)
        while left > 0 {
            let elements = gaps.elements + Int(block) &<< Int(LiveRequests.blockBits)
            for place in 0..<min(left, LiveRequests.blockSize) { body(elements[place]) }
            left &-= LiveRequests.blockSize
            if left > 0 { block = nextBlock.elements[Int(block)] }
        }
    }

    /// Places that were ever taken.
    var placeCount: Int { touchedPlaces }

    /// The request at a place, if there is one. Places are in no order that means anything.
    func used(_ place: Int) -> UnsafeMutablePointer<LiveRequest>? {
        requests.elements[place].isUsed == 0 ? nil : requests.elements + place
    }

    /// Adds all requests of another table, with their gaps; none is here, and there is room.
    /// - Parameter asks: whether it may be stopped on the way, so that some are here then: see `Work`.
    mutating func insert(allOf other: borrowing LiveRequests, asks: Bool) throws(BatchingError) {
        for place in 0..<other.touchedPlaces {
            if asks { try Work.row(place) }
            guard let request = other.used(place) else { continue }
            let gaps = Int(request.pointee.gapCount)
            var copy = request.pointee
            copy.gapCount = 0
            let added = insert(copy)
            other.forEachGap(request) { append(gap: $0, to: added) }
            if asks, gaps >= 64 { try Work.done(Int64(gaps)) }
        }
    }

    /// Writes the places of all into `places`, by id.
    func sort(into places: UnsafeMutablePointer<UInt32>) throws(BatchingError) {
        var found = 0
        for place in 0..<touchedPlaces {
            try Work.row(place)
            if requests.elements[place].isUsed == 0 { continue }
            places[found] = UInt32(truncatingIfNeeded: place)
            found += 1
        }
        let elements = requests.elements
        try Heap.sort(places, count: found, step: Work.row) { elements[Int($0)].id < elements[Int($1)].id }
    }

    func at(_ place: UInt32) -> UnsafeMutablePointer<LiveRequest> { requests.elements + Int(place) }
}
