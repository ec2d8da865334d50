/// The Prometheus text format (0.0.4), with vLLM's names.
extension Accumulator {
    /// Renders everything since the start, without a 0 at the end.
    /// - Parameters:
    ///   - modelName: a label, valid UTF-8; so is `engine`.
    ///   - maxModelLength: the buckets of token counts go up to it.
    ///   - buffer: room for as many bytes as are returned, or nil.
    @discardableResult
    public func renderPrometheus(
        modelName: String, engine: String, maxModelLength: Int64, into buffer: UnsafeMutablePointer<UInt8>?
    ) -> Int {
        var text = PrometheusText(
            labels: "engine=\"\(PrometheusText.escaped(engine))\",model_name=\"\(PrometheusText.escaped(modelName))\"",
            writer: ByteWriter(buffer: buffer))
        text.metric("num_requests_running", "gauge", "Number of requests that are running now.")
        text.sample("num_requests_running", Int64(live.count) &- waitingCount)
        text.metric("num_requests_waiting", "gauge", "Number of requests that are waiting now.")
        text.sample("num_requests_waiting", waitingCount)
        text.metric("prompt_tokens_total", "counter", "Number of prompt tokens processed.")
        text.sample("prompt_tokens_total", served.promptTokens)
        text.metric("generation_tokens_total", "counter", "Number of tokens generated.")
        text.sample("generation_tokens_total", served.generationTokens)
        text.metric("request_success_total", "counter", "Number of requests that ended, by reason.")
        for (reason, count) in [
            ("stop", served.finishedBy.stop), ("length", served.finishedBy.length), ("abort", served.finishedBy.abort),
            ("error", served.finishedBy.error),
        ] {
            text.sample("request_success_total", count, label: ",finished_reason=\"\(reason)\"")
        }
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
            text.sample("\(name)_bucket", count, label: ",le=\"\(bound)\"")
        }
        count &+= buckets[histogram.bounds.count]
        text.sample("\(name)_bucket", count, label: ",le=\"+Inf\"")
        text.sample("\(name)_count", count)
        text.sample("\(name)_sum", SampleUnit.double(served.sums.elements[histogram.rawValue]) / histogram.sumUnit)
    }
}

private struct PrometheusText {
    let labels: String
    var writer: ByteWriter

    mutating func metric(_ name: String, _ type: String, _ help: String) {
        writer.write("# HELP vllm:\(name) \(help)\n# TYPE vllm:\(name) \(type)\n")
    }

    mutating func sample(_ name: String, _ value: some CustomStringConvertible, label: String = "") {
        writer.write("vllm:\(name){\(labels)\(label)} \(value)\n")
    }

    /// A backslash, a quote and a line feed are escaped in the value of a label.
    static func escaped(_ label: String) -> String {
        var text = ""
        for scalar in label.unicodeScalars {
            switch scalar {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}

extension ServerHistogram {
    var name: String {
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

    var help: String {
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
