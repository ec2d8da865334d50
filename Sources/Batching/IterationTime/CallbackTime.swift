/// What the caller's function answers.
struct CallbackTime: IterationTimeModel {
    /// Seconds that an iteration takes; throws to stop the run.
    let seconds: (IterationWork) throws(BatchingError) -> Double

    func duration(of work: borrowing IterationWork) throws(BatchingError) -> Nanoseconds {
        let number = work.number
        return try Nanoseconds(seconds: try seconds(copy work), argument: "time_callback's answer for iteration \(number)")
    }
}
