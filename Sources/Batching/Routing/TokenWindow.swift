/// Tokens of users in a sliding window of time.
///
/// - Complexity: O(log users) a request. Memory: 24 bytes for each request of the window, and some 50 for each user.
struct TokenWindow: ~Copyable {
    /// In seconds. A request counts by the second in which it was, while that is not more than so many seconds ago.
    private let length: Int64
    private var requests: GrowableBuffer<CountedRequest>
    private var first: Int
    private var end: Int
    private var clock: Int64

    private var users: GrowableBuffer<TokenUser>
    private var index: IdIndex
    private var used: Int
    private var firstFree: Int32
    /// Users with tokens, in two heaps: fewest tokens first, and most tokens first.
    private var count: Int
    private var fewest: GrowableBuffer<Int32>
    private var most: GrowableBuffer<Int32>

    init(seconds: Int64) throws(BatchingError) {
        let requests = try GrowableBuffer<CountedRequest>(capacity: 0)
        let users = try GrowableBuffer<TokenUser>(capacity: 0)
        let index = try IdIndex(count: 0)
        let fewest = try GrowableBuffer<Int32>(capacity: 0)
        let most = try GrowableBuffer<Int32>(capacity: 0)
        length = seconds
        self.requests = requests
        self.users = users
        self.index = index
        self.fewest = fewest
        self.most = most
        (first, end, clock) = (0, 0, .min)
        (used, firstFree, count) = (0, -1, 0)
    }

    init(copying other: borrowing TokenWindow, _ copy: inout DeepCopy) {
        length = other.length
        requests = GrowableBuffer(copying: other.requests, count: other.end, &copy)
        (first, end, clock) = (other.first, other.end, other.clock)
        users = GrowableBuffer(copying: other.users, count: other.used, &copy)
        index = IdIndex(copying: other.index, &copy)
        (used, firstFree, count) = (other.used, other.firstFree, other.count)
        fewest = GrowableBuffer(copying: other.fewest, count: other.count, &copy)
        most = GrowableBuffer(copying: other.most, count: other.count, &copy)
    }

    /// What is in the window at a time.
    struct View {
        /// Tokens of the user.
        var tokens: Int64 = 0
        /// Of users with any; nil: there are none.
        var fewest: Int64?
        var most: Int64?
    }

    /// - Parameter user: nil: none.
    func view(of user: UInt64?, at time: Double) -> View {
        let users = users.elements
        let slot = user.map { slotNumber(of: $0) } ?? -1
        var view = View()
        if slot >= 0 { view.tokens = users[slot].tokens }
        if first < end, requests.elements[first].second < windowStart(at: second(time)) {
            return viewWithout(slot, before: windowStart(at: second(time)))
        }
        if count > 0 {
            view.fewest = users[Int(fewest.elements[0])].tokens
            view.most = users[Int(most.elements[0])].tokens
        }
        return view
    }

    /// The same without what is not in the window any more: that is taken away, and given back, since to look changes nothing.
    private func viewWithout(_ slot: Int, before oldest: Int64) -> View {
        let (users, requests) = (users.elements, requests.elements)
        var gone = first
        while gone < end, requests[gone].second < oldest {
            users[Int(requests[gone].user)].tokens &-= requests[gone].tokens
            gone &+= 1
        }
        var view = View()
        if slot >= 0 { view.tokens = users[slot].tokens }
        for place in 0..<count {
            let tokens = users[Int(fewest.elements[place])].tokens
            if tokens == 0 { continue }
            view.fewest = min(view.fewest ?? tokens, tokens)
            view.most = max(view.most ?? tokens, tokens)
        }
        for place in first..<gone { users[Int(requests[place].user)].tokens &+= requests[place].tokens }
        return view
    }

    /// Makes room for one more request.
    mutating func reserve() throws(BatchingError) {
        guard end &- first < 1 << 30 else {
            throw BatchingError(.overflow, "there would be more than 2^30 requests in the window")
        }
        if end == requests.capacity, first >= end / 2 {
            (requests.elements).update(from: requests.elements + first, count: end &- first)
            end &-= first
            first = 0
        }
        try requests.reserve(end &+ 1)
        try users.reserve(used &+ 1)
        try fewest.reserve(count &+ 1)
        try most.reserve(count &+ 1)
        let users = users.elements
        try index.reserve(count &+ 1) { users[$0].name }
    }

