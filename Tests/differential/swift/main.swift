// Prints what the Swift library gives for the cases of a file: see Tests/differential/cases.txt for the format.
import Batching
import Foundation

/// What a simulator of any kind told.
private struct Run {
    let completedRequests: [Request]
    let totalTime: Double
    let throughput: Double
    /// The columns of the attribution, one after the other; none for the textbook simulators.
    var attribution: [Double] = []

    init(kind: String, _ requests: [Request], batchSize: Int, timePerToken: Double) throws {
        switch kind {
        case "static", "continuous":
            let run =
                kind == "static"
                ? try staticBatchSimulation(requests, batchSize: batchSize, timePerToken: timePerToken)
                : try continuousBatchSimulation(requests, maxBatchSize: batchSize, timePerToken: timePerToken)
            (completedRequests, totalTime, throughput) = (run.completedRequests, run.totalTime, run.throughput)
        default:
            let configuration = engineConfiguration(kind: kind, batchSize: batchSize, timePerToken: timePerToken)
            let run = try Engine.simulate(requests, configuration: configuration)
            completedRequests = run.completedRequests
            (totalTime, throughput) = (run.summary.totalTime, run.summary.throughput)
            attribution = try attributed(requests, configuration)
        }
    }
}

private func engineConfiguration(kind: String, batchSize: Int, timePerToken: Double) -> EngineConfig {
    var configuration = EngineConfig()
    configuration.maxNumSeqs = Int64(batchSize)
    configuration.isAsynchronous = kind == "async"
    configuration.numGPUBlocks = 200
    configuration.iterationTime = .affine(
        AffineTime(
            base: timePerToken, perPrefillToken: 2e-5, perDecodeToken: 5e-5, perContextToken: 4e-8,
            perPrefillContext: 4.6e-10))
    return configuration
}

/// Seven columns of so many elements, one after the other.
private func attributed(_ requests: [Request], _ configuration: EngineConfig) throws -> [Double] {
    let count = requests.count
    let prompts = requests.map { Int32($0.promptLength) }
    let outputs = requests.map { Int32($0.outputLength) }
    let arrivals = requests.map(\.arrivalTime)
    return try prompts.withUnsafeBufferPointer { prompts in
        try outputs.withUnsafeBufferPointer { outputs in
            try arrivals.withUnsafeBufferPointer { arrivals in
                try [Double](unsafeUninitializedCapacity: 7 * count + 1) { buffer, filled in
                    let columns = RequestColumns(
                        count: count, promptLength: prompts.baseAddress, outputLength: outputs.baseAddress,
                        arrivalTime: arrivals.baseAddress)
                    let first = buffer.baseAddress!
                    let attribution = AttributionColumns(
                        waitingForSlot: first, waitingForMemory: first + count, prefill: first + 2 * count,
                        decode: first + 3 * count, slowedByPrefill: first + 4 * count, preempted: first + 5 * count,
                        heldInBatch: first + 6 * count)
                    _ = try Engine.simulate(columns, configuration: configuration, attribution: attribution)
                    filled = 7 * count
                }
            }
        }
    }
}

/// What an accumulator that was told of the requests has become: hashes of its bytes and of its Prometheus text.
private func accumulated(_ requests: [Request]) throws -> (state: UInt64, prometheus: UInt64) {
    var configuration = AccumulatorConfig()
    configuration.sloTTFT = 0.5
    var accumulator = try Accumulator(configuration)
    for (index, request) in requests.enumerated() {
        let (id, end) = (Int64(index), request.endTime ?? -1)
        try accumulator.arrived(id, time: request.arrivalTime, promptTokens: Int32(request.promptLength))
        try accumulator.started(id, time: request.startTime ?? -1)
        try accumulator.tokens(id, time: request.firstTokenTime ?? -1, count: 1)
        try accumulator.tokens(id, time: end, count: Int32(request.tokensGenerated - 1))
        try accumulator.finished(id, time: end, reason: .stop)
    }
    var bytes = [UInt8](repeating: 0, count: try accumulator.savedSize())
    try bytes.withUnsafeMutableBufferPointer { try accumulator.save(into: $0.baseAddress!) }
    let length = accumulator.renderPrometheus(modelName: "m", engine: "0", maxModelLength: .max, into: nil)
    var text = [UInt8](repeating: 0, count: length)
    text.withUnsafeMutableBufferPointer {
        _ = accumulator.renderPrometheus(modelName: "m", engine: "0", maxModelLength: .max, into: $0.baseAddress!)
    }
    var (state, prometheus) = (FowlerNollVo(), FowlerNollVo())
    state.add(bytes)
    prometheus.add(text)
    return (state.hash, prometheus.hash)
}

