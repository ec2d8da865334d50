/// Why a call failed, in one sentence that names the argument, the index and the value.
public struct BatchingError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What kind of failure it is. The C status codes are these, one for one.
    public enum Kind: Sendable {
        case invalidArgument, nullPointer, structSize, capacity, overflow, outOfMemory, cancelled, busy
    }

    public let kind: Kind
    /// As in "output_length[17] is -3: must be at least 1".
    public let message: String

    public var description: String { message }

    /// What a callback throws to stop a run, which then throws it.
    /// - Parameter reason: one sentence.
    public static func cancelled(_ reason: String) -> BatchingError { BatchingError(.cancelled, reason) }

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    /// A value that is out of its range: "`argument` is `value`: `requirement`".
    package static func invalid(_ argument: String, _ value: some Any, _ requirement: String) -> BatchingError {
        BatchingError(.invalidArgument, "\(argument) is \(value): \(requirement)")
    }

    /// An element that is out of its range: "`column[index]` is `value`: `requirement`".
    static func invalid(_ column: String, _ index: Int, _ value: some Any, _ requirement: String) -> BatchingError {
        invalid("\(column)[\(index)]", value, requirement)
    }
}
