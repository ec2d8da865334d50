/// A GPU, as its data sheet says.
public struct GPU: Equatable, Sendable {
    /// Where its memory is. The raw values are those of the C header.
    public enum MemoryType: Int32, CaseIterable, Sendable {
        /// Stacked on the GPU's package.
        case hbm = 0
        /// Chips beside the GPU.
        case gddr = 100
    }

    /// What connects it to others. The raw values are those of the C header.
    public enum LinkType: Int32, CaseIterable, Sendable {
        /// No link is known: for one GPU only.
        case none = 0
        /// A link that is made for it: NVLink, AMD's Infinity Fabric, a TPU's ICI.
        case nvlink = 100
        /// PCI Express: how fast that is differs from one host to another.
        case pcie = 200
    }

    /// As the driver tells it; at most 2^53.
    public var memoryBytes: Double
    /// Of those, what the driver keeps for itself, so that a program does not see it.
    public var driverBytes: Double
    /// Bytes a second.
    public var memoryBandwidth: Double
    /// Dense FLOPs a second of the tensor cores, accumulated in 32 bits, without sparsity.
    public var bf16Peak: Double
    /// The same in fp8; 0: computed in bf16.
    public var fp8Peak: Double
    /// Operations a second with int8; 0: computed in bf16.
    public var int8Peak: Double
    /// The same as `bf16Peak` in fp4; 0: computed in bf16.
    public var fp4Peak: Double
    /// Bytes a second to the others, in one direction; 0: not known.
    public var linkBandwidth: Double
    /// Watts: the thermal design power; 0: not known.
    public var power: Double
    /// Where its memory is.
    public var memoryType: MemoryType
    /// What connects it to others.
    public var linkType: LinkType

    /// One of your own: what is left out is not there, or not known.
    public init(
        memoryBytes: Double, driverBytes: Double = 0, memoryBandwidth: Double, bf16Peak: Double, fp8Peak: Double = 0,
        int8Peak: Double = 0, fp4Peak: Double = 0, linkBandwidth: Double = 0, power: Double = 0,
        memoryType: MemoryType = .hbm, linkType: LinkType = .none
    ) {
        self.memoryBytes = memoryBytes
        self.driverBytes = driverBytes
        self.memoryBandwidth = memoryBandwidth
        self.bf16Peak = bf16Peak
        self.fp8Peak = fp8Peak
        self.int8Peak = int8Peak
        self.fp4Peak = fp4Peak
        self.linkBandwidth = linkBandwidth
        self.power = power
        self.memoryType = memoryType
        self.linkType = linkType
    }

    /// Throws unless every value is in its range.
    func check() throws(BatchingError) {
        try GPU.check(memoryBytes, "memory_bytes", isAbove0: true)
        guard memoryBytes <= 0x1p53 else {
            throw .invalid("gpu.memory_bytes", memoryBytes, "must be at most 2^53")
        }
        try GPU.check(driverBytes, "driver_bytes", isAbove0: false)
        guard driverBytes < memoryBytes else {
            throw .invalid("gpu.driver_bytes", driverBytes, "must be less than memory_bytes, which is \(memoryBytes)")
        }
        try GPU.check(memoryBandwidth, "memory_bandwidth", isAbove0: true)
        try GPU.check(bf16Peak, "bf16_peak", isAbove0: true)
        try GPU.check(fp8Peak, "fp8_peak", isAbove0: false)
        try GPU.check(int8Peak, "int8_peak", isAbove0: false)
        try GPU.check(fp4Peak, "fp4_peak", isAbove0: false)
        try GPU.check(linkBandwidth, "link_bandwidth", isAbove0: false)
        try GPU.check(power, "power", isAbove0: false)
    }

    private static func check(_ value: Double, _ name: StaticString, isAbove0: Bool) throws(BatchingError) {
        if value.isFinite, isAbove0 ? value > 0 : value >= 0 { return }
        throw .invalid("gpu.\(name)", value, isAbove0 ? "must be finite and above 0" : "must be finite and at least 0")
    }

    /// Operations a second of linear layers whose weights are of a type; and whether they are done in 16 bits, since the
    /// GPU, or the type, has no arithmetic of its own.
    func peak(_ type: DataType) -> (operations: Double, isBF16: Bool) {
        let own =
            switch type {
            case .bf16, .int4: 0.0
            case .fp8: fp8Peak
            case .int8: int8Peak
            case .fp4: fp4Peak
            }
        return own > 0 ? (own, false) : (bf16Peak, true)
    }
}
