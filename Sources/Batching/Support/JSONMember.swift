/// The members of an object, one after the other.
struct JSONObject {
    private var text: JSONReader
    private let path: StaticString
    private let decimals: DecimalReader
    private var place = JSONReader.Place()
    /// Which fields members had.
    private var taken: UInt64 = 0

    /// - Parameters:
    ///   - value: where it begins.
    ///   - path: what stands before the names of its members in the sentence of an error: "engine.".
    init(_ value: JSONReader, _ path: StaticString, _ decimals: DecimalReader) {
        text = value
        self.path = path
        self.decimals = decimals
    }

    /// The next member, which is then asked for each field that there may be, at most 64, always in the same order.
    @inline(never)
    mutating func next() throws(BatchingError) -> JSONMember? {
        guard let name = try text.member(&place) else { return nil }
        return JSONMember(value: text, name: name, path: path, decimals: decimals)
    }

    /// Throws unless the member was of a field, and the first of that.
    @inline(never)
    mutating func end(_ member: JSONMember) throws(BatchingError) {
        guard let taker = member.taker else { throw member.error("is unknown: there is no such field") }
        guard taken & 1 &<< taker == 0 else { throw member.error("is there twice: must be there once") }
        taken |= 1 &<< taker
        try text.skipValue()
    }
}

/// One member of an object. Each field that the object may have is asked for in turn, and takes the member's
/// value if the member has its name: so a field's name, and what it sets, stand in one line.
struct JSONMember {
    /// At its value.
    let value: JSONReader
    private let name: JSONString
    private let path: StaticString
    private let decimals: DecimalReader
    /// Fields that were asked for.
    private var asked: UInt64 = 0
    /// Which of them took it.
    fileprivate private(set) var taker: UInt64?

    fileprivate init(value: JSONReader, name: JSONString, path: StaticString, decimals: DecimalReader) {
        self.value = value
        self.name = name
        self.path = path
        self.decimals = decimals
    }

    /// Whether the member is of this field, whose value is to be read then.
    @inline(never)
    mutating func take(_ field: StaticString) -> Bool {
        asked = asked &+ 1
        guard taker == nil, name == field else { return false }
        taker = asked &- 1
        return true
    }

    @inline(never)
    mutating func take(_ field: StaticString, _ number: inout Double) throws(BatchingError) {
        guard take(field) else { return }
        number = try self.number(at: value)
    }

    @inline(never)
    mutating func take(_ field: StaticString, _ number: inout Int64) throws(BatchingError) {
        if take(field) { number = try integer() }
    }

    /// null is nil.
    @inline(never)
    mutating func take(_ field: StaticString, _ number: inout Int64?) throws(BatchingError) {
        guard take(field) else { return }
        number = isNull ? nil : try integer(orNull: true)
    }

    @inline(never)
    mutating func take(_ field: StaticString, _ flag: inout Bool) throws(BatchingError) {
        guard take(field) else { return }
        switch value.byte {
        case UInt8(ascii: "t"): flag = true
        case UInt8(ascii: "f"): flag = false
        default: throw wrong("must be true or false")
        }
    }

    @inline(never)
    mutating func take(_ field: StaticString, _ text: inout JSONString?) throws(BatchingError) {
        if take(field) { text = try string() }
    }

    var isNull: Bool { value.byte == UInt8(ascii: "n") }

    @inline(never)
    func string() throws(BatchingError) -> JSONString {
        guard value.byte == UInt8(ascii: "\"") else { throw wrong("must be a string") }
        var text = value
        return try text.string()
    }

    @inline(never)
    func requireObject() throws(BatchingError) {
        guard value.byte == UInt8(ascii: "{") else { throw wrong("must be an object") }
    }

    @inline(never)
    private func integer(orNull: Bool = false) throws(BatchingError) -> Int64 {
        var text = value
        guard let number = try text.number(), number.isInteger else {
            throw wrong(orNull ? "must be an integer, or null" : "must be an integer")
        }
        guard let integer = number.integer else { throw wrong("must fit 64 bits") }
        return integer
    }

