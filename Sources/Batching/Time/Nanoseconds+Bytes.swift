extension ByteCoder {
    mutating func code(_ time: inout Nanoseconds, from least: Nanoseconds = .zero) throws(BatchingError) {
        try code(&time.count, from: least.count, to: Nanoseconds.maximum.count)
    }

    /// A time in seconds, or, if that is allowed, not-a-number, of which there is one.
    mutating func code(seconds: inout Double, orNaN mayBeNaN: Bool = false) throws(BatchingError) {
        var bits = seconds.isNaN ? Double.nan.bitPattern : seconds.bitPattern
        try code(&bits)
        seconds = Double(bitPattern: bits)
        guard Nanoseconds.holds(seconds) || (mayBeNaN && bits == Double.nan.bitPattern) else {
            throw .corrupt("a time is out of its range")
        }
    }
}
