/// What numbers are found by.
protocol IndexKey: Equatable, BitwiseCopyable {
    /// Equal where the keys are, and only there.
    var words: (UInt64, UInt64) { get }
}

extension Int64: IndexKey {
    @inline(__always)
    var words: (UInt64, UInt64) { (UInt64(bitPattern: self), 0) }
}

/// Numbers by id: open addressing with linear probing, at most half full. The ids belong to the caller, which has one for
/// each number, all of one type.
///
/// - Complexity: O(1), whatever the ids: see `HashKey`.
struct IdIndex: ~Copyable {
    /// Numbers + 1; 0: none.
    private var places: ZeroedBuffer<UInt32>
    private var mask: Int
    private var key: HashKey

    /// - Parameter count: the most ids.
    init(count: Int) throws(BatchingError) {
        let size = IdIndex.size(for: count)
        places = try ZeroedBuffer(count: size)
        mask = size - 1
        key = HashKey()
    }

    init(copying other: borrowing IdIndex, _ copy: inout DeepCopy) {
        places = ZeroedBuffer(copying: other.places, count: other.mask &+ 1, &copy)
        (mask, key) = (other.mask, other.key)
    }

    private static func size(for count: Int) -> Int {
        1 << (Int.bitWidth - (2 * max(count, 32) - 1).leadingZeroBitCount)
    }

    /// Where the search for an id begins.
    @inline(__always)
    private func home<Key: IndexKey>(_ id: Key) -> Int {
        let (first, second) = id.words
        if key.isSet { return Int(truncatingIfNeeded: IdIndex.keyedHash(first, second, key)) & mask }
        // The folded product mixes all bits.
        let (high, low) = (first ^ second &* 0x94D0_49BB_1331_11EB ^ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(
            by: 0xD6E8_FEB8_6659_FD93)
        return Int(truncatingIfNeeded: high ^ low) & mask
    }

    // Static, so that the compiler does not copy the index for each search.
    @inline(never)
    private static func keyedHash(_ first: UInt64, _ second: UInt64, _ key: HashKey) -> UInt64 {
        var hash = SipHash(key)
        hash.add(first)
        if second != 0 { hash.add(second) }
        return hash.finish()
    }

    /// The place of an id, or the empty one where its search ends.
    @inline(__always)
    private func place<Key: IndexKey>(of id: Key, _ ids: (Int) -> Key) -> Int {
        var place = home(id)
        while true {
            let number = Int(places.elements[place])
            if number == 0 || ids(number &- 1) == id { return place }
            place = (place &+ 1) & mask
        }
    }

    /// The number of an id; -1 if it has none.
    @inline(__always)
    func number<Key: IndexKey>(of id: Key, _ ids: (Int) -> Key) -> Int {
        Int(places.elements[place(of: id, ids)]) &- 1
    }

    /// Reads what a search for an id reads first. A search that follows does not wait for memory, and many of these in a row,
    /// which have no branches, wait for it together. There is room for at least one id.
    /// - Returns: something that depends on it.
    @inline(__always)
    func touch(_ id: Int64, _ ids: (Int) -> Int64) -> Int64 {
        let home = home(id)
        let number = Int(places.elements[home])
        let next = Int(places.elements[(home &+ 1) & mask])
        return ids(max(number, 1) &- 1) &+ ids(max(next, 1) &- 1)
    }

    /// Adds an id that has no number yet; there is room.
    /// - Parameters:
    ///   - count: numbers are below it.
    ///   - isUsed: which of them have ids here, this one included.
    @inline(__always)
    mutating func insert<Key: IndexKey>(_ number: Int, count: Int, isUsed: (Int) -> Bool, _ ids: (Int) -> Key) {
        let steps = put(number, ids)
        if steps > HashKey.longSearch { noteLongSearch(steps, count: count, isUsed: isUsed, ids) }
    }

    /// - Returns: how many steps it took.
    @inline(__always)
    private mutating func put<Key: IndexKey>(_ number: Int, _ ids: (Int) -> Key) -> Int {
        let first = home(ids(number))
        var place = first
        while places.elements[place] != 0 { place = (place &+ 1) & mask }
        places.elements[place] = UInt32(truncatingIfNeeded: number &+ 1)
        return (place &- first) & mask
    }

    /// Removes an id. Those after it move up, so that no search ends too early.
    /// - Parameters: as of `insert`; `number` is not used any more.
    @inline(__always)
    mutating func remove<Key: IndexKey>(_ number: Int, count: Int, isUsed: (Int) -> Bool, _ ids: (Int) -> Key) {
        let first = place(of: ids(number), ids)
        var hole = first
        var place = first
        while true {
            place = (place &+ 1) & mask
            let other = places.elements[place]
            if other == 0 { break }
            // It may move into the hole unless its home lies after the hole.
            let distance = (place &- home(ids(Int(other) &- 1))) & mask
            if distance >= (place &- hole) & mask {
                places.elements[hole] = other
                hole = place
            }
        }
        places.elements[hole] = 0
        let steps = (place &- first) & mask
        if steps > HashKey.longSearch { noteLongSearch(steps, count: count, isUsed: isUsed, ids) }
    }

    @inline(never)
    private mutating func noteLongSearch<Key: IndexKey>(
        _ steps: Int, count: Int, isUsed: (Int) -> Bool, _ ids: (Int) -> Key
    ) {
        guard key.isWornOut(by: steps, size: 2 * count) else { return }
        // Each sweep clears all from the home of an id to the next empty place; so all is cleared in the end, by no more
        // steps than there are ids, wherever those are.
        for number in 0..<count where isUsed(number) {
            var place = home(ids(number))
            while places.elements[place] != 0 {
                places.elements[place] = 0
                place = (place &+ 1) & mask
            }
        }
        var hash = SipHash(key)
        for number in 0..<count where isUsed(number) { hash.add(ids(number).words.0) }
        key.renew(hash)
        for number in 0..<count where isUsed(number) { _ = put(number, ids) }
    }

    /// Removes all ids.
    /// - Complexity: O(the most there were).
    mutating func removeAll() { places.elements.update(repeating: 0, count: mask &+ 1) }

    /// Whether that is more work than to remove so many one by one.
    func isSparse(with count: Int) -> Bool { mask / 8 > count }

    /// Makes room for so many ids.
    mutating func reserve<Key: IndexKey>(_ count: Int, _ ids: (Int) -> Key) throws(BatchingError) {
        if 2 * count <= mask { return }
        let before = mask
        var larger = try ZeroedBuffer<UInt32>(count: IdIndex.size(for: max(count, mask)))
        swap(&places, &larger)
        mask = IdIndex.size(for: max(count, mask)) - 1
        for place in 0...before where larger.elements[place] != 0 { _ = put(Int(larger.elements[place]) - 1, ids) }
    }

    mutating func assign(_ other: borrowing IdIndex) throws(BatchingError) {
        if mask != other.mask {
            places = try ZeroedBuffer(count: other.mask + 1)
            mask = other.mask
        }
        try places.elements.copy(other.places.elements, count: other.mask + 1)
        key = other.key
    }
}
