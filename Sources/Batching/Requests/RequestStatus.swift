/// What became of a request. The raw values are those of the C header.
public enum RequestStatus: Int32, Sendable {
    /// It has all its tokens.
    case finished = 0
    /// The run ended before: at a limit.
    case unfinished = 100
    /// It was waiting or running when the run could make no more progress.
    case stuck = 110
    /// Its client left before it had all its tokens.
    case aborted = 120
    /// It was not sent: a turn before it failed, or the run ended before it could be.
    case notSent = 130
    /// Its replica was lost, or none was there, and it was not sent again.
    case lost = 140
    /// It had no first token, or not all of them, in time.
    case timedOut = 150
    /// Rejected on arrival: its prompt is not shorter than the model's maximum length.
    case rejectedForModelLength = 200
    /// Rejected on arrival: it needs more KV blocks than there are.
    case rejectedForMemory = 210
    /// Rejected on arrival: chunked prefill is disabled, and it is longer than the token budget.
    case rejectedForTokenBudget = 220
    /// Rejected on arrival in a fleet: it takes no more.
    case rejectedByAdmission = 230
}
