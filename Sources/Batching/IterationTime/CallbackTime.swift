/// How long an iteration takes, in seconds.
public struct TimeCallback {
    package typealias Body = (IterationWork, ForeignFunction) throws(BatchingError) -> Double

    private let body: Body
    private let foreign: ForeignFunction

    package init(_ foreign: ForeignFunction, _ body: @escaping Body) {
        self.foreign = foreign
        self.body = body
    }

    @inline(__always)
    func callAsFunction(_ work: IterationWork) throws(BatchingError) -> Double { try body(work, foreign) }
}

extension IterationTime {
    /// - Parameter seconds: answers seconds; throws to stop the run.
    public static func callback(_ seconds: @escaping (IterationWork) throws(BatchingError) -> Double) -> IterationTime {
        .callback(TimeCallback(.none) { (work, _) throws(BatchingError) in try seconds(work) })
    }
}

/// What the caller's function answers.
struct CallbackTime {
    let callback: TimeCallback

    func duration(of work: IterationWork) throws(BatchingError) -> Nanoseconds {
        let seconds = try callback(work)
        guard Nanoseconds.holds(seconds) else { throw CallbackTime.bad(seconds, work.number) }
        return Nanoseconds(validSeconds: seconds)
    }

    @inline(never)
    private static func bad(_ seconds: Double, _ iteration: Int64) -> BatchingError {
        .invalid("time_callback's answer for iteration \(iteration)", seconds, Nanoseconds.requirement)
    }
}
