// Generated from Sources/Batching/Catalogue/models.csv by `make generate`: change that, not this.
// swift-format-ignore-file

extension Catalogue {
    /// How many rows models.csv has.
    public static var modelCount: Int { 31 }

    static func knownModel(_ index: Int) -> CatalogueEntry<ModelArchitecture> {
        switch index {
        case 0: CatalogueEntry(
            "CodeLlama-34B",
            "HF config.json, as in inference-sim model_configs/codellama-34b-instruct-hf",
            ModelArchitecture(
                numHiddenLayers: 48, hiddenSize: 8192, numAttentionHeads: 64, numKeyValueHeads: 8,
                headDim: 128, intermediateSize: 22016, vocabSize: 32000))
        case 1: CatalogueEntry(
            "DeepSeek-R1",
            "HF config.json, as in aiconfigurator model_configs/deepseek-ai--DeepSeek-R1; MLA: latent KV, not split by tensor parallelism",
            ModelArchitecture(
                numHiddenLayers: 61, hiddenSize: 7168, numAttentionHeads: 128, numKeyValueHeads: 128,
                intermediateSize: 18432, vocabSize: 129280, numExperts: 256, numExpertsPerTok: 8,
                moeIntermediateSize: 2048, sharedExpertIntermediateSize: 2048, denseLayers: 3, kvLoraRank: 512,
                qLoraRank: 1536, qkRopeHeadDim: 64, qkNopeHeadDim: 128, vHeadDim: 128))
        case 2: CatalogueEntry(
            "DeepSeek-V2-Lite",
            "HF config.json, as in inference-sim model_configs/deepseek-v2-lite; MLA: latent KV, not split by tensor parallelism",
            ModelArchitecture(
                numHiddenLayers: 27, hiddenSize: 2048, numAttentionHeads: 16, numKeyValueHeads: 16,
                intermediateSize: 10944, vocabSize: 102400, numExperts: 64, numExpertsPerTok: 6,
                moeIntermediateSize: 1408, sharedExpertIntermediateSize: 2816, denseLayers: 1, kvLoraRank: 512,
                qkRopeHeadDim: 64, qkNopeHeadDim: 128, vHeadDim: 128))
        case 3: CatalogueEntry(
            "DeepSeek-V3",
            "HF config.json, as in aiconfigurator model_configs/deepseek-ai--DeepSeek-V3; MLA: latent KV, not split by tensor parallelism",
            ModelArchitecture(
                numHiddenLayers: 61, hiddenSize: 7168, numAttentionHeads: 128, numKeyValueHeads: 128,
                intermediateSize: 18432, vocabSize: 129280, numExperts: 256, numExpertsPerTok: 8,
                moeIntermediateSize: 2048, sharedExpertIntermediateSize: 2048, denseLayers: 3, kvLoraRank: 512,
                qLoraRank: 1536, qkRopeHeadDim: 64, qkNopeHeadDim: 128, vHeadDim: 128))
        case 4: CatalogueEntry(
            "Gemma-3-12B",
            "HF config.json of google/gemma-3-12b-it (text_config), as in verl-project/verl tests/utils/test_flops_counter.py; 5 of 6 layers attend 1024 tokens only",
            ModelArchitecture(
                numHiddenLayers: 48, hiddenSize: 3840, numAttentionHeads: 16, numKeyValueHeads: 8,
                headDim: 256, intermediateSize: 15360, vocabSize: 262208, tieWordEmbeddings: true,
                slidingWindow: 1024, fullAttentionLayers: 8))
        case 5: CatalogueEntry(
            "Gemma-3-27B",
            "HF config.json of google/gemma-3-27b-it (text_config; vocabulary as the others'), as in public copies; 5 of 6 layers attend 1024 tokens only",
            ModelArchitecture(
                numHiddenLayers: 62, hiddenSize: 5376, numAttentionHeads: 32, numKeyValueHeads: 16,
                headDim: 128, intermediateSize: 21504, vocabSize: 262208, tieWordEmbeddings: true,
                slidingWindow: 1024, fullAttentionLayers: 10))
        case 6: CatalogueEntry(
            "Gemma-3-4B",
            "HF config.json of google/gemma-3-4b-it (text_config; what it leaves out is the default of Gemma3TextConfig: 8 heads, 4 KV heads, vocabulary 262,208, pattern 6), as in public copies; 5 of 6 layers attend 1024 tokens only",
            ModelArchitecture(
                numHiddenLayers: 34, hiddenSize: 2560, numAttentionHeads: 8, numKeyValueHeads: 4, headDim: 256,
                intermediateSize: 10240, vocabSize: 262208, tieWordEmbeddings: true, slidingWindow: 1024,
                fullAttentionLayers: 5))
        case 7: CatalogueEntry(
            "gpt-oss-120b",
            "HF config.json, as in aiconfigurator model_configs/openai--gpt-oss-120b; every second layer attends 128 tokens only",
            ModelArchitecture(
                numHiddenLayers: 36, hiddenSize: 2880, numAttentionHeads: 64, numKeyValueHeads: 8, headDim: 64,
                vocabSize: 201088, numExperts: 128, numExpertsPerTok: 4, moeIntermediateSize: 2880,
                slidingWindow: 128, fullAttentionLayers: 18))
        case 8: CatalogueEntry(
            "gpt-oss-20b",
            "HF config.json, as in aiconfigurator model_configs/openai--gpt-oss-20b; every second layer attends 128 tokens only",
            ModelArchitecture(
                numHiddenLayers: 24, hiddenSize: 2880, numAttentionHeads: 64, numKeyValueHeads: 8, headDim: 64,
                vocabSize: 201088, numExperts: 32, numExpertsPerTok: 4, moeIntermediateSize: 2880,
                slidingWindow: 128, fullAttentionLayers: 12))
        case 9: CatalogueEntry(
            "Kimi-K2",
            "HF config.json, as in aiconfigurator model_configs/moonshotai--Kimi-K2-Instruct; MLA: latent KV, not split by tensor parallelism",
            ModelArchitecture(
                numHiddenLayers: 61, hiddenSize: 7168, numAttentionHeads: 64, numKeyValueHeads: 64,
                intermediateSize: 18432, vocabSize: 163840, numExperts: 384, numExpertsPerTok: 8,
                moeIntermediateSize: 2048, sharedExpertIntermediateSize: 2048, denseLayers: 1, kvLoraRank: 512,
                qLoraRank: 1536, qkRopeHeadDim: 64, qkNopeHeadDim: 128, vHeadDim: 128))
        case 10: CatalogueEntry(
            "Llama-2-7B",
            "HF config.json, as in inference-sim model_configs/llama-2-7b-hf",
            ModelArchitecture(
                numHiddenLayers: 32, hiddenSize: 4096, numAttentionHeads: 32, numKeyValueHeads: 32,
                headDim: 128, intermediateSize: 11008, vocabSize: 32000))
        case 11: CatalogueEntry(
            "Llama-3.1-405B",
            "HF config.json, as in aiconfigurator model_configs/meta-llama--Meta-Llama-3.1-405B",
            ModelArchitecture(
                numHiddenLayers: 126, hiddenSize: 16384, numAttentionHeads: 128, numKeyValueHeads: 8,
                headDim: 128, intermediateSize: 53248, vocabSize: 128256))
        case 12: CatalogueEntry(
            "Llama-3.1-70B",
            "HF config.json, as in aiconfigurator model_configs/meta-llama--Meta-Llama-3.1-70B",
            ModelArchitecture(
                numHiddenLayers: 80, hiddenSize: 8192, numAttentionHeads: 64, numKeyValueHeads: 8,
                headDim: 128, intermediateSize: 28672, vocabSize: 128256))
        case 13: CatalogueEntry(
            "Llama-3.1-8B",
            "HF config.json, as in aiconfigurator model_configs/meta-llama--Meta-Llama-3.1-8B",
            ModelArchitecture(
                numHiddenLayers: 32, hiddenSize: 4096, numAttentionHeads: 32, numKeyValueHeads: 8,
                headDim: 128, intermediateSize: 14336, vocabSize: 128256))
        case 14: CatalogueEntry(
            "Llama-4-Maverick-17B-128E",
            "HF config.json, as in aiconfigurator model_configs/meta-llama--Llama-4-Maverick-17B-128E-Instruct; one shared expert of the same size; MoE in every second layer; 3 of 4 layers attend in chunks of 8192, which is not looked at: taken as full attention",
            ModelArchitecture(
                numHiddenLayers: 48, hiddenSize: 5120, numAttentionHeads: 40, numKeyValueHeads: 8,
                headDim: 128, intermediateSize: 16384, vocabSize: 202048, numExperts: 128, numExpertsPerTok: 1,
                moeIntermediateSize: 8192, sharedExpertIntermediateSize: 8192, denseLayers: 24))
        case 15: CatalogueEntry(
            "Llama-4-Scout-17B-16E",
            "HF config.json, as in aiconfigurator model_configs/meta-llama--Llama-4-Scout-17B-16E-Instruct; one shared expert of the same size; MoE in every layer; 3 of 4 layers attend in chunks of 8192, which is not looked at: taken as full attention",
            ModelArchitecture(
                numHiddenLayers: 48, hiddenSize: 5120, numAttentionHeads: 40, numKeyValueHeads: 8,
                headDim: 128, vocabSize: 202048, numExperts: 16, numExpertsPerTok: 1,
                moeIntermediateSize: 8192, sharedExpertIntermediateSize: 8192))
        case 16: CatalogueEntry(
            "MiniMax-M2.5",
            "HF config.json, as in aiconfigurator model_configs/MiniMaxAI--MiniMax-M2.5",
            ModelArchitecture(
                numHiddenLayers: 62, hiddenSize: 3072, numAttentionHeads: 48, numKeyValueHeads: 8,
                headDim: 128, vocabSize: 200064, numExperts: 256, numExpertsPerTok: 8,
                moeIntermediateSize: 1536))
        case 17: CatalogueEntry(
            "Mistral-7B-v0.3",
            "HF config.json of mistralai/Mistral-7B-v0.3; checked: attention 41,943,040 and feed-forward 176,160,768 parameters a layer, vocabulary 32,768 in public copies of the checkpoint's shapes",
            ModelArchitecture(
                numHiddenLayers: 32, hiddenSize: 4096, numAttentionHeads: 32, numKeyValueHeads: 8,
                headDim: 128, intermediateSize: 14336, vocabSize: 32768))
        case 18: CatalogueEntry(
            "Mistral-Nemo-12B",
            "HF config.json, as in inference-sim model_configs/mistral-nemo-instruct-2407",
            ModelArchitecture(
                numHiddenLayers: 40, hiddenSize: 5120, numAttentionHeads: 32, numKeyValueHeads: 8,
                headDim: 128, intermediateSize: 14336, vocabSize: 131072))
        case 19: CatalogueEntry(
            "Mistral-Small-24B-2501",
            "HF config.json of mistralai/Mistral-Small-24B-Instruct-2501, as in verl-project/verl tests/utils/test_flops_counter.py",
            ModelArchitecture(
                numHiddenLayers: 40, hiddenSize: 5120, numAttentionHeads: 32, numKeyValueHeads: 8,
                headDim: 128, intermediateSize: 32768, vocabSize: 131072))
        case 20: CatalogueEntry(
            "Mixtral-8x22B",
            "HF config.json, as in aiconfigurator model_configs/mistralai--Mixtral-8x22B-v0.1",
            ModelArchitecture(
                numHiddenLayers: 56, hiddenSize: 6144, numAttentionHeads: 48, numKeyValueHeads: 8,
                headDim: 128, vocabSize: 32000, numExperts: 8, numExpertsPerTok: 2, moeIntermediateSize: 16384))
        case 21: CatalogueEntry(
            "Mixtral-8x7B",
            "HF config.json, as in aiconfigurator model_configs/mistralai--Mixtral-8x7B-v0.1",
            ModelArchitecture(
                numHiddenLayers: 32, hiddenSize: 4096, numAttentionHeads: 32, numKeyValueHeads: 8,
                headDim: 128, vocabSize: 32000, numExperts: 8, numExpertsPerTok: 2, moeIntermediateSize: 14336))
        case 22: CatalogueEntry(
            "Qwen2.5-7B",
            "HF config.json, as in inference-sim model_configs/qwen2.5-7b-instruct",
            ModelArchitecture(
                numHiddenLayers: 28, hiddenSize: 3584, numAttentionHeads: 28, numKeyValueHeads: 4,
                headDim: 128, intermediateSize: 18944, vocabSize: 152064))
        case 23: CatalogueEntry(
            "Qwen3-0.6B",
            "HF config.json, as in aiconfigurator model_configs/Qwen--Qwen3-0.6B",
            ModelArchitecture(
                numHiddenLayers: 28, hiddenSize: 1024, numAttentionHeads: 16, numKeyValueHeads: 8,
                headDim: 128, intermediateSize: 3072, vocabSize: 151936, tieWordEmbeddings: true))
        case 24: CatalogueEntry(
            "Qwen3-14B",
            "HF config.json, as in inference-sim model_configs/qwen3-14b",
            ModelArchitecture(
                numHiddenLayers: 40, hiddenSize: 5120, numAttentionHeads: 40, numKeyValueHeads: 8,
                headDim: 128, intermediateSize: 17408, vocabSize: 151936))
        case 25: CatalogueEntry(
            "Qwen3-235B-A22B",
            "HF config.json, as in aiconfigurator model_configs/Qwen--Qwen3-235B-A22B",
            ModelArchitecture(
                numHiddenLayers: 94, hiddenSize: 4096, numAttentionHeads: 64, numKeyValueHeads: 4,
                headDim: 128, vocabSize: 151936, numExperts: 128, numExpertsPerTok: 8,
                moeIntermediateSize: 1536))
        case 26: CatalogueEntry(
            "Qwen3-30B-A3B",
            "HF config.json, as in aiconfigurator model_configs/Qwen--Qwen3-30B-A3B",
            ModelArchitecture(
                numHiddenLayers: 48, hiddenSize: 2048, numAttentionHeads: 32, numKeyValueHeads: 4,
                headDim: 128, vocabSize: 151936, numExperts: 128, numExpertsPerTok: 8,
                moeIntermediateSize: 768))
        case 27: CatalogueEntry(
            "Qwen3-32B",
            "HF config.json, as in aiconfigurator model_configs/Qwen--Qwen3-32B",
            ModelArchitecture(
                numHiddenLayers: 64, hiddenSize: 5120, numAttentionHeads: 64, numKeyValueHeads: 8,
                headDim: 128, intermediateSize: 25600, vocabSize: 151936))
        case 28: CatalogueEntry(
            "Qwen3-8B",
            "HF config.json, as in aiconfigurator model_configs/Qwen--Qwen3-8B",
            ModelArchitecture(
                numHiddenLayers: 36, hiddenSize: 4096, numAttentionHeads: 32, numKeyValueHeads: 8,
                headDim: 128, intermediateSize: 12288, vocabSize: 151936))
        case 29: CatalogueEntry(
            "Qwen3-Coder-480B-A35B",
            "HF config.json, as in aiconfigurator model_configs/Qwen--Qwen3-Coder-480B-A35B-Instruct",
            ModelArchitecture(
                numHiddenLayers: 62, hiddenSize: 6144, numAttentionHeads: 96, numKeyValueHeads: 8,
                headDim: 128, vocabSize: 151936, numExperts: 160, numExpertsPerTok: 8,
                moeIntermediateSize: 2560))
        default: CatalogueEntry(
            "Yi-34B",
            "HF config.json, as in inference-sim model_configs/yi-34b",
            ModelArchitecture(
                numHiddenLayers: 60, hiddenSize: 7168, numAttentionHeads: 56, numKeyValueHeads: 8,
                headDim: 128, intermediateSize: 20480, vocabSize: 64000))
        }
    }

