import Batching
import CBatching

/// A struct of the header that may grow: it begins with `uint32_t struct_size` and a `uint32_t reserved` of 0.
protocol VersionedStruct {
    /// What an error calls it.
    static var argument: StaticString { get }
    /// Its size in the first version of the library that had it.
    static var firstSize: Int { get }

    /// All fields 0 or NULL.
    init()
    var struct_size: UInt32 { get set }
    var reserved: UInt32 { get }
}

extension VersionedStruct {
    /// Beyond this, `struct_size` was surely never set: the bytes up to there are not looked at.
    private static var largestSize: Int { 4096 }

    private static func check(size: UInt32) throws(BatchingError) {
        guard size >= firstSize, size <= largestSize, size % 8 == 0 else {
            throw BatchingError(
                .structSize,
                "\(argument).struct_size is \(size): must be a multiple of 8 from \(firstSize) to \(largestSize); "
                    + "fill the struct with its _init function first")
        }
    }

    /// The body of an `_init` function.
    static func initialize(_ pointer: UnsafeMutablePointer<Self>?, size: UInt32) throws(BatchingError) {
        let pointer = try required(pointer, argument)
        try check(size: size)
        let bytes = UnsafeMutableRawBufferPointer(start: pointer, count: Int(size))
        bytes.initializeMemory(as: UInt8.self, repeating: 0)
        bytes.storeBytes(of: size, as: UInt32.self)
    }

    /// A copy of a caller's struct: what an older caller does not know is 0, what a newer one knows more must be 0.
    static func read(_ pointer: UnsafePointer<Self>?) throws(BatchingError) -> Self {
        let pointer = try required(pointer, argument)
        let size = UnsafeRawPointer(pointer).load(as: UInt32.self)
        try check(size: size)
        let bytes = UnsafeRawBufferPointer(start: pointer, count: Int(size))
        let known = min(bytes.count, MemoryLayout<Self>.size)
        for offset in known..<bytes.count where bytes[offset] != 0 {
            throw BatchingError(
                .structSize,
                "\(argument).struct_size is \(size) and byte \(offset) is \(bytes[offset]): "
                    + "this library knows \(known) bytes and needs the rest to be 0")
        }
        var value = Self()
        withUnsafeMutableBytes(of: &value) { $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<known])) }
        guard value.reserved == 0 else {
            throw BatchingError(.invalidArgument, "\(argument).reserved is \(value.reserved): must be 0")
        }
        return value
    }

    /// Writes an output struct: as much of it as the caller knows, its `struct_size` kept.
    func write(to pointer: UnsafeMutablePointer<Self>) {
        var value = self
        value.struct_size = pointer.pointee.struct_size
        let known = min(Int(value.struct_size), MemoryLayout<Self>.size)
        withUnsafeBytes(of: &value) {
            UnsafeMutableRawPointer(pointer).copyMemory(from: $0.baseAddress.unsafelyUnwrapped, byteCount: known)
        }
    }
}
