import Testing

@testable import Batching

/// Profiles as Swift has them: what is read, worked out by hand.
@Suite struct ProfileTests {
    private func profile(_ fields: String) throws(BatchingError) -> Profile {
        try profile(text: "{\"format\": \"batching profile\", \"version\": 1, \(fields)}")
    }

    private func profile(text: String) throws(BatchingError) -> Profile {
        let bytes = Array(text.utf8)
        return try Profile(json: bytes.span)
    }

    @Test func `a profile has an engine and says what it is of`() throws {
        let profile = try profile(
            """
            "model": "M\\u00e9", "client_delay": 0.5, "iteration_time": {"base": 0.25, "startup": 2},
            "engine": {"policy": "orca", "max_num_seqs": 7, "max_num_batched_tokens": null}
            """)
        #expect(profile.model == "M\u{e9}")
        #expect(profile.gpu == "")
        #expect(profile.clientDelay == 0.5)
        #expect(profile.engine.policy == .orca)
        #expect(profile.engine.maxNumSeqs == 7)
        #expect(profile.engine.maxNumBatchedTokens == 2048)
        guard case .affine(let time) = profile.engine.iterationTime else {
            Issue.record("the times are not affine")
            return
        }
        #expect(time == AffineTime(base: 0.25, startup: 2))
    }

    @Test func `a run takes the table of a profile`() throws {
        let profile = try profile(
            "\"iteration_time\": {\"model\": \"table\", \"linear_tokens\": [1, 3], \"linear_seconds\": [0.25, 0.75]}")
        var seconds = [0.0, 0.0]
        let decodes: [Int64] = [1, 2]
        decodes.withUnsafeBufferPointer { decodes in
            var columns = IterationColumns(count: 2)
            columns.decodeTokens = decodes.baseAddress
            seconds.withUnsafeMutableBufferPointer { seconds in
                guard let place = seconds.baseAddress else { return }
                #expect(throws: Never.self) {
                    try profile.engine.iterationTime.seconds(of: columns, into: place)
                }
            }
        }
        #expect(seconds == [0.25, 0.5])
    }

    @Test(arguments: [
        ("{", "json is no JSON: it ends at byte 1, within a value"),
        ("[]", "json is an array: must be an object whose format is \"batching profile\""),
        (
            "{\"format\": \"batching profile\", \"version\": 1, \"iteration_time\": {\"bas\": 1}}",
            "iteration_time.bas is unknown: there is no such field"
        ),
    ])
    func `what is wrong is told by its place`(_ text: String, _ sentence: String) {
        do throws(BatchingError) {
            let profile = try profile(text: text)
            Issue.record("\(profile.model) was read")
        } catch {
            #expect(error.message == sentence)
        }
    }

    /// All doubles of few bits, and their neighbours, from what Swift prints of them.
    @Test func `numbers are what Swift prints`() throws {
        let scratch = try ScratchBuffer<UInt64>(uninitialized: DecimalReader.scratchCount)
        let decimals = DecimalReader(scratch.elements)
        for exponent in -1074...1023 {
            let power = Double(sign: .plus, exponent: exponent, significand: 1)
            for value in [power, power.nextUp, power.nextDown, 1.1 * power] where value.isFinite {
                var text = Array("\(value)".utf8)
                text.withUnsafeMutableBufferPointer { bytes in
                    let number = JSONNumber(text: UnsafeBufferPointer(bytes), isInteger: false)
                    #expect(decimals.double(number).value == value)
                }
            }
        }
    }
}
