import Batching

/// Hashes of the bytes of a live engine in the middle of its requests, and of what would become of one more.
func liveHashes(
    of requests: [Request], _ configuration: EngineConfig
) throws -> (state: UInt64, estimate: UInt64) {
    var engine = try LiveEngine(configuration)
    let prompts = requests.map { Int32($0.promptLength) }
    let outputs = requests.map { Int32($0.outputLength) }
    let arrivals = requests.map(\.arrivalTime)
    try withColumns(prompts, outputs, arrivals) { try engine.submit($0) }
    let middle = requests.isEmpty ? 0.0 : arrivals[requests.count / 2]
    try engine.advance(to: middle + 1.0)

    let bytes = try engine.saved()
    var times = [Double](repeating: -1, count: 3)
    try times.withUnsafeMutableBufferPointer { times in
        let first = times.baseAddress!
        let results = ResultColumns(startTime: first, firstTokenTime: first + 1, endTime: first + 2)
        try withColumns([100], [50], nil) { try engine.estimate($0, results: results) }
    }
    var (state, estimate) = (FowlerNollVo(), FowlerNollVo())
    state.add(bytes)
    estimate.add(times)
    return (state.hash, estimate.hash)
}

private func withColumns(
    _ prompts: [Int32], _ outputs: [Int32], _ arrivals: [Double]?, _ body: (RequestColumns) throws -> Void
) throws {
    try prompts.withUnsafeBufferPointer { prompt in
        try outputs.withUnsafeBufferPointer { output in
            try (arrivals ?? []).withUnsafeBufferPointer { arrival in
                try body(
                    RequestColumns(
                        count: prompt.count, promptLength: prompt.baseAddress, outputLength: output.baseAddress,
                        arrivalTime: arrivals == nil ? nil : arrival.baseAddress))
            }
        }
    }
}
