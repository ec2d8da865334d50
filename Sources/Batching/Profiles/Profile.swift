/// What a file keeps of a deployment: how its engine is set, how long its iterations take, and what is known about that. See
/// "Profiles" in the C header.
public struct Profile: ~Copyable {
    /// How the engine is set, its iteration time included. The columns of a table are the profile's: they are there as long
    /// as it is.
    public let engine: EngineConfig
    /// Seconds that clients saw each TTFT and E2E longer than they were in the engine; 0: none, or unknown. They are in no
    /// simulated time.
    public let clientDelay: Double

    /// Two names in UTF-8, each with a 0 at its end.
    private let names: ScratchBuffer<UInt8>
    private let gpuStart: Int
    /// The columns of a table.
    private let numbers: TableNumbers

    /// What is served; empty if that is not said.
    public var model: String { String(cString: modelText) }
    /// What it runs on; empty if that is not said.
    public var gpu: String { String(cString: gpuText) }

    /// The same in C, valid as long as the profile.
    package var modelText: UnsafePointer<CChar> { text(at: 0) }
    package var gpuText: UnsafePointer<CChar> { text(at: gpuStart) }

    private func text(at start: Int) -> UnsafePointer<CChar> {
        UnsafeRawPointer(names.elements + start).assumingMemoryBound(to: CChar.self)
    }

    /// A profile from the bytes of a file, which are not needed afterwards.
    ///
    /// Throws if they are no JSON (the error says at which byte), no profile, or of another version; or if a field is
    /// unknown, there twice, of another type (the error names its path), or out of its range. What two values must be
    /// together is checked where they are used.
    /// - Complexity: O(bytes).
    public init(json: UnsafeRawBufferPointer) throws(BatchingError) {
        // An empty buffer may have no address.
        guard let address = json.baseAddress else { throw .invalid("the size of json", 0, "must be above 0") }
        let bytes = address.assumingMemoryBound(to: UInt8.self)
        var text = JSONReader(bytes, count: json.count)
        try text.readWhole()

        let scratch = try ScratchBuffer<UInt64>(uninitialized: DecimalReader.scratchCount)
        let decimals = DecimalReader(scratch.elements)
        let root = JSONReader(bytes, count: json.count)
        try Profile.checkKind(of: root, decimals)
        var numbers = try TableNumbers()
        var fields = ProfileFields()
        var engine = EngineConfig()
        try fields.read(root, decimals, &engine, &numbers)
        try fields.check(engine)

        let model = try fields.size(of: fields.model, "model")
        let gpu = try fields.size(of: fields.gpu, "gpu")
        let names = try ScratchBuffer<UInt8>(uninitialized: model &+ gpu)
        try fields.copy(fields.model, to: names.elements)
        try fields.copy(fields.gpu, to: names.elements + model)
        self.engine = engine
        self.clientDelay = fields.clientDelay
        self.gpuStart = model
        self.names = names
        self.numbers = numbers
    }

    /// The same from a span.
    public init(json: Span<UInt8>) throws(BatchingError) {
        self = try json.withUnsafeBytes { (bytes) throws(BatchingError) in try Profile(json: bytes) }
    }

    /// Throws unless it is an object that says that it is a profile of this version: before all else, since what other
    /// files have is not unknown fields of a profile.
    private static func checkKind(of root: JSONReader, _ decimals: DecimalReader) throws(BatchingError) {
        var text = root
        try text.skipSpace()
        guard text.byte == UInt8(ascii: "{") else {
            throw .invalid("json", text, "must be an object whose format is \"\(format)\"")
        }
        guard let kind = try text.member(named: "format") else { throw .missing("format", "must be \"\(format)\"") }
        var value = kind
        guard kind.byte == UInt8(ascii: "\""), try value.string() == format else {
            throw .invalid("format", kind, "must be \"\(format)\"")
        }
        guard let version = try text.member(named: "version") else {
            throw .missing("version", "must be \(newestVersion)")
        }
        value = version
        guard try value.number()?.integer == newestVersion else {
            throw .invalid("version", version, "must be \(newestVersion)")
        }
    }

    private static var format: StaticString { "batching profile" }
    private static var newestVersion: Int64 { 1 }
}
