import Batching
import CBatching

extension batching_gpu {
    static let firstSize = 104

    init(_ known: CatalogueEntry<GPU>) {
        self.init()
        let gpu = known.value
        name = known.name.pointer
        source = known.source.pointer
        memory_bytes = gpu.memoryBytes
        driver_bytes = gpu.driverBytes
        memory_bandwidth = gpu.memoryBandwidth
        bf16_peak = gpu.bf16Peak
        fp8_peak = gpu.fp8Peak
        int8_peak = gpu.int8Peak
        fp4_peak = gpu.fp4Peak
        link_bandwidth = gpu.linkBandwidth
        power = gpu.power
        memory_type = gpu.memoryType.rawValue
        link_type = gpu.linkType.rawValue
    }

    func gpu() throws(BatchingError) -> GPU {
        GPU(
            memoryBytes: memory_bytes, driverBytes: driver_bytes, memoryBandwidth: memory_bandwidth,
            bf16Peak: bf16_peak, fp8Peak: fp8_peak, int8Peak: int8_peak, fp4Peak: fp4_peak,
            linkBandwidth: link_bandwidth, power: power, memoryType: try choice(memory_type, "gpu.memory_type"),
            linkType: try choice(link_type, "gpu.link_type"))
    }
}

extension batching_model {
    static let firstSize = 104

    init(_ known: CatalogueEntry<ModelArchitecture>) {
        self.init()
        let model = known.value
        name = known.name.pointer
        source = known.source.pointer
        num_hidden_layers = model.numHiddenLayers
        hidden_size = model.hiddenSize
        num_attention_heads = model.numAttentionHeads
        num_key_value_heads = model.numKeyValueHeads
        head_dim = model.headDim
        intermediate_size = model.intermediateSize
        vocab_size = model.vocabSize
        tie_word_embeddings = model.tieWordEmbeddings ? 1 : 0
        num_experts = model.numExperts
        num_experts_per_tok = model.numExpertsPerTok
        moe_intermediate_size = model.moeIntermediateSize
        shared_expert_intermediate_size = model.sharedExpertIntermediateSize
        dense_layers = model.denseLayers
        kv_lora_rank = model.kvLoraRank
        q_lora_rank = model.qLoraRank
        qk_rope_head_dim = model.qkRopeHeadDim
        qk_nope_head_dim = model.qkNopeHeadDim
        v_head_dim = model.vHeadDim
        sliding_window = model.slidingWindow
        full_attention_layers = model.fullAttentionLayers
    }

    func architecture() throws(BatchingError) -> ModelArchitecture {
        ModelArchitecture(
            numHiddenLayers: num_hidden_layers, hiddenSize: hidden_size, numAttentionHeads: num_attention_heads,
            numKeyValueHeads: num_key_value_heads, headDim: head_dim, intermediateSize: intermediate_size,
            vocabSize: vocab_size, tieWordEmbeddings: try flag(tie_word_embeddings, "model.tie_word_embeddings"),
            numExperts: num_experts, numExpertsPerTok: num_experts_per_tok, moeIntermediateSize: moe_intermediate_size,
            sharedExpertIntermediateSize: shared_expert_intermediate_size, denseLayers: dense_layers,
            kvLoraRank: kv_lora_rank, qLoraRank: q_lora_rank, qkRopeHeadDim: qk_rope_head_dim,
            qkNopeHeadDim: qk_nope_head_dim, vHeadDim: v_head_dim, slidingWindow: sliding_window,
            fullAttentionLayers: full_attention_layers)
    }
}

extension batching_deployment {
    static let firstSize = 88

    func deployment() throws(BatchingError) -> Deployment {
        let model = try batching_model.read(try required(model, "deployment.model")).architecture()
        let gpu = try batching_gpu.read(try required(gpu, "deployment.gpu")).gpu()
        var deployment = Deployment(model: model, gpu: gpu)
        if tensor_parallel != 0 { deployment.tensorParallel = tensor_parallel }
        deployment.weightType = try choice(weight_dtype, "deployment.weight_dtype")
        deployment.kvType = try choice(kv_dtype, "deployment.kv_dtype")
        if block_size != 0 { deployment.blockSize = block_size }
        if max_num_seqs != 0 { deployment.maxNumSeqs = max_num_seqs }
        if max_num_batched_tokens != 0 { deployment.maxNumBatchedTokens = max_num_batched_tokens }
        if gpu_memory_utilization != 0 { deployment.gpuMemoryUtilization = gpu_memory_utilization }
        if activation_bytes != 0 { deployment.activationBytes = activation_bytes }
        deployment.graphBytes = graph_bytes
        if other_bytes != 0 { deployment.otherBytes = other_bytes }
        return deployment
    }
}

extension batching_deployment_memory {
    static let firstSize = 96

    init(_ memory: DeploymentMemory) {
        self.init()
        parameters = memory.parameters
        active_parameters = memory.activeParameters
        weight_bytes = memory.weightBytes
        activation_bytes = memory.activationBytes
        graph_bytes = memory.graphBytes
        other_bytes = memory.otherBytes
        kv_bytes = memory.kvBytes
        kv_bytes_per_token = memory.kvBytesPerToken
        block_bytes = memory.blockBytes
        num_gpu_blocks = memory.numGPUBlocks
        ridge_point = memory.ridgePoint
    }
}

