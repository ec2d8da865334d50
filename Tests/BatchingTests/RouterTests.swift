import Testing

@testable import Batching

/// What Swift's own callers see; what each rule decides is held by the recordings, errors by the tests in C.
@Suite struct RouterTests {
    private func router(_ name: RouterName, workers: Int) throws -> Router {
        var configuration = RouterConfig()
        configuration.router = name
        configuration.workers = workers
        return try Router(configuration)
    }

    private func request(_ id: Int64, prompt: Int32 = 10) -> RoutingRequest {
        var request = RoutingRequest()
        request.request = id
        request.promptLength = prompt
        return request
    }

    @Test func `requests go to the fewest, and are counted until they have finished`() throws {
        var router = try router(.leastRequests, workers: 2)
        #expect(try router.route(request(1)) == 0)
        #expect(try router.route(request(2)) == 1)
        #expect(try router.route(request(3)) == 0)
        #expect(router.requests(0) == 2)
        #expect(router.prefillTokens(0) == 20)
        try router.firstToken(1, time: 1)
        #expect(router.prefillTokens(0) == 10)
        try router.finished(1, time: 2)
        try router.finished(3, time: 2)
        #expect(router.requests(0) == 0)
        #expect(try router.route(request(4)) == 0)
        #expect(try router.waiting() == 0)
    }

    @Test func `a worker that is down gets no request`() throws {
        var router = try router(.roundRobin, workers: 3)
        try router.setWorker(1, isUp: false, time: 0)
        #expect(try router.route(request(1)) == 0)
        #expect(try router.route(request(2)) == 2)
        #expect(try router.route(request(3)) == 0)
        try router.setWorker(1, isUp: true, time: 1)
        var allowed: [Int32] = [7, 7, 7]
        try router.explain(request(4), allowed: &allowed, score: nil)
        #expect(allowed.reduce(0, +) == 1)
    }

    @Test func `an error is a sentence, and changes nothing`() throws {
        var router = try router(.roundRobin, workers: 2)
        _ = try router.route(request(1))
        do {
            _ = try router.route(request(1))
            Issue.record("an id that is in flight was taken")
        } catch {
            #expect(error.message == "request is 1: must be an id that is not in flight")
        }
        #expect(router.requests(0) + router.requests(1) == 1)
    }

    @Test func `requests wait while all workers are busy`() throws {
        var configuration = RouterConfig()
        configuration.router = .dynamoKV
        configuration.dynamo.queueThreshold = 1
        configuration.dynamo.maxNumBatchedTokens = 100
        var router = try Router(configuration)
        #expect(try router.route(request(1, prompt: 150)) == 0)
        #expect(try router.route(request(2)) == nil)
        #expect(try router.waiting() == 1)
        let none = try router.release()
        #expect(none == nil)
        try router.firstToken(1, time: 1)
        let released = try router.release()
        #expect(released?.request == 2)
        #expect(released?.worker == 0)
    }
}
