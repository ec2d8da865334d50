/// What takes text byte by byte, and numbers without a `String`, which is an object.
protocol ASCIIWriter: TextOutputStream {
    mutating func append(byte: UInt8)
}

extension ASCIIWriter {
    @inline(__always)
    mutating func append(bytes: UnsafeBufferPointer<UInt8>) {
        for byte in bytes { append(byte: byte) }
    }

    @inline(never)
    mutating func append(_ text: StaticString) {
        append(bytes: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    mutating func append(_ value: Int64) {
        if value < 0 { append(byte: UInt8(ascii: "-")) }
        append(digitsOf: value.magnitude)
    }

    mutating func append(digitsOf value: UInt64) {
        var power: UInt64 = 1
        while value / power >= 10 { power *= 10 }
        while power > 0 {
            append(byte: UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value / power % 10))
            power /= 10
        }
    }

    /// The shortest digits that give the same number again.
    mutating func append(_ value: Double) { value.write(to: &self) }

    package mutating func _writeASCII(_ text: UnsafeBufferPointer<UInt8>) { append(bytes: text) }
}