    /// Counts a request; there is room. What is not in the window any more is forgotten.
    mutating func add(_ tokens: Int64, user: UInt64, at time: Double) {
        clock = second(time)
        let oldest = windowStart(at: clock)
        while first < end, requests.elements[first].second < oldest {
            let request = requests.elements[first]
            first &+= 1
            change(Int(request.user), by: 0 &- request.tokens)
        }
        if tokens == 0 { return }
        var slot = slotNumber(of: user)
        if slot < 0 { slot = addUser(user) }
        change(slot, by: tokens)
        requests.elements[end] = CountedRequest(second: clock, tokens: tokens, user: Int32(truncatingIfNeeded: slot))
        end &+= 1
    }

    /// Time does not go back.
    private func second(_ time: Double) -> Int64 { max(clock, Int64(time.rounded(.down))) }

    private func windowStart(at second: Int64) -> Int64 { second &- length }

    private func slotNumber(of user: UInt64) -> Int {
        let users = users.elements
        return index.number(of: Int64(bitPattern: user)) { users[$0].name }
    }
}

// Users.
extension TokenWindow {
    private mutating func addUser(_ user: UInt64) -> Int {
        let users = users.elements
        var slot = Int(firstFree)
        if slot < 0 {
            slot = used
            used &+= 1
        } else {
            firstFree = users[slot].inFewest
        }
        // The end of both heaps is its first place there.
        let place = Int32(truncatingIfNeeded: count)
        users[slot] = TokenUser(name: Int64(bitPattern: user), tokens: 0, inFewest: place, inMost: place)
        fewest.elements[count] = Int32(truncatingIfNeeded: slot)
        most.elements[count] = Int32(truncatingIfNeeded: slot)
        count &+= 1
        index.insert(slot, count: used, isUsed: { users[$0].inMost >= 0 }, { users[$0].name })
        return slot
    }

    /// Adds to the tokens of a user; with none left it is forgotten.
    private mutating func change(_ slot: Int, by tokens: Int64) {
        let users = users.elements
        users[slot].tokens &+= tokens
        place(Int32(truncatingIfNeeded: slot), at: Int(users[slot].inFewest), count, isMost: false)
        place(Int32(truncatingIfNeeded: slot), at: Int(users[slot].inMost), count, isMost: true)
        if users[slot].tokens <= 0 { removeUser(slot) }
    }

    private mutating func removeUser(_ slot: Int) {
        let users = users.elements
        let (inFewest, inMost) = (Int(users[slot].inFewest), Int(users[slot].inMost))
        count &-= 1
        let (lastFewest, lastMost) = (fewest.elements[count], most.elements[count])
        if inFewest < count { place(lastFewest, at: inFewest, count, isMost: false) }
        if inMost < count { place(lastMost, at: inMost, count, isMost: true) }
        index.remove(slot, count: used, isUsed: { users[$0].inMost >= 0 }, { users[$0].name })
        users[slot].inMost = -1
        users[slot].inFewest = firstFree
        firstFree = Int32(truncatingIfNeeded: slot)
    }

    /// Moves a user from a place of a heap to where it belongs.
    private func place(_ slot: Int32, at start: Int, _ count: Int, isMost: Bool) {
        let users = users.elements
        let heap = isMost ? most.elements : fewest.elements
        func precedes(_ one: Int32, _ other: Int32) -> Bool {
            let (own, others) = (users[Int(one)].tokens, users[Int(other)].tokens)
            return isMost ? own > others : own < others
        }
        func moved(_ slot: Int32, _ place: Int) {
            let place = Int32(truncatingIfNeeded: place)
            if isMost { users[Int(slot)].inMost = place } else { users[Int(slot)].inFewest = place }
        }
        if start > 0, precedes(slot, heap[(start &- 1) / 2]) {
            Heap.siftUp(slot, from: start, heap, placed: moved, by: precedes)
        } else {
            Heap.siftDown(slot, from: start, heap, count: count, placed: moved, by: precedes)
        }
    }
}

/// A request that was counted.
struct CountedRequest: BitwiseCopyable {
    var second: Int64
    var tokens: Int64
    var user: Int32
}

/// A user with tokens in the window.
struct TokenUser: BitwiseCopyable {
    /// A hash of its name.
    var name: Int64
    var tokens: Int64
    /// Its places in the heaps. In a slot that is free: the next free slot, and -1.
    var inFewest: Int32
    var inMost: Int32
}
