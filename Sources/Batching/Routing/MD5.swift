/// MD5, as RFC 1321 has it: real routers place names on a ring by it. It protects nothing.
struct MD5: BitwiseCopyable {
    private var a: UInt32 = 0x6745_2301
    private var b: UInt32 = 0xefcd_ab89
    private var c: UInt32 = 0x98ba_dcfe
    private var d: UInt32 = 0x1032_5476
    private var block = InlineArray<16, UInt32>(repeating: 0)
    /// Bytes.
    private var length: UInt64 = 0

    /// Of 16 bytes, read as one number, the first byte first.
    struct Digest: BitwiseCopyable {
        let high: UInt64
        let low: UInt64

        @inline(__always)
        static func < (left: Digest, right: Digest) -> Bool {
            left.high != right.high ? left.high < right.high : left.low < right.low
        }
    }

    init() {}

    @inline(__always)
    mutating func add(_ byte: UInt8) {
        block[Int(truncatingIfNeeded: length / 4 % 16)] |= UInt32(byte) &<< UInt32(truncatingIfNeeded: length % 4 &* 8)
        length &+= 1
        if length % 64 == 0 { addBlock() }
    }

    /// The digits of a number that is not negative.
    mutating func add(decimal number: Int) {
        if number >= 10 { add(decimal: number / 10) }
        add(UInt8(truncatingIfNeeded: 48 &+ number % 10))
    }

    /// All bytes up to the one that is 0.
    mutating func add(_ text: UnsafePointer<CChar>) throws(BatchingError) {
        var index = 0
        while text[index] != 0 {
            try Work.row(index)
            add(UInt8(bitPattern: text[index]))
            index &+= 1
        }
    }

    /// The digest of what has been added.
    consuming func finish() -> Digest {
        let bits = length &* 8
        add(0x80)
        // What is not set in the block is 0. The length needs its last 8 bytes.
        if length % 64 > 56 { addBlock() }
        block[14] = UInt32(truncatingIfNeeded: bits)
        block[15] = UInt32(truncatingIfNeeded: bits >> 32)
        addBlock()
        return Digest(
            high: UInt64(a.byteSwapped) << 32 | UInt64(b.byteSwapped),
            low: UInt64(c.byteSwapped) << 32 | UInt64(d.byteSwapped))
    }

