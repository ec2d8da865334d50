import Batching
import CBatching

extension batching_recorded {
    static let firstSize = 88

    /// The columns of `recorded`. Those that are required may be NULL where there is nothing to read.
    static func columns(_ recorded: UnsafePointer<batching_recorded>?) throws(BatchingError) -> RecordedColumns {
        let recorded = try read(recorded)
        var columns = RecordedColumns(
            count: Int(recorded.count),
            endTime: try requiredColumn(recorded.end_time, "recorded.end_time", count: recorded.count),
            outputLength: try requiredColumn(recorded.output_length, "recorded.output_length", count: recorded.count))
        columns.arrivalTime = recorded.arrival_time
        columns.startTime = recorded.start_time
        columns.firstTokenTime = recorded.first_token_time
        columns.promptLength = recorded.prompt_length
        columns.success = recorded.success
        columns.tokenTimes = recorded.token_times
        columns.tokenOffsets = recorded.token_offsets
        columns.clientArrivalTime = recorded.client_arrival_time
        return columns
    }
}

extension batching_distribution {
    static let firstSize = 72

    mutating func set(_ distribution: Distribution) {
        count = distribution.count
        mean = distribution.mean
        median = distribution.median
        std = distribution.standardDeviation
        min = distribution.minimum
        max = distribution.maximum
        sum = distribution.sum
    }

    /// What is wanted of a distribution; nil if it is NULL.
    static func wanted(
        _ pointer: UnsafeMutablePointer<batching_distribution>?
    ) throws(BatchingError) -> WantedDistribution? {
        guard let pointer else { return nil }
        let given = try read(pointer)
        return WantedDistribution(percentiles: given.percentiles, place: pointer) { distribution, place in
            // All fields that are set were there from the first version on.
            place?.assumingMemoryBound(to: batching_distribution.self).pointee.set(distribution)
        }
    }
}

extension batching_serving_metrics_config {
    static let firstSize = 72

    /// The configuration at `pointer`; NULL: the defaults.
    static func config(_ pointer: UnsafePointer<batching_serving_metrics_config>?) throws(BatchingError)
        -> ServingMetricsConfig
    {
        guard pointer != nil else { return ServingMetricsConfig() }
        let given = try read(pointer)
        var config = ServingMetricsConfig()
        config.convention = try choice(given.convention, "convention")
        config.percentiles.method = try choice(given.percentile_method, "percentile_method")
        config.percentiles.percentiles = given.percentiles
        config.percentiles.count = Int(given.percentile_count)
        config.duration = unlessZero(given.duration)
        config.levels.ttft = unlessZero(given.slo_ttft)
        config.levels.tpot = unlessZero(given.slo_tpot)
        config.levels.itl = unlessZero(given.slo_itl)
        config.levels.e2e = unlessZero(given.slo_e2e)
        config.dueBy = unlessZero(given.slo_due_by)
        return config
    }

    private static func unlessZero(_ seconds: Double) -> Double? { seconds == 0 ? nil : seconds }
}

extension batching_serving_metrics {
    static let firstSize = 192

    func wanted() throws(BatchingError) -> ServingMetrics.Wanted {
        var wanted = ServingMetrics.Wanted()
        wanted.ttft = try batching_distribution.wanted(ttft)
        wanted.tpot = try batching_distribution.wanted(tpot)
        wanted.itl = try batching_distribution.wanted(itl)
        wanted.e2e = try batching_distribution.wanted(e2e)
        wanted.queueTime = try batching_distribution.wanted(queue_time)
        wanted.normalizedLatency = try batching_distribution.wanted(normalized_latency)
        wanted.clientQueueTime = try batching_distribution.wanted(client_queue_time)
        wanted.e2eIncludingClientQueue = try batching_distribution.wanted(e2e_including_client_queue)
        return wanted
    }

    mutating func set(_ metrics: ServingMetrics) {
        duration = metrics.duration
        completed = metrics.completed
        failed = metrics.failed
        total_input_tokens = metrics.totalInputTokens
        total_output_tokens = metrics.totalOutputTokens
        request_throughput = metrics.requestThroughput
        input_throughput = metrics.inputThroughput
        output_throughput = metrics.outputThroughput
        total_token_throughput = metrics.totalTokenThroughput
        concurrency = metrics.concurrency
        judged = metrics.judged
        good = metrics.good
        request_goodput = metrics.requestGoodput
        slo_attainment = metrics.attainment
        slo_attainment_ttft = metrics.ttftAttainment
        slo_attainment_tpot = metrics.tpotAttainment
        slo_attainment_itl = metrics.itlAttainment
        slo_attainment_e2e = metrics.e2eAttainment
    }
}

@implementation @_cdecl("batching_serving_metrics_calculate")
public func batching_serving_metrics_calculate(
    _ recorded: UnsafePointer<batching_recorded>!, _ config: UnsafePointer<batching_serving_metrics_config>!,
    _ metrics: UnsafeMutablePointer<batching_serving_metrics>!
) -> batching_status {
    status { () throws(BatchingError) in
        let columns = try batching_recorded.columns(recorded)
        let config = try batching_serving_metrics_config.config(config)
        var written = try batching_serving_metrics.read(metrics)
        written.set(try ServingMetrics(columns, config, try written.wanted()))
        written.write(to: metrics)
    }
}

@implementation @_cdecl("batching_distribution_calculate")
public func batching_distribution_calculate(
    _ count: Int64, _ values: UnsafePointer<Double>!, _ config: UnsafePointer<batching_serving_metrics_config>!,
    _ distribution: UnsafeMutablePointer<batching_distribution>!
) -> batching_status {
    status { () throws(BatchingError) in
        let values = try requiredColumn(values, "values", count: count)
        let config = try batching_serving_metrics_config.config(config)
        var written = try batching_distribution.read(distribution)
        written.set(
            try Distribution(
                ofColumn: values, count: Int(count), config.percentiles, into: written.percentiles))
        written.write(to: distribution)
    }
}
