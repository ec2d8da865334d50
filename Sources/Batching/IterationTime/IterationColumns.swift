/// What iterations compute, one an element. The columns are borrowed; nil is the default of `batching_iterations` in the C
/// header.
public struct IterationColumns {
    /// How many.
    public var count: Int
    /// Tokens of all prefill chunks. nil: 0.
    public var prefillTokens: UnsafePointer<Int64>?
    /// Prefill chunks. nil: one where there are tokens.
    public var prefillChunks: UnsafePointer<Int64>?
    /// Sequences that decode. nil: 0.
    public var decodeTokens: UnsafePointer<Int64>?
    /// The sum of the tokens that those attend to. nil: one each.
    public var contextTokens: UnsafePointer<Int64>?
    /// The sum over chunks of tokens x context. nil: chunks of one size, with none before.
    public var prefillContext: UnsafePointer<Double>?

    /// So many that compute nothing.
    public init(count: Int) {
        self.count = count
    }

    /// Throws unless it is one that can be.
    func work(_ index: Int) throws(BatchingError) -> IterationWork {
        func check(_ value: Int64, _ name: StaticString, from least: Int64, to most: Int64) throws(BatchingError) {
            guard value >= least, value <= most else {
                throw .invalid("iterations.\(name)", index, value, "must be between \(least) and \(most)")
            }
        }
        let most = Int64(1) << 53
        var work = IterationWork()
        // As if another had run before.
        work.number = Int64(index) &+ 1
        if let prefillTokens {
            work.prefillTokens = prefillTokens[index]
            try check(work.prefillTokens, "prefill_tokens", from: 0, to: most)
        }
        work.prefillChunks = min(work.prefillTokens, 1)
        if let prefillChunks {
            let least = work.prefillChunks
            work.prefillChunks = prefillChunks[index]
            try check(work.prefillChunks, "prefill_chunks", from: least, to: work.prefillTokens)
        }
        if let decodeTokens {
            work.decodeTokens = decodeTokens[index]
            try check(work.decodeTokens, "decode_tokens", from: 0, to: most)
        }
        work.contextTokens = work.decodeTokens
        if let contextTokens {
            work.contextTokens = contextTokens[index]
            try check(
                work.contextTokens, "context_tokens", from: work.decodeTokens, to: work.decodeTokens > 0 ? most : 0)
        }
        if let prefillContext {
            work.prefillContext = prefillContext[index]
            guard work.prefillContext >= 0, work.prefillContext < .infinity else {
                throw .invalid(
                    "iterations.prefill_context", index, work.prefillContext, "must be finite and at least 0")
            }
            guard work.prefillContext == 0 || work.prefillTokens > 0 else {
                throw .invalid(
                    "iterations.prefill_context", index, work.prefillContext, "must be 0 without prefill_tokens")
            }
        } else if work.prefillTokens > 0 {
            work.prefillContext =
                Double(work.prefillTokens) * Double(work.prefillTokens) / Double(work.prefillChunks)
        }
        work.running = Int(clamping: work.decodeTokens &+ work.prefillChunks)
        return work
    }
}

extension IterationTime {
    /// How long iterations take.
    /// - Parameters:
    ///   - iterations: what they compute.
    ///   - seconds: written, one an iteration, if it does not throw; a callback's answers up to where it throws.
    /// - Complexity: O(1) an iteration; with a table O(log(places)), and O(values) to check it.
    public func seconds(
        of iterations: IterationColumns, into seconds: UnsafeMutablePointer<Double>
    ) throws(BatchingError) {
        try Validation.count(iterations.count, "iterations.count")
        try check()
        let memory = try TimeMemory(self)
        let model = IterationTimeModel(self, memory)
        // Nothing is written before all is found to be right.
        for index in 0..<iterations.count {
            try Work.row(index)
            let work = try iterations.work(index)
            if work.isAny, let known = model.knownDuration(of: work), known > Nanoseconds.maximum {
                throw BatchingError(.overflow, "iteration \(index) takes longer than the clock holds")
            }
        }
        for index in 0..<iterations.count {
            try Work.row(index)
            let work = try iterations.work(index)
            seconds[index] = work.isAny ? try model.duration(of: work).seconds : 0
        }
    }
}
