/// An architecture that was checked, in numbers to calculate with: what one of so many GPUs holds of it. All counts are
/// whole numbers below 2^53 for any model there is, and so exact.
struct ModelShape {
    let layers: Double
    /// Layers that attend to all, and to a window of so many tokens.
    let fullLayers: Double
    let windowLayers: Double
    let window: Double
    let hidden: Double
    let vocabulary: Double
    let tiesEmbeddings: Bool
    let experts: Double
    let expertsPerToken: Double
    /// Attention heads on a GPU, and the dimensions of a key and of a value.
    private let heads: Double
    private let keyDimensions: Double
    private let valueDimensions: Double
    /// Of a latent: with position for the scores, without for the values; 0 without MLA.
    private let latentDimensions: Double
    /// Numbers that a layer keeps of a token: its key and value in the KV heads on a GPU, or the latent.
    private let kvNumbers: Double
    private let attention: Double
    private let denseLayers: Double
    private let expertLayers: Double
    /// What a GPU holds of a feed-forward layer, of one expert, of the shared ones.
    private let feedForwardWidth: Double
    private let expertWidth: Double
    private let sharedWidth: Double
    private let parallel: Double

    /// Throws unless the architecture is one, and can be shared by so many GPUs.
    init(_ model: ModelArchitecture, tensorParallel: Int32 = 1) throws(BatchingError) {
        try model.check()
        try model.check(tensorParallel: tensorParallel)
        let parallel = Double(tensorParallel)
        self.parallel = parallel
        layers = Double(model.numHiddenLayers)
        hidden = Double(model.hiddenSize)
        vocabulary = Double(model.vocabSize)
        tiesEmbeddings = model.tieWordEmbeddings
        fullLayers = model.slidingWindow > 0 ? Double(model.fullAttentionLayers) : layers
        windowLayers = layers - fullLayers
        window = windowLayers > 0 ? Double(model.slidingWindow) : 0
        heads = Double(model.numAttentionHeads) / parallel
        if model.kvLoraRank > 0 {
            let (latent, queryLatent) = (Double(model.kvLoraRank), Double(model.qLoraRank))
            keyDimensions = Double(model.qkNopeHeadDim) + Double(model.qkRopeHeadDim)
            valueDimensions = Double(model.vHeadDim)
            kvNumbers = latent + Double(model.qkRopeHeadDim)
            latentDimensions = kvNumbers + latent
            let intoLatents = hidden * (queryLatent + kvNumbers)
            let outOfLatents =
                (queryLatent > 0 ? queryLatent : hidden) * heads * keyDimensions
                + latent * heads * (Double(model.qkNopeHeadDim) + valueDimensions)
            attention = intoLatents + outOfLatents + heads * valueDimensions * hidden
        } else {
            keyDimensions = Double(model.resolvedHeadDim)
            valueDimensions = keyDimensions
            let kvHeads = max(Double(model.resolvedKeyValueHeads) / parallel, 1)
            kvNumbers = 2 * kvHeads * keyDimensions
            latentDimensions = 0
            attention = hidden * (2 * heads * keyDimensions + kvNumbers)
        }
        experts = Double(model.numExperts)
        expertsPerToken = Double(model.numExpertsPerTok)
        denseLayers = experts > 0 ? Double(model.denseLayers) : layers
        expertLayers = layers - denseLayers
        feedForwardWidth = denseLayers > 0 ? Double(model.intermediateSize) / parallel : 0
        expertWidth = expertLayers > 0 ? Double(model.moeIntermediateSize) / parallel : 0
        sharedWidth = expertLayers > 0 ? Double(model.sharedExpertIntermediateSize) / parallel : 0
    }

    /// On a GPU: the matrices that every token goes through, but for the output head: attention, feed-forward layers,
    /// shared experts, and the routers, of which each GPU has its own.
    var linearParameters: Double {
        layers * attention + denseLayers * 3 * hidden * feedForwardWidth
            + expertLayers * (3 * hidden * sharedWidth + hidden * experts)
    }

    /// On a GPU: one expert of each layer that has them.
    var expertParameters: Double { expertLayers * 3 * hidden * expertWidth }

    /// On a GPU: the output head; the embedding has as many.
    var headParameters: Double { vocabulary * hidden / parallel }

    /// Two a layer, and one behind the last.
    private var normParameters: Double { (2 * layers + 1) * hidden }

    var parameters: Double {
        linearParameters + experts * expertParameters + (tiesEmbeddings ? 1 : 2) * headParameters + normParameters
    }

    var activeParameters: Double {
        linearParameters + expertsPerToken * expertParameters + headParameters + normParameters
    }

    func weightBytes(_ type: DataType) -> Double {
        (linearParameters + experts * expertParameters) * type.bytes
            + ((tiesEmbeddings ? 1 : 2) * headParameters + normParameters) * DataType.bf16.bytes
    }

    /// Of a token, in so many layers.
    func kvBytes(layers: Double, _ type: DataType) -> Double { kvNumbers * type.bytes * layers }

    /// FLOPs of a token that attends to one, in so many layers: two for each dimension of its key and of its value.
    func attentionFLOPs(layers: Double) -> Double { 2 * heads * (keyDimensions + valueDimensions) * layers }

    /// FLOPs of a decode for a token of context in so many layers of MLA, which computes with the latents themselves: all
    /// heads multiply the whole of it for the scores, and all but the position for the values. 0 without MLA.
    func latentFLOPs(layers: Double) -> Double { 2 * heads * latentDimensions * layers }

    /// The most numbers that a layer holds of a token at once, beside hidden state and residual.
    var widestLayer: Double {
        let attending = heads * (keyDimensions + valueDimensions) + kvNumbers
        let routed = expertLayers > 0 ? expertsPerToken * (3 * expertWidth + hidden) + 3 * sharedWidth : 0
        return max(attending, 3 * feedForwardWidth, routed)
    }
}
