/// A name as it is compared: small letters and digits, without the words that do not tell one thing from another.
struct CatalogueName {
    /// What may stand in a name and does not count.
    enum Kind {
        case gpu
        case model
    }

    static let maximumBytes = 255
    private var bytes = InlineArray<256, UInt8>(repeating: 0)
    private(set) var count = 0
    /// Where the word begins that is being written.
    private var wordStart = 0

    /// - Parameter name: of at most 255 bytes.
    init(_ name: UnsafeBufferPointer<UInt8>, _ kind: Kind) {
        for index in CatalogueName.start(name, kind)..<name.count {
            let byte = name[index]
            if CatalogueName.isAlphanumeric(byte) {
                append(byte)
            } else {
                endWord(kind)
            }
        }
        endWord(kind)
    }

    init(_ name: StaticString, _ kind: Kind) {
        self.init(UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount), kind)
    }

    private mutating func append(_ byte: UInt8) {
        guard count < CatalogueName.maximumBytes else { return }
        // A capital letter is 32 below its small one.
        bytes[count] = byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
        count &+= 1
    }

    private mutating func endWord(_ kind: Kind) {
        let drops =
            switch kind {
            case .gpu:
                ends(in: "nvidia") || ends(in: "geforce") || ends(in: "amd") || ends(in: "instinct")
                    || ends(in: "google")
            case .model:
                ends(in: "instruct") || ends(in: "chat") || ends(in: "it") || ends(in: "hf") || ends(in: "base")
                    || ends(in: "pt") || ends(in: "meta")
            }
        if drops { count = wordStart }
        wordStart = count
    }

    /// Whether the word that was written last is this one.
    private func ends(in word: StaticString) -> Bool {
        let length = word.utf8CodeUnitCount
        guard count &- wordStart == length else { return false }
        for index in 0..<length where bytes[wordStart &+ index] != word.utf8Start[index] { return false }
        return true
    }

    /// Behind the last "/" of a model's name.
    private static func start(_ name: UnsafeBufferPointer<UInt8>, _ kind: Kind) -> Int {
        guard kind == .model else { return 0 }
        var start = name.count
        while start > 0, name[start &- 1] != UInt8(ascii: "/") { start &-= 1 }
        return start
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        let small = byte | 0x20
        return (byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9"))
            || (small >= UInt8(ascii: "a") && small <= UInt8(ascii: "z"))
    }

    static func == (first: CatalogueName, second: CatalogueName) -> Bool {
        first.count == second.count && first.commonPrefix(second) == first.count
    }

    private func commonPrefix(_ other: CatalogueName) -> Int {
        var length = 0
        while length < count, length < other.count, bytes[length] == other.bytes[length] { length &+= 1 }
        return length
    }

    private func contains(_ other: CatalogueName) -> Bool {
        var start = 0
        while start &+ other.count <= count {
            var length = 0
            while length < other.count, bytes[start &+ length] == other.bytes[length] { length &+= 1 }
            if length == other.count { return true }
            start &+= 1
        }
        return false
    }

    /// How far a known name is from one that is asked for; nil: too far to be meant.
    func distance(to known: CatalogueName) -> Int? {
        let edits = editDistance(to: known)
        let isPart = min(count, known.count) >= 3 && (contains(known) || known.contains(self))
        return isPart || commonPrefix(known) >= 3 || edits <= 1 &+ count / 3 ? edits : nil
    }

    /// Letters that are to be inserted, deleted or replaced (Levenshtein), row by row.
    private func editDistance(to other: CatalogueName) -> Int {
        var row = InlineArray<257, Int>(repeating: 0)
        for column in 0...other.count { row[column] = column }
        for line in 0..<count {
            var diagonal = row[0]
            row[0] = line &+ 1
            for column in 0..<other.count {
                let replaced = diagonal &+ (bytes[line] == other.bytes[column] ? 0 : 1)
                diagonal = row[column &+ 1]
                row[column &+ 1] = min(replaced, 1 &+ min(diagonal, row[column]))
            }
        }
        return row[other.count]
    }
}
