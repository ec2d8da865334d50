// Generated from Sources/Batching/Catalogue/gpus.csv by `make generate`: change that, not this.
// swift-format-ignore-file

extension Catalogue {
    /// How many rows gpus.csv has.
    public static var gpuCount: Int { 25 }

    static func knownGPU(_ index: Int) -> CatalogueEntry<GPU> {
        switch index {
        case 0: CatalogueEntry(
            "A10",
            "NVIDIA A10 data sheet; bandwidth confirmed at baseten.co/blog/nvidia-a10-vs-a10g-for-ml-model-inference; int8: public tables of the data sheet (250 TOPS); power: nvidia-smi; memory: nvidia-smi; CUDA's total 22.06 GiB in out-of-memory messages of PyTorch",
            GPU(
                memoryBytes: 24146608128.0, driverBytes: 460324864.0, memoryBandwidth: 600e9, bf16Peak: 125e12,
                int8Peak: 250e12, linkBandwidth: 32e9, power: 150e0, memoryType: .gddr, linkType: .pcie))
        case 1: CatalogueEntry(
            "A100-40-SXM",
            "NVIDIA A100 data sheet; int8: aiconfigurator systems/*.yaml; power: nvidia-smi; memory: nvidia-smi; CUDA's total 39.49 GiB in out-of-memory messages of PyTorch",
            GPU(
                memoryBytes: 42949672960.0, driverBytes: 547356672.0, memoryBandwidth: 1555e9,
                bf16Peak: 312e12, int8Peak: 624e12, linkBandwidth: 300e9, power: 400e0, memoryType: .hbm,
                linkType: .nvlink))
        case 2: CatalogueEntry(
            "A100-80-PCIe",
            "aiconfigurator systems/*.yaml (Apache-2.0); int8: aiconfigurator systems/*.yaml; power: nvidia-smi; memory: nvidia-smi; driver: 600 MiB, the middle of those of which CUDA's total is known",
            GPU(
                memoryBytes: 85899345920.0, driverBytes: 629145600.0, memoryBandwidth: 1935e9,
                bf16Peak: 312e12, int8Peak: 624e12, linkBandwidth: 32e9, power: 300e0, memoryType: .hbm,
                linkType: .pcie))
        case 3: CatalogueEntry(
            "A100-80-SXM",
            "aiconfigurator systems/*.yaml (Apache-2.0); int8: aiconfigurator systems/*.yaml; power: nvidia-smi; memory: nvidia-smi; CUDA's total 79.25 GiB in out-of-memory messages of PyTorch",
            GPU(
                memoryBytes: 85899345920.0, driverBytes: 805306368.0, memoryBandwidth: 2039e9,
                bf16Peak: 312e12, int8Peak: 624e12, linkBandwidth: 300e9, power: 400e0, memoryType: .hbm,
                linkType: .nvlink))
        case 4: CatalogueEntry(
            "A10G",
            "baseten.co/blog/nvidia-a10-vs-a10g-for-ml-model-inference; power: nvidia-smi; memory: nvidia-smi; CUDA's total 22.06 GiB in out-of-memory messages of PyTorch",
            GPU(
                memoryBytes: 24146608128.0, driverBytes: 460324864.0, memoryBandwidth: 600e9, bf16Peak: 70e12,
                linkBandwidth: 32e9, power: 300e0, memoryType: .gddr, linkType: .pcie))
        case 5: CatalogueEntry(
            "B200",
            "aiconfigurator systems/*.yaml (Apache-2.0); int8: aiconfigurator systems/*.yaml; power: nvidia-smi; memory: nvidia-smi; CUDA's total 178.35 GiB in out-of-memory messages of PyTorch",
            GPU(
                memoryBytes: 192265846784.0, driverBytes: 764411904.0, memoryBandwidth: 7700e9,
                bf16Peak: 2250e12, fp8Peak: 4500e12, int8Peak: 4500e12, fp4Peak: 9000e12, linkBandwidth: 900e9,
                power: 1000e0, memoryType: .hbm, linkType: .nvlink))
        case 6: CatalogueEntry(
            "B300",
            "aiconfigurator systems/*.yaml (Apache-2.0); power: nvidia-smi; memory: nvidia-smi; CUDA's total 267.69 GiB in out-of-memory messages of PyTorch",
            GPU(
                memoryBytes: 288400343040.0, driverBytes: 969932800.0, memoryBandwidth: 7750e9,
                bf16Peak: 2250e12, fp8Peak: 4500e12, fp4Peak: 14000e12, linkBandwidth: 900e9, power: 1100e0,
                memoryType: .hbm, linkType: .nvlink))
        case 7: CatalogueEntry(
            "GB200",
            "aiconfigurator systems/*.yaml (Apache-2.0); int8: as fp8, at which the tensor cores do both; power: nvidia-smi; memory: nvidia-smi; CUDA's total 184.31 GiB in out-of-memory messages of PyTorch",
            GPU(
                memoryBytes: 198674743296.0, driverBytes: 773849088.0, memoryBandwidth: 8000e9,
                bf16Peak: 2500e12, fp8Peak: 5000e12, int8Peak: 5000e12, fp4Peak: 10000e12,
                linkBandwidth: 900e9, power: 1200e0, memoryType: .hbm, linkType: .nvlink))
        case 8: CatalogueEntry(
            "GB300",
            "aiconfigurator systems/*.yaml (Apache-2.0); power: nvidia-smi; memory: nvidia-smi; CUDA's total 276.50 GiB in out-of-memory messages of PyTorch",
            GPU(
                memoryBytes: 298013687808.0, driverBytes: 1124073472.0, memoryBandwidth: 8000e9,
                bf16Peak: 2500e12, fp8Peak: 5000e12, fp4Peak: 15000e12, linkBandwidth: 900e9, power: 1400e0,
                memoryType: .hbm, linkType: .nvlink))
        case 9: CatalogueEntry(
            "H100-NVL",
            "NVIDIA H100 NVL product brief; link: NVLink 4 bridge, pairs; int8: as fp8, at which the tensor cores do both; power: nvidia-smi; memory: nvidia-smi; CUDA's total 93.10 GiB in out-of-memory messages of PyTorch",
            GPU(
                memoryBytes: 100485038080.0, driverBytes: 520093696.0, memoryBandwidth: 3938e9,
                bf16Peak: 835.5e12, fp8Peak: 1671e12, int8Peak: 1671e12, linkBandwidth: 300e9, power: 400e0,
                memoryType: .hbm, linkType: .nvlink))
        case 10: CatalogueEntry(
            "H100-PCIe",
            "aiconfigurator systems/*.yaml (Apache-2.0); int8: as fp8, at which the tensor cores do both; power: nvidia-smi; memory: nvidia-smi; driver: 600 MiB, the middle of those of which CUDA's total is known",
            GPU(
                memoryBytes: 85520809984.0, driverBytes: 629145600.0, memoryBandwidth: 2000e9,
                bf16Peak: 756e12, fp8Peak: 1513e12, int8Peak: 1513e12, linkBandwidth: 64e9, power: 350e0,
                memoryType: .hbm, linkType: .pcie))
        case 11: CatalogueEntry(
            "H100-SXM",
            "aiconfigurator systems/*.yaml (Apache-2.0); glennklockwood.com/garden/processors/h100; int8: aiconfigurator systems/*.yaml; power: nvidia-smi; memory: nvidia-smi; CUDA's total 79.18 GiB in out-of-memory messages of PyTorch",
            GPU(
                memoryBytes: 85520809984.0, driverBytes: 502267904.0, memoryBandwidth: 3350e9,
                bf16Peak: 989.4e12, fp8Peak: 1978.9e12, int8Peak: 1978.9e12, linkBandwidth: 450e9,
                power: 700e0, memoryType: .hbm, linkType: .nvlink))
        case 12: CatalogueEntry(
            "H20",
            "willitrunai.com/es/gpus/h20-96gb (148 TFLOPS, 4.0 TB/s, NVLink 900 GB/s both ways); int8: public tables (296 TOPS); power: nvidia-smi; memory: nvidia-smi; driver: 600 MiB, the middle of those of which CUDA's total is known",
            GPU(
                memoryBytes: 102625181696.0, driverBytes: 629145600.0, memoryBandwidth: 4000e9,
                bf16Peak: 148e12, fp8Peak: 296e12, int8Peak: 296e12, linkBandwidth: 450e9, power: 500e0,
                memoryType: .hbm, linkType: .nvlink))
        case 13: CatalogueEntry(
            "H200-SXM",
            "aiconfigurator systems/*.yaml (Apache-2.0); int8: aiconfigurator systems/*.yaml; power: nvidia-smi; memory: nvidia-smi; CUDA's total 139.80 GiB in out-of-memory messages of PyTorch",
            GPU(
                memoryBytes: 150754820096.0, driverBytes: 645922816.0, memoryBandwidth: 4800e9,
                bf16Peak: 989.4e12, fp8Peak: 1978.9e12, int8Peak: 1978.9e12, linkBandwidth: 450e9,
                power: 700e0, memoryType: .hbm, linkType: .nvlink))
        case 14: CatalogueEntry(
            "L4",
            "aiconfigurator systems/*.yaml (Apache-2.0); int8: as fp8, at which the tensor cores do both; power: nvidia-smi; memory: nvidia-smi; CUDA's total 22.03 GiB in out-of-memory messages of PyTorch",
            GPU(
                memoryBytes: 24152899584.0, driverBytes: 498073600.0, memoryBandwidth: 300e9, bf16Peak: 121e12,
                fp8Peak: 242e12, int8Peak: 242e12, linkBandwidth: 32e9, power: 72e0, memoryType: .gddr,
                linkType: .pcie))
        case 15: CatalogueEntry(
            "L40S",
            "aiconfigurator systems/*.yaml (Apache-2.0); int8: hmc-tech.com/gpu (732.86 TOPS); power: nvidia-smi; memory: nvidia-smi; CUDA's total 44.40 GiB in out-of-memory messages of PyTorch",
            GPU(
                memoryBytes: 48305799168.0, driverBytes: 631242752.0, memoryBandwidth: 864e9,
                bf16Peak: 362.05e12, fp8Peak: 733e12, int8Peak: 733e12, linkBandwidth: 32e9, power: 350e0,
                memoryType: .gddr, linkType: .pcie))
        case 16: CatalogueEntry(
            "MI300X",
            "AMD data sheet; emergentmind.com/topics/amd-mi300x-gpu (5.3 TB/s, 448 GB/s); int8: as fp8, at which the tensor cores do both; power: gpu.blog; memory: rocm-smi (206,141,652,992 bytes); ROCm tells programs the same",
            GPU(
                memoryBytes: 206141652992.0, driverBytes: 0.0, memoryBandwidth: 5300e9, bf16Peak: 1307.4e12,
                fp8Peak: 2614.9e12, int8Peak: 2614.9e12, linkBandwidth: 448e9, power: 750e0, memoryType: .hbm,
                linkType: .nvlink))
        case 17: CatalogueEntry(
            "MI325X",
            "AMD data sheet; unanswered.io/guide/amd-instinct-mi325x (256 GB, 6 TB/s); int8: as fp8, at which the tensor cores do both; power: author's knowledge of the data sheet; memory: PyTorch on ROCm (274,861,129,728 bytes)",
            GPU(
                memoryBytes: 274861129728.0, driverBytes: 0.0, memoryBandwidth: 6000e9, bf16Peak: 1307.4e12,
                fp8Peak: 2614.9e12, int8Peak: 2614.9e12, linkBandwidth: 448e9, power: 1000e0, memoryType: .hbm,
                linkType: .nvlink))
        case 18: CatalogueEntry(
            "MI355X",
            "AMD data sheet; boston-uk blog 2025-08-14 (288 GB, 8 TB/s); int8: as fp8, at which the tensor cores do both; power: tomshardware.com; memory: rocm-smi (309,220,868,096 bytes); PyTorch on ROCm tells the same",
            GPU(
                memoryBytes: 309220868096.0, driverBytes: 0.0, memoryBandwidth: 8000e9, bf16Peak: 2516.6e12,
                fp8Peak: 5033.2e12, int8Peak: 5033.2e12, fp4Peak: 10066e12, linkBandwidth: 538e9,
                power: 1400e0, memoryType: .hbm, linkType: .nvlink))
        case 19: CatalogueEntry(
            "RTX-4090",
            "hmc-tech.com/gpus (tensor FP16 and FP8 with FP32 accumulation); link: PCIe 4 x16, no peer access; int8: sipoch.com (660 TOPS); power: nvidia-smi; memory: nvidia-smi; CUDA's total 23.52 GiB in out-of-memory messages of PyTorch",
            GPU(
                memoryBytes: 25757220864.0, driverBytes: 503316480.0, memoryBandwidth: 1008e9,
                bf16Peak: 165.2e12, fp8Peak: 330.3e12, int8Peak: 660.6e12, linkBandwidth: 32e9, power: 450e0,
                memoryType: .gddr, linkType: .pcie))
        case 20: CatalogueEntry(
            "RTX-5090",
            "spheron.network/blog/nvidia-rtx-5090-specs (838.4 is FP16 accumulation with sparsity: a quarter with FP32 accumulation, dense); link: PCIe 5 x16, no peer access; int8: analysis.castromedia.org (838 TOPS: 3,352 with FP4 and sparsity, by 4); power: nvidia-smi; memory: nvidia-smi; CUDA's total 31.36 GiB in out-of-memory messages of PyTorch",
            GPU(
                memoryBytes: 34190917632.0, driverBytes: 517996544.0, memoryBandwidth: 1792e9,
                bf16Peak: 209.5e12, fp8Peak: 419e12, int8Peak: 838e12, fp4Peak: 1676e12, linkBandwidth: 64e9,
                power: 575e0, memoryType: .gddr, linkType: .pcie))
        case 21: CatalogueEntry(
            "RTX-PRO-6000-Server",
            "aiconfigurator (FLOP/s at the 2,430 MHz seen; 503.8 at the boost clock); bandwidth 1,597: LLMServingSim config, and 1,423 measured at one token (aiconfigurator has 1,792, the workstation's); power: nvidia-smi; memory: nvidia-smi; CUDA's total 94.97 GiB in out-of-memory messages of PyTorch",
            GPU(
                memoryBytes: 102641958912.0, driverBytes: 668991488.0, memoryBandwidth: 1597e9,
                bf16Peak: 467.8e12, fp8Peak: 935.6e12, fp4Peak: 1871.2e12, linkBandwidth: 64e9, power: 600e0,
                memoryType: .gddr, linkType: .pcie))
        case 22: CatalogueEntry(
            "RTX-PRO-6000-Workstation",
            "gpu.name; FLOP/s from 188 SM at 2,617 MHz; power: nvidia-smi; memory: nvidia-smi; CUDA's total 94.97 GiB in out-of-memory messages of PyTorch",
            GPU(
                memoryBytes: 102641958912.0, driverBytes: 668991488.0, memoryBandwidth: 1792e9,
                bf16Peak: 503.8e12, fp8Peak: 1007.6e12, fp4Peak: 2015.2e12, linkBandwidth: 64e9, power: 600e0,
                memoryType: .gddr, linkType: .pcie))
        case 23: CatalogueEntry(
            "TPU-v5e",
            "docs.cloud.google.com/tpu/docs/v5e (int8 393 TOPs); link: ICI, per port; memory: 16 GiB, of which XLA's out-of-memory messages have 15.75 G",
            GPU(
                memoryBytes: 17179869184.0, driverBytes: 268435456.0, memoryBandwidth: 819e9, bf16Peak: 197e12,
                int8Peak: 393e12, linkBandwidth: 50e9, memoryType: .hbm, linkType: .nvlink))
        default: CatalogueEntry(
            "TPU-v6e",
            "docs.cloud.google.com/tpu/docs/v6e (int8 1836 TOPs); link: ICI, per port; memory: 32 GiB, of which vllm-project/vllm#16211 logs 33,550,237,696 bytes",
            GPU(
                memoryBytes: 34359738368.0, driverBytes: 809500672.0, memoryBandwidth: 1638e9,
                bf16Peak: 918e12, int8Peak: 1836e12, linkBandwidth: 100e9, memoryType: .hbm, linkType: .nvlink))
        }
    }

