/// JSON (RFC 8259) in bytes, read value by value without an allocation. Whatever the bytes are, it reads none beyond them,
/// and its work is in proportion to them. A copy reads on where the original was.
struct JSONReader {
    let bytes: UnsafePointer<UInt8>
    let count: Int
    /// Of the next byte.
    private(set) var position = 0
    /// Where work is counted next: see `Work`.
    private var nextWork = Work.piece

    /// Arrays and objects within each other.
    static var deepest: Int { 128 }

    init(_ bytes: UnsafePointer<UInt8>, count: Int) {
        self.bytes = bytes
        self.count = count
    }

    /// The next byte; nil at the end.
    var byte: UInt8? { position < count ? bytes[position] : nil }

    /// Where an object or an array is, and what it has been asked for.
    struct Place {
        fileprivate var isOpen = false

        init() {}
    }

    /// Throws unless all of it is one value.
    mutating func readWhole() throws(BatchingError) {
        try skipSpace()
        try skipValue()
        try skipSpace()
        guard position == count else { throw wrong("must be the end: there is one value") }
    }

    /// The name of the next member of an object, whose value is to be read or skipped then; nil: the object has ended.
    @inline(never)
    mutating func member(_ place: inout Place) throws(BatchingError) -> JSONString? {
        guard try goesOn(&place, "{", "}") else { return nil }
        return try name()
    }

    /// Whether an array has another element, which is to be read or skipped then.
    @inline(never)
    mutating func hasElement(_ place: inout Place) throws(BatchingError) -> Bool { try goesOn(&place, "[", "]") }

    /// A value, whatever it is, and however deep.
    @inline(never)
    mutating func skipValue() throws(BatchingError) {
        // Not by recursion: a bit for each level says whether it is an object.
        var depth = 0
        var objects: UInt128 = 0
        while true {
            switch byte {
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                guard depth < JSONReader.deepest else {
                    throw wrong("must not be nested deeper than \(JSONReader.deepest)")
                }
                let isObject = byte == UInt8(ascii: "{")
                objects = objects &<< 1 | (isObject ? 1 : 0)
                depth &+= 1
                var place = Place()
                if try next(in: isObject, &place) { continue }
                objects = objects &>> 1
                depth &-= 1
            default: try skipScalar()
            }
            // A value has ended; so may those around it.
            while depth > 0 {
                var place = Place()
                place.isOpen = true
                if try next(in: objects & 1 == 1, &place) { break }
                objects = objects &>> 1
                depth &-= 1
            }
            if depth == 0 { return }
        }
    }

    /// A string, from its first quote on.
    @inline(never)
    mutating func string() throws(BatchingError) -> JSONString {
        try expect(UInt8(ascii: "\""), "must be a quote, with which a name begins")
        let start = position
        var isPlain = true
        while true {
            try countWork()
            guard let byte else { throw tooShort() }
            switch byte {
            case UInt8(ascii: "\""):
                defer { position &+= 1 }
                return JSONString(bytes: bytes, start: start, end: position, isPlain: isPlain)
            case UInt8(ascii: "\\"):
                isPlain = false
                try skipEscape()
            case 0..<0x20: throw wrong("must be escaped in a string")
            case 0..<0x80: position &+= 1
            default: try skipCharacter()
            }
        }
    }

    /// A number as it stands there; nil: the value is none, and the reader is where it was.
    @inline(never)
    mutating func number() throws(BatchingError) -> JSONNumber? {
        let start = position
        guard let first = byte, first == UInt8(ascii: "-") || JSONReader.isDigit(first) else { return nil }
        if first == UInt8(ascii: "-") { position &+= 1 }
        if byte == UInt8(ascii: "0") { position &+= 1 } else { try skipDigits() }
        var isInteger = true
        if byte == UInt8(ascii: ".") {
            isInteger = false
            position &+= 1
            try skipDigits()
        }
        if byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E") {
            isInteger = false
            position &+= 1
            if byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") { position &+= 1 }
            try skipDigits()
        }
        return JSONNumber(
            text: UnsafeBufferPointer(start: bytes + start, count: position &- start), isInteger: isInteger)
    }

    @inline(never)
    mutating func skipSpace() throws(BatchingError) {
        while let byte, byte == 0x20 || (byte >= 0x09 && byte <= 0x0d && byte != 0x0b && byte != 0x0c) {
            position &+= 1
            try countWork()
        }
    }

    static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }
}

// What values are made of.
extension JSONReader {
    private mutating func next(in isObject: Bool, _ place: inout Place) throws(BatchingError) -> Bool {
        isObject ? try member(&place) != nil : try hasElement(&place)
    }

