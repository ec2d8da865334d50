/// Bytes in one direction or the other, so that what a state is made of is said once: little-endian.
protocol ByteCoder {
    /// Writes a value; or reads one, and throws unless it is in its range.
    mutating func code<Value: FixedWidthInteger>(
        _ value: inout Value, from least: Value, to most: Value
    ) throws(BatchingError)

    /// Whether what came with a version is there.
    func has(version: UInt32) -> Bool

    /// Whether it reads.
    static var isReader: Bool { get }

    /// Throws if it reads, and fewer bytes are left.
    func expect(bytes: Int) throws(BatchingError)
}

extension ByteCoder {
    mutating func code<Value: FixedWidthInteger>(_ value: inout Value) throws(BatchingError) {
        try code(&value, from: .min, to: .max)
    }

    mutating func code(_ flag: inout Bool) throws(BatchingError) {
        var byte: UInt8 = flag ? 1 : 0
        try code(&byte, from: 0, to: 1)
        flag = byte == 1
    }
}

extension ByteCoder {
    mutating func code<Choice: RawRepresentable<Int32>>(choice: inout Choice) throws(BatchingError) {
        var raw = choice.rawValue
        try code(&raw)
        guard let known = Choice(rawValue: raw) else { throw .corrupt("a choice has an unknown value") }
        choice = known
    }

    /// nil is 0, which none of these can be.
    mutating func code(optional value: inout Int64?) throws(BatchingError) {
        var number = value ?? 0
        try code(&number)
        value = number == 0 ? nil : number
    }

    /// Any number; the check of the whole says whether it is in its range.
    mutating func code(bits value: inout Double) throws(BatchingError) {
        var bits = value.bitPattern
        try code(&bits)
        value = Double(bitPattern: bits)
    }
}

/// Bytes out.
struct ByteWriter: ByteCoder {
    /// nil: the bytes are only counted.
    let buffer: UnsafeMutablePointer<UInt8>?
    private(set) var count = 0

    init(buffer: UnsafeMutablePointer<UInt8>?) {
        self.buffer = buffer
    }

    mutating func write(_ byte: UInt8) {
        if let buffer { buffer[count] = byte }
        count += 1
    }

