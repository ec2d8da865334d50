/// Memory that grows by doubling as more is needed, for the duration of a run. With a capacity of 0 it takes none before
/// something is needed.
struct GrowableBuffer<Element: BitwiseCopyable>: ~Copyable {
    private var storage: ScratchBuffer<Element>
    private(set) var capacity: Int
    private let filler: Element

    private static var leastCapacity: Int { 64 }

    /// - Parameter value: what every element is before it is set.
    init(capacity: Int, repeating value: Element) throws(BatchingError) {
        storage = try ScratchBuffer(count: capacity, repeating: value)
        self.capacity = capacity
        filler = value
    }

    /// Valid until the buffer grows.
    @inline(__always)
    var elements: UnsafeMutablePointer<Element> { storage.elements }

    /// Makes room for at least `count` elements; what is there stays.
    /// - Parameter asks: whether it may be stopped on the way: see `Work`.
    @inline(__always)
    mutating func reserve(_ count: Int, asks: Bool = false) throws(BatchingError) {
        if count > capacity { try grow(to: count, asks: asks) }
    }

    /// Takes over the first `count` elements of another buffer.
    @inline(__always)
    mutating func assign(_ other: borrowing GrowableBuffer, count: Int) throws(BatchingError) {
        try reserve(count, asks: true)
        try elements.copy(other.elements, count: count)
    }

    @inline(never)
    private mutating func grow(to count: Int, asks: Bool) throws(BatchingError) {
        let larger = max(count, 2 &* capacity, GrowableBuffer.leastCapacity)
        let replacement = try ScratchBuffer<Element>(uninitialized: larger)
        try replacement.elements.copy(storage.elements, count: capacity, asks: asks)
        try (replacement.elements + capacity).fill(filler, count: larger &- capacity, asks: asks)
        storage = replacement
        capacity = larger
    }
}

extension UnsafeMutablePointer where Pointee: BitwiseCopyable {
    /// The same as `update`, but that it may be stopped on the way: see `Work`.
    @inline(__always)
    func copy(_ source: UnsafePointer<Pointee>, count: Int, asks: Bool = true) throws(BatchingError) {
        try RawMemory.copy(source, to: self, count: count, stride: MemoryLayout<Pointee>.stride, asks: asks)
    }

    /// The same as `update`, but that it may be stopped on the way: see `Work`.
    @inline(__always)
    func fill(_ value: Pointee, count: Int, asks: Bool = true) throws(BatchingError) {
        try withUnsafePointer(to: value) { (value) throws(BatchingError) in
            try RawMemory.fill(
                self, with: value, size: MemoryLayout<Pointee>.size, count: count, stride: MemoryLayout<Pointee>.stride,
                asks: asks)
        }
    }
}
