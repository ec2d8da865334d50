/// The architecture of a model, in the words of Hugging Face's config.json: see `batching_model` in the C header.
public struct ModelArchitecture: Equatable, Sendable {
    /// At least 1.
    public var numHiddenLayers: Int32
    /// At least 1.
    public var hiddenSize: Int32
    /// At least 1.
    public var numAttentionHeads: Int32
    /// 0: as many as `numAttentionHeads`.
    public var numKeyValueHeads: Int32
    /// 0: `hiddenSize` / `numAttentionHeads`.
    public var headDim: Int32
    /// Of the feed-forward layers without experts.
    public var intermediateSize: Int32
    /// At least 1.
    public var vocabSize: Int32
    /// Whether the output head is the embedding.
    public var tieWordEmbeddings: Bool
    /// Routed experts of a layer that has them; 0: none.
    public var numExperts: Int32
    /// Routed experts that a token goes through.
    public var numExpertsPerTok: Int32
    /// Of one routed expert.
    public var moeIntermediateSize: Int32
    /// Of all shared experts together; 0: none.
    public var sharedExpertIntermediateSize: Int32
    /// Layers without experts; not looked at if `numExperts` is 0.
    public var denseLayers: Int32
    /// MLA: the latent that stands for keys and values; 0: no MLA.
    public var kvLoraRank: Int32
    /// MLA: the latent of queries; 0: none.
    public var qLoraRank: Int32
    /// MLA: dimensions of a key with position.
    public var qkRopeHeadDim: Int32
    /// MLA: dimensions of a key without.
    public var qkNopeHeadDim: Int32
    /// MLA: dimensions of a value.
    public var vHeadDim: Int32
    /// Tokens that layers with a window attend to; 0: all layers attend to all.
    public var slidingWindow: Int32
    /// Layers that attend to all, if there is a window.
    public var fullAttentionLayers: Int32

    /// What is left out is 0: not there, or its default.
    public init(
        numHiddenLayers: Int32, hiddenSize: Int32, numAttentionHeads: Int32, numKeyValueHeads: Int32 = 0,
        headDim: Int32 = 0, intermediateSize: Int32 = 0, vocabSize: Int32, tieWordEmbeddings: Bool = false,
        numExperts: Int32 = 0, numExpertsPerTok: Int32 = 0, moeIntermediateSize: Int32 = 0,
        sharedExpertIntermediateSize: Int32 = 0, denseLayers: Int32 = 0, kvLoraRank: Int32 = 0, qLoraRank: Int32 = 0,
        qkRopeHeadDim: Int32 = 0, qkNopeHeadDim: Int32 = 0, vHeadDim: Int32 = 0, slidingWindow: Int32 = 0,
        fullAttentionLayers: Int32 = 0
    ) {
        self.numHiddenLayers = numHiddenLayers
        self.hiddenSize = hiddenSize
        self.numAttentionHeads = numAttentionHeads
        self.numKeyValueHeads = numKeyValueHeads
        self.headDim = headDim
        self.intermediateSize = intermediateSize
        self.vocabSize = vocabSize
        self.tieWordEmbeddings = tieWordEmbeddings
        self.numExperts = numExperts
        self.numExpertsPerTok = numExpertsPerTok
        self.moeIntermediateSize = moeIntermediateSize
        self.sharedExpertIntermediateSize = sharedExpertIntermediateSize
        self.denseLayers = denseLayers
        self.kvLoraRank = kvLoraRank
        self.qLoraRank = qLoraRank
        self.qkRopeHeadDim = qkRopeHeadDim
        self.qkNopeHeadDim = qkNopeHeadDim
        self.vHeadDim = vHeadDim
        self.slidingWindow = slidingWindow
        self.fullAttentionLayers = fullAttentionLayers
    }
}

extension ModelArchitecture {
    /// All parameters, with two norms a layer and one behind the last. Biases, and norms of queries and keys, are left out:
    /// they are some 0.01%.
    public func parameters() throws(BatchingError) -> Double { try ModelShape(self).parameters }

    /// Of `parameters`, those that a token goes through: without the embedding, with the output head.
    public func activeParameters() throws(BatchingError) -> Double { try ModelShape(self).activeParameters }

    /// Bytes of KV that a token of context adds in all layers, on each of the GPUs that share them. vLLM gives blocks to
    /// layers with a window, too, as if they attended to all.
    public func kvBytesPerToken(_ type: DataType = .bf16, tensorParallel: Int32 = 1) throws(BatchingError) -> Double {
        try Deployment.check(kvType: type)
        let shape = try ModelShape(self, tensorParallel: tensorParallel)
        return shape.kvBytes(layers: shape.layers, type)
    }
}
