/// The rule of an autoscaler, with what it remembers. One a file.
protocol ScalingRule: ~Copyable {
    /// Seconds between decisions, where the caller says nothing.
    static var interval: Double { get }

    init(_ configuration: AutoscalerConfig) throws(BatchingError)
    init(copying other: borrowing Self, _ copy: inout DeepCopy)

    /// Throws if a column is missing that it looks at. The readings are in range.
    func check(_ readings: ScalingReadings) throws(BatchingError)

    /// How many replicas it wants, within the limits of the configuration or not.
    mutating func decide(_ readings: ScalingReadings, at time: Nanoseconds) -> Int
}

/// The one switch over the rules.
enum ScalingRules {
    case hpa(UnsafeMutablePointer<HPA>)
    case queueLength(UnsafeMutablePointer<QueueLength>)
    case dynamoPlanner(UnsafeMutablePointer<DynamoPlanner>)
    case llmD(UnsafeMutablePointer<LLMD>)

    init(_ configuration: AutoscalerConfig) throws(BatchingError) {
        switch configuration.autoscaler {
        case .hpa: self = .hpa(try allocated(try HPA(configuration)))
        case .queueLength: self = .queueLength(try allocated(try QueueLength(configuration)))
        case .dynamoPlanner: self = .dynamoPlanner(try allocated(try DynamoPlanner(configuration)))
        case .llmD: self = .llmD(try allocated(try LLMD(configuration)))
        }
    }

    init(copying other: ScalingRules, _ copy: inout DeepCopy) throws(BatchingError) {
        switch other {
        case .hpa(let rule): self = .hpa(try allocated(HPA(copying: rule.pointee, &copy)))
        case .queueLength(let rule): self = .queueLength(try allocated(QueueLength(copying: rule.pointee, &copy)))
        case .dynamoPlanner(let rule): self = .dynamoPlanner(try allocated(DynamoPlanner(copying: rule.pointee, &copy)))
        case .llmD(let rule): self = .llmD(try allocated(LLMD(copying: rule.pointee, &copy)))
        }
    }

    func destroy() {
        switch self {
        case .hpa(let rule): deallocate(rule)
        case .queueLength(let rule): deallocate(rule)
        case .dynamoPlanner(let rule): deallocate(rule)
        case .llmD(let rule): deallocate(rule)
        }
    }

    func check(_ readings: ScalingReadings) throws(BatchingError) {
        switch self {
        case .hpa(let rule): try rule.pointee.check(readings)
        case .queueLength(let rule): try rule.pointee.check(readings)
        case .dynamoPlanner(let rule): try rule.pointee.check(readings)
        case .llmD(let rule): try rule.pointee.check(readings)
        }
    }

    func decide(_ readings: ScalingReadings, at time: Nanoseconds) -> Int {
        switch self {
        case .hpa(let rule): rule.pointee.decide(readings, at: time)
        case .queueLength(let rule): rule.pointee.decide(readings, at: time)
        case .dynamoPlanner(let rule): rule.pointee.decide(readings, at: time)
        case .llmD(let rule): rule.pointee.decide(readings, at: time)
        }
    }

    static func interval(of autoscaler: AutoscalerName) -> Double {
        switch autoscaler {
        case .hpa: HPA.interval
        case .queueLength: QueueLength.interval
        case .dynamoPlanner: DynamoPlanner.interval
        case .llmD: LLMD.interval
        }
    }
}