    static var modelAliasCount: Int { 15 }

    static func modelAlias(_ index: Int) -> CatalogueAlias {
        switch index {
        case 0: CatalogueAlias(name: "DeepSeek-R1-0528", index: 1)
        case 1: CatalogueAlias(name: "DeepSeek-V3-0324", index: 3)
        case 2: CatalogueAlias(name: "Kimi-K2-Instruct-0905", index: 9)
        case 3: CatalogueAlias(name: "Llama-3.3-70B", index: 12)
        case 4: CatalogueAlias(name: "Llama-3-70B", index: 12)
        case 5: CatalogueAlias(name: "Llama-3-8B", index: 13)
        case 6: CatalogueAlias(name: "Mistral-Nemo-Instruct-2407", index: 18)
        case 7: CatalogueAlias(name: "Mistral-Nemo-Base-2407", index: 18)
        case 8: CatalogueAlias(name: "Mistral-Nemo", index: 18)
        case 9: CatalogueAlias(name: "Mistral-Small-24B", index: 19)
        case 10: CatalogueAlias(name: "Mistral-Small-3", index: 19)
        case 11: CatalogueAlias(name: "Mixtral-8x22B-v0.1", index: 20)
        case 12: CatalogueAlias(name: "Mixtral-8x7B-v0.1", index: 21)
        case 13: CatalogueAlias(name: "Qwen3-235B-A22B-Instruct-2507", index: 25)
        default: CatalogueAlias(name: "Qwen3-30B-A3B-Instruct-2507", index: 26)
        }
    }
}
