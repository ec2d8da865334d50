/// Tiers beside the memory of the GPU that hold KV blocks: host memory, then a disk. See "Engine: KV offload" in the C header.
public struct KVOffload: Equatable, Sendable {
    /// One of them.
    public struct Tier: Equatable, Sendable {
        /// Tokens that it holds, in whole KV blocks. 0: there is no such tier.
        public var tokens: Int64
        /// Bytes a second. 0: reading takes no time.
        public var readBandwidth: Double
        /// Bytes a second. 0: writing takes no time.
        public var writeBandwidth: Double

        /// A tier of so many tokens.
        public init(tokens: Int64 = 0, readBandwidth: Double = 0, writeBandwidth: Double = 0) {
            self.tokens = tokens
            self.readBandwidth = readBandwidth
            self.writeBandwidth = writeBandwidth
        }
    }

    /// Host memory.
    public var host: Tier
    /// A disk.
    public var disk: Tier
    /// Bytes of the KV cache a token; required where there is a bandwidth.
    public var kvBytesPerToken: Double
    /// Whether an iteration computes only after all that it loads is there, and not meanwhile.
    public var loadsBlock: Bool

    /// Two tiers, or one of them.
    public init(
        host: Tier = Tier(), disk: Tier = Tier(), kvBytesPerToken: Double = 0, loadsBlock: Bool = false
    ) {
        self.host = host
        self.disk = disk
        self.kvBytesPerToken = kvBytesPerToken
        self.loadsBlock = loadsBlock
    }
}

extension KVOffload {
    private static var largestBytes: Double { 1e15 }
    private static var largestBandwidth: Double { 1e18 }

    /// Throws unless every value is in its range.
    /// - Parameter blockSize: tokens of a KV block.
    func check(blockSize: Int64) throws(BatchingError) {
        guard kvBytesPerToken >= 0, kvBytesPerToken <= KVOffload.largestBytes else {
            throw .invalid("kv_offload.kv_bytes_per_token", kvBytesPerToken, "must be in [0, 1e15]")
        }
        try check(host, ("kv_offload.host_tokens", "host_tokens"), blockSize: blockSize)
        try check(host.readBandwidth, "kv_offload.host_read_bandwidth", host, "host_tokens")
        try check(host.writeBandwidth, "kv_offload.host_write_bandwidth", host, "host_tokens")
        try check(disk, ("kv_offload.disk_tokens", "disk_tokens"), blockSize: blockSize)
        try check(disk.readBandwidth, "kv_offload.disk_read_bandwidth", disk, "disk_tokens")
        try check(disk.writeBandwidth, "kv_offload.disk_write_bandwidth", disk, "disk_tokens")
    }

    private func check(
        _ tier: Tier, _ name: (path: StaticString, field: StaticString), blockSize: Int64
    ) throws(BatchingError) {
        guard tier.tokens == 0 || tier.tokens >= blockSize else {
            throw .invalid("\(name.path)", tier.tokens, "must be 0, or at least block_size, which is \(blockSize)")
        }
        let most = Int64(RequestColumns.maximumCount)
        guard tier.tokens / blockSize <= most else {
            throw .invalid("\(name.path)", tier.tokens, "must be at most \(most) KV blocks of \(blockSize) tokens")
        }
    }

    private func check(
        _ bandwidth: Double, _ name: StaticString, _ tier: Tier, _ tokens: StaticString
    ) throws(BatchingError) {
        guard bandwidth >= 0, bandwidth <= KVOffload.largestBandwidth else {
            throw .invalid("\(name)", bandwidth, "must be in [0, 1e18]")
        }
        guard bandwidth == 0 || tier.tokens > 0 else {
            throw .invalid("\(name)", bandwidth, "must be 0 without \(tokens)")
        }
        guard bandwidth == 0 || kvBytesPerToken > 0 else {
            throw .invalid("\(name)", bandwidth, "must be 0 without kv_bytes_per_token")
        }
    }

    /// About how long it takes to load so many tokens from each tier.
    func secondsOfLoads(tokens: Double) -> Double {
        func seconds(_ tier: Tier) -> Double {
            tier.readBandwidth > 0 ? tokens * kvBytesPerToken / tier.readBandwidth : 0
        }
        return seconds(host) + seconds(disk)
    }
}

extension KVOffload {
    /// Writes it, or reads it.
    mutating func code(_ coder: inout some ByteCoder) throws(BatchingError) {
        try KVOffload.code(&host, &coder)
        try KVOffload.code(&disk, &coder)
        try coder.code(bits: &kvBytesPerToken)
        try coder.code(&loadsBlock)
    }

    private static func code(_ tier: inout Tier, _ coder: inout some ByteCoder) throws(BatchingError) {
        try coder.code(&tier.tokens)
        try coder.code(bits: &tier.readBandwidth)
        try coder.code(bits: &tier.writeBandwidth)
    }

    /// From an object that has its fields, by their names in the C header.
    init(_ object: JSONMember, _ decimals: DecimalReader) throws(BatchingError) {
        self.init()
        try object.requireObject()
        var members = JSONObject(object.value, "engine.kv_offload.", decimals)
        while var member = try members.next() {
            try member.take("host_tokens", &host.tokens)
            try member.take("host_read_bandwidth", &host.readBandwidth)
            try member.take("host_write_bandwidth", &host.writeBandwidth)
            try member.take("disk_tokens", &disk.tokens)
            try member.take("disk_read_bandwidth", &disk.readBandwidth)
            try member.take("disk_write_bandwidth", &disk.writeBandwidth)
            try member.take("kv_bytes_per_token", &kvBytesPerToken)
            try member.take("loads_block", &loadsBlock)
            try members.end(member)
        }
    }
}
