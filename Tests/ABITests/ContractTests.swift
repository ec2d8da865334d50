import CBatching
import CBatchingSupport
import Foundation
import Testing

@testable import Batching

@Suite struct ContractTests {
    @Test func `the version is that of the header`() {
        #expect(
            batching_version_number() == BATCHING_VERSION_MAJOR * 1_000_000 + BATCHING_VERSION_MINOR * 1000
                + BATCHING_VERSION_PATCH)
        #expect(
            String(cString: batching_version())
                == "\(BATCHING_VERSION_MAJOR).\(BATCHING_VERSION_MINOR).\(BATCHING_VERSION_PATCH)")
    }

    @Test func `the limits of the core are those of the header`() {
        #expect(Nanoseconds.maximumSeconds == BATCHING_TIME_MAX)
        #expect(RequestColumns.maximumCount == Int(BATCHING_COUNT_MAX))
    }

    @Test func `the library has room to make everything ready as it is loaded`() {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: Int(CBATCHING_SCRATCH_BYTES), alignment: 16)
        defer { memory.deallocate() }
        #expect(cbatching_use_everything(memory) == 1)
    }

    @Test func `every status has its name`() {
        let names: [(batching_status, String)] = [
            (BATCHING_OK, "BATCHING_OK"), (BATCHING_ERROR_INVALID_ARGUMENT, "BATCHING_ERROR_INVALID_ARGUMENT"),
            (BATCHING_ERROR_NULL_POINTER, "BATCHING_ERROR_NULL_POINTER"),
            (BATCHING_ERROR_STRUCT_SIZE, "BATCHING_ERROR_STRUCT_SIZE"),
            (BATCHING_ERROR_CAPACITY, "BATCHING_ERROR_CAPACITY"), (BATCHING_ERROR_OVERFLOW, "BATCHING_ERROR_OVERFLOW"),
            (BATCHING_ERROR_OUT_OF_MEMORY, "BATCHING_ERROR_OUT_OF_MEMORY"),
            (BATCHING_ERROR_CANCELLED, "BATCHING_ERROR_CANCELLED"), (BATCHING_ERROR_BUSY, "BATCHING_ERROR_BUSY"),
            (12345, "unknown status"),
        ]
        for (status, name) in names { #expect(String(cString: batching_status_name(status)) == name) }
    }

    @Test func `the choices of the core have the values of the header`() {
        #expect(
            LiveEngineEvent.allCases.map(\.rawValue) == [
                BATCHING_EVENT_REJECTED, BATCHING_EVENT_PREEMPTED, BATCHING_EVENT_ADMITTED, BATCHING_EVENT_RESUMED,
                BATCHING_EVENT_FIRST_TOKEN, BATCHING_EVENT_FINISHED, BATCHING_EVENT_ABORTED,
            ])
        #expect(
            PolicyName.allCases.map(\.rawValue) == [
                BATCHING_POLICY_VLLM, BATCHING_POLICY_STATIC, BATCHING_POLICY_DYNAMIC, BATCHING_POLICY_CONTINUOUS,
                BATCHING_POLICY_ORCA, BATCHING_POLICY_CUSTOM,
            ])
        #expect(
            QueueOrder.allCases.map(\.rawValue) == [
                BATCHING_QUEUE_ARRIVAL, BATCHING_QUEUE_PRIORITY, BATCHING_QUEUE_SHORTEST_OUTPUT,
            ])
        #expect(
            MetricsConvention.allCases.map(\.rawValue) == [
                BATCHING_CONVENTION_VLLM, BATCHING_CONVENTION_SGLANG, BATCHING_CONVENTION_AIPERF,
            ])
        #expect(
            PercentileMethod.allCases.map(\.rawValue) == [
                BATCHING_PERCENTILE_LINEAR, BATCHING_PERCENTILE_INVERSE_CDF, BATCHING_PERCENTILE_NEAREST,
            ])
        #expect(
            ArrivalProcess.Gaps.allCases.map(\.rawValue) == [
                BATCHING_ARRIVALS_POISSON, BATCHING_ARRIVALS_GAMMA, BATCHING_ARRIVALS_CONSTANT,
            ])
        #expect(
            ArrivalProcess.Ramp.allCases.map(\.rawValue) == [
                BATCHING_RAMP_NONE, BATCHING_RAMP_LINEAR, BATCHING_RAMP_EXPONENTIAL,
            ])
        #expect(
            LengthDistribution.Kind.allCases.map(\.rawValue) == [
                BATCHING_LENGTHS_UNIFORM, BATCHING_LENGTHS_LOGNORMAL, BATCHING_LENGTHS_ZIPF, BATCHING_LENGTHS_EMPIRICAL,
            ])
        #expect(
            DecisionEvent.allCases.map(\.rawValue) == [
                BATCHING_EVENT_REJECTED, BATCHING_EVENT_PREEMPTED, BATCHING_EVENT_ADMITTED, BATCHING_EVENT_RESUMED,
                BATCHING_EVENT_SCHEDULED, BATCHING_EVENT_RUNNING, BATCHING_EVENT_WAITING, BATCHING_EVENT_FINISHED,
                BATCHING_EVENT_ABORTED,
            ])
        #expect(
            [
                RequestStatus.finished, .unfinished, .stuck, .aborted, .rejectedForModelLength, .rejectedForMemory,
                .rejectedForTokenBudget,
            ].map(\.rawValue) == [
                BATCHING_REQUEST_FINISHED, BATCHING_REQUEST_UNFINISHED, BATCHING_REQUEST_STUCK,
                BATCHING_REQUEST_ABORTED, BATCHING_REQUEST_REJECTED_MODEL_LENGTH, BATCHING_REQUEST_REJECTED_KV_MEMORY,
                BATCHING_REQUEST_REJECTED_TOKEN_BUDGET,
            ])
        #expect(
            AccumulatorEvent.allCases.map(\.rawValue) == [
                BATCHING_ACCUMULATOR_ARRIVED, BATCHING_ACCUMULATOR_STARTED, BATCHING_ACCUMULATOR_TOKENS,
                BATCHING_ACCUMULATOR_FINISHED, BATCHING_ACCUMULATOR_FAILED,
            ])
        #expect(
            AccumulatorScope.allCases.map(\.rawValue) == [BATCHING_ACCUMULATOR_START, BATCHING_ACCUMULATOR_WINDOW])
        #expect(FinishReason.allCases.map(\.rawValue) == [BATCHING_FINISHED_STOP, BATCHING_FINISHED_LENGTH])
        #expect(FailureReason.allCases.map(\.rawValue) == [BATCHING_FAILED_ERROR, BATCHING_FAILED_ABORT])
        #expect(
            [EngineSummary.EndReason.completed, .timeLimit, .iterationLimit, .stuck].map(\.rawValue) == [
                BATCHING_END_COMPLETED, BATCHING_END_TIME_LIMIT, BATCHING_END_ITERATION_LIMIT, BATCHING_END_STUCK,
            ])
    }

    @Test func `each thread has its own last error`() async {
        await withTaskGroup(of: Void.self) { group in
            for thread in 0..<16 {
                group.addTask {
                    await withCheckedContinuation { continuation in
                        Thread.detachNewThread {
                            #expect(String(cString: batching_last_error()) == "")
                            for _ in 0..<200 {
                                var result = 0.0
                                let status = batching_arithmetic_intensity_calculate(-Int64(thread), 1, 1, &result)
                                #expect(status == BATCHING_ERROR_INVALID_ARGUMENT)
                                #expect(
                                    String(cString: batching_last_error())
                                        == "batch_size is \(-thread): must be at least 1")
                            }
                            continuation.resume()
                        }
                    }
                }
            }
        }
    }

    @Test func `a long sentence is cut between characters`() {
        // The sentence of this call is short; the cut is that of the C function behind it.
        let text = String(repeating: "é", count: 600)
        text.utf8.withContiguousStorageIfAvailable { cbatching_set_error($0.baseAddress, $0.count) }
        #expect(String(cString: batching_last_error()) == String(repeating: "é", count: 511))
    }

    @Test func `many threads at once get the same bytes`() async throws {
        let expected = try runThroughC(seed: 1)
        let results = try await withThrowingTaskGroup(of: [UInt64].self) { group in
            for _ in 0..<8 { group.addTask { try runThroughC(seed: 1) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(results.count == 8)
        #expect(results.allSatisfy { $0 == expected })
    }

    @Test func `many engines at once give the same bytes`() async throws {
        let expected = try runEngineThroughC()
        let results = try await withThrowingTaskGroup(of: [UInt64].self) { group in
            for _ in 0..<8 { group.addTask { try runEngineThroughC() } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(results.count == 8)
        #expect(results.allSatisfy { $0 == expected })
    }

    @Test(arguments: [UInt64(1), 2, 3])
    func `C and Swift give the same bits`(seed: UInt64) throws {
        let requests = try simulateWorkload(requestCount: 2000, outputLengthRange: 1...400, arrivalRate: 9, seed: seed)
        let run = try continuousBatchSimulation(requests, maxBatchSize: 16)
        let metrics = try calculateBatchMetrics(run.completedRequests, totalTime: run.totalTime)
        var bits = [run.totalTime.bitPattern, run.throughput.bitPattern]
        for request in run.completedRequests.sorted(by: { $0.id < $1.id }) {
            bits += [request.startTime!.bitPattern, request.firstTokenTime!.bitPattern, request.endTime!.bitPattern]
        }
        bits += run.completedRequests.map { UInt64($0.id) }
        bits += [
            metrics.throughput, metrics.averageLatency, metrics.p50Latency, metrics.p95Latency, metrics.p99Latency,
            metrics.averageQueueTime, metrics.averageTimeToFirstToken, metrics.gpuUtilization,
        ].map(\.bitPattern)
        #expect(try runThroughC(seed: seed) == bits)
    }
}

struct CallFailed: Error {
    let message: String
}

func check(_ status: batching_status) throws {
    if status != BATCHING_OK { throw CallFailed(message: String(cString: batching_last_error())) }
}

/// A workload, a continuous run and its metrics, all through the C functions, as bits.
private func runThroughC(seed: UInt64) throws -> [UInt64] {
    let count = 2000
    var workload = batching_workload()
    try check(batching_workload_init(&workload, UInt32(MemoryLayout<batching_workload>.size)))
    workload.seed = seed
    workload.output_length_min = 1
    workload.output_length_max = 400
    workload.arrival_rate = 9
    let output = UnsafeMutablePointer<Int32>.allocate(capacity: count)
    let tokens = UnsafeMutablePointer<Int32>.allocate(capacity: count)
    let times = UnsafeMutablePointer<Double>.allocate(capacity: 4 * count)
    let order = UnsafeMutablePointer<Int64>.allocate(capacity: count)
    defer {
        output.deallocate()
        tokens.deallocate()
        times.deallocate()
        order.deallocate()
    }
    let (arrival, start, first, end) = (times, times + count, times + 2 * count, times + 3 * count)
    try check(batching_workload_generate(&workload, Int64(count), nil, output, arrival))

    var requests = batching_requests()
    try check(batching_requests_init(&requests, UInt32(MemoryLayout<batching_requests>.size)))
    requests.count = Int64(count)
    requests.output_length = UnsafePointer(output)
    requests.arrival_time = UnsafePointer(arrival)
    var results = batching_results()
    try check(batching_results_init(&results, UInt32(MemoryLayout<batching_results>.size)))
    results.capacity = Int64(count)
    results.start_time = start
    results.first_token_time = first
    results.end_time = end
    results.tokens_generated = tokens
    results.completion_order = order
    var summary = batching_summary()
    try check(batching_summary_init(&summary, UInt32(MemoryLayout<batching_summary>.size)))
    try check(batching_continuous_simulate(&requests, 16, 0.01, &results, &summary))

    var completed = batching_completed()
    try check(batching_completed_init(&completed, UInt32(MemoryLayout<batching_completed>.size)))
    completed.count = Int64(count)
    completed.arrival_time = UnsafePointer(arrival)
    completed.start_time = UnsafePointer(start)
    completed.first_token_time = UnsafePointer(first)
    completed.end_time = UnsafePointer(end)
    completed.tokens_generated = UnsafePointer(tokens)
    var metrics = batching_batch_metrics()
    try check(batching_batch_metrics_init(&metrics, UInt32(MemoryLayout<batching_batch_metrics>.size)))
    try check(batching_batch_metrics_calculate(&completed, summary.total_time, &metrics))

    var bits = [summary.total_time.bitPattern, summary.throughput.bitPattern]
    for index in 0..<count {
        bits += [start[index].bitPattern, first[index].bitPattern, end[index].bitPattern]
    }
    bits += (0..<count).map { UInt64(order[$0]) }
    bits += [
        metrics.throughput, metrics.avg_latency, metrics.p50_latency, metrics.p95_latency, metrics.p99_latency,
        metrics.avg_queue_time, metrics.avg_time_to_first_token, metrics.gpu_utilization,
    ].map(\.bitPattern)
    return bits
}

/// A run of the engine that is short of memory and asks a callback for its times, as bits.
private func runEngineThroughC() throws -> [UInt64] {
    let count = 500
    let output = UnsafeMutablePointer<Int32>.allocate(capacity: count)
    let end = UnsafeMutablePointer<Double>.allocate(capacity: count)
    defer {
        output.deallocate()
        end.deallocate()
    }
    for index in 0..<count { output[index] = Int32(1 + index * 7919 % 97) }
    var config = batching_engine_config()
    try check(batching_engine_config_init(&config, UInt32(MemoryLayout<batching_engine_config>.size)))
    config.num_gpu_blocks = 40
    config.time_model = BATCHING_TIME_CALLBACK
    config.time_callback = { iteration, seconds, _ in
        guard let iteration, let seconds else { return 1 }
        seconds.pointee = 0.01 + 1e-4 * Double(iteration.pointee.decode_tokens)
        return 0
    }
    var requests = batching_requests()
    try check(batching_requests_init(&requests, UInt32(MemoryLayout<batching_requests>.size)))
    requests.count = Int64(count)
    requests.output_length = UnsafePointer(output)
    var results = batching_results()
    try check(batching_results_init(&results, UInt32(MemoryLayout<batching_results>.size)))
    results.capacity = Int64(count)
    results.end_time = end
    var summary = batching_summary()
    try check(batching_summary_init(&summary, UInt32(MemoryLayout<batching_summary>.size)))
    try check(batching_simulate(&config, &requests, &results, &summary))
    #expect(summary.preemptions > 0)
    return (0..<count).map { end[$0].bitPattern }
        + [summary.total_time, summary.mean_running, summary.mean_kv_use].map(\.bitPattern)
}