extension batching_roofline {
    init(_ time: RooflineTime) {
        self.init()
        layers = time.layers
        linear_bytes = time.linearBytes
        linear_flops = time.linearFLOPs
        experts = time.experts
        experts_per_token = time.expertsPerToken
        expert_bytes = time.expertBytes
        expert_flops = time.expertFLOPs
        head_bytes = time.headBytes
        head_flops = time.headFLOPs
        kv_bytes = time.kvBytes
        window_bytes = time.windowBytes
        window = time.window
        attention_flops = time.attentionFLOPs
        window_attention_flops = time.windowAttentionFLOPs
        allreduce_bytes = time.allreduceBytes
        tensor_parallel = time.tensorParallel
        memory_bandwidth = time.memoryBandwidth
        linear_peak = time.linearPeak
        expert_peak = time.expertPeak
        head_peak = time.headPeak
        attention_peak = time.attentionPeak
        link_bandwidth = time.linkBandwidth
        bandwidth_share = time.bandwidthShare
        gemm_share = time.gemmShare
        expert_bandwidth_share = time.expertBandwidthShare
        expert_gemm_share = time.expertGEMMShare
        head_share = time.headShare
        kv_share = time.kvShare
        attention_share = time.attentionShare
        link_share = time.linkShare
        allreduce_latency = time.allreduceLatency
        per_iteration = time.perIteration
        per_layer = time.perLayer
        per_sequence = time.perSequence
        per_prefill_iteration = time.perPrefillIteration
    }
}

extension StaticString {
    /// Its text in C, which lives as long as the library.
    fileprivate var pointer: UnsafePointer<CChar> {
        UnsafeRawPointer(utf8Start).assumingMemoryBound(to: CChar.self)
    }
}

/// A struct to write that was filled by its _init function.
private func output<Struct: VersionedStruct>(
    _ pointer: UnsafeMutablePointer<Struct>?
) throws(BatchingError) -> UnsafeMutablePointer<Struct> {
    let pointer = try required(pointer, Struct.argument)
    _ = try Struct.read(pointer)
    return pointer
}

/// The bytes of a name, up to one more than a name may have: a text that does not end is not read further.
private func nameBytes(_ text: UnsafePointer<CChar>?) throws(BatchingError) -> UnsafeBufferPointer<UInt8> {
    let bytes = UnsafeRawPointer(try required(text, "name")).assumingMemoryBound(to: UInt8.self)
    var count = 0
    while count <= 255, bytes[count] != 0 { count &+= 1 }
    return UnsafeBufferPointer(start: bytes, count: count)
}

@implementation @_cdecl("batching_gpus_count")
public func batching_gpus_count(_ count: UnsafeMutablePointer<Int64>!) -> batching_status {
    status { () throws(BatchingError) in try required(count, "count").pointee = Int64(Catalogue.gpuCount) }
}

@implementation @_cdecl("batching_gpu_get")
public func batching_gpu_get(_ index: Int64, _ gpu: UnsafeMutablePointer<batching_gpu>!) -> batching_status {
    status { () throws(BatchingError) in
        let gpu = try output(gpu)
        batching_gpu(try Catalogue.gpu(at: Int(index))).write(to: gpu)
    }
}

@implementation @_cdecl("batching_gpu_find")
public func batching_gpu_find(
    _ name: UnsafePointer<CChar>!, _ gpu: UnsafeMutablePointer<batching_gpu>!
) -> batching_status {
    status { () throws(BatchingError) in
        let gpu = try output(gpu)
        batching_gpu(try Catalogue.gpu(named: try nameBytes(name))).write(to: gpu)
    }
}

@implementation @_cdecl("batching_models_count")
public func batching_models_count(_ count: UnsafeMutablePointer<Int64>!) -> batching_status {
    status { () throws(BatchingError) in try required(count, "count").pointee = Int64(Catalogue.modelCount) }
}

@implementation @_cdecl("batching_model_get")
public func batching_model_get(_ index: Int64, _ model: UnsafeMutablePointer<batching_model>!) -> batching_status {
    status { () throws(BatchingError) in
        let model = try output(model)
        batching_model(try Catalogue.model(at: Int(index))).write(to: model)
    }
}

@implementation @_cdecl("batching_model_find")
public func batching_model_find(
    _ name: UnsafePointer<CChar>!, _ model: UnsafeMutablePointer<batching_model>!
) -> batching_status {
    status { () throws(BatchingError) in
        let model = try output(model)
        batching_model(try Catalogue.model(named: try nameBytes(name))).write(to: model)
    }
}

@implementation @_cdecl("batching_deployment_memory_calculate")
public func batching_deployment_memory_calculate(
    _ deployment: UnsafePointer<batching_deployment>!, _ memory: UnsafeMutablePointer<batching_deployment_memory>!
) -> batching_status {
    status { () throws(BatchingError) in
        let deployment = try batching_deployment.read(deployment).deployment()
        let memory = try output(memory)
        batching_deployment_memory(try deployment.memory()).write(to: memory)
    }
}

@implementation @_cdecl("batching_deployment_roofline_calculate")
public func batching_deployment_roofline_calculate(
    _ deployment: UnsafePointer<batching_deployment>!, _ roofline: UnsafeMutablePointer<batching_roofline>!
) -> batching_status {
    status { () throws(BatchingError) in
        let deployment = try batching_deployment.read(deployment).deployment()
        let roofline = try output(roofline)
        batching_roofline(try deployment.roofline()).write(to: roofline)
    }
}
