/// Rows to columns, for the time of a call.
extension [Request] {
    func withRequestColumns<Result>(
        _ body: (RequestColumns) throws(BatchingError) -> Result
    ) throws(BatchingError) -> Result {
        let prompts = try column(\.promptLength, "prompt_length")
        let outputs = try column(\.outputLength, "output_length")
        let arrivals = map(\.arrivalTime)
        return try withPointer(prompts) { (prompts) throws(BatchingError) in
            try withPointer(outputs) { (outputs) throws(BatchingError) in
                try withPointer(arrivals) { (arrivals) throws(BatchingError) in
                    try body(
                        RequestColumns(
                            count: count, promptLength: prompts, outputLength: outputs, arrivalTime: arrivals))
                }
            }
        }
    }

    func withCompletedColumns<Result>(
        _ body: (CompletedColumns) throws(BatchingError) -> Result
    ) throws(BatchingError) -> Result {
        let arrivals = map(\.arrivalTime)
        let starts = try times(\.startTime, "start_time")
        let ends = try times(\.endTime, "end_time")
        let firstTokens = map { $0.firstTokenTime ?? .nan }
        let tokens = try column(\.tokensGenerated, "tokens_generated")
        return try withPointer(arrivals) { (arrivals) throws(BatchingError) in
            try withPointer(starts) { (starts) throws(BatchingError) in
                try withPointer(firstTokens) { (firstTokens) throws(BatchingError) in
                    try withPointer(ends) { (ends) throws(BatchingError) in
                        try withPointer(tokens) { (tokens) throws(BatchingError) in
                            try body(
                                CompletedColumns(
                                    count: count, arrivalTime: arrivals, startTime: starts, firstTokenTime: firstTokens,
                                    endTime: ends, tokensGenerated: tokens))
                        }
                    }
                }
            }
        }
    }

    private func column(_ field: KeyPath<Request, Int>, _ name: StaticString) throws(BatchingError) -> [Int32] {
        var column: [Int32] = []
        column.reserveCapacity(count)
        for (index, request) in enumerated() {
            guard let value = Int32(exactly: request[keyPath: field]) else {
                throw .invalid("\(name)", index, request[keyPath: field], "must be at most \(Int32.max)")
            }
            column.append(value)
        }
        return column
    }

    private func times(_ field: KeyPath<Request, Double?>, _ name: StaticString) throws(BatchingError) -> [Double] {
        var column: [Double] = []
        column.reserveCapacity(count)
        for (index, request) in enumerated() {
            guard let time = request[keyPath: field] else {
                throw BatchingError(
                    .invalidArgument, "\(name)[\(index)] is missing: request \(request.id) has not completed")
            }
            column.append(time)
        }
        return column
    }
}

/// `withUnsafeBufferPointer` with typed errors, and an address even for an array without elements.
private func withPointer<Element, Result>(
    _ array: [Element], _ body: (UnsafePointer<Element>) throws(BatchingError) -> Result
) throws(BatchingError) -> Result {
    try array.withUnsafeBufferPointer { (elements) throws(BatchingError) in
        let anyAddress = UnsafePointer<Element>(bitPattern: MemoryLayout<Element>.alignment)
        return try body(elements.baseAddress ?? anyAddress.unsafelyUnwrapped)
    }
}