private func printCase(_ number: Int, kind: String, fields: [Substring]) throws {
    guard let seed = UInt64(fields[1]), let count = Int(fields[2]), let batchSize = Int(fields[3]),
        let timePerToken = Double(fields[4]), let rate = Double(fields[5])
    else { fatalError("case \(number) cannot be read") }

    let requests = try simulateWorkload(
        requestCount: count, promptLengthRange: 50...200, outputLengthRange: 1...400, arrivalRate: rate, seed: seed)
    var workload = FowlerNollVo()
    workload.add(requests.map { Int32($0.promptLength) })
    workload.add(requests.map { Int32($0.outputLength) })
    workload.add(requests.map(\.arrivalTime))
    print("case \(number) workload hash=\(digits(workload.hash))")

    let run = try Run(kind: kind, requests, batchSize: batchSize, timePerToken: timePerToken)
    let inOrder = run.completedRequests.sorted { $0.id < $1.id }
    var results = FowlerNollVo()
    results.add(inOrder.map { $0.startTime ?? -1 })
    results.add(inOrder.map { $0.firstTokenTime ?? -1 })
    results.add(inOrder.map { $0.endTime ?? -1 })
    results.add(run.completedRequests.map { Int64($0.id) })
    print(
        "case \(number) \(kind) total=\(digits(run.totalTime)) throughput=\(digits(run.throughput)) "
            + "hash=\(digits(results.hash))")

    let metrics = try calculateBatchMetrics(inOrder, totalTime: run.totalTime)
    print(
        "case \(number) metrics throughput=\(digits(metrics.throughput)) "
            + "total_tokens=\(digits(UInt64(metrics.totalTokens))) avg_latency=\(digits(metrics.averageLatency)) "
            + "p50_latency=\(digits(metrics.p50Latency)) p95_latency=\(digits(metrics.p95Latency)) "
            + "p99_latency=\(digits(metrics.p99Latency)) avg_queue_time=\(digits(metrics.averageQueueTime)) "
            + "avg_time_to_first_token=\(digits(metrics.averageTimeToFirstToken)) "
            + "gpu_utilization=\(digits(metrics.gpuUtilization))")

    let load = try load(of: inOrder, slots: batchSize)
    var attribution = FowlerNollVo()
    attribution.add(run.attribution)
    print(
        "case \(number) load mean_running=\(digits(load.meanRunning)) mean_waiting=\(digits(load.meanWaiting)) "
            + "mean_tokens=\(digits(load.meanTokens)) peak_tokens=\(digits(UInt64(load.peakTokens))) "
            + "wasted_slot_share=\(digits(load.wastedSlotShare)) attribution=\(digits(attribution.hash))")

    let accumulator = try accumulated(inOrder)
    print(
        "case \(number) accumulator state=\(digits(accumulator.state)) prometheus=\(digits(accumulator.prometheus))")

    let serving = try servingHashes(of: inOrder)
    print("case \(number) serving totals=\(digits(serving.totals)) distributions=\(digits(serving.distributions))")

    let shaped = try shapedHashes(count: count, seed: seed)
    print("case \(number) shaped workload=\(digits(shaped.workload)) hash_ids=\(digits(shaped.hashIDs))")

    let configuration = engineConfiguration(kind: kind, batchSize: batchSize, timePerToken: timePerToken)
    let live = try liveHashes(of: requests, configuration)
    print("case \(number) live state=\(digits(live.state)) estimate=\(digits(live.estimate))")

    let ends = try endsHash(of: requests, configuration)
    print("case \(number) ends hash=\(digits(ends.hash)) aborted=\(digits(UInt64(ends.aborted)))")

    let closed = try closedHash(of: requests, configuration)
    print("case \(number) closed hash=\(digits(closed.hash)) not_sent=\(digits(UInt64(closed.notSent)))")

    let times = try timesHashes(of: requests, configuration)
    print("case \(number) times roofline=\(digits(times.roofline)) table=\(digits(times.table))")
}

let text = try String(contentsOfFile: CommandLine.arguments[1], encoding: .utf8)
var number = 0
for line in text.split(separator: "\n") where !line.hasPrefix("#") {
    number += 1
    let fields = line.split(separator: " ")
    try printCase(number, kind: String(fields[0]), fields: fields)
}