    mutating func write(_ value: some FixedWidthInteger) {
        if buffer == nil {
            count += value.bitWidth / 8
            return
        }
        var rest = value
        for _ in 0..<(value.bitWidth / 8) {
            write(UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
    }

    mutating func code<Value: FixedWidthInteger>(_ value: inout Value, from least: Value, to most: Value) {
        write(value)
    }

    /// The newest is written.
    func has(version: UInt32) -> Bool { true }

    static var isReader: Bool { false }

    func expect(bytes: Int) {}

    mutating func write(_ value: Double) { write(value.bitPattern) }

    /// One after the other. Not an `Array`, whose memory nothing checks.
    mutating func write<let count: Int, Value: FixedWidthInteger>(each values: InlineArray<count, Value>) {
        for index in 0..<count { write(values[index]) }
    }
}

/// Text, too.
extension ByteWriter: ASCIIWriter {
    mutating func append(byte: UInt8) { write(byte) }

    mutating func write(_ text: String) { for byte in text.utf8 { write(byte) } }
}

struct ByteReader: ByteCoder {
    private let bytes: UnsafePointer<UInt8>
    private let count: Int
    private var position = 0
    /// Of what is read, once it is known.
    fileprivate(set) var version: UInt32 = 0

    init(bytes: UnsafePointer<UInt8>, count: Int) {
        self.bytes = bytes
        self.count = count
    }

    func has(version: UInt32) -> Bool { self.version >= version }

    static var isReader: Bool { true }

    func expect(bytes: Int) throws(BatchingError) {
        guard left >= bytes else { throw .corrupt("they end too early") }
    }

    var isAtEnd: Bool { position == count }

    /// Bytes that are left.
    var left: Int { count - position }

    mutating func read<Value: FixedWidthInteger>(_: Value.Type = Value.self) throws(BatchingError) -> Value {
        let size = Value.bitWidth / 8
        guard count - position >= size else { throw .corrupt("they end too early") }
        var value: Value = 0
        for index in 0..<size { value |= Value(truncatingIfNeeded: bytes[position + index]) << Value(8 * index) }
        position += size
        return value
    }

    mutating func code<Value: FixedWidthInteger>(
        _ value: inout Value, from least: Value, to most: Value
    ) throws(BatchingError) {
        value = try read()
        guard value >= least, value <= most else { throw .corrupt("a number is out of its range") }
    }

    /// An Int64 in a range.
    mutating func integer(_ range: ClosedRange<Int64>) throws(BatchingError) -> Int64 {
        let value = try read(Int64.self)
        guard range.contains(value) else { throw .corrupt("a number is out of its range") }
        return value
    }

    /// FNV-1a (Fowler, Noll and Vo, 64 bits): of two texts that differ in one byte it is never the same.
    static func checksum(_ bytes: UnsafePointer<UInt8>, _ count: Int) throws(BatchingError) -> UInt64 {
        var checksum: UInt64 = 0xcbf2_9ce4_8422_2325
        try Work.inPieces(of: count) { piece in
            for index in piece { checksum = (checksum ^ UInt64(bytes[index])) &* 0x100_0000_01b3 }
        }
        return checksum
    }
}

extension BatchingError {
    static func missingCallback(_ name: StaticString) -> BatchingError {
        BatchingError(.nullPointer, "\(name) is NULL: the engine that was saved has one, so it is required")
    }

    static func corrupt(_ what: ErrorText) -> BatchingError {
        BatchingError(.invalidArgument, "bytes are not what was saved, or were changed since: \(what)")
    }
}

/// What stands around a state in bytes: what it is the state of, a version, their number, and in the end a checksum.
struct ByteEnvelope {
    /// Eight letters.
    let magic: UInt64
    let version: UInt32
    /// The oldest version that is read.
    let oldest: UInt32

    private static let headSize = 24
    private static let checksumSize = 8

    /// How many bytes `write` writes for what the body does.
    func size(_ body: (inout ByteWriter) throws(BatchingError) -> Void) throws(BatchingError) -> Int {
        var writer = ByteWriter(buffer: nil)
        try body(&writer)
        return ByteEnvelope.headSize + writer.count + ByteEnvelope.checksumSize
    }

    /// - Parameter buffer: room for as many bytes as `size` says.
    func write(
        into buffer: UnsafeMutablePointer<UInt8>, _ body: (inout ByteWriter) throws(BatchingError) -> Void
    ) throws(BatchingError) {
        var content = ByteWriter(buffer: buffer + ByteEnvelope.headSize)
        try body(&content)
        // How many they are is known only now.
        let contentEnd = ByteEnvelope.headSize + content.count
        var head = ByteWriter(buffer: buffer)
        head.write(magic)
        head.write(version)
        head.write(UInt32(0))
        head.write(Int64(contentEnd + ByteEnvelope.checksumSize))
        var tail = ByteWriter(buffer: buffer + contentEnd)
        tail.write(try ByteReader.checksum(buffer, contentEnd))
    }

    /// What the body wrote, once all around it is found to be right.
    func open(_ bytes: UnsafePointer<UInt8>, count: Int) throws(BatchingError) -> ByteReader {
        let contentEnd = count - ByteEnvelope.checksumSize
        guard contentEnd >= ByteEnvelope.headSize else { throw .corrupt("they are too few") }
        var reader = ByteReader(bytes: bytes, count: contentEnd)
        guard try reader.read(UInt64.self) == magic else {
            throw .corrupt("they do not begin with the mark of saved bytes")
        }
        reader.version = try reader.read(UInt32.self)
        guard reader.version >= oldest, reader.version <= version else {
            throw BatchingError(
                .invalidArgument,
                "bytes have version \(reader.version): this library reads versions \(oldest) to \(version)")
        }
        guard try reader.read(UInt32.self) == 0, try reader.integer(0...Int64.max) == Int64(count) else {
            throw .corrupt("they say another size")
        }
        var tail = ByteReader(bytes: bytes + contentEnd, count: ByteEnvelope.checksumSize)
        guard try tail.read(UInt64.self) == ByteReader.checksum(bytes, contentEnd) else {
            throw .corrupt("the checksum is wrong")
        }
        return reader
    }
}
