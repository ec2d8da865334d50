/// The Prometheus text format (0.0.4), with vLLM's names.
extension Accumulator {
    /// Renders everything since the start, without a 0 at the end.
    /// - Parameters:
    ///   - modelName: a label.
    ///   - engine: a label.
    ///   - maxModelLength: the buckets of token counts go up to it.
    ///   - buffer: room for as many bytes as are returned, or nil.
    @discardableResult
    public func renderPrometheus(
        modelName: String, engine: String, maxModelLength: Int64, into buffer: UnsafeMutablePointer<UInt8>?
    ) -> Int {
        var (modelName, engine) = (modelName, engine)
        return modelName.withUTF8 { modelName in
            engine.withUTF8 { engine in
                renderPrometheus(modelName: modelName, engine: engine, maxModelLength: maxModelLength, into: buffer)
            }
        }
    }

    /// The same with labels that are valid UTF-8.
    package func renderPrometheus(
        modelName: UnsafeBufferPointer<UInt8>, engine: UnsafeBufferPointer<UInt8>, maxModelLength: Int64,
        into buffer: UnsafeMutablePointer<UInt8>?
    ) -> Int {
        var text = PrometheusText(modelName: modelName, engine: engine, writer: ByteWriter(buffer: buffer))
        text.metric("num_requests_running", "gauge", "Number of requests that are running now.")
        text.sample("num_requests_running", Int64(live.count) &- waitingCount)
        text.metric("num_requests_waiting", "gauge", "Number of requests that are waiting now.")
        text.sample("num_requests_waiting", waitingCount)
        text.metric("prompt_tokens_total", "counter", "Number of prompt tokens processed.")
        text.sample("prompt_tokens_total", served.promptTokens)
        text.metric("generation_tokens_total", "counter", "Number of tokens generated.")
        text.sample("generation_tokens_total", served.generationTokens)
        text.metric("request_success_total", "counter", "Number of requests that ended, by reason.")
        text.ended("stop", served.finishedBy.stop)
        text.ended("length", served.finishedBy.length)
        text.ended("abort", served.finishedBy.abort)
        text.ended("error", served.finishedBy.error)
        for histogram in ServerHistogram.allCases { render(histogram, maxModelLength, &text) }
        return text.writer.count
    }

    private func render(_ histogram: ServerHistogram, _ maxModelLength: Int64, _ text: inout PrometheusText) {
        let name = histogram.name
        text.metric(name, "histogram", histogram.help)
        var count: Int64 = 0
        let buckets = served.counts.elements + histogram.rawValue * ServerMetrics.stride
        for (index, bound) in histogram.bounds.enumerated() {
            count &+= buckets[index]
            if !histogram.isTime, bound > Double(maxModelLength) { continue }
            text.bucket(name, upTo: bound, count)
        }
        count &+= buckets[histogram.bounds.count]
        text.bucket(name, upTo: nil, count)
        text.sample(name, suffix: "_count", count)
        text.sum(name, SampleUnit.double(served.sums.elements[histogram.rawValue]) / histogram.sumUnit)
    }
}

private struct PrometheusText {
    let modelName: UnsafeBufferPointer<UInt8>
    let engine: UnsafeBufferPointer<UInt8>
    var writer: ByteWriter

    @inline(never)
    mutating func metric(_ name: StaticString, _ type: StaticString, _ help: StaticString) {
        writer.append("# HELP vllm:")
        writer.append(name)
        writer.append(" ")
        writer.append(help)
        writer.append("\n# TYPE vllm:")
        writer.append(name)
        writer.append(" ")
        writer.append(type)
        writer.append("\n")
    }

    mutating func sample(_ name: StaticString, suffix: StaticString = "", _ count: Int64) {
        begin(name, suffix: suffix)
        end(count)
    }

    mutating func ended(_ reason: StaticString, _ count: Int64) {
        begin("request_success_total")
        writer.append(",finished_reason=\"")
        writer.append(reason)
        writer.append("\"")
        end(count)
    }

    /// - Parameter bound: nil: none.
    mutating func bucket(_ name: StaticString, upTo bound: Double?, _ count: Int64) {
        begin(name, suffix: "_bucket")
        writer.append(",le=\"")
        if let bound { writer.append(bound) } else { writer.append("+Inf") }
        writer.append("\"")
        end(count)
    }

    mutating func sum(_ name: StaticString, _ sum: Double) {
        begin(name, suffix: "_sum")
        writer.append("} ")
        writer.append(sum)
        writer.append("\n")
    }

    /// Up to the labels that all samples have.
    @inline(never)
    private mutating func begin(_ name: StaticString, suffix: StaticString = "") {
        writer.append("vllm:")
        writer.append(name)
        writer.append(suffix)
        writer.append("{engine=\"")
        writeEscaped(engine)
        writer.append("\",model_name=\"")
        writeEscaped(modelName)
        writer.append("\"")
    }

    @inline(never)
    private mutating func end(_ count: Int64) {
        writer.append("} ")
        writer.append(count)
        writer.append("\n")
    }

    /// A backslash, a quote and a line feed are escaped in the value of a label.
    private mutating func writeEscaped(_ label: UnsafeBufferPointer<UInt8>) {
        for byte in label {
            switch byte {
            case UInt8(ascii: "\\"): writer.append("\\\\")
            case UInt8(ascii: "\""): writer.append("\\\"")
            case UInt8(ascii: "\n"): writer.append("\\n")
            default: writer.append(byte: byte)
            }
        }
    }
}

extension ServerHistogram {
    var name: StaticString {
        switch self {
        case .timeToFirstToken: "time_to_first_token_seconds"
        case .interTokenLatency: "inter_token_latency_seconds"
        case .timePerOutputToken: "request_time_per_output_token_seconds"
        case .e2eLatency: "e2e_request_latency_seconds"
        case .queueTime: "request_queue_time_seconds"
        case .inferenceTime: "request_inference_time_seconds"
        case .prefillTime: "request_prefill_time_seconds"
        case .decodeTime: "request_decode_time_seconds"
        case .promptTokens: "request_prompt_tokens"
        case .generationTokens: "request_generation_tokens"
        }
    }

    var help: StaticString {
        switch self {
        case .timeToFirstToken: "Seconds from the arrival to the first token."
        case .interTokenLatency: "Seconds between tokens."
        case .timePerOutputToken: "Seconds per token after the first, by request."
        case .e2eLatency: "Seconds from the arrival to the end."
        case .queueTime: "Seconds from the arrival to the start."
        case .inferenceTime: "Seconds from the start to the last token."
        case .prefillTime: "Seconds from the start to the first token."
        case .decodeTime: "Seconds from the first token to the last."
        case .promptTokens: "Prompt tokens by request."
        case .generationTokens: "Generated tokens by request."
        }
    }
}
