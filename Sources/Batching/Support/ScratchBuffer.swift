#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Memory for the duration of a call. Unlike `UnsafeMutablePointer.allocate`, which ends the process when there is no
/// memory, making one throws.
struct ScratchBuffer<Element: BitwiseCopyable>: ~Copyable {
    let elements: UnsafeMutablePointer<Element>
    private let count: Int

    /// - Parameters:
    ///   - count: elements; at least 0.
    ///   - value: what each is set to. That may be stopped on the way: see `Work`.
    @inline(always)
    init(count: Int, repeating value: Element) throws(BatchingError) {
        let memory = try ScratchBuffer.allocate(count)
        do throws(BatchingError) {
            try memory.fill(value, count: count)
        } catch {
            free(memory)
            throw error
        }
        elements = memory
        self.count = count
    }

    /// - Parameter count: elements; at least 0. Each must be set before it is read.
    init(uninitialized count: Int) throws(BatchingError) {
        elements = try ScratchBuffer.allocate(count)
        self.count = count
    }

    /// A deep copy of another.
    init(copying other: borrowing ScratchBuffer, _ copy: inout DeepCopy) {
        elements = copy.elements(other.elements, count: other.count) ?? ScratchBuffer.nothing
        count = other.count
    }

    /// Where nothing is: no memory is taken for no elements.
    static var nothing: UnsafeMutablePointer<Element> {
        UnsafeMutablePointer(bitPattern: 64).unsafelyUnwrapped
    }

    private static func allocate(_ count: Int) throws(BatchingError) -> UnsafeMutablePointer<Element> {
        if count == 0 { return nothing }
        return try RawMemory.allocate(count, stride: MemoryLayout<Element>.stride)
            .bindMemory(to: Element.self, capacity: count)
    }

    deinit {
        if elements != ScratchBuffer.nothing { free(elements) }
    }
}

/// Makes a block of memory larger, or a first one; what is there stays. Throws, and leaves it as it is, if there is no
/// memory. To be given back with `deallocate(reallocated:)`.
func reallocated<Element: BitwiseCopyable>(
    _ elements: UnsafeMutablePointer<Element>?, count: Int
) throws(BatchingError) -> UnsafeMutablePointer<Element> {
    try RawMemory.allocate(count, stride: MemoryLayout<Element>.stride, instead: elements)
        .bindMemory(to: Element.self, capacity: count)
}

package func deallocate<Element: ~Copyable>(reallocated elements: UnsafeMutablePointer<Element>?) {
    free(elements)
}
