/// A function of a caller in C: its address and its user data. Beside it stands a Swift function that captures nothing, and
/// is given it in each call. A closure that captured the two would be an object, and where there is no memory for one the
/// process ends.
package struct ForeignFunction: BitwiseCopyable {
    package let address: UnsafeRawPointer?
    package let userData: UnsafeMutableRawPointer?

    package init(_ address: UnsafeRawPointer?, userData: UnsafeMutableRawPointer?) {
        self.address = address
        self.userData = userData
    }

    /// A Swift function that captures what it needs has none.
    static var none: ForeignFunction { ForeignFunction(nil, userData: nil) }
}
