// Counts and bits in a buffer of a struct that cannot be copied. `buffer.elements[f(x)] &+= y` would say the same; with
// ThreadSanitizer the compiler (6.3.1) crashes on that.
extension UnsafeMutablePointer where Pointee: FixedWidthInteger {
    @inline(__always)
    func add(_ amount: Pointee, at index: Int) { self[index] = self[index] &+ amount }

    @inline(__always)
    func subtract(_ amount: Pointee, at index: Int) { self[index] = self[index] &- amount }

    /// Sets bits.
    @inline(__always)
    func include(_ bits: Pointee, at index: Int) { self[index] = self[index] | bits }
}
