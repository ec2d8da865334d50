/// FNV-1a with 64 bits, of whole columns one after the other.
struct FowlerNollVo {
    private(set) var hash: UInt64 = 0xcbf2_9ce4_8422_2325

    mutating func add<Element>(_ column: [Element]) {
        column.withUnsafeBytes { bytes in
            for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        }
    }
}

func digits(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}

func digits(_ value: Double) -> String { digits(value.bitPattern) }
