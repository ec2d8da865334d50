/// Requests with columns of their own: what the slices of `RequestColumns` give.
public struct OwnedRequestColumns: ~Copyable {
    /// Requests.
    public let count: Int
    let promptLength: OwnedColumn<Int32>
    let outputLength: OwnedColumn<Int32>
    let arrivalTime: OwnedColumn<Double>
    let priority: OwnedColumn<Int32>
    let tieBreak: OwnedColumn<Int64>
    let maxTokens: OwnedColumn<Int32>
    let abortTime: OwnedColumn<Double>
    let session: OwnedColumn<Int64>
    let delay: OwnedColumn<Double>
    private let hashes: OwnedHashes

    /// Columns that others have, too. Each element is to be set.
    /// - Parameters:
    ///   - hashes: what the ids are like, if there are any.
    ///   - hasArrivals: whether there are arrivals.
    init(
        count: Int, like requests: RequestColumns, _ hashes: consuming OwnedHashes, hasArrivals: Bool
    ) throws(BatchingError) {
        let promptLength = try OwnedColumn<Int32>(count, isThere: requests.promptLength != nil)
        let outputLength = try OwnedColumn<Int32>(count, isThere: requests.outputLength != nil)
        let arrivalTime = try OwnedColumn<Double>(count, isThere: hasArrivals)
        let priority = try OwnedColumn<Int32>(count, isThere: requests.priority != nil)
        let tieBreak = try OwnedColumn<Int64>(count, isThere: requests.tieBreak != nil)
        let maxTokens = try OwnedColumn<Int32>(count, isThere: requests.maxTokens != nil)
        let abortTime = try OwnedColumn<Double>(count, isThere: requests.abortTime != nil)
        let session = try OwnedColumn<Int64>(count, isThere: requests.session != nil)
        let delay = try OwnedColumn<Double>(count, isThere: requests.delay != nil)
        self.count = count
        self.promptLength = promptLength
        self.outputLength = outputLength
        self.arrivalTime = arrivalTime
        self.priority = priority
        self.tieBreak = tieBreak
        self.maxTokens = maxTokens
        self.abortTime = abortTime
        self.session = session
        self.delay = delay
        self.hashes = hashes
    }

    /// Puts a request of others into a row, but for its hash ids.
    /// - Parameter row: below `count`.
    func put(_ requests: RequestColumns, _ index: Int, at row: Int) {
        promptLength.put(requests.promptLength, index, at: row)
        outputLength.put(requests.outputLength, index, at: row)
        arrivalTime.put(requests.arrivalTime, index, at: row)
        priority.put(requests.priority, index, at: row)
        tieBreak.put(requests.tieBreak, index, at: row)
        maxTokens.put(requests.maxTokens, index, at: row)
        abortTime.put(requests.abortTime, index, at: row)
        session.put(requests.session, index, at: row)
        delay.put(requests.delay, index, at: row)
    }

    /// Calls `body` with the columns, which are there until it returns.
    public func withColumns<Result: ~Copyable>(
        _ body: (RequestColumns) throws(BatchingError) -> Result
    ) throws(BatchingError) -> Result {
        try body(
            RequestColumns(
                count: count, promptLength: promptLength.column, outputLength: outputLength.column,
                arrivalTime: arrivalTime.column, priority: priority.column, tieBreak: tieBreak.column,
                prefixHashes: hashes.columns, maxTokens: maxTokens.column, abortTime: abortTime.column,
                session: session.column, delay: delay.column))
    }
}

/// A column that may not be there.
struct OwnedColumn<Element: BitwiseCopyable>: ~Copyable {
    private let buffer: ScratchBuffer<Element>
    private let isThere: Bool

    init(_ count: Int, isThere: Bool) throws(BatchingError) {
        buffer = try ScratchBuffer(uninitialized: isThere ? count : 0)
        self.isThere = isThere
    }

    var elements: UnsafeMutablePointer<Element>? { isThere ? buffer.elements : nil }
    var column: UnsafePointer<Element>? { isThere ? UnsafePointer(buffer.elements) : nil }

    @inline(__always)
    func put(_ others: UnsafePointer<Element>?, _ index: Int, at row: Int) {
        if let elements, let others { elements[row] = others[index] }
    }
}

/// The hash ids of requests, which may have none.
struct OwnedHashes: ~Copyable {
    let ids: OwnedColumn<Int64>
    let offsets: OwnedColumn<Int64>
    private let blockSize: Int
    private let coversOutput: Bool

    /// - Parameters:
    ///   - count: requests.
    ///   - ids: of all of them; nil: they have none.
    init(count: Int, ids: Int?, blockSize: Int, coversOutput: Bool) throws(BatchingError) {
        let column = try OwnedColumn<Int64>(ids ?? 0, isThere: ids != nil)
        let offsets = try OwnedColumn<Int64>(count &+ 1, isThere: ids != nil)
        offsets.elements?[0] = 0
        self.ids = column
        self.offsets = offsets
        self.blockSize = blockSize
        self.coversOutput = coversOutput
    }

    /// As many of the same kind as other requests have.
    init(count: Int, ids: Int, like hashes: PrefixHashes?) throws(BatchingError) {
        try self.init(
            count: count, ids: hashes == nil ? nil : ids, blockSize: hashes?.blockSize ?? 0,
            coversOutput: hashes?.coversOutput ?? false)
    }

    var columns: PrefixHashes? {
        guard let ids = ids.column, let offsets = offsets.column else { return nil }
        return PrefixHashes(ids: ids, offsets: offsets, blockSize: blockSize, coversOutput: coversOutput)
    }
}