    /// Goes to what comes next in an object or an array; false: it has ended.
    @inline(never)
    private mutating func goesOn(
        _ place: inout Place, _ open: Unicode.Scalar, _ close: Unicode.Scalar
    ) throws(BatchingError) -> Bool {
        try countWork()
        let isFirst = !place.isOpen
        if isFirst {
            try expect(UInt8(truncatingIfNeeded: open.value), "must begin an object or an array")
            place.isOpen = true
        }
        try skipSpace()
        if byte == UInt8(truncatingIfNeeded: close.value) {
            position &+= 1
            return false
        }
        if isFirst { return true }
        let what: ErrorText = close == "}" ? "must be a comma, or }" : "must be a comma, or ]"
        try expect(UInt8(ascii: ","), what)
        try skipSpace()
        return true
    }

    private mutating func name() throws(BatchingError) -> JSONString {
        let name = try string()
        try skipSpace()
        try expect(UInt8(ascii: ":"), "must be a colon")
        try skipSpace()
        return name
    }

    private mutating func skipScalar() throws(BatchingError) {
        switch byte {
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "t"): try skipWord("true")
        case UInt8(ascii: "f"): try skipWord("false")
        case UInt8(ascii: "n"): try skipWord("null")
        default:
            guard try number() != nil else { throw wrong("must begin a value, as JSON has them") }
        }
    }

    private mutating func skipWord(_ word: StaticString) throws(BatchingError) {
        for index in 0..<word.utf8CodeUnitCount {
            try expect(word.utf8Start[index], "must go on with \(word)")
        }
    }

    @inline(never)
    private mutating func skipDigits() throws(BatchingError) {
        guard let first = byte else { throw tooShort() }
        guard JSONReader.isDigit(first) else { throw wrong("must be a digit") }
        while let byte, JSONReader.isDigit(byte) {
            position &+= 1
            try countWork()
        }
    }

    private mutating func skipEscape() throws(BatchingError) {
        position &+= 1
        guard let byte else { throw tooShort() }
        guard byte == UInt8(ascii: "u") else {
            guard JSONString.escaped(byte) != nil else { throw wrong("must be an escape that JSON has") }
            position &+= 1
            return
        }
        position &+= 1
        for _ in 0..<4 {
            guard let digit = self.byte else { throw tooShort() }
            guard JSONString.hexadecimal(digit) != nil else { throw wrong("must be a hexadecimal digit") }
            position &+= 1
        }
    }

    /// A character of more than one byte (The Unicode Standard, table 3-7: well-formed UTF-8).
    private mutating func skipCharacter() throws(BatchingError) {
        let first = bytes[position]
        let more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1
        guard first >= 0xc2, first <= 0xf4 else { throw wrong("must be UTF-8") }
        position &+= 1
        for index in 0..<more {
            guard let byte else { throw tooShort() }
            var (least, most): (UInt8, UInt8) = (0x80, 0xbf)
            if index == 0 {
                switch first {
                case 0xe0: least = 0xa0
                case 0xed: most = 0x9f
                case 0xf0: least = 0x90
                case 0xf4: most = 0x8f
                default: break
                }
            }
            guard byte >= least, byte <= most else { throw wrong("must be UTF-8") }
            position &+= 1
        }
    }

    @inline(never)
    private mutating func expect(_ wanted: UInt8, _ requirement: ErrorText) throws(BatchingError) {
        guard let byte else { throw tooShort() }
        guard byte == wanted else { throw wrong(requirement) }
        position &+= 1
    }

    @inline(__always)
    private mutating func countWork() throws(BatchingError) {
        if position >= nextWork { try work() }
    }

    @inline(never)
    private mutating func work() throws(BatchingError) {
        nextWork = position &+ Work.piece
        try Work.done(Int64(Work.piece))
    }

    /// The next byte is not what it must be.
    @inline(never)
    private func wrong(_ requirement: ErrorText) -> BatchingError {
        guard let byte else { return tooShort() }
        return BatchingError(
            .invalidArgument, "json is no JSON: byte \(position) is \(ErrorText(byte: byte)): \(requirement)")
    }

    @inline(never)
    private func tooShort() -> BatchingError {
        BatchingError(.invalidArgument, "json is no JSON: it ends at byte \(count), within a value")
    }
}

extension ErrorText {
    /// A byte in quotes, or, if that cannot be seen, its number.
    fileprivate init(byte: UInt8) {
        self.init(literalCapacity: 0, interpolationCount: 0)
        guard byte > 0x20, byte < 0x7f else {
            appendInterpolation(byte)
            return
        }
        append(byte: UInt8(ascii: "'"))
        append(byte: byte)
        append(byte: UInt8(ascii: "'"))
    }
}
