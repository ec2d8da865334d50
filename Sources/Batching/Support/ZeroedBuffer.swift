#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Memory whose bytes are all 0. What is large comes from the system as it is, and takes address space only until it is
/// touched. Throws where there is none.
struct ZeroedBuffer<Element: BitwiseCopyable>: ~Copyable {
    let elements: UnsafeMutablePointer<Element>

    /// - Parameter count: elements; at least 0. Bytes of 0 must be a value of the type.
    init(count: Int) throws(BatchingError) {
        guard let memory = calloc(max(count, 1), MemoryLayout<Element>.stride) else {
            throw BatchingError(.outOfMemory, "not enough memory (elements: \(count))")
        }
        elements = memory.bindMemory(to: Element.self, capacity: count)
    }

    /// The same bytes as another has.
    /// - Parameter count: the elements of the other.
    init(copying other: borrowing ZeroedBuffer, count: Int) throws(BatchingError) {
        guard let memory = malloc(max(count, 1) &* MemoryLayout<Element>.stride) else {
            throw BatchingError(.outOfMemory, "not enough memory (elements: \(count))")
        }
        let copy = memory.bindMemory(to: Element.self, capacity: count)
        do throws(BatchingError) {
            try copy.copy(other.elements, count: count)
        } catch {
            free(memory)
            throw error
        }
        elements = copy
    }

    /// A deep copy of another.
    /// - Parameter count: the elements of the other.
    init(copying other: borrowing ZeroedBuffer, count: Int, _ copy: inout DeepCopy) {
        elements = copy.elements(other.elements, count: count) ?? ScratchBuffer.nothing
    }

    deinit {
        if elements != ScratchBuffer.nothing { free(elements) }
    }
}
