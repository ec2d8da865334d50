/// Text as characters (Unicode scalars), as Python's and Rust's routers count them.
enum UTF8Text {
    /// Whether each character is one byte.
    static func isASCII(_ bytes: UnsafePointer<UInt8>, count: Int) throws(BatchingError) -> Bool {
        var place = 0
        while place < count {
            let end = min(place &+ Work.piece, count)
            var all: UInt8 = 0
            for next in place..<end { all |= bytes[next] }
            if all >= 0x80 { return false }
            if end &- place == Work.piece { try Work.done(Int64(Work.piece)) }
            place = end
        }
        return true
    }

    /// - Parameter characters: room for `count`.
    /// - Returns: how many there are.
    static func decode(
        _ bytes: UnsafePointer<UInt8>, count: Int, into characters: UnsafeMutablePointer<UInt64>
    ) throws(BatchingError) -> Int {
        var (place, written) = (0, 0)
        while place < count {
            try Work.row(written)
            let first = bytes[place]
            if first < 0x80 {
                characters[written] = UInt64(first)
                place &+= 1
            } else {
                let length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2
                guard first >= 0xC2, first <= 0xF4, place &+ length <= count else { throw invalid(place) }
                var value = UInt64(first) & (0x7F &>> UInt64(truncatingIfNeeded: length))
                for offset in 1..<length {
                    let byte = bytes[place &+ offset]
                    guard byte & 0xC0 == 0x80 else { throw invalid(place) }
                    value = value << 6 | UInt64(byte & 0x3F)
                }
                let least: UInt64 = length == 2 ? 0x80 : length == 3 ? 0x800 : 0x10000
                guard value >= least, value <= 0x10FFFF, !(value >= 0xD800 && value < 0xE000) else {
                    throw invalid(place)
                }
                characters[written] = value
                place &+= length
            }
            written &+= 1
        }
        return written
    }

    private static func invalid(_ place: Int) -> BatchingError {
        BatchingError(.invalidArgument, "text is not UTF-8 at byte \(place): must be UTF-8")
    }
}
