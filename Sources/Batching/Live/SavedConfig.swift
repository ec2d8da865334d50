// What an engine is made of, as bytes: all but its callbacks, which no other process could call.
extension EngineConfig {
    /// Writes it; or reads it, with the callbacks that it has already.
    mutating func code(_ coder: inout some ByteCoder) throws(BatchingError) {
        try coder.code(choice: &policy)
        try coder.code(choice: &queueOrder)
        try coder.code(&maxNumSeqs)
        try coder.code(&maxNumBatchedTokens)
        try coder.code(&longPrefillTokenThreshold)
        try coder.code(optional: &maxModelLength)
        try coder.code(&chunksPrefill)
        try coder.code(&reservesFullPrompt)
        try coder.code(&isAsynchronous)
        try coder.code(&hasInstantPrefill)
        try coder.code(seconds: &maxQueueDelay)
        try coder.code(optional: &numGPUBlocks)
        try coder.code(&blockSize)
        try coder.code(&cachesPrefixes)
        try coder.code(bits: &watermark)
        try coder.code(&admitsOversized)
        try codeIterationTime(&coder)
        guard !policy.policy.traits.asksCaller || policyCallback != nil else {
            throw .missingCallback("policy_callback")
        }
    }

    private mutating func codeIterationTime(_ coder: inout some ByteCoder) throws(BatchingError) {
        var kind: UInt8 = 0
        var model = AffineTime()
        switch iterationTime {
        case .constant(let seconds): model.base = seconds
        case .affine(let coefficients): (kind, model) = (1, coefficients)
        case .callback: kind = 2
        }
        try coder.code(&kind, from: 0, to: 2)
        try coder.code(bits: &model.base)
        try coder.code(bits: &model.perPrefillToken)
        try coder.code(bits: &model.perDecodeToken)
        try coder.code(bits: &model.perContextToken)
        try coder.code(bits: &model.perPrefillContext)
        switch kind {
        case 0: iterationTime = .constant(model.base)
        case 1: iterationTime = .affine(model)
        default:
            guard case .callback = iterationTime else { throw .missingCallback("time_callback") }
        }
    }
}

extension ByteCoder {
    fileprivate mutating func code<Choice: RawRepresentable<Int32>>(choice: inout Choice) throws(BatchingError) {
        var raw = choice.rawValue
        try code(&raw)
        guard let known = Choice(rawValue: raw) else { throw .corrupt("a choice has an unknown value") }
        choice = known
    }

    /// nil is 0, which none of these can be.
    fileprivate mutating func code(optional value: inout Int64?) throws(BatchingError) {
        var number = value ?? 0
        try code(&number)
        value = number == 0 ? nil : number
    }

    /// Any number; the check of the whole says whether it is in its range.
    fileprivate mutating func code(bits value: inout Double) throws(BatchingError) {
        var bits = value.bitPattern
        try code(&bits)
        value = Double(bitPattern: bits)
    }
}

extension BatchingError {
    fileprivate static func missingCallback(_ name: StaticString) -> BatchingError {
        BatchingError(.nullPointer, "\(name) is NULL: the engine that was saved has one, so it is required")
    }
}
