/// Memory that grows by doubling as more is needed, for the duration of a run. With a capacity of 0 it takes none before
/// something is needed.
struct GrowableBuffer<Element: BitwiseCopyable>: ~Copyable {
    /// Valid until the buffer grows. Each must be set before it is read.
    private(set) var elements: UnsafeMutablePointer<Element>
    private(set) var capacity: Int

    private static var leastCapacity: Int { 64 }

    init(capacity: Int) throws(BatchingError) {
        elements = capacity == 0 ? ScratchBuffer.nothing : try reallocated(nil, count: capacity)
        self.capacity = capacity
    }

    /// A deep copy of another.
    /// - Parameter count: elements of the other that are in use.
    init(copying other: borrowing GrowableBuffer, count: Int, _ copy: inout DeepCopy) {
        let copied = copy.elements(other.elements, count: count)
        elements = copied ?? ScratchBuffer.nothing
        capacity = copied == nil ? 0 : count
    }

    deinit {
        if capacity > 0 { deallocate(reallocated: elements) }
    }

    /// Makes room for at least `count` elements; what is there stays.
    /// - Complexity: O(capacity), as far as the system does not make a large block of memory larger where it is.
    @inline(__always)
    mutating func reserve(_ count: Int) throws(BatchingError) {
        if count > capacity { try grow(to: count) }
    }

    /// The same; each element that is new has this value.
    mutating func reserve(_ count: Int, filler: Element) throws(BatchingError) {
        let before = capacity
        try reserve(count)
        (elements + before).update(repeating: filler, count: capacity &- before)
    }

    /// Takes over the first `count` elements of another buffer.
    @inline(__always)
    mutating func assign(_ other: borrowing GrowableBuffer, count: Int) throws(BatchingError) {
        try reserve(count)
        try elements.copy(other.elements, count: count)
    }

    @inline(never)
    private mutating func grow(to count: Int) throws(BatchingError) {
        let larger = max(count, 2 &* capacity, GrowableBuffer.leastCapacity)
        elements = try reallocated(capacity == 0 ? nil : elements, count: larger)
        capacity = larger
    }
}

extension UnsafeMutablePointer where Pointee: BitwiseCopyable {
    /// The same as `update`, but that it may be stopped on the way: see `Work`.
    @inline(__always)
    func copy(_ source: UnsafePointer<Pointee>, count: Int) throws(BatchingError) {
        try RawMemory.copy(source, to: self, count: count, stride: MemoryLayout<Pointee>.stride)
    }

    /// The same as `update`, but that it may be stopped on the way: see `Work`.
    @inline(__always)
    func fill(_ value: Pointee, count: Int) throws(BatchingError) {
        try withUnsafePointer(to: value) { (value) throws(BatchingError) in
            try RawMemory.fill(
                self, with: value, size: MemoryLayout<Pointee>.size, count: count, stride: MemoryLayout<Pointee>.stride)
        }
    }
}
