/// The model of a run, as the loop asks it. Not an enumeration: all of that would be copied at each switch.
struct IterationTimeModel {
    private enum Kind: UInt8 {
        case constant
        case affine
        case large
        case callback
    }

    private let kind: Kind
    private var step = Nanoseconds.zero
    private var affine = AffineTimeFormula(coefficients: AffineTime())
    /// What has many numbers is not handed around.
    private let large: UnsafePointer<LargeModel>
    private var callback: CallbackTime?

    init(_ time: IterationTime, _ memory: borrowing TimeMemory) {
        large = UnsafePointer(memory.model.elements)
        switch time {
        case .constant(let seconds):
            kind = .constant
            step = Nanoseconds(validSeconds: seconds)
        case .affine(let coefficients) where coefficients.isConstant:
            kind = .constant
            step = Nanoseconds(validSeconds: coefficients.base)
        case .affine(let coefficients):
            kind = .affine
            affine = AffineTimeFormula(coefficients: coefficients)
        case .roofline, .table: kind = .large
        case .callback(let callback):
            kind = .callback
            self.callback = CallbackTime(callback: callback)
        }
    }

    /// nil: only the caller knows.
    @inline(__always)
    func knownDuration(of work: IterationWork) -> Nanoseconds? {
        switch kind {
        case .constant: step
        case .affine: affine.duration(of: work)
        case .large:
            Nanoseconds(
                cappedSeconds: LargeModel.seconds(
                    large, work.prefillTokens, work.prefillChunks, work.decodeTokens, work.contextTokens,
                    work.prefillContext))
        case .callback: nil
        }
    }

    /// The same, if need be asking the caller.
    @inline(never)
    func duration(of work: IterationWork) throws(BatchingError) -> Nanoseconds {
        if let callback { return try callback.duration(of: work) }
        return knownDuration(of: work) ?? .zero
    }

    /// How long iterations take in which so many sequences decode, and nothing else happens.
    /// - Parameter context: the tokens to which they attend in the first.
    @inline(__always)
    func decodeTime(_ sequences: Int64, context: Int64) -> DecodeTime {
        switch kind {
        case .constant: .even(step)
        case .affine: .linear(affine.decodeTime(sequences))
        case .large: .linear(LargeModel.line(large, sequences, context))
        case .callback: .asked
        }
    }

    /// Whether it asks the caller, which may not answer.
    var mayFail: Bool {
        @inline(__always) get { kind == .callback }
    }
}

/// A formula that has many numbers, and what it need not compute again. It stands in the library once, and not in each loop;
/// what it is asked comes in registers.
struct LargeModel: BitwiseCopyable {
    private let isTable: Bool
    private var roofline = RooflineFormula(RooflineTime())
    private var table = TableFormula(TableTime())
    private let tableMemory: TableMemory
    /// Seconds of all but attention where so many sequences decode, and nothing else happens.
    private let decodeBases: KnownSeconds

    fileprivate init(_ time: IterationTime, _ tableMemory: TableMemory, decodeBases: KnownSeconds) {
        self.tableMemory = tableMemory
        self.decodeBases = decodeBases
        if case .table(let time) = time {
            isTable = true
            table = TableFormula(time)
        } else {
            isTable = false
            if case .roofline(let time) = time { roofline = RooflineFormula(time) }
        }
    }

    @inline(__always)
    fileprivate static func seconds(
        _ model: UnsafePointer<LargeModel>, _ prefillTokens: Int64, _ prefillChunks: Int64, _ decodeTokens: Int64,
        _ contextTokens: Int64, _ prefillContext: Double
    ) -> Double {
        if prefillTokens == 0, decodeTokens > 0 {
            return line(model, decodeTokens, contextTokens).seconds(context: contextTokens)
        }
        return model.pointee.isTable
            ? tableSeconds(model, prefillTokens, prefillChunks, decodeTokens, contextTokens, prefillContext)
            : rooflineSeconds(model, prefillTokens, prefillChunks, decodeTokens, contextTokens, prefillContext)
    }

    @inline(never)
    private static func rooflineSeconds(
        _ model: UnsafePointer<LargeModel>, _ prefillTokens: Int64, _ prefillChunks: Int64, _ decodeTokens: Int64,
        _ contextTokens: Int64, _ prefillContext: Double
    ) -> Double {
        model.pointee.roofline.seconds(
            IterationWork(prefillTokens, prefillChunks, decodeTokens, contextTokens, prefillContext))
    }

