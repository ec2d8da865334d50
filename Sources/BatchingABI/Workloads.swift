import Batching
import CBatching

extension batching_workload {
    static let firstSize = 40

    /// What `_init` sets: all else is 0.
    static var initial: batching_workload {
        var initial = batching_workload()
        let workload = Workload()
        initial.seed = workload.seed
        initial.prompt_length_min = workload.promptLength.minimum
        initial.prompt_length_max = workload.promptLength.maximum
        initial.output_length_min = workload.outputLength.minimum
        initial.output_length_max = workload.outputLength.maximum
        initial.arrival_rate = workload.arrivals.rate
        return initial
    }

    /// The workload at `pointer`; NULL: the initial one.
    static func workload(_ pointer: UnsafePointer<batching_workload>?) throws(BatchingError) -> Workload {
        pointer == nil ? Workload() : try read(pointer).workload()
    }

    private func workload() throws(BatchingError) -> Workload {
        var workload = Workload()
        workload.seed = seed
        workload.arrivals = try arrivalProcess()
        workload.promptLength = LengthDistribution(
            try choice(prompt_lengths, "prompt_lengths"), prompt_length_min, prompt_length_max, prompt_length_median,
            prompt_length_sigma, prompt_length_exponent)
        workload.outputLength = LengthDistribution(
            try choice(output_lengths, "output_lengths"), output_length_min, output_length_max, output_length_median,
            output_length_sigma, output_length_exponent)
        workload.samples.count = Int(sample_count)
        workload.samples.promptLength = sample_prompt_length
        workload.samples.outputLength = sample_output_length
        workload.samples.areJoint = try !flag(samples_independent, "samples_independent")
        workload.prefixes.groups = prefix_groups
        workload.prefixes.length = prefix_length
        workload.prefixes.exponent = prefix_exponent
        workload.hashBlockSize = hash_block_size == 0 ? workload.hashBlockSize : hash_block_size
        workload.sessions.turnsMinimum = turns_min == 0 ? 1 : turns_min
        workload.sessions.turnsMaximum = turns_max == 0 ? workload.sessions.turnsMinimum : turns_max
        workload.sessions.thinkTimes.kind = try choice(think_times, "think_times")
        workload.sessions.thinkTimes.mean = think_time
        workload.sessions.thinkTimes.sigma = think_time_sigma
        workload.sessions.areClosed = try flag(sessions_closed, "sessions_closed")
        return workload
    }

    private func arrivalProcess() throws(BatchingError) -> ArrivalProcess {
        var process = ArrivalProcess()
        process.gaps = try choice(arrivals, "arrivals")
        process.rate = arrival_rate
        process.burstiness = burstiness == 0 ? process.burstiness : burstiness
        process.ramp = try choice(ramp, "ramp")
        process.rampEndRate = ramp_end_rate
        process.rampRequests = ramp_requests
        process.burstSize = burst_size == 0 ? process.burstSize : burst_size
        process.onTime = on_time
        process.offTime = off_time
        return process
    }
}

extension LengthDistribution {
    fileprivate init(
        _ kind: Kind, _ minimum: Int32, _ maximum: Int32, _ median: Double, _ sigma: Double, _ exponent: Double
    ) {
        // The range is checked by the workload, so that an error names the field.
        self.init(0...0)
        self.kind = kind
        self.minimum = minimum
        self.maximum = maximum
        self.median = median
        self.sigma = sigma
        self.exponent = exponent
    }
}

@implementation @_cdecl("batching_workload_generate")
public func batching_workload_generate(
    _ workload: UnsafePointer<batching_workload>!, _ count: Int64, _ prompt_length: UnsafeMutablePointer<Int32>!,
    _ output_length: UnsafeMutablePointer<Int32>!, _ arrival_time: UnsafeMutablePointer<Double>!
) -> batching_status {
    status { () throws(BatchingError) in
        try batching_workload.workload(workload).generate(
            count: Int(count), promptLength: prompt_length, outputLength: output_length, arrivalTime: arrival_time)
    }
}

@implementation @_cdecl("batching_workload_hashes_generate")
public func batching_workload_hashes_generate(
    _ workload: UnsafePointer<batching_workload>!, _ count: Int64, _ hash_offsets: UnsafeMutablePointer<Int64>!,
    _ capacity: Int64, _ hash_ids: UnsafeMutablePointer<Int64>!, _ needed: UnsafeMutablePointer<Int64>!
) -> batching_status {
    status { () throws(BatchingError) in
        let needed = try required(needed, "needed")
        guard capacity >= 0 else {
            throw BatchingError(.invalidArgument, "capacity is \(capacity): must be at least 0")
        }
        needed.pointee = try batching_workload.workload(workload).generateHashes(
            count: Int(count), offsets: hash_offsets, ids: hash_ids, capacity: Int(capacity))
    }
}

@implementation @_cdecl("batching_workload_sessions_generate")
public func batching_workload_sessions_generate(
    _ workload: UnsafePointer<batching_workload>!, _ count: Int64, _ session: UnsafeMutablePointer<Int64>!,
    _ delay: UnsafeMutablePointer<Double>!
) -> batching_status {
    status { () throws(BatchingError) in
        try batching_workload.workload(workload).generateSessions(count: Int(count), session: session, delay: delay)
    }
}

@implementation @_cdecl("batching_sample_generate")
public func batching_sample_generate(
    _ seed: UInt64, _ count: Int64, _ n: Int64, _ indices: UnsafeMutablePointer<Int64>!
) -> batching_status {
    status { () throws(BatchingError) in
        let column = try requiredColumn(indices.map { UnsafePointer($0) }, "indices", count: n)
        try SelectionSampling.choose(
            Int(n), of: Int(count), seed: seed, into: UnsafeMutablePointer(mutating: column))
    }
}
