/// What is done with a router, whatever its rule is.
protocol RoutingOperation {
    associatedtype Answer

    func perform<Rule: RouterRule & ~Copyable>(
        _ rule: inout Rule, _ state: inout RoutingState
    ) throws(BatchingError) -> Answer
}

/// The one switch over the rules.
enum RouterRules {
    case roundRobin(UnsafeMutablePointer<RoundRobin>)
    case random(UnsafeMutablePointer<RandomWorker>)
    case powerOfTwo(UnsafeMutablePointer<PowerOfTwo>)
    case leastRequests(UnsafeMutablePointer<LeastRequests>)
    case leastTokens(UnsafeMutablePointer<LeastTokens>)
    case session(UnsafeMutablePointer<SessionRouter>)
    case dynamoKV(UnsafeMutablePointer<DynamoKV>)
    case vllmDP(UnsafeMutablePointer<VLLMDP>)
    case cacheAware(UnsafeMutablePointer<CacheAware>)
    case bucket(UnsafeMutablePointer<BucketRouter>)
    case prefixTrie(UnsafeMutablePointer<PrefixTrie>)
    case rayPrefix(UnsafeMutablePointer<RayPrefix>)
    case scorers(UnsafeMutablePointer<ScorersRouter>)
    case aibrixPrefix(UnsafeMutablePointer<AIBrixPrefix>)
    case vtc(UnsafeMutablePointer<VTC>)

    init(_ configuration: RouterConfig) throws(BatchingError) {
        switch configuration.router {
        case .roundRobin: self = .roundRobin(try allocated(try RoundRobin(configuration)))
        case .random: self = .random(try allocated(try RandomWorker(configuration)))
        case .powerOfTwo: self = .powerOfTwo(try allocated(try PowerOfTwo(configuration)))
        case .leastRequests: self = .leastRequests(try allocated(try LeastRequests(configuration)))
        case .leastTokens: self = .leastTokens(try allocated(try LeastTokens(configuration)))
        case .session: self = .session(try allocated(try SessionRouter(configuration)))
        case .dynamoKV: self = .dynamoKV(try allocated(try DynamoKV(configuration)))
        case .vllmDP: self = .vllmDP(try allocated(try VLLMDP(configuration)))
        case .cacheAware: self = .cacheAware(try allocated(try CacheAware(configuration)))
        case .bucket: self = .bucket(try allocated(try BucketRouter(configuration)))
        case .prefixTrie: self = .prefixTrie(try allocated(try PrefixTrie(configuration)))
        case .rayPrefix: self = .rayPrefix(try allocated(try RayPrefix(configuration)))
        case .scorers: self = .scorers(try allocated(try ScorersRouter(configuration)))
        case .aibrixPrefix: self = .aibrixPrefix(try allocated(try AIBrixPrefix(configuration)))
        case .vtc: self = .vtc(try allocated(try VTC(configuration)))
        }
    }

    init(copying other: RouterRules, _ copy: inout DeepCopy) throws(BatchingError) {
        switch other {
        case .roundRobin(let rule): self = .roundRobin(try Self.copied(rule, &copy))
        case .random(let rule): self = .random(try Self.copied(rule, &copy))
        case .powerOfTwo(let rule): self = .powerOfTwo(try Self.copied(rule, &copy))
        case .leastRequests(let rule): self = .leastRequests(try Self.copied(rule, &copy))
        case .leastTokens(let rule): self = .leastTokens(try Self.copied(rule, &copy))
        case .session(let rule): self = .session(try Self.copied(rule, &copy))
        case .dynamoKV(let rule): self = .dynamoKV(try Self.copied(rule, &copy))
        case .vllmDP(let rule): self = .vllmDP(try Self.copied(rule, &copy))
        case .cacheAware(let rule): self = .cacheAware(try Self.copied(rule, &copy))
        case .bucket(let rule): self = .bucket(try Self.copied(rule, &copy))
        case .prefixTrie(let rule): self = .prefixTrie(try Self.copied(rule, &copy))
        case .rayPrefix(let rule): self = .rayPrefix(try Self.copied(rule, &copy))
        case .scorers(let rule): self = .scorers(try Self.copied(rule, &copy))
        case .aibrixPrefix(let rule): self = .aibrixPrefix(try Self.copied(rule, &copy))
        case .vtc(let rule): self = .vtc(try Self.copied(rule, &copy))
        }
    }

