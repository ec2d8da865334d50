/// How long an iteration takes. A new model is a case here, a formula in a file of its own, and its line in each switch of
/// this file and of `IterationTimeModel`.
public enum IterationTime {
    /// Seconds.
    case constant(Double)
    /// Affine in the tokens, chunks, sequences and contexts of the iteration.
    case affine(AffineTime)
    /// What follows from a model and GPUs.
    case roofline(RooflineTime)
    /// What was measured.
    case table(TableTime)
    /// What a closure of the caller answers.
    case callback(TimeCallback)
}

extension IterationTime {
    /// Throws unless every value is in its range.
    func check() throws(BatchingError) {
        switch self {
        case .constant(let seconds): _ = try Nanoseconds(seconds: seconds, argument: "time_base")
        case .affine(let model): try model.check()
        case .roofline(let model): try model.check()
        case .table(let model): try model.check()
        case .callback: break
        }
    }

    /// Whether the caller is asked.
    var asksCaller: Bool {
        if case .callback = self { true } else { false }
    }

    /// About the longest that an iteration takes whose prompts and contexts have at most so many tokens, in seconds; nil:
    /// only the caller knows.
    func longest(tokens: Double) throws(BatchingError) -> Double? {
        switch self {
        case .constant(let seconds): return seconds
        case .affine(let model):
            return model.base + model.perDecodeToken + model.perContextToken * tokens + model.perPrefillIteration
                + (model.perPrefillToken + model.perPrefillContext * tokens + model.perPrefillChunk) * tokens
        case .roofline, .table:
            let memory = try TimeMemory(self)
            return IterationTimeModel(self, memory).knownDuration(of: IterationWork(longest: tokens))?.seconds
        case .callback: return nil
        }
    }

    /// Writes it; or reads it, with the callback that it has already, into a storage for what it points to.
    mutating func code(_ coder: inout some ByteCoder, _ storage: inout TableStorage) throws(BatchingError) {
        var kind: UInt8 = 0
        var model = AffineTime()
        var roofline = RooflineTime()
        var table = TableTime()
        switch self {
        case .constant(let seconds): model.base = seconds
        case .affine(let coefficients): (kind, model) = (1, coefficients)
        case .callback: kind = 2
        case .roofline(let time): (kind, roofline) = (3, time)
        case .table(let time): (kind, table) = (4, time)
        }
        try coder.code(&kind, from: 0, to: 4)
        switch kind {
        case 0:
            try model.code(&coder)
            self = .constant(model.base)
        case 1:
            try model.code(&coder)
            self = .affine(model)
        case 3:
            try roofline.code(&coder)
            self = .roofline(roofline)
        case 4:
            try table.code(&coder, &storage)
            self = .table(table)
        default:
            try model.code(&coder)
            guard asksCaller else { throw .missingCallback("time_callback") }
        }
    }
}

extension IterationWork {
    /// One that prefills so many tokens, the last of which attend to as many, while one decodes with as many.
    fileprivate init(longest tokens: Double) {
        self.init()
        decodeTokens = 1
        prefillChunks = 1
        prefillTokens = Int64(min(max(tokens, 1), 0x1p53))
        contextTokens = prefillTokens
        prefillContext = Double(prefillTokens) * Double(prefillTokens)
    }
}

extension IterationTime {
    /// A number is a constant; an object is the model that it says, or without that affine.
    init(
        _ member: JSONMember, _ decimals: DecimalReader, _ numbers: inout TableNumbers
    ) throws(BatchingError) {
        let value = member.value
        guard value.byte == UInt8(ascii: "{") else {
            guard value.byte != UInt8(ascii: "\""), value.byte != UInt8(ascii: "[") else {
                throw member.wrong("must be a number, or an object")
            }
            self = .constant(try member.number(at: value))
            return
        }
        switch try TimeModelName(value) {
        case .affine: self = .affine(try AffineTime(value, decimals))
        case .roofline: self = .roofline(try RooflineTime(value, decimals))
        case .table: self = .table(try TableTime(value, decimals, &numbers))
        }
    }
}

private enum TimeModelName {
    case affine
    case roofline
    case table

    /// The other fields may stand before it.
    init(_ object: JSONReader) throws(BatchingError) {
        guard let value = try object.member(named: "model") else {
            self = .affine
            return
        }
        var text = value
        let word: JSONString? = value.byte == UInt8(ascii: "\"") ? try text.string() : nil
        if let word, word == "affine" {
            self = .affine
        } else if let word, word == "roofline" {
            self = .roofline
        } else if let word, word == "table" {
            self = .table
        } else {
            throw .invalid("iteration_time.model", value, "must be one of \"affine\", \"roofline\", \"table\"")
        }
    }
}
