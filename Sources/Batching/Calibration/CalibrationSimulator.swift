/// Runs the requests of a log with one set of coefficients after the other.
struct CalibrationSimulator: ~Copyable {
    private let requests: RequestColumns
    private var configuration: EngineConfig
    private let start: ScratchBuffer<Double>
    let firstToken: ScratchBuffer<Double>
    let end: ScratchBuffer<Double>
    private let recorder: ScratchBuffer<Recorder>
    private let schedulePlace: UnsafeMutablePointer<CalibrationSchedule>

    /// What the callback that records is given.
    private struct Recorder: BitwiseCopyable {
        var formula: AffineTimeFormula
        var schedule: UnsafeMutablePointer<CalibrationSchedule>
    }

    init(_ requests: RequestColumns, _ engine: EngineConfig) throws(BatchingError) {
        let start = try ScratchBuffer<Double>(uninitialized: requests.count)
        let firstToken = try ScratchBuffer<Double>(uninitialized: requests.count)
        let end = try ScratchBuffer<Double>(uninitialized: requests.count)
        let recorder = try ScratchBuffer<Recorder>(uninitialized: 1)
        schedulePlace = try allocated(try CalibrationSchedule())
        self.requests = requests
        configuration = engine
        self.start = start
        self.firstToken = firstToken
        self.end = end
        self.recorder = recorder
    }

    deinit {
        deallocate(schedulePlace)
    }

    var isAsynchronous: Bool { configuration.isAsynchronous }

    func done(from start: Double, to end: Double, startup: Double) -> CalibrationSchedule.Share {
        schedulePlace.pointee.done(from: start, to: end, startup: startup)
    }

    /// Whether a request did not wait in the queue, in a run of which the schedule was kept.
    func admitsAtOnce(_ row: Int) -> Bool {
        schedulePlace.pointee.admitsAtOnce(arrival: requests.arrivalTime?[row] ?? 0, admitted: start.elements[row])
    }

    /// - Parameter keepsSchedule: whether it will be asked what was done.
    mutating func run(_ time: AffineTime, keepsSchedule: Bool) throws(BatchingError) {
        configuration.iterationTime = .affine(time)
        if keepsSchedule {
            // A copy: with ThreadSanitizer the compiler crashes on a call through the stored pointer.
            let place = schedulePlace
            recorder.elements.initialize(
                to: Recorder(formula: AffineTimeFormula(coefficients: time), schedule: place))
            place.pointee.begin()
            // It captures nothing, so that it needs no memory.
            let foreign = ForeignFunction(nil, userData: UnsafeMutableRawPointer(recorder.elements))
            configuration.iterationTime = .callback(
                TimeCallback(foreign) { (work, foreign) throws(BatchingError) in
                    let recorder = foreign.userData.unsafelyUnwrapped.load(as: Recorder.self)
                    let seconds = recorder.formula.duration(of: work).seconds
                    let schedule = recorder.schedule
                    try schedule.pointee.append(work, seconds: seconds)
                    return seconds
                })
        }
        let results = ResultColumns(
            startTime: start.elements, firstTokenTime: firstToken.elements, endTime: end.elements)
        _ = try Engine.simulate(requests, configuration: configuration, results: results)
    }
}