    @inline(never)
    private static func tableSeconds(
        _ model: UnsafePointer<LargeModel>, _ prefillTokens: Int64, _ prefillChunks: Int64, _ decodeTokens: Int64,
        _ contextTokens: Int64, _ prefillContext: Double
    ) -> Double {
        model.pointee.table.seconds(
            IterationWork(prefillTokens, prefillChunks, decodeTokens, contextTokens, prefillContext),
            model.pointee.tableMemory)
    }

    @inline(__always)
    fileprivate static func line(
        _ model: UnsafePointer<LargeModel>, _ sequences: Int64, _ context: Int64
    ) -> LinearTime {
        model.pointee.isTable ? tableLine(model, sequences, context) : rooflineLine(model, sequences, context)
    }

    @inline(never)
    private static func rooflineLine(
        _ model: UnsafePointer<LargeModel>, _ sequences: Int64, _ context: Int64
    ) -> LinearTime {
        let base = model.pointee.decodeBases[sequences] ?? rooflineBase(model, sequences)
        return model.pointee.roofline.line(base, decodes: sequences, context: context)
    }

    @inline(never)
    private static func rooflineBase(_ model: UnsafePointer<LargeModel>, _ sequences: Int64) -> Double {
        let base = model.pointee.roofline.decodeBase(sequences)
        model.pointee.decodeBases.note(base, at: sequences)
        return base
    }

    @inline(never)
    private static func tableLine(
        _ model: UnsafePointer<LargeModel>, _ sequences: Int64, _ context: Int64
    ) -> LinearTime {
        let base = model.pointee.decodeBases[sequences] ?? tableBase(model, sequences)
        return model.pointee.table.line(
            base, decodes: sequences, context: context, model.pointee.tableMemory)
    }

    @inline(never)
    private static func tableBase(_ model: UnsafePointer<LargeModel>, _ sequences: Int64) -> Double {
        let base = model.pointee.table.decodeBase(sequences, model.pointee.tableMemory)
        model.pointee.decodeBases.note(base, at: sequences)
        return base
    }
}

extension IterationWork {
    @inline(__always)
    fileprivate init(
        _ prefillTokens: Int64, _ prefillChunks: Int64, _ decodeTokens: Int64, _ contextTokens: Int64,
        _ prefillContext: Double
    ) {
        self.init()
        self.prefillTokens = prefillTokens
        self.prefillChunks = prefillChunks
        self.decodeTokens = decodeTokens
        self.contextTokens = contextTokens
        self.prefillContext = prefillContext
    }
}

/// Where a model that has many numbers is, and what it need not compute again; empty for others.
struct TimeMemory: ~Copyable {
    fileprivate let model: ScratchBuffer<LargeModel>
    private let hints: ScratchBuffer<TableHints>
    private let known: ScratchBuffer<Double>

    // Beyond these a number is computed each time.
    private static let sequences = 1024
    private static let tokens = 4096

    init(_ time: IterationTime) throws(BatchingError) {
        var (models, tables, numbers) = (0, 0, 0)
        switch time {
        case .roofline: (models, numbers) = (1, TimeMemory.sequences)
        case .table: (models, tables, numbers) = (1, 1, 2 * TimeMemory.sequences + TimeMemory.tokens)
        default: break
        }
        let model = try ScratchBuffer<LargeModel>(uninitialized: models)
        let hints = try ScratchBuffer<TableHints>(count: tables, repeating: TableHints())
        let known = try ScratchBuffer<Double>(count: numbers, repeating: .nan)
        if models > 0 {
            let (bases, head) = (known.elements, known.elements + TimeMemory.sequences)
            let memory = TableMemory(
                hints: hints.elements,
                linear: KnownSeconds(seconds: head + TimeMemory.sequences, count: Int64(TimeMemory.tokens)),
                head: KnownSeconds(seconds: head, count: Int64(TimeMemory.sequences)))
            model.elements.initialize(
                to: LargeModel(
                    time, memory,
                    decodeBases: KnownSeconds(seconds: bases, count: Int64(TimeMemory.sequences))))
        }
        self.model = model
        self.hints = hints
        self.known = known
    }
}
