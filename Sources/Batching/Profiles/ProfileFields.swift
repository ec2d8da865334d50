/// The fields of a profile by their names in JSON. A field that is added to a profile, or to what its engine may have, is
/// added here; the fields of roofline and table are those of the C header, by the same names.
struct ProfileFields {
    var model: JSONString?
    var gpu: JSONString?
    var clientDelay = 0.0
    private var hasTime = false

    /// - Parameters:
    ///   - root: where the profile begins.
    ///   - engine: what the profile says of it.
    ///   - numbers: for the columns of a table.
    mutating func read(
        _ root: JSONReader, _ decimals: DecimalReader, _ engine: inout EngineConfig, _ numbers: inout TableNumbers
    ) throws(BatchingError) {
        var members = JSONObject(root, "", decimals)
        while var member = try members.next() {
            _ = member.take("format")
            _ = member.take("version")
            try member.take("model", &model)
            try member.take("gpu", &gpu)
            if member.take("client_delay") { clientDelay = try ProfileFields.delay(member) }
            if member.take("iteration_time") {
                hasTime = true
                engine.iterationTime = try IterationTime(member, decimals, &numbers)
            }
            if member.take("engine") { try ProfileFields.read(&engine, member, decimals) }
            if member.take("notes") { try member.requireObject() }
            try members.end(member)
        }
    }

    private static func read(
        _ engine: inout EngineConfig, _ object: JSONMember, _ decimals: DecimalReader
    ) throws(BatchingError) {
        try object.requireObject()
        var members = JSONObject(object.value, "engine.", decimals)
        while var member = try members.next() {
            try engine.take(&member, decimals)
            try members.end(member)
        }
    }

    private static func delay(_ member: JSONMember) throws(BatchingError) -> Double {
        let seconds = try member.number(at: member.value)
        guard Nanoseconds.holds(seconds) else { throw member.wrong(Nanoseconds.requirement) }
        return seconds
    }

    /// Throws unless all is there that must be, and each value is in its range.
    func check(_ engine: EngineConfig) throws(BatchingError) {
        guard hasTime else { throw .missing("iteration_time", "a profile must have it") }
        do throws(BatchingError) {
            try engine.checkRanges()
        } catch {
            guard error.kind == .invalidArgument else { throw error }
            throw BatchingError(.invalidArgument, ErrorText(error.text, pathIn: engine.iterationTime))
        }
    }

    /// Bytes of a name in UTF-8, the 0 at its end included.
    func size(of name: JSONString?, _ field: StaticString) throws(BatchingError) -> Int {
        guard let name else { return 1 }
        var characters = JSONCharacters(name)
        var count = 0
        while let byte = characters.next() {
            guard byte != 0 else {
                throw BatchingError(.invalidArgument, "\(field) has the character U+0000: must have none")
            }
            try Work.row(count)
            count &+= 1
        }
        return count &+ 1
    }

    func copy(_ name: JSONString?, to place: UnsafeMutablePointer<UInt8>) throws(BatchingError) {
        var next = place
        if let name {
            var characters = JSONCharacters(name)
            while let byte = characters.next() {
                try Work.row(next - place)
                next.pointee = byte
                next += 1
            }
        }
        next.pointee = 0
    }
}

extension ErrorText {
    /// What the check of a configuration says, with the path that its first name has in a profile.
    fileprivate init(_ text: ErrorText, pathIn time: IterationTime) {
        self = text.withUTF8 { bytes in
            func path(_ path: StaticString, instead name: StaticString) -> ErrorText? {
                let length = name.utf8CodeUnitCount
                guard bytes.count >= length else { return nil }
                for index in 0..<length where bytes[index] != name.utf8Start[index] { return nil }
                return "\(path)\(ErrorText(utf8: UnsafeBufferPointer(rebasing: bytes[length...])))"
            }
            if case .constant = time, let text = path("iteration_time", instead: "time_base") { return text }
            return path("iteration_time.", instead: "time_roofline.") ?? path("iteration_time.", instead: "time_table.")
                ?? path("iteration_time.", instead: "time_") ?? path("engine.", instead: "") ?? text
        }
    }
}
