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
}

extension VersionedStruct {
    /// The body of an `_init` function.
    static func initialize(_ pointer: UnsafeMutablePointer<Self>?, size: UInt32) throws(BatchingError) {
        try VersionedBytes(argument, firstSize).initialize(pointer, size: size)
    }

    /// A copy of a caller's struct: what an older caller does not know is 0, what a newer one knows more must be 0.
    static func read(_ pointer: UnsafePointer<Self>?) throws(BatchingError) -> Self {
        var value = Self()
        try withUnsafeMutableBytes(of: &value) { (bytes) throws(BatchingError) in
            try VersionedBytes(argument, firstSize).read(pointer, into: bytes)
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

/// The same for every struct: what is done with its bytes, which is compiled once.
private struct VersionedBytes {
    let argument: StaticString
    let firstSize: Int

    init(_ argument: StaticString, _ firstSize: Int) {
        self.argument = argument
        self.firstSize = firstSize
    }

    /// Beyond this, `struct_size` was surely never set: the bytes up to there are not looked at.
    private static var largestSize: Int { 4096 }

    private func check(size: UInt32) throws(BatchingError) {
        guard size >= firstSize, size <= VersionedBytes.largestSize, size % 8 == 0 else {
            throw BatchingError(
                .structSize,
                "\(argument).struct_size is \(size): must be a multiple of 8 from \(firstSize) to "
                    + "\(VersionedBytes.largestSize); fill the struct with its _init function first")
        }
    }

    @inline(never)
    func initialize(_ pointer: UnsafeMutableRawPointer?, size: UInt32) throws(BatchingError) {
        let pointer = try required(pointer, argument)
        try check(size: size)
        let bytes = UnsafeMutableRawBufferPointer(start: pointer, count: Int(size))
        bytes.initializeMemory(as: UInt8.self, repeating: 0)
        bytes.storeBytes(of: size, as: UInt32.self)
    }

    /// - Parameter value: as many bytes as the library knows, all 0.
    @inline(never)
    func read(_ pointer: UnsafeRawPointer?, into value: UnsafeMutableRawBufferPointer) throws(BatchingError) {
        let pointer = try required(pointer, argument)
        let size = pointer.load(as: UInt32.self)
        try check(size: size)
        let bytes = UnsafeRawBufferPointer(start: pointer, count: Int(size))
        let known = min(bytes.count, value.count)
        for offset in known..<bytes.count where bytes[offset] != 0 {
            throw BatchingError(
                .structSize,
                "\(argument).struct_size is \(size) and byte \(offset) is \(bytes[offset]): "
                    + "this library knows \(known) bytes and needs the rest to be 0")
        }
        let reserved = pointer.load(fromByteOffset: 4, as: UInt32.self)
        guard reserved == 0 else {
            throw BatchingError(.invalidArgument, "\(argument).reserved is \(reserved): must be 0")
        }
        value.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<known]))
    }
}
