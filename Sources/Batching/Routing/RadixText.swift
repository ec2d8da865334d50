/// The elements of the nodes of a radix tree, one piece of memory after the other: as bytes where each element of a node
/// fits one, else as 2, 4 or 8 bytes each. Text takes about as much as in UTF-8, hash ids take 8 bytes.
struct RadixText: ~Copyable {
    private var bytes: GrowableBuffer<UInt8>
    private(set) var used: Int
    /// Of those, bytes that belong to no node any more.
    private(set) var unused: Int

    init() throws(BatchingError) {
        bytes = try GrowableBuffer(capacity: 0)
        (used, unused) = (0, 0)
    }

    init(copying other: borrowing RadixText, _ copy: inout DeepCopy) {
        bytes = GrowableBuffer(copying: other.bytes, count: other.used, &copy)
        (used, unused) = (other.used, other.unused)
    }

    private static func aligned(_ place: Int, _ shift: UInt8) -> Int {
        let width = 1 &<< Int(shift)
        return (place &+ width &- 1) & ~(width &- 1)
    }

    /// How many elements are the same from the first on, of at most `count`.
    func common(_ offset: Int, _ shift: UInt8, _ elements: RadixElements) -> Int {
        let stored = UnsafeRawPointer(bytes.elements + offset)
        return switch shift {
        case 0: RadixText.common(stored.assumingMemoryBound(to: UInt8.self), elements)
        case 1: RadixText.common(stored.assumingMemoryBound(to: UInt16.self), elements)
        case 2: RadixText.common(stored.assumingMemoryBound(to: UInt32.self), elements)
        default: RadixText.common(stored.assumingMemoryBound(to: UInt64.self), elements)
        }
    }

    @inline(__always)
    private static func common<Stored: FixedWidthInteger>(
        _ stored: UnsafePointer<Stored>, _ elements: RadixElements
    ) -> Int {
        if let words = elements.words { return common(stored, words, elements.count) }
        return elements.bytes.map { common(stored, $0, elements.count) } ?? 0
    }

    @inline(__always)
    private static func common<Stored: FixedWidthInteger, Given: FixedWidthInteger & UnsignedInteger>(
        _ stored: UnsafePointer<Stored>, _ given: UnsafePointer<Given>, _ count: Int
    ) -> Int {
        var place = 0
        // Thirty-two at once need one branch.
        while place &+ 32 <= count {
            var difference: Given = 0
            var high: Stored = 0
            for next in place..<place &+ 32 {
                difference |= Given(truncatingIfNeeded: stored[next]) ^ given[next]
                // What is wider than what is given.
                if Stored.bitWidth > Given.bitWidth { high |= stored[next] &>> Stored(Given.bitWidth) }
            }
            if difference != 0 || high != 0 { break }
            place &+= 32
        }
        while place < count, UInt64(truncatingIfNeeded: stored[place]) == UInt64(truncatingIfNeeded: given[place]) {
            place &+= 1
        }
        return place
    }

    subscript(_ offset: Int, _ shift: UInt8) -> UInt64 {
        let stored = UnsafeRawPointer(bytes.elements + offset)
        return switch shift {
        case 0: UInt64(stored.load(as: UInt8.self))
        case 1: UInt64(stored.load(as: UInt16.self))
        case 2: UInt64(stored.load(as: UInt32.self))
        default: stored.load(as: UInt64.self)
        }
    }

    /// Adds elements; there is room.
    /// - Returns: where they are.
    mutating func append(_ elements: RadixElements, _ shift: UInt8) -> Int {
        let offset = RadixText.aligned(used, shift)
        unused &+= offset &- used
        let stored = UnsafeMutableRawPointer(bytes.elements + offset)
        switch shift {
        case 0: RadixText.store(elements, stored.assumingMemoryBound(to: UInt8.self))
        case 1: RadixText.store(elements, stored.assumingMemoryBound(to: UInt16.self))
        case 2: RadixText.store(elements, stored.assumingMemoryBound(to: UInt32.self))
        default: RadixText.store(elements, stored.assumingMemoryBound(to: UInt64.self))
        }
        used = offset &+ elements.count &<< Int(shift)
        return offset
    }

    @inline(__always)
    private static func store<Stored: FixedWidthInteger>(
        _ elements: RadixElements, _ stored: UnsafeMutablePointer<Stored>
    ) {
        if let words = elements.words {
            for place in 0..<elements.count { stored[place] = Stored(truncatingIfNeeded: words[place]) }
        } else if let bytes = elements.bytes {
            for place in 0..<elements.count { stored[place] = Stored(bytes[place]) }
        }
    }

    /// They belong to no node any more.
    mutating func forget(_ count: Int, _ shift: UInt8) {
        unused &+= count &<< Int(shift)
    }

    /// Makes room for so many bytes, in at most 4 pieces. If more than half belongs to no node, the rest moves together.
    mutating func reserve(
        _ more: Int, _ nodes: UnsafeMutablePointer<RadixNode>, slots: Int
    ) throws(BatchingError) {
        let needed = used &+ more &+ 32
        if needed <= bytes.capacity { return }
        if unused &* 2 <= used { return try bytes.reserve(needed) }
        var end = 0
        for node in 1..<slots where nodes[node].isUsed {
            try Work.row(node)
            end = RadixText.end(of: nodes[node], from: end)
        }
        var other = try GrowableBuffer<UInt8>(capacity: 2 &* (end &+ more &+ 32))
        end = 0
        for node in 1..<slots where nodes[node].isUsed {
            try Work.row(node)
            let (start, size) = (nodes[node].offset, Int(nodes[node].count) &<< Int(nodes[node].shift))
            try (other.elements + RadixText.aligned(end, nodes[node].shift)).copy(bytes.elements + start, count: size)
            end = RadixText.end(of: nodes[node], from: end)
        }
        // From here on nothing throws.
        (used, unused) = (0, 0)
        for node in 1..<slots where nodes[node].isUsed {
            let start = RadixText.aligned(used, nodes[node].shift)
            unused &+= start &- used
            used = RadixText.end(of: nodes[node], from: used)
            nodes[node].offset = start
        }
        swap(&bytes, &other)
    }

    private static func end(of node: RadixNode, from place: Int) -> Int {
        aligned(place, node.shift) &+ Int(node.count) &<< Int(node.shift)
    }
}