    private static func copied<Rule: RouterRule & ~Copyable>(
        _ rule: UnsafeMutablePointer<Rule>, _ copy: inout DeepCopy
    ) throws(BatchingError) -> UnsafeMutablePointer<Rule> {
        try allocated(Rule(copying: rule.pointee, &copy))
    }

    func destroy() {
        switch self {
        case .roundRobin(let rule): deallocate(rule)
        case .random(let rule): deallocate(rule)
        case .powerOfTwo(let rule): deallocate(rule)
        case .leastRequests(let rule): deallocate(rule)
        case .leastTokens(let rule): deallocate(rule)
        case .session(let rule): deallocate(rule)
        case .dynamoKV(let rule): deallocate(rule)
        case .vllmDP(let rule): deallocate(rule)
        case .cacheAware(let rule): deallocate(rule)
        case .bucket(let rule): deallocate(rule)
        case .prefixTrie(let rule): deallocate(rule)
        case .rayPrefix(let rule): deallocate(rule)
        case .scorers(let rule): deallocate(rule)
        case .aibrixPrefix(let rule): deallocate(rule)
        case .vtc(let rule): deallocate(rule)
        }
    }

    @inline(__always)
    func perform<Operation: RoutingOperation>(
        _ operation: Operation, _ state: inout RoutingState
    ) throws(BatchingError) -> Operation.Answer {
        switch self {
        case .roundRobin(let rule): try operation.perform(&rule.pointee, &state)
        case .random(let rule): try operation.perform(&rule.pointee, &state)
        case .powerOfTwo(let rule): try operation.perform(&rule.pointee, &state)
        case .leastRequests(let rule): try operation.perform(&rule.pointee, &state)
        case .leastTokens(let rule): try operation.perform(&rule.pointee, &state)
        case .session(let rule): try operation.perform(&rule.pointee, &state)
        case .dynamoKV(let rule): try operation.perform(&rule.pointee, &state)
        case .vllmDP(let rule): try operation.perform(&rule.pointee, &state)
        case .cacheAware(let rule): try operation.perform(&rule.pointee, &state)
        case .bucket(let rule): try operation.perform(&rule.pointee, &state)
        case .prefixTrie(let rule): try operation.perform(&rule.pointee, &state)
        case .rayPrefix(let rule): try operation.perform(&rule.pointee, &state)
        case .scorers(let rule): try operation.perform(&rule.pointee, &state)
        case .aibrixPrefix(let rule): try operation.perform(&rule.pointee, &state)
        case .vtc(let rule): try operation.perform(&rule.pointee, &state)
        }
    }

    /// Whether it takes characters as bytes, where each of a prompt is one.
    var readsASCII: Bool {
        switch self {
        case .cacheAware, .prefixTrie, .rayPrefix: true
        default: false
        }
    }

    var readsText: Bool {
        switch self {
        case .roundRobin: RoundRobin.readsText
        case .random: RandomWorker.readsText
        case .powerOfTwo: PowerOfTwo.readsText
        case .leastRequests: LeastRequests.readsText
        case .leastTokens: LeastTokens.readsText
        case .session: SessionRouter.readsText
        case .dynamoKV: DynamoKV.readsText
        case .vllmDP: VLLMDP.readsText
        case .cacheAware: CacheAware.readsText
        case .bucket: BucketRouter.readsText
        case .prefixTrie: PrefixTrie.readsText
        case .rayPrefix: RayPrefix.readsText
        case .scorers: ScorersRouter.readsText
        case .aibrixPrefix: AIBrixPrefix.readsText
        case .vtc: VTC.readsText
        }
    }
}

extension RouterName {
    /// What the rule must be told.
    var needs: RouterNeeds {
        switch self {
        case .roundRobin: RoundRobin.needs
        case .random: RandomWorker.needs
        case .powerOfTwo: PowerOfTwo.needs
        case .leastRequests: LeastRequests.needs
        case .leastTokens: LeastTokens.needs
        case .session: SessionRouter.needs
        case .dynamoKV: DynamoKV.needs
        case .vllmDP: VLLMDP.needs
        case .cacheAware: CacheAware.needs
        case .bucket: BucketRouter.needs
        case .prefixTrie: PrefixTrie.needs
        case .rayPrefix: RayPrefix.needs
        case .scorers: ScorersRouter.needs
        case .aibrixPrefix: AIBrixPrefix.needs
        case .vtc: VTC.needs
        }
    }
}
