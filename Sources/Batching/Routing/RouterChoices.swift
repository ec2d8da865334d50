/// The routers. The raw values are those of the C header. A new one is a case here, its line in `RouterRules`, and a file of
/// its own.
public enum RouterName: Int32, CaseIterable, Sendable {
    /// One after the other.
    case roundRobin = 0
    /// Each as likely.
    case random = 100
    /// The less loaded of two.
    case powerOfTwo = 110
    /// Fewest requests in flight.
    case leastRequests = 120
    /// Fewest tokens in flight.
    case leastTokens = 130
    /// Consistent hashing of sessions.
    case session = 140
    /// NVIDIA Dynamo's KV router.
    case dynamoKV = 200
    /// vLLM's internal data-parallel balancer.
    case vllmDP = 210
    /// A radix tree over what was routed, and thresholds of balance.
    case cacheAware = 220
    /// sglang-router's bucket.
    case bucket = 230
    /// vLLM production-stack's prefix-aware routing.
    case prefixTrie = 240
    /// Ray Serve LLM's prefix-aware router.
    case rayPrefix = 250
    /// llm-d's endpoint picker.
    case scorers = 260
    /// AIBrix' prefix-cache.
    case aibrixPrefix = 270
    /// AIBrix' vtc-basic.
    case vtc = 280
}

/// How round robin counts. The raw values are those of the C header.
public enum RoundRobinRule: Int32, CaseIterable, Sendable {
    /// One counter over the workers that are up.
    case counter = 0
    /// A counter for each set of workers that are up, in the order of their names.
    case sets = 100
    /// NGINX's smooth weighted round robin.
    case smooth = 110
}

/// Which of equally loaded workers is taken. The raw values are those of the C header.
public enum RouterTies: Int32, CaseIterable, Sendable {
    /// The first in order.
    case first = 0
    /// At random.
    case random = 100
    /// A smooth weighted round robin among the equals.
    case nginx = 110
    /// The one whose load changed longest ago.
    case haproxy = 120
}

/// Of which vLLM the data-parallel balancer is. The raw values are those of the C header.
public enum VLLMDPRule: Int32, CaseIterable, Sendable {
    /// From 0.27.1 on.
    case from27 = 0
    /// Until 0.26.0.
    case until26 = 100
}

/// Of which gateway a cache-aware router is. The raw values are those of the C header.
public enum CacheAwareRule: Int32, CaseIterable, Sendable {
    /// sglang-router 0.3.2.
    case sglang = 0
    /// vllm-router 0.1.17.
    case vllm = 100
    /// smg 1.13.0.
    case smg = 110
}

/// Which waiting request dynamo_kv routes next. The raw values are those of the C header.
public enum WaitingOrder: Int32, CaseIterable, Sendable {
    /// By arrival less priority jump.
    case fcfs = 0
    /// The reverse.
    case lcfs = 100
    /// Most (1 + priority jump) / tokens to compute first.
    case wspt = 110
}

/// What an endpoint picker scores. The raw values are those of the C header.
public enum ScorerName: Int32, CaseIterable, BitwiseCopyable, Sendable {
    /// Waiting requests.
    case queue = 0
    /// Running requests.
    case running = 100
    /// KV usage.
    case kvUsage = 110
    /// Waiting requests, up to a threshold.
    case loadAware = 120
    /// Requests in flight.
    case active = 130
    /// Tokens in flight.
    case tokenLoad = 140
    /// The share of the prompt that the router's own index has.
    case prefix = 150
    /// The share of the prompt that KV events tell.
    case precisePrefix = 160
}