    static var gpuAliasCount: Int { 31 }

    static func gpuAlias(_ index: Int) -> CatalogueAlias {
        switch index {
        case 0: CatalogueAlias(name: "A100-SXM4-40GB", index: 1)
        case 1: CatalogueAlias(name: "A100-40GB", index: 1)
        case 2: CatalogueAlias(name: "A100-SXM-40GB", index: 1)
        case 3: CatalogueAlias(name: "A100-80GB-PCIe", index: 2)
        case 4: CatalogueAlias(name: "A100-PCIe-80GB", index: 2)
        case 5: CatalogueAlias(name: "A100-PCIe", index: 2)
        case 6: CatalogueAlias(name: "A100-SXM4-80GB", index: 3)
        case 7: CatalogueAlias(name: "A100-80GB", index: 3)
        case 8: CatalogueAlias(name: "A100-SXM-80GB", index: 3)
        case 9: CatalogueAlias(name: "A100-SXM", index: 3)
        case 10: CatalogueAlias(name: "B200-SXM", index: 5)
        case 11: CatalogueAlias(name: "B300-SXM6-AC", index: 6)
        case 12: CatalogueAlias(name: "B300-SXM", index: 6)
        case 13: CatalogueAlias(name: "H100-80GB-PCIe", index: 10)
        case 14: CatalogueAlias(name: "H100", index: 11)
        case 15: CatalogueAlias(name: "H100-80GB-HBM3", index: 11)
        case 16: CatalogueAlias(name: "H100-SXM5", index: 11)
        case 17: CatalogueAlias(name: "H100-SXM5-80GB", index: 11)
        case 18: CatalogueAlias(name: "H100-SXM-80GB", index: 11)
        case 19: CatalogueAlias(name: "H20-SXM", index: 12)
        case 20: CatalogueAlias(name: "H200", index: 13)
        case 21: CatalogueAlias(name: "H200-SXM5", index: 13)
        case 22: CatalogueAlias(name: "4090", index: 19)
        case 23: CatalogueAlias(name: "5090", index: 20)
        case 24: CatalogueAlias(name: "RTX-PRO-6000-Blackwell-Server-Edition", index: 21)
        case 25: CatalogueAlias(name: "RTX-PRO-6000", index: 21)
        case 26: CatalogueAlias(name: "RTX-PRO-6000-Blackwell-Workstation-Edition", index: 22)
        case 27: CatalogueAlias(name: "v5e", index: 23)
        case 28: CatalogueAlias(name: "v5litepod", index: 23)
        case 29: CatalogueAlias(name: "v6e", index: 24)
        default: CatalogueAlias(name: "Trillium", index: 24)
        }
    }
}
