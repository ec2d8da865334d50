/// Why a call failed, in one sentence that names the argument, the index and the value.
public struct BatchingError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What kind of failure it is. The C status codes are these, one for one.
    public enum Kind: Sendable {
        case invalidArgument, nullPointer, structSize, capacity, overflow, outOfMemory, cancelled, busy
    }

    public let kind: Kind
    package let text: ErrorText

    /// As in "output_length[17] is -3: must be at least 1".
    public var message: String { text.withUTF8 { String(decoding: $0, as: UTF8.self) } }

    public var description: String { message }

    /// What a callback throws to stop a run, which then throws it.
    /// - Parameter reason: one sentence, of which 504 bytes are kept.
    public static func cancelled(_ reason: String) -> BatchingError { BatchingError(.cancelled, ErrorText(reason)) }

    package init(_ kind: Kind, _ text: ErrorText) {
        self.kind = kind
        self.text = text
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
