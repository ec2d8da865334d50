import Testing

@testable import Batching

@Suite struct TimeTests {
    @Test(arguments: [
        (0.0, 0), (-0.0, 0), (0.01, 10_000_000), (0.1, 100_000_000), (0x1p-10, 976_562), (0x3p-10, 2_929_688),
        // The doubles nearest these are no ties: below, above and above.
        (1.5e-9, 1), (2.5e-9, 3), (0.5e-9, 1),
        (1e-300, 0), (3600.000000001, 3_600_000_000_001), (9_223_372_036.0, 9_223_372_036_000_000_000),
    ])
    func `a time is the nearest whole nanosecond, ties to even`(seconds: Double, expected: Int64) {
        #expect(Nanoseconds(validSeconds: seconds).count == expected)
    }

    @Test func `times of days are rounded without a rounded product`() {
        // 1.7e9 + 2^-22 s is a double; its nanoseconds are 1700000000000000238.418…
        #expect(Nanoseconds(validSeconds: 1.7e9 + 0x1p-22).count == 1_700_000_000_000_000_238)
        // 2^23 + 0.5 is whole in nanoseconds, and 2^21 + 2^-10 is 2097152000976562.5: to the even neighbour.
        #expect(Nanoseconds(validSeconds: 8_388_608.5).count == 8_388_608_500_000_000)
        #expect(Nanoseconds(validSeconds: 0x1p21 + 0x1p-10).count == 2_097_152_000_976_562)
    }

    @Test func `nanoseconds come back from seconds while doubles can tell them apart`() {
        var stream = RandomStream(seed: 1, purpose: .arrivals)
        // Up to 2^52 ns neighbouring doubles are less than a nanosecond apart.
        for bits in 0...52 as ClosedRange<UInt64> {
            for _ in 0..<200 {
                let count = Int64(stream.next() >> (64 - max(bits, 1)))
                #expect(Nanoseconds(validSeconds: Nanoseconds(count).seconds).count == count)
            }
        }
    }

    @Test func `epoch timestamps come back as the same double`() {
        var stream = RandomStream(seed: 2, purpose: .arrivals)
        for _ in 0..<10_000 {
            let timestamp = 1.7e9 + Double(stream.next() >> 11) * 0x1p-53 * 1e8
            #expect(Nanoseconds(validSeconds: timestamp).seconds == timestamp)
        }
    }

    @Test func `seconds are the double nearest to the nanoseconds`() {
        var stream = RandomStream(seed: 3, purpose: .arrivals)
        for _ in 0..<10_000 {
            let count = Int64(stream.next() % 9_223_372_036_000_000_000)
            let seconds = Nanoseconds(count).seconds
            // The neighbours of the result are no nearer: compared in units of 2^-60 s, exactly, in 128 bits.
            func distance(_ double: Double) -> Int128 {
                let scaled =
                    Int128(double.significandBitPattern | 1 << 52) << Int128(double.exponentBitPattern + 60 - 1075)
                return (scaled * 1_000_000_000 - Int128(count) << 60).magnitude.asSigned
            }
            guard seconds > 1 else { continue }
            #expect(distance(seconds) <= distance(seconds.nextUp))
            #expect(distance(seconds) <= distance(seconds.nextDown))
        }
    }

    @Test func `the clock does not pass its maximum`() {
        #expect(Nanoseconds.maximum.advanced(by: 1, of: Nanoseconds(1)) == nil)
        #expect(Nanoseconds.zero.advanced(by: .max, of: Nanoseconds(2)) == nil)
        #expect(Nanoseconds.zero.advanced(by: 9_223_372_036, of: Nanoseconds(1_000_000_000)) == .maximum)
        #expect(Nanoseconds.maximum.later(by: .maximum) == .maximum)
        #expect(Nanoseconds(2).later(by: Nanoseconds(3)) == Nanoseconds(5))
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity, -1e-9, 9_223_372_036.000002])
    func `what is not a time is an error that names it`(seconds: Double) {
        let error = #expect(throws: BatchingError.self) { try Nanoseconds(seconds: seconds, argument: "total_time") }
        #expect(error?.message == "total_time is \(seconds): must be between 0 and 9223372036 seconds")
    }
}

extension UInt128 {
    fileprivate var asSigned: Int128 { Int128(self) }
}
