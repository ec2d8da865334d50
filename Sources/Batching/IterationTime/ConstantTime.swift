/// Every iteration takes the same time.
struct ConstantTime: IterationTimeModel {
    let step: Nanoseconds

    @inline(__always)
    func duration(of work: IterationWork) -> Nanoseconds { step }

    @inline(__always)
    var constantDuration: Nanoseconds? { step }
}
