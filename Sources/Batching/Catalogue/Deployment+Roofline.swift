extension Deployment {
    /// The times of iterations that follow from data sheets, and from what vLLM's kernels reach of them: medians over
    /// measured kernels. Throws if a value is out of its range, and if there are several GPUs without a link.
    public func roofline() throws(BatchingError) -> RooflineTime {
        let shape = try checked()
        if tensorParallel > 1 { try checkLink() }
        var time = RooflineTime()
        setWork(&time, shape)
        setGPU(&time)
        setShares(&time)
        // All heads share the latent of MLA, so that a decode may be limited by arithmetic: then as many bytes as take as
        // long.
        let reading = time.memoryBandwidth * time.kvShare
        let arithmetic = time.attentionPeak * time.attentionShare
        time.kvBytes = max(time.kvBytes, shape.latentFLOPs(layers: shape.fullLayers) / arithmetic * reading)
        return time
    }

    private func checkLink() throws(BatchingError) {
        let why: ErrorText = "if deployment.tensor_parallel is above 1, which is \(tensorParallel)"
        guard gpu.linkType != .none else { throw .invalid("gpu.link_type", 0, "must be that of a link \(why)") }
        guard gpu.linkBandwidth > 0 else {
            throw .invalid("gpu.link_bandwidth", gpu.linkBandwidth, "must be above 0 \(why)")
        }
    }

    private func setWork(_ time: inout RooflineTime, _ shape: ModelShape) {
        time.layers = shape.layers
        time.linearBytes = shape.linearParameters * weightType.bytes
        time.linearFLOPs = 2 * shape.linearParameters
        time.experts = shape.experts
        time.expertsPerToken = shape.expertsPerToken
        time.expertBytes = shape.expertParameters * weightType.bytes
        time.expertFLOPs = 2 * shape.expertParameters
        // Checkpoints in fewer bits leave the output head in 16.
        time.headBytes = shape.headParameters * DataType.bf16.bytes
        time.headFLOPs = 2 * shape.headParameters
        time.kvBytes = shape.kvBytes(layers: shape.fullLayers, kvType)
        time.windowBytes = shape.kvBytes(layers: shape.windowLayers, kvType)
        time.window = shape.window
        time.attentionFLOPs = shape.attentionFLOPs(layers: shape.fullLayers)
        time.windowAttentionFLOPs = shape.attentionFLOPs(layers: shape.windowLayers)
        time.allreduceBytes = shape.hidden * DataType.bf16.bytes
        time.tensorParallel = Double(tensorParallel)
    }

    private func setGPU(_ time: inout RooflineTime) {
        let peak = gpu.peak(weightType).operations
        time.memoryBandwidth = gpu.memoryBandwidth
        time.linearPeak = peak
        time.expertPeak = peak
        time.headPeak = gpu.bf16Peak
        // Attention is computed in 16 bits, whatever the weights.
        time.attentionPeak = gpu.bf16Peak
        time.linkBandwidth = gpu.linkBandwidth
    }

    /// Medians over aiconfigurator's tables of vLLM's kernels on eight GPUs. None is tuned on a measured run.
    private func setShares(_ time: inout RooflineTime) {
        let isGDDR = gpu.memoryType == .gddr
        time.bandwidthShare = isGDDR ? 0.9 : 0.75
        time.gemmShare = gpu.peak(weightType).isBF16 ? 0.8 : 0.6
        time.expertBandwidthShare = 0.5
        time.expertGEMMShare = 0.5
        time.headShare = 0.7
        time.kvShare = isGDDR ? 0.8 : 0.72
        time.attentionShare = 0.5
        time.linkShare = 0.5
        time.allreduceLatency = 8e-6
        time.perIteration = 1e-3
        time.perLayer = 15e-6
        time.perSequence = 5e-6
    }
}
