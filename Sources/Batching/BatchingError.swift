import CBatchingThread

/// Why a call failed, in one sentence that names the argument, the index and the value.
public struct BatchingError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What kind of failure it is. The C status codes are these, one for one.
    public enum Kind: Sendable {
        /// A value is out of its range, or two values contradict each other.
        case invalidArgument
        /// A column that is required is missing.
        case nullPointer
        /// The size of a C struct is not known.
        case structSize
        /// An output has fewer elements than the call would write.
        case capacity
        /// A result is beyond what its type, or the clock, can hold.
        case overflow
        /// The memory that the call needs could not be had.
        case outOfMemory
        /// A callback stopped the run.
        case cancelled
        /// A handle is in use by another call.
        case busy
    }

    /// What kind of failure it is.
    public let kind: Kind
    /// Where the thread keeps the sentence: an error of two words makes every call that may throw it small and quick.
    private let number: UInt64

    /// As in "output_length[17] is -3: must be at least 1". A thread keeps the sentences of its last 16 errors; of an older
    /// error, or in another thread, only the kind is told.
    public var message: String { text.withUTF8 { String(decoding: $0, as: UTF8.self) } }

    /// The same as `message`.
    public var description: String { message }

    package var text: ErrorText {
        var count = 0
        guard let utf8 = cbatching_sentence(number, &count) else { return kind.text }
        return ErrorText(utf8: UnsafeBufferPointer(start: utf8, count: count))
    }

    /// Whether two errors are of one kind and say the same.
    public static func == (first: BatchingError, second: BatchingError) -> Bool {
        first.kind == second.kind && first.text == second.text
    }

    /// What a callback throws to stop a run, which then throws it.
    /// - Parameter reason: one sentence, of which 504 bytes are kept.
    public static func cancelled(_ reason: String) -> BatchingError { BatchingError(.cancelled, ErrorText(reason)) }

    @inline(never)
    package init(_ kind: Kind, _ text: ErrorText) {
        self.kind = kind
        number = text.withUTF8 { cbatching_sentence_keep($0.baseAddress, $0.count) }
    }

    /// A value that is out of its range: "`argument` is `value`: `requirement`".
    @inline(never)
    package static func invalid(_ argument: ErrorText, _ value: Int64, _ requirement: ErrorText) -> BatchingError {
        BatchingError(.invalidArgument, "\(argument) is \(value): \(requirement)")
    }

    @inline(never)
    package static func invalid(_ argument: ErrorText, _ value: Double, _ requirement: ErrorText) -> BatchingError {
        BatchingError(.invalidArgument, "\(argument) is \(value): \(requirement)")
    }

    @inline(__always)
    package static func invalid(
        _ argument: ErrorText, _ value: some FixedWidthInteger, _ requirement: ErrorText
    ) -> BatchingError {
        invalid(argument, Int64(truncatingIfNeeded: value), requirement)
    }

    /// An element that is out of its range: "`column[index]` is `value`: `requirement`".
    @inline(never)
    static func invalid(
        _ column: ErrorText, _ index: Int, _ value: Int64, _ requirement: ErrorText
    ) -> BatchingError {
        BatchingError(.invalidArgument, "\(column)[\(index)] is \(value): \(requirement)")
    }

    @inline(never)
    static func invalid(
        _ column: ErrorText, _ index: Int, _ value: Double, _ requirement: ErrorText
    ) -> BatchingError {
        BatchingError(.invalidArgument, "\(column)[\(index)] is \(value): \(requirement)")
    }

    @inline(__always)
    static func invalid(
        _ column: ErrorText, _ index: Int, _ value: some FixedWidthInteger, _ requirement: ErrorText
    ) -> BatchingError {
        invalid(column, index, Int64(truncatingIfNeeded: value), requirement)
    }
}

extension BatchingError.Kind {
    /// What is left to tell of an error whose sentence is gone.
    fileprivate var text: ErrorText {
        switch self {
        case .invalidArgument: "an argument is invalid"
        case .nullPointer: "a pointer that is required is NULL"
        case .structSize: "the size of a struct is not known"
        case .capacity: "an output has too little room"
        case .overflow: "a result is beyond what its type can hold"
        case .outOfMemory: "there is not enough memory"
        case .cancelled: "the call was stopped"
        case .busy: "it is in use by another call"
        }
    }
}
