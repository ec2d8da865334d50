#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A place of its own for a value, which, unlike an object, cannot end the process where there is no memory.
package func allocated<Value: ~Copyable>(
    _ value: consuming Value
) throws(BatchingError) -> UnsafeMutablePointer<Value> {
    guard let memory = malloc(MemoryLayout<Value>.size) else {
        throw BatchingError(.outOfMemory, "not enough memory for a handle")
    }
    let place = memory.bindMemory(to: Value.self, capacity: 1)
    place.initialize(to: value)
    return place
}

package func deallocate<Value: ~Copyable>(_ place: UnsafeMutablePointer<Value>?) {
    guard let place else { return }
    place.deinitialize(count: 1)
    free(place)
}
