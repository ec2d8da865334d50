/// Bytes out and in: little-endian, with FNV-1a as checksum (Fowler, Noll and Vo, 64 bits; of two texts that differ in one
/// byte it is never the same).
struct ByteWriter {
    /// nil: the bytes are only counted.
    let buffer: UnsafeMutablePointer<UInt8>?
    private(set) var count = 0
    private(set) var checksum: UInt64 = 0xcbf2_9ce4_8422_2325

    init(buffer: UnsafeMutablePointer<UInt8>?) {
        self.buffer = buffer
    }

    mutating func write(_ byte: UInt8) {
        if let buffer {
            buffer[count] = byte
            checksum = (checksum ^ UInt64(byte)) &* 0x100_0000_01b3
        }
        count += 1
    }

    mutating func write(_ value: some FixedWidthInteger) {
        var rest = value
        for _ in 0..<(value.bitWidth / 8) {
            write(UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
    }

    mutating func write(_ value: Double) { write(value.bitPattern) }

    mutating func write(_ text: String) { for byte in text.utf8 { write(byte) } }
}

struct ByteReader {
    private let bytes: UnsafePointer<UInt8>
    private let count: Int
    private var position = 0

    init(bytes: UnsafePointer<UInt8>, count: Int) {
        self.bytes = bytes
        self.count = count
    }

    var isAtEnd: Bool { position == count }

    mutating func read<Value: FixedWidthInteger>(_: Value.Type = Value.self) throws(BatchingError) -> Value {
        let size = Value.bitWidth / 8
        guard count - position >= size else { throw .corrupt("they end too early") }
        var value: Value = 0
        for index in 0..<size { value |= Value(truncatingIfNeeded: bytes[position + index]) << Value(8 * index) }
        position += size
        return value
    }

    /// An Int64 in a range.
    mutating func integer(_ range: ClosedRange<Int64>) throws(BatchingError) -> Int64 {
        let value = try read(Int64.self)
        guard range.contains(value) else { throw .corrupt("a number is out of its range") }
        return value
    }

    /// A latency in nanoseconds.
    mutating func latency() throws(BatchingError) -> Double {
        let value = Double(bitPattern: try read(UInt64.self))
        guard value >= 0, value <= 0x1p63, value.sign == .plus else { throw .corrupt("a latency is out of its range") }
        return value
    }

    static func checksum(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> UInt64 {
        var checksum: UInt64 = 0xcbf2_9ce4_8422_2325
        for index in 0..<count { checksum = (checksum ^ UInt64(bytes[index])) &* 0x100_0000_01b3 }
        return checksum
    }
}

extension BatchingError {
    static func corrupt(_ what: String) -> BatchingError {
        BatchingError(.invalidArgument, "bytes are not those of an accumulator, or were changed: \(what)")
    }
}
