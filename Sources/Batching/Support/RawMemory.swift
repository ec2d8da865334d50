#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Elements that are no more than their bytes, of whatever type: what is done with them is compiled once.
package enum RawMemory {
    /// - Parameter memory: what is made larger; nil: nothing yet.
    /// - Throws: if there is no memory; then `memory` is as it was.
    @inline(never)
    package static func allocate(
        _ count: Int, stride: Int, instead memory: UnsafeMutableRawPointer? = nil
    ) throws(BatchingError) -> UnsafeMutableRawPointer {
        let (bytes, overflows) = max(count, 1).multipliedReportingOverflow(by: stride)
        guard !overflows, let memory = realloc(memory, bytes) else {
            throw BatchingError(.outOfMemory, "not enough memory for scratch space (elements: \(count))")
        }
        return memory
    }

    /// It may be stopped on the way: see `Work`.
    @inline(never)
    static func copy(
        _ source: UnsafeRawPointer, to destination: UnsafeMutableRawPointer, count: Int, stride: Int
    ) throws(BatchingError) {
        if count <= Work.piece {
            memcpy(destination, source, count &* stride)
            return
        }
        try Work.inPieces(of: count) { piece in
            let first = piece.lowerBound &* stride
            memcpy(destination + first, source + first, piece.count &* stride)
        }
    }

    /// Sets each element to one value. It may be stopped on the way: see `Work`.
    /// - Parameter size: bytes of the value; no more than `stride`.
    @inline(never)
    static func fill(
        _ destination: UnsafeMutableRawPointer, with value: UnsafeRawPointer, size: Int, count: Int, stride: Int
    ) throws(BatchingError) {
        if count <= Work.piece {
            return fill(destination, value, size, bytes: count &* stride, stride)
        }
        try Work.inPieces(of: count) { piece in
            fill(destination + piece.lowerBound &* stride, value, size, bytes: piece.count &* stride, stride)
        }
    }

    private static func fill(
        _ destination: UnsafeMutableRawPointer, _ value: UnsafeRawPointer, _ size: Int, bytes: Int, _ stride: Int
    ) {
        if bytes == 0 { return }
        memcpy(destination, value, size)
        // What there is, is copied behind itself; from some size on no more at once than the fast caches hold.
        var filled = stride
        var chunk = stride
        while filled < bytes {
            if filled < 1 << 14 { chunk = filled }
            let more = min(chunk, bytes &- filled)
            memcpy(destination + filled, destination, more)
            filled &+= more
        }
    }
}
