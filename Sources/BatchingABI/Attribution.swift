import Batching
import CBatching

@implementation @_cdecl("batching_attribution_bands_calculate")
public func batching_attribution_bands_calculate(
    _ attribution: UnsafePointer<batching_attribution>!, _ count: Int64, _ status_column: UnsafePointer<Int32>!,
    _ percentiles: UnsafePointer<Double>!, _ band_count: Int64, _ bands: UnsafePointer<batching_attribution_bands>!
) -> batching_status {
    status { () throws(BatchingError) in
        let requests = try batching_attribution.read(attribution).requests(count, status_column)
        guard band_count >= 0, band_count <= AttributionBands.most else {
            throw BatchingError(
                .invalidArgument, "band_count is \(band_count): must be between 0 and \(AttributionBands.most)")
        }
        let edges = UnsafeBufferPointer(start: try required(percentiles, "percentiles"), count: Int(band_count) + 1)
        let bands = try batching_attribution_bands.read(bands)
        try checkCapacity(bands.capacity, "bands", holding: band_count, "band_count")
        try AttributionBands.calculate(requests, percentiles: edges) { bands.write($0, $1) }
    }
}

extension batching_attribution {
    static let firstSize = 72

    /// The columns to fill.
    /// - Parameter needed: what says how many elements they must have.
    func columns(
        holding count: Int64, _ needed: StaticString = "requests.count"
    ) throws(BatchingError) -> AttributionColumns {
        try checkCapacity(capacity, batching_attribution.argument, holding: count, needed)
        return AttributionColumns(
            waitingForSlot: waiting_for_slot, waitingForMemory: waiting_for_memory, prefill: prefill, decode: decode,
            slowedByPrefill: slowed_by_prefill, preempted: preempted, heldInBatch: held_in_batch,
            waitingForClient: waiting_for_client)
    }

    /// The columns that a run has filled.
    fileprivate func requests(
        _ count: Int64, _ status: UnsafePointer<Int32>?
    ) throws(BatchingError) -> AttributedRequests {
        guard count >= 0 else { throw BatchingError(.invalidArgument, "count is \(count): must be at least 0") }
        try checkCapacity(capacity, batching_attribution.argument, holding: count, "count")
        func column(
            _ pointer: UnsafeMutablePointer<Double>?, _ name: StaticString
        ) throws(BatchingError) -> UnsafePointer<Double> {
            if count == 0 { return UnsafePointer(placeholder()) }
            guard let pointer else {
                throw BatchingError(.nullPointer, "attribution.\(name) is NULL: it is required")
            }
            return UnsafePointer(pointer)
        }
        return AttributedRequests(
            count: Int(count),
            parts: AttributionParts(
                waitingForSlot: try column(waiting_for_slot, "waiting_for_slot"),
                waitingForMemory: try column(waiting_for_memory, "waiting_for_memory"),
                prefill: try column(prefill, "prefill"), decode: try column(decode, "decode"),
                slowedByPrefill: try column(slowed_by_prefill, "slowed_by_prefill"),
                preempted: try column(preempted, "preempted"),
                heldInBatch: try column(held_in_batch, "held_in_batch"),
                waitingForClient: waiting_for_client.map { UnsafePointer($0) }),
            status: status)
    }
}

extension batching_attribution_bands {
    static let firstSize = 104

    fileprivate func write(_ index: Int, _ band: AttributionBands.Band) {
        count?[index] = band.requests
        shortest?[index] = band.shortest
        longest?[index] = band.longest
        mean_total?[index] = band.meanTotal
        waiting_for_slot?[index] = band.mean.waitingForSlot
        waiting_for_memory?[index] = band.mean.waitingForMemory
        prefill?[index] = band.mean.prefill
        decode?[index] = band.mean.decode
        slowed_by_prefill?[index] = band.mean.slowedByPrefill
        preempted?[index] = band.mean.preempted
        held_in_batch?[index] = band.mean.heldInBatch
        waiting_for_client?[index] = band.mean.waitingForClient
    }
}

/// Any aligned address: it will do for a column without elements.
private func placeholder() -> UnsafeMutablePointer<Double> {
    UnsafeMutablePointer(bitPattern: MemoryLayout<Double>.alignment).unsafelyUnwrapped
}
