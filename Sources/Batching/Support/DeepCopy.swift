/// A deep copy that is being made. Swift leaves no initializer of a noncopyable value half-way, so an `init(copying:_:)` does
/// not throw: what fails is noted here, an empty buffer stands in its place, and who began throws it once all is made, and
/// with that the copy is dropped.
///
/// Such an initializer sets each field by itself, and no field of such a type has a default: one that is added does not
/// compile until it is copied, too.
struct DeepCopy {
    private var failure: BatchingError?

    init() {}

    /// Memory of its own with the same elements, for `deallocate(reallocated:)`. It may be stopped on the way: see `Work`.
    /// - Returns: nil: there is none, for no elements, or since this or something before has failed.
    mutating func elements<Element: BitwiseCopyable>(
        _ source: UnsafePointer<Element>, count: Int
    ) -> UnsafeMutablePointer<Element>? {
        if failure != nil || count == 0 { return nil }
        do throws(BatchingError) {
            let elements: UnsafeMutablePointer<Element> = try reallocated(nil, count: count)
            do throws(BatchingError) {
                try elements.copy(source, count: count)
            } catch {
                deallocate(reallocated: elements)
                throw error
            }
            return elements
        } catch {
            failure = error
            return nil
        }
    }

    /// Throws what has failed.
    func check() throws(BatchingError) {
        if let failure { throw failure }
    }
}
