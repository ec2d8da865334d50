/// A request that is to be routed: see batching_routing_request in the C header.
public struct RoutingRequest {
    /// Its id.
    public var request: Int64 = 0
    /// Seconds.
    public var time = 0.0
    /// Tokens.
    public var promptLength: Int32 = 0
    /// Tokens that are expected; 0: unknown.
    public var outputLength: Int32 = 0
    /// The chained hashes of its blocks.
    public var hashIds: UnsafePointer<UInt64>?
    /// How many of those there are.
    public var hashCount = 0
    /// The prompt, in UTF-8.
    public var text: UnsafePointer<UInt8>?
    /// Its bytes.
    public var textSize = 0
    /// The name of its session or user, NUL-terminated. nil: it has none.
    public var session: UnsafePointer<CChar>?
    /// Seconds by which it goes ahead in a queue.
    public var priorityJump = 0.0
    /// Larger goes before all smaller.
    public var strictPriority: Int64 = 0

    /// The worker that it goes to if the rule leaves it among several, and would draw one of them; -1: none.
    var preferredWorker = -1

    /// One without a prompt.
    public init() {}

    func check() throws(BatchingError) {
        guard Nanoseconds.holds(time) else { throw .invalid("time", time, Nanoseconds.requirement) }
        guard promptLength >= 0 else { throw .invalid("prompt_length", promptLength, "must be at least 0") }
        guard outputLength >= 0 else { throw .invalid("output_length", outputLength, "must be at least 0") }
        guard hashCount >= 0, hashCount <= Int(Int32.max) else {
            throw .invalid("hash_count", Int64(hashCount), "must be in 0..2147483647")
        }
        guard hashCount == 0 || hashIds != nil else {
            throw BatchingError(.nullPointer, "hash_ids is NULL: it is required where hash_count is \(hashCount)")
        }
        guard textSize >= 0, textSize <= Int(Int32.max) else {
            throw .invalid("text_size", Int64(textSize), "must be in 0..2147483647")
        }
        guard textSize == 0 || text != nil else {
            throw BatchingError(.nullPointer, "text is NULL: it is required where text_size is \(textSize)")
        }
        guard priorityJump.magnitude <= Nanoseconds.maximumSeconds else {
            throw .invalid("priority_jump", priorityJump, "must be at most \(Nanoseconds.maximumSeconds) either way")
        }
    }
}

/// A prompt as a router compares it: characters, or hash ids of blocks.
struct RoutedPrompt {
    /// nil: it has none, or those of `ascii`.
    var elements: UnsafePointer<UInt64>?
    var count = 0
    /// Whether they are characters.
    var isText = false
    /// The characters, instead of `elements`, where the rule takes bytes and each character is one.
    var ascii: UnsafePointer<UInt8>?
}

/// A request as a rule sees it.
struct RoutingQuestion {
    let request: RoutingRequest
    let prompt: RoutedPrompt

    /// Whole blocks of the prompt that have hash ids.
    func wholeBlocks(of blockSize: Int) -> Int {
        min(request.hashCount, Int(request.promptLength) / blockSize)
    }
}
