/// A string of a JSON text that was found to be one: its bytes between the quotes, and what they stand for.
struct JSONString {
    let bytes: UnsafePointer<UInt8>
    let start: Int
    let end: Int
    /// Whether it has no escapes.
    let isPlain: Bool

    /// Whether it stands for these bytes.
    @inline(never)
    static func == (string: JSONString, text: StaticString) -> Bool {
        var characters = JSONCharacters(string)
        for index in 0..<text.utf8CodeUnitCount where characters.next() != text.utf8Start[index] { return false }
        return characters.next() == nil
    }

    /// What a letter after a backslash stands for; nil: nothing. Of `u` that follows.
    static func escaped(_ letter: UInt8) -> UInt8? {
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): letter
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0c
        case UInt8(ascii: "n"): 0x0a
        case UInt8(ascii: "r"): 0x0d
        case UInt8(ascii: "t"): 0x09
        default: nil
        }
    }

    static func hexadecimal(_ digit: UInt8) -> UInt32? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(digit &- UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(digit &- UInt8(ascii: "a") &+ 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(digit &- UInt8(ascii: "A") &+ 10)
        default: nil
        }
    }
}

/// The bytes that a string stands for, in UTF-8. A surrogate without its other half stands for no character: for U+FFFD.
struct JSONCharacters {
    private let bytes: UnsafePointer<UInt8>
    private let end: Int
    private var position: Int
    /// Of a character that was escaped, the bytes that are still to come; the next is the lowest.
    private var rest: UInt32 = 0
    private var restCount = 0

    init(_ string: JSONString) {
        bytes = string.bytes
        end = string.end
        position = string.start
    }

    @inline(never)
    mutating func next() -> UInt8? {
        if restCount > 0 { return nextOfRest() }
        guard position < end else { return nil }
        let byte = bytes[position]
        position &+= 1
        guard byte == UInt8(ascii: "\\"), position < end else { return byte }
        let letter = bytes[position]
        position &+= 1
        if let escaped = JSONString.escaped(letter) { return escaped }
        encode(character())
        return nextOfRest()
    }

    private mutating func nextOfRest() -> UInt8 {
        defer {
            rest = rest &>> 8
            restCount &-= 1
        }
        return UInt8(truncatingIfNeeded: rest)
    }

    /// The character of the hexadecimal digits here; of a pair of surrogates, what both say.
    private mutating func character() -> UInt32 {
        let first = unit(at: position) ?? 0xfffd
        position &+= 4
        guard first >= 0xd800, first <= 0xdfff else { return first }
        guard first < 0xdc00, position &+ 6 <= end, bytes[position] == UInt8(ascii: "\\"),
            bytes[position &+ 1] == UInt8(ascii: "u"), let second = unit(at: position &+ 2), second >= 0xdc00,
            second <= 0xdfff
        else { return 0xfffd }
        position &+= 6
        return 0x10000 &+ (first &- 0xd800) &<< 10 &+ (second &- 0xdc00)
    }

    private func unit(at place: Int) -> UInt32? {
        guard place &+ 4 <= end else { return nil }
        var unit: UInt32 = 0
        for index in 0..<4 {
            guard let digit = JSONString.hexadecimal(bytes[place &+ index]) else { return nil }
            unit = unit &<< 4 | digit
        }
        return unit
    }

    private mutating func encode(_ character: UInt32) {
        func more(_ shift: UInt32) -> UInt32 { 0x80 | character &>> shift & 0x3f }
        switch character {
        case 0..<0x80: (rest, restCount) = (character, 1)
        case 0x80..<0x800: (rest, restCount) = (0xc0 | character &>> 6 | more(0) &<< 8, 2)
        case 0x800..<0x10000:
            (rest, restCount) = (0xe0 | character &>> 12 | more(6) &<< 8 | more(0) &<< 16, 3)
        default:
            rest = 0xf0 | character &>> 18 | more(12) &<< 8 | more(6) &<< 16 | more(0) &<< 24
            restCount = 4
        }
    }
}
