import Testing

@testable import Batching

/// The test suite of RFC 1321, appendix A.5.
@Suite struct MD5Tests {
    @Test(arguments: [
        ("", "d41d8cd98f00b204e9800998ecf8427e"),
        ("a", "0cc175b9c0f1b6a831c399e269772661"),
        ("abc", "900150983cd24fb0d6963f7d28e17f72"),
        ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
        ("abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"),
        (
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
            "d174ab98d277d9f5a5611c2c9f419d9f"
        ),
        (
            "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
            "57edf4a22be3c955ac49da2e2107b67a"
        ),
    ])
    func `digests are those of the RFC`(text: String, expected: String) throws {
        var hash = MD5()
        try hash.add(cString(text))
        let digest = hash.finish()
        #expect(hex(digest.high) + hex(digest.low) == expected)
    }

    @Test func `a number is added by its digits`() throws {
        var (digits, number) = (MD5(), MD5())
        try digits.add(cString("65535-0"))
        number.add(decimal: 65_535)
        number.add(UInt8(ascii: "-"))
        number.add(decimal: 0)
        let (expected, digest) = (digits.finish(), number.finish())
        #expect(digest.high == expected.high && digest.low == expected.low)
    }

    private func cString(_ text: String) -> [CChar] { text.utf8.map { CChar(bitPattern: $0) } + [0] }

    private func hex(_ word: UInt64) -> String {
        let digits = String(word, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
