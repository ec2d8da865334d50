import CBatchingThread

/// The sentence of an error, made without an allocation: it is told also where there is no memory, where Swift's own
/// `String` ends the process. What does not fit is cut off between two characters.
package struct ErrorText: ExpressibleByStringInterpolation, StringInterpolationProtocol, Equatable, Sendable {
    /// Bytes. The longest sentences of the library have some 300.
    static let capacity = Int(CBATCHING_SENTENCE_BYTES)

    // Words and not bytes: the compiler moves a value of few parts with few instructions.
    private var words = InlineArray<63, UInt64>(repeating: 0)
    private(set) var count = 0

    package init(literalCapacity: Int, interpolationCount: Int) {}

    @inline(never)
    package init(stringLiteral text: StaticString) {
        self.init(literalCapacity: 0, interpolationCount: 0)
        appendLiteral(text)
    }

    package init(stringInterpolation text: ErrorText) {
        self = text
    }

    init(utf8: UnsafeBufferPointer<UInt8>) {
        self.init(literalCapacity: 0, interpolationCount: 0)
        append(bytes: utf8)
    }

    /// What a caller says, in any alphabet.
    init(_ text: String) {
        self.init(literalCapacity: 0, interpolationCount: 0)
        write(text)
    }

    @inline(never)
    package mutating func appendLiteral(_ text: StaticString) {
        append(text)
    }

    package mutating func appendInterpolation(_ text: StaticString) { appendLiteral(text) }

    @inline(never)
    package mutating func appendInterpolation(_ text: ErrorText) {
        text.withUTF8 { append(bytes: $0) }
    }

    @inline(never)
    package mutating func appendInterpolation(_ value: Int64) { append(value) }

    package mutating func appendInterpolation(_ value: UInt64) { append(digitsOf: value) }
    package mutating func appendInterpolation(_ value: Int) { appendInterpolation(Int64(value)) }
    package mutating func appendInterpolation(_ value: Int32) { appendInterpolation(Int64(value)) }
    package mutating func appendInterpolation(_ value: UInt32) { appendInterpolation(Int64(value)) }
    package mutating func appendInterpolation(_ value: UInt8) { appendInterpolation(Int64(value)) }

    @inline(never)
    package mutating func appendInterpolation(_ value: Double) { append(value) }

    package static func + (first: ErrorText, second: ErrorText) -> ErrorText {
        var text = first
        text.appendInterpolation(second)
        return text
    }

    package static func == (first: ErrorText, second: ErrorText) -> Bool {
        first.withUTF8 { first in second.withUTF8 { first.elementsEqual($0) } }
    }

    /// The text, valid during the call.
    package func withUTF8<Result: ~Copyable>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        withUnsafeBytes(of: words) { bytes in
            bytes.withMemoryRebound(to: UInt8.self) { body(UnsafeBufferPointer(rebasing: $0[..<count])) }
        }
    }

    mutating func append(byte: UInt8) {
        if count == ErrorText.capacity { return }
        let place = count
        withUnsafeMutableBytes(of: &words) { $0[place] = byte }
        count += 1
    }
}

extension ErrorText: ASCIIWriter {
    package mutating func write(_ text: String) {
        for scalar in text.unicodeScalars {
            guard let character = UTF8.encode(scalar), count + character.count <= ErrorText.capacity else { return }
            for byte in character { append(byte: byte) }
        }
    }
}
