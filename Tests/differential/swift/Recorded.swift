import Batching

/// Calls `body` with the requests of a run as columns; their token times are the first and the last.
private func withRecorded<Answer>(_ requests: [Request], _ body: (RecordedColumns) throws -> Answer) throws -> Answer {
    let prompts = requests.map { Int32($0.promptLength) }
    let arrivals = requests.map(\.arrivalTime)
    let starts = requests.map { $0.startTime ?? -1 }
    let firstTokens = requests.map { $0.firstTokenTime ?? -1 }
    let tokenTimes = requests.flatMap { [$0.firstTokenTime ?? -1, $0.endTime ?? -1] as [Double] }
    let tokenOffsets = (0...requests.count).map { 2 * Int64($0) }
    // Not empty, so that there is an address.
    let ends = requests.map { $0.endTime ?? -1 } + [0]
    let tokens = requests.map { Int32($0.tokensGenerated) } + [0]
    return try prompts.withUnsafeBufferPointer { prompts in
        try arrivals.withUnsafeBufferPointer { arrivals in
            try starts.withUnsafeBufferPointer { starts in
                try firstTokens.withUnsafeBufferPointer { firstTokens in
                    try tokenTimes.withUnsafeBufferPointer { tokenTimes in
                        try tokenOffsets.withUnsafeBufferPointer { tokenOffsets in
                            try ends.withUnsafeBufferPointer { ends in
                                try tokens.withUnsafeBufferPointer { tokens in
                                    var recorded = RecordedColumns(
                                        count: requests.count, endTime: ends.baseAddress!,
                                        outputLength: tokens.baseAddress!)
                                    recorded.promptLength = prompts.baseAddress
                                    recorded.arrivalTime = arrivals.baseAddress
                                    recorded.startTime = starts.baseAddress
                                    recorded.firstTokenTime = firstTokens.baseAddress
                                    recorded.tokenTimes = tokenTimes.baseAddress
                                    recorded.tokenOffsets = tokenOffsets.baseAddress
                                    return try body(recorded)
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

func load(of requests: [Request], slots: Int) throws -> Load {
    try withRecorded(requests) { recorded in
        var configuration = LoadConfig()
        configuration.slots = Int64(slots)
        var none: LoadTimeline?
        return try Load(ServedColumns(recorded), configuration: configuration, timeline: &none)
    }
}

/// Hashes of the serving metrics.
func servingHashes(of requests: [Request]) throws -> (totals: UInt64, distributions: UInt64) {
    let percentiles = [50.0, 90, 99]
    let samples = 6
    var distributions = [Distribution](repeating: Distribution(), count: samples)
    var values = [Double](repeating: -1, count: samples * percentiles.count)
    let metrics = try percentiles.withUnsafeBufferPointer { percentiles in
        try distributions.withUnsafeMutableBufferPointer { distributions in
            try values.withUnsafeMutableBufferPointer { values in
                let written = distributions.baseAddress!
                let first = values.baseAddress!
                func wanted(_ sample: Int) -> WantedDistribution {
                    WantedDistribution(percentiles: first + sample * percentiles.count) { written[sample] = $0 }
                }
                var options = ServingMetricsConfig()
                options.percentiles.percentiles = percentiles.baseAddress
                options.percentiles.count = percentiles.count
                options.levels.ttft = 0.5
                options.levels.tpot = 0.02
                options.levels.itl = 1
                options.levels.e2e = 10
                options.dueBy = 20
                var all = ServingMetrics.Wanted()
                all.ttft = wanted(0)
                all.tpot = wanted(1)
                all.itl = wanted(2)
                all.e2e = wanted(3)
                all.queueTime = wanted(4)
                all.normalizedLatency = wanted(5)
                return try withRecorded(requests) { try ServingMetrics($0, options, all) }
            }
        }
    }

    var hash = FowlerNollVo()
    for (sample, distribution) in distributions.enumerated() {
        hash.add([distribution.count])
        hash.add([
            distribution.mean, distribution.median, distribution.standardDeviation, distribution.minimum,
            distribution.maximum, distribution.sum,
        ])
        hash.add(Array(values[sample * percentiles.count..<(sample + 1) * percentiles.count]))
    }
    return (totalsHash(of: metrics), hash.hash)
}

private func totalsHash(of metrics: ServingMetrics) -> UInt64 {
    var hash = FowlerNollVo()
    hash.add([metrics.duration])
    hash.add([metrics.completed, metrics.failed, metrics.totalInputTokens, metrics.totalOutputTokens])
    hash.add([
        metrics.requestThroughput, metrics.inputThroughput, metrics.outputThroughput, metrics.totalTokenThroughput,
        metrics.concurrency,
    ])
    hash.add([metrics.judged, metrics.good])
    hash.add([
        metrics.requestGoodput, metrics.attainment, metrics.ttftAttainment, metrics.tpotAttainment,
        metrics.itlAttainment, metrics.e2eAttainment,
    ])
    return hash.hash
}
