// Prints what the Swift library gives for the cases of a file: see Tests/differential/cases.txt for the format.
import Batching
import Foundation

private struct FowlerNollVo {
    private(set) var hash: UInt64 = 0xcbf2_9ce4_8422_2325

    mutating func add<Element>(_ column: [Element]) {
        column.withUnsafeBytes { bytes in
            for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        }
    }
}

private func digits(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}

private func digits(_ value: Double) -> String { digits(value.bitPattern) }

/// What a simulator of any kind told.
private struct Run {
    let completedRequests: [Request]
    let totalTime: Double
    let throughput: Double

    init(kind: String, _ requests: [Request], batchSize: Int, timePerToken: Double) throws {
        switch kind {
        case "static", "continuous":
            let run =
                kind == "static"
                ? try staticBatchSimulation(requests, batchSize: batchSize, timePerToken: timePerToken)
                : try continuousBatchSimulation(requests, maxBatchSize: batchSize, timePerToken: timePerToken)
            (completedRequests, totalTime, throughput) = (run.completedRequests, run.totalTime, run.throughput)
        default:
            var configuration = EngineConfiguration()
            configuration.maxNumSeqs = Int64(batchSize)
            configuration.isAsynchronous = kind == "async"
            configuration.numGPUBlocks = 200
            configuration.iterationTime = .affine(
                AffineTime(
                    base: timePerToken, perPrefillToken: 2e-5, perDecodeToken: 5e-5, perContextToken: 4e-8,
                    perPrefillContext: 4.6e-10))
            let run = try Engine.simulate(requests, configuration: configuration)
            completedRequests = run.completedRequests
            (totalTime, throughput) = (run.summary.totalTime, run.summary.throughput)
        }
    }
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
}

let text = try String(contentsOfFile: CommandLine.arguments[1], encoding: .utf8)
var number = 0
for line in text.split(separator: "\n") where !line.hasPrefix("#") {
    number += 1
    let fields = line.split(separator: " ")
    try printCase(number, kind: String(fields[0]), fields: fields)
}
