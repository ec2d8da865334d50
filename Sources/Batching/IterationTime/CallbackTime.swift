/// What the caller's function answers.
struct CallbackTime: IterationTimeModel {
    /// Seconds that an iteration takes; throws to stop the run.
    let seconds: (IterationWork) throws(BatchingError) -> Double

    static var mayFail: Bool { true }

    func duration(of work: IterationWork) throws(BatchingError) -> Nanoseconds {
        try Nanoseconds(seconds: try seconds(work), argument: "time_callback's answer for iteration \(work.number)")
    }
}
