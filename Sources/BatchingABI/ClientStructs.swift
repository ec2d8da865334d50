import Batching
import CBatching

extension batching_client {
    static let firstSize = 64

    func configuration() throws(BatchingError) -> ClientConfig {
        func check(_ value: Int64, _ name: StaticString) throws(BatchingError) {
            guard value < 0 else { return }
            throw .invalid("client.\(name)", value, "must be at least 0")
        }
        try check(max_concurrency, "max_concurrency")
        try check(clients, "clients")
        var configuration = ClientConfig()
        if max_concurrency != 0 { configuration.maxConcurrency = max_concurrency }
        if clients != 0 { configuration.clients = clients }
        configuration.rampUp = ramp_up
        configuration.thinkTimes.kind = try choice(think_times, "think_times")
        configuration.thinkTimes.mean = think_time
        configuration.thinkTimes.sigma = think_time_sigma
        configuration.seed = seed
        configuration.sessionsGoOn = try flag(sessions_go_on, "sessions_go_on")
        return configuration
    }
}
