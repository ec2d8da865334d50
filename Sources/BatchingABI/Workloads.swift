import Batching
import CBatching

@implementation @_cdecl("batching_workload_generate")
public func batching_workload_generate(
    _ workload: UnsafePointer<batching_workload>!, _ count: Int64, _ prompt_length: UnsafeMutablePointer<Int32>!,
    _ output_length: UnsafeMutablePointer<Int32>!, _ arrival_time: UnsafeMutablePointer<Double>!
) -> batching_status {
    status { () throws(BatchingError) in
        let generator = workload == nil ? UniformWorkload() : try batching_workload.read(workload).generator
        try generator.generate(
            count: Int(count), promptLength: prompt_length, outputLength: output_length, arrivalTime: arrival_time)
    }
}