    /// A number here, or within the value.
    /// - Parameter element: which one of an array it is; nil: it is the value itself.
    @inline(never)
    func number(at place: JSONReader, element: JSONElement? = nil) throws(BatchingError) -> Double {
        var text = place
        guard let number = try text.number() else { throw wrong("must be a number", at: place, element) }
        let found = decimals.double(number)
        guard found.value.isFinite else { throw wrong("must be a number that a double can hold", at: place, element) }
        guard found.isExact || !number.isInteger else {
            throw wrong("must be a value that a double holds exactly", at: place, element)
        }
        return found.value
    }

    /// The error of a value.
    @inline(never)
    func wrong(_ requirement: ErrorText) -> BatchingError { wrong(requirement, at: value, nil) }

    @inline(never)
    func wrong(_ requirement: ErrorText, at place: JSONReader, _ element: JSONElement?) -> BatchingError {
        do throws(BatchingError) {
            let value = try ErrorText(value: place)
            guard let element else { return error("is \(value): \(requirement)") }
            return error("\(element.text) is \(value): \(requirement)", separator: "")
        } catch {
            return error
        }
    }

    /// The path, and what is said of it.
    @inline(never)
    func error(_ what: ErrorText, separator: StaticString = " ") -> BatchingError {
        BatchingError(.invalidArgument, "\(path)\(ErrorText(name: name))\(separator)\(what)")
    }
}

/// Which element of an array of numbers, or of an array of rows.
struct JSONElement {
    var row: Int?
    var index: Int

    fileprivate var text: ErrorText {
        if let row { return "[\(row)][\(index)]" }
        return "[\(index)]"
    }
}

extension JSONReader {
    /// Where the value of the first member of that name begins in an object.
    @inline(never)
    func member(named wanted: StaticString) throws(BatchingError) -> JSONReader? {
        var text = self
        var place = Place()
        while let name = try text.member(&place) {
            if name == wanted { return text }
            try text.skipValue()
        }
        return nil
    }
}

extension BatchingError {
    /// A value of a text that is wrong.
    @inline(never)
    static func invalid(
        _ argument: StaticString, _ value: JSONReader, _ requirement: ErrorText
    ) -> BatchingError {
        do throws(BatchingError) {
            return BatchingError(.invalidArgument, "\(argument) is \(try ErrorText(value: value)): \(requirement)")
        } catch {
            return error
        }
    }

    /// What must be there is not.
    @inline(never)
    static func missing(_ argument: StaticString, _ requirement: ErrorText) -> BatchingError {
        BatchingError(.invalidArgument, "\(argument) is missing: \(requirement)")
    }
}

extension ErrorText {
    private static var mostShown: Int { 64 }

    /// A value of a text as it stands there; of an array or an object only which of them it is.
    @inline(never)
    init(value: JSONReader) throws(BatchingError) {
        switch value.byte {
        case UInt8(ascii: "{"): self = "an object"
        case UInt8(ascii: "["): self = "an array"
        default:
            var text = value
            try text.skipValue()
            self.init(printable: value.bytes + value.position, count: text.position &- value.position)
        }
    }

    fileprivate init(name: JSONString) {
        self.init(printable: name.bytes + name.start, count: name.end &- name.start)
    }

    /// The first bytes, with a question mark for each that is not printable ASCII.
    @inline(never)
    private init(printable bytes: UnsafePointer<UInt8>, count: Int) {
        self.init(literalCapacity: 0, interpolationCount: 0)
        for index in 0..<min(max(count, 0), ErrorText.mostShown) {
            let isPrintable = bytes[index] >= 0x20 && bytes[index] < 0x7f
            append(byte: isPrintable ? bytes[index] : UInt8(ascii: "?"))
        }
        if count > ErrorText.mostShown { appendLiteral("...") }
    }
}
