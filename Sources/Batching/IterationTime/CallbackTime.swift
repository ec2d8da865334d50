/// What the caller's function answers.
struct CallbackTime: IterationTimeModel {
    /// Seconds that an iteration takes; throws to stop the run.
    let seconds: (IterationWork) throws(BatchingError) -> Double

    static var mayFail: Bool { true }

    func duration(of work: IterationWork) throws(BatchingError) -> Nanoseconds {
        let seconds = try seconds(work)
        guard Nanoseconds.holds(seconds) else { throw CallbackTime.bad(seconds, work.number) }
        return Nanoseconds(validSeconds: seconds)
    }

    @inline(never)
    private static func bad(_ seconds: Double, _ iteration: Int64) -> BatchingError {
        .invalid("time_callback's answer for iteration \(iteration)", seconds, Nanoseconds.requirement)
    }
}
