import Batching
import CBatching

extension batching_engine_config {
    /// The policy that asks `policy_callback`.
    func policyCallback() throws(BatchingError) -> PolicyCallback {
        let callback = try required(policy_callback, "policy_callback")
        return PolicyCallback(ForeignFunction(callback, policy_user_data)) {
            (view, decision, foreign) throws(BatchingError) in
            let callback = foreign.function(as: batching_policy_callback.self)
            var shown = batching_policy_view(view)
            var answer = batching_policy_decision(decision)
            let status = calling { callback(&shown, &answer, foreign.userData) }
            if status != 0 { try goOn(status, "policy_callback") }
            try answer.read(into: &decision, iteration: view.iteration)
        }
    }
}

extension batching_policy_view {
    @inline(__always)
    init(_ view: PolicyView) {
        self.init(
            struct_size: UInt32(MemoryLayout<batching_policy_view>.size), reserved: 0, iteration: view.iteration,
            time: view.time.seconds, count: Int64(view.count), running_count: Int64(view.runningCount),
            request: view.request, arrival_time: view.arrivalTime, prompt_tokens: view.promptTokens,
            generated_tokens: view.generatedTokens, computed_tokens: view.computedTokens, kv_blocks: view.kvBlocks,
            priority: view.priority, tie_break: view.tieBreak, oracle_output_tokens: view.oracleOutputTokens,
            max_num_seqs: Int64(view.maxNumSeqs), max_num_batched_tokens: view.maxNumBatchedTokens,
            kv_blocks_free: Int64(view.freeKVBlocks), kv_blocks_usable: Int64(view.usableKVBlocks),
            block_size: view.blockSize, prefix_cache: view.prefixCache)
    }
}

@implementation @_cdecl("batching_policy_look_up")
public func batching_policy_look_up(
    _ view: UnsafePointer<batching_policy_view>!, _ rows: UnsafePointer<Int64>!, _ count: Int64,
    _ cached_tokens: UnsafeMutablePointer<Int64>!, _ unshared_kv_blocks: UnsafeMutablePointer<Int64>!
) -> batching_status {
    status { () throws(BatchingError) in
        let view = try required(view, "view")
        guard count >= 0 else { throw .invalid("count", count, "must be at least 0") }
        if count == 0 { return }
        let rows = try required(rows, "rows")
        let cachedTokens = try required(cached_tokens, "cached_tokens")
        let known = view.pointee.count
        for position in 0..<Int(count) {
            let row = rows[position]
            guard row >= 0, row < known else {
                throw .invalid(
                    "rows[\(position)]", row,
                    "must be at least 0 and less than the number of rows of the view, \(known)")
            }
        }
        let shown = PolicyView(prefixCache: view.pointee.prefix_cache)
        for position in 0..<Int(count) {
            let row = Int(rows[position])
            let hit = shown?.lookUp(row)
            cachedTokens[position] = hit?.cachedTokens ?? 0
            // Without a prefix cache nothing is shared.
            unshared_kv_blocks?[position] = hit.map { Int64($0.unsharedKVBlocks) } ?? view.pointee.kv_blocks?[row] ?? 0
        }
    }
}

extension batching_policy_decision {
    @inline(__always)
    init(_ decision: PolicyDecision) {
        self.init()
        struct_size = UInt32(MemoryLayout<batching_policy_decision>.size)
        capacity = Int64(decision.capacity)
        scheduled_row = decision.scheduledRow
        scheduled_tokens = decision.scheduledTokens
        preempted_row = decision.preemptedRow
    }

    /// What the callback wrote. The pointers are those of `decision`, whatever became of them here.
    @inline(__always)
    func read(into decision: inout PolicyDecision, iteration: Int64) throws(BatchingError) {
        decision.scheduledCount = Int(scheduled_count)
        decision.preemptedCount = Int(preempted_count)
        decision.decodesRest = decode_rest != 0
        decision.holdsUntilChange = until_change != 0
        decision.isShortOfMemory = short_of_memory != 0
        if wait_until != 0 { decision.waitUntil = wait_until }
        if UInt32(bitPattern: decode_rest | until_change | short_of_memory) > 1 || reserved_2 != 0 {
            throw badSwitch(decode_rest, until_change, short_of_memory, reserved_2, iteration)
        }
    }
}

/// The error for switches of an answer that are not all 0 or 1.
@inline(never)
private func badSwitch(
    _ decodeRest: Int32, _ untilChange: Int32, _ shortOfMemory: Int32, _ reserved: UInt32, _ iteration: Int64
) -> BatchingError {
    do throws(BatchingError) {
        _ = try flag(decodeRest, "decode_rest")
        _ = try flag(untilChange, "until_change")
        _ = try flag(shortOfMemory, "short_of_memory")
        throw .invalid("reserved_2", reserved, "must be 0")
    } catch {
        return BatchingError(error.kind, "the policy's answer for iteration \(iteration): \(error.text)")
    }
}
