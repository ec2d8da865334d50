/// What the caller's function answers.
struct CallbackTime: IterationTimeModel {
    let callback: TimeCallback

    static var mayFail: Bool { true }

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
