/// Transfers that share the bandwidth of a link in equal parts. A link has served, since it was last idle, so many bytes to each
/// of its transfers; a transfer is over when that has come to what it needs (processor sharing in virtual time).
/// - Complexity: O(transfers at a link) for each that begins there.
struct SharedLinks: ~Copyable {
    struct Link: BitwiseCopyable {
        /// Bytes to each, up to `time`.
        var served = 0.0
        var time = Nanoseconds.zero
        /// The one that is over first, and how many there are.
        var first: Int32 = -1
        var count = 0
        /// Rises with each change: what was known of the next end before is not right any more.
        var mark: Int64 = 0
    }

    struct Transfer: BitwiseCopyable {
        /// What its link has served when it is over.
        var end = 0.0
        var next: Int32 = -1
    }

    /// Bytes a second.
    private let bandwidth: Double
    private let links: ScratchBuffer<Link>
    /// By the number of the hand-over.
    private var transfers: GrowableBuffer<Transfer>

    init(count: Int, bandwidth: Double) throws(BatchingError) {
        let links = try ScratchBuffer(count: count, repeating: Link())
        let transfers = try GrowableBuffer<Transfer>(capacity: 0)
        self.links = links
        self.transfers = transfers
        self.bandwidth = bandwidth
    }

    init(copying other: borrowing SharedLinks, _ copy: inout DeepCopy) {
        bandwidth = other.bandwidth
        links = ScratchBuffer(copying: other.links, &copy)
        transfers = GrowableBuffer(copying: other.transfers, count: other.transfers.capacity, &copy)
    }

    /// A transfer begins.
    mutating func begin(_ number: Int, bytes: Double, link: Int, at time: Nanoseconds) throws(BatchingError) {
        try transfers.reserve(number &+ 1)
        let state = links.elements + link
        advance(link, to: time)
        let end = state.pointee.served + bytes
        let transfers = transfers.elements
        let number32 = Int32(truncatingIfNeeded: number)
        // Behind those that are over before it, or with it.
        var before: Int32 = -1
        var after = state.pointee.first
        while after >= 0, transfers[Int(after)].end <= end {
            before = after
            after = transfers[Int(after)].next
        }
        transfers[number] = Transfer(end: end, next: after)
        if before >= 0 { transfers[Int(before)].next = number32 } else { state.pointee.first = number32 }
        state.pointee.count &+= 1
        state.pointee.mark &+= 1
    }

    /// When the first transfer of a link is over, and the mark of this; nil: there is none.
    func nextEnd(_ link: Int) -> (time: Nanoseconds, mark: Int64)? {
        let state = links.elements[link]
        guard state.first >= 0 else { return nil }
        let bytes = max(0, transfers.elements[Int(state.first)].end - state.served)
        let length = Nanoseconds(cappedSeconds: bytes * Double(state.count) / bandwidth)
        return (state.time.later(by: length), state.mark)
    }

    func isCurrent(_ link: Int, mark: Int64) -> Bool { links.elements[link].mark == mark }

    /// The first transfer of a link is over.
    /// - Returns: its number.
    mutating func end(_ link: Int, at time: Nanoseconds) -> Int {
        let state = links.elements + link
        let number = Int(state.pointee.first)
        let end = transfers.elements[number].end
        // What the clock has rounded away is served.
        state.pointee.served = end
        state.pointee.time = time
        state.pointee.first = transfers.elements[number].next
        state.pointee.count &-= 1
        state.pointee.mark &+= 1
        if state.pointee.count == 0 { state.pointee.served = 0 }
        return number
    }

    /// A transfer is broken off.
    /// - Returns: whether it was at the link.
    mutating func remove(_ number: Int, link: Int, at time: Nanoseconds) -> Bool {
        let state = links.elements + link
        let transfers = transfers.elements
        var (before, own) = (Int32(-1), state.pointee.first)
        while own >= 0, Int(own) != number {
            before = own
            own = transfers[Int(own)].next
        }
        if own < 0 { return false }
        advance(link, to: time)
        let after = transfers[number].next
        if before >= 0 { transfers[Int(before)].next = after } else { state.pointee.first = after }
        state.pointee.count &-= 1
        state.pointee.mark &+= 1
        if state.pointee.count == 0 { state.pointee.served = 0 }
        return true
    }

    private mutating func advance(_ link: Int, to time: Nanoseconds) {
        let state = links.elements + link
        if state.pointee.count > 0 {
            let bytes = (time - state.pointee.time).seconds * bandwidth / Double(state.pointee.count)
            let first = transfers.elements[Int(state.pointee.first)].end
            state.pointee.served = min(state.pointee.served + bytes, first)
        }
        state.pointee.time = time
    }
}
