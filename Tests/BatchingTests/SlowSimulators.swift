@testable import Batching

/// The textbook simulators as a learner would check them by hand: integer nanoseconds, every request in every
/// iteration, no wheel. The oracle for the fast ones.
struct SlowCourse: Equatable {
    var start: [Int64]
    var end: [Int64]
    var completionOrder: [Int]
}

func slowStaticBatching(arrivals: [Int64], outputs: [Int64], batchSize: Int, step: Int64) -> SlowCourse {
    let queue = arrivals.indices.sorted { (arrivals[$0], $0) < (arrivals[$1], $1) }
    var course = SlowCourse(start: arrivals, end: arrivals, completionOrder: [])
    var clock: Int64 = 0
    for first in stride(from: 0, to: queue.count, by: batchSize) {
        let batch = queue[first..<min(first + batchSize, queue.count)]
        let start = max(clock, batch.map { arrivals[$0] }.max()!)
        clock = start
        for _ in 0..<batch.map({ outputs[$0] }).max()! { clock += step }
        for index in batch {
            course.start[index] = start
            course.end[index] = clock
            course.completionOrder.append(index)
        }
    }
    return course
}

func slowContinuousBatching(arrivals: [Int64], outputs: [Int64], slots: Int, step: Int64) -> SlowCourse {
    var waiting = arrivals.indices.sorted { (arrivals[$0], $0) < (arrivals[$1], $1) }
    var running: [(index: Int, tokens: Int64)] = []
    var course = SlowCourse(start: arrivals, end: arrivals, completionOrder: [])
    var clock: Int64 = 0
    while !waiting.isEmpty || !running.isEmpty {
        if running.isEmpty, let next = waiting.first { clock = max(clock, arrivals[next]) }
        while running.count < slots, let next = waiting.first, arrivals[next] <= clock {
            running.append((waiting.removeFirst(), 0))
            course.start[next] = clock
        }
        clock += step
        for position in running.indices { running[position].tokens += 1 }
        for (index, tokens) in running where tokens == outputs[index] {
            course.end[index] = clock
            course.completionOrder.append(index)
        }
        running.removeAll { $0.tokens == outputs[$0.index] }
    }
    return course
}