    @inline(never)
    private mutating func addBlock() {
        let before = (a, b, c, d)
        // Round 1.
        Self.step(&a, b, Self.round1(b, c, d), block[0], 7, 0xd76a_a478)
        Self.step(&d, a, Self.round1(a, b, c), block[1], 12, 0xe8c7_b756)
        Self.step(&c, d, Self.round1(d, a, b), block[2], 17, 0x2420_70db)
        Self.step(&b, c, Self.round1(c, d, a), block[3], 22, 0xc1bd_ceee)
        Self.step(&a, b, Self.round1(b, c, d), block[4], 7, 0xf57c_0faf)
        Self.step(&d, a, Self.round1(a, b, c), block[5], 12, 0x4787_c62a)
        Self.step(&c, d, Self.round1(d, a, b), block[6], 17, 0xa830_4613)
        Self.step(&b, c, Self.round1(c, d, a), block[7], 22, 0xfd46_9501)
        Self.step(&a, b, Self.round1(b, c, d), block[8], 7, 0x6980_98d8)
        Self.step(&d, a, Self.round1(a, b, c), block[9], 12, 0x8b44_f7af)
        Self.step(&c, d, Self.round1(d, a, b), block[10], 17, 0xffff_5bb1)
        Self.step(&b, c, Self.round1(c, d, a), block[11], 22, 0x895c_d7be)
        Self.step(&a, b, Self.round1(b, c, d), block[12], 7, 0x6b90_1122)
        Self.step(&d, a, Self.round1(a, b, c), block[13], 12, 0xfd98_7193)
        Self.step(&c, d, Self.round1(d, a, b), block[14], 17, 0xa679_438e)
        Self.step(&b, c, Self.round1(c, d, a), block[15], 22, 0x49b4_0821)
        // Round 2.
        Self.step(&a, b, Self.round2(b, c, d), block[1], 5, 0xf61e_2562)
        Self.step(&d, a, Self.round2(a, b, c), block[6], 9, 0xc040_b340)
        Self.step(&c, d, Self.round2(d, a, b), block[11], 14, 0x265e_5a51)
        Self.step(&b, c, Self.round2(c, d, a), block[0], 20, 0xe9b6_c7aa)
        Self.step(&a, b, Self.round2(b, c, d), block[5], 5, 0xd62f_105d)
        Self.step(&d, a, Self.round2(a, b, c), block[10], 9, 0x0244_1453)
        Self.step(&c, d, Self.round2(d, a, b), block[15], 14, 0xd8a1_e681)
        Self.step(&b, c, Self.round2(c, d, a), block[4], 20, 0xe7d3_fbc8)
        Self.step(&a, b, Self.round2(b, c, d), block[9], 5, 0x21e1_cde6)
        Self.step(&d, a, Self.round2(a, b, c), block[14], 9, 0xc337_07d6)
        Self.step(&c, d, Self.round2(d, a, b), block[3], 14, 0xf4d5_0d87)
        Self.step(&b, c, Self.round2(c, d, a), block[8], 20, 0x455a_14ed)
        Self.step(&a, b, Self.round2(b, c, d), block[13], 5, 0xa9e3_e905)
        Self.step(&d, a, Self.round2(a, b, c), block[2], 9, 0xfcef_a3f8)
        Self.step(&c, d, Self.round2(d, a, b), block[7], 14, 0x676f_02d9)
        Self.step(&b, c, Self.round2(c, d, a), block[12], 20, 0x8d2a_4c8a)
        // Round 3.
        Self.step(&a, b, Self.round3(b, c, d), block[5], 4, 0xfffa_3942)
        Self.step(&d, a, Self.round3(a, b, c), block[8], 11, 0x8771_f681)
        Self.step(&c, d, Self.round3(d, a, b), block[11], 16, 0x6d9d_6122)
        Self.step(&b, c, Self.round3(c, d, a), block[14], 23, 0xfde5_380c)
        Self.step(&a, b, Self.round3(b, c, d), block[1], 4, 0xa4be_ea44)
        Self.step(&d, a, Self.round3(a, b, c), block[4], 11, 0x4bde_cfa9)
        Self.step(&c, d, Self.round3(d, a, b), block[7], 16, 0xf6bb_4b60)
        Self.step(&b, c, Self.round3(c, d, a), block[10], 23, 0xbebf_bc70)
        Self.step(&a, b, Self.round3(b, c, d), block[13], 4, 0x289b_7ec6)
        Self.step(&d, a, Self.round3(a, b, c), block[0], 11, 0xeaa1_27fa)
        Self.step(&c, d, Self.round3(d, a, b), block[3], 16, 0xd4ef_3085)
        Self.step(&b, c, Self.round3(c, d, a), block[6], 23, 0x0488_1d05)
        Self.step(&a, b, Self.round3(b, c, d), block[9], 4, 0xd9d4_d039)
        Self.step(&d, a, Self.round3(a, b, c), block[12], 11, 0xe6db_99e5)
        Self.step(&c, d, Self.round3(d, a, b), block[15], 16, 0x1fa2_7cf8)
        Self.step(&b, c, Self.round3(c, d, a), block[2], 23, 0xc4ac_5665)
        // Round 4.
        Self.step(&a, b, Self.round4(b, c, d), block[0], 6, 0xf429_2244)
        Self.step(&d, a, Self.round4(a, b, c), block[7], 10, 0x432a_ff97)
        Self.step(&c, d, Self.round4(d, a, b), block[14], 15, 0xab94_23a7)
        Self.step(&b, c, Self.round4(c, d, a), block[5], 21, 0xfc93_a039)
        Self.step(&a, b, Self.round4(b, c, d), block[12], 6, 0x655b_59c3)
        Self.step(&d, a, Self.round4(a, b, c), block[3], 10, 0x8f0c_cc92)
        Self.step(&c, d, Self.round4(d, a, b), block[10], 15, 0xffef_f47d)
        Self.step(&b, c, Self.round4(c, d, a), block[1], 21, 0x8584_5dd1)
        Self.step(&a, b, Self.round4(b, c, d), block[8], 6, 0x6fa8_7e4f)
        Self.step(&d, a, Self.round4(a, b, c), block[15], 10, 0xfe2c_e6e0)
        Self.step(&c, d, Self.round4(d, a, b), block[6], 15, 0xa301_4314)
        Self.step(&b, c, Self.round4(c, d, a), block[13], 21, 0x4e08_11a1)
        Self.step(&a, b, Self.round4(b, c, d), block[4], 6, 0xf753_7e82)
        Self.step(&d, a, Self.round4(a, b, c), block[11], 10, 0xbd3a_f235)
        Self.step(&c, d, Self.round4(d, a, b), block[2], 15, 0x2ad7_d2bb)
        Self.step(&b, c, Self.round4(c, d, a), block[9], 21, 0xeb86_d391)
        a &+= before.0
        b &+= before.1
        c &+= before.2
        d &+= before.3
        block = InlineArray(repeating: 0)
    }
}

// The functions of the four rounds, and what each step does.
extension MD5 {
    @inline(__always)
    private static func round1(_ x: UInt32, _ y: UInt32, _ z: UInt32) -> UInt32 { (x & y) | (~x & z) }

    @inline(__always)
    private static func round2(_ x: UInt32, _ y: UInt32, _ z: UInt32) -> UInt32 { (x & z) | (y & ~z) }

    @inline(__always)
    private static func round3(_ x: UInt32, _ y: UInt32, _ z: UInt32) -> UInt32 { x ^ y ^ z }

    @inline(__always)
    private static func round4(_ x: UInt32, _ y: UInt32, _ z: UInt32) -> UInt32 { y ^ (x | ~z) }

    /// - Parameter constant: of step i the first 32 bits of |sin i|, i from 1.
    @inline(__always)
    private static func step(
        _ value: inout UInt32, _ next: UInt32, _ mixed: UInt32, _ word: UInt32, _ bits: UInt32, _ constant: UInt32
    ) {
        let sum = value &+ mixed &+ word &+ constant
        value = next &+ (sum &<< bits | sum &>> (32 &- bits))
    }
}
