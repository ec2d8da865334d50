/// The completions of replicas that run one after the other, each in its order of time: merged into one order.
/// - Complexity: O(log replicas) each.
struct CompletionLists: ~Copyable {
    struct Completion: BitwiseCopyable {
        var time: Nanoseconds
        var next: Int32
    }

    struct List: BitwiseCopyable {
        var first: Int32 = -1
        var last: Int32 = -1
    }

    /// By request.
    private let completions: ScratchBuffer<Completion>
    /// By replica.
    private let lists: ScratchBuffer<List>
    private let replicas: Int

    /// - Parameter requests: 0: they are not wanted.
    init(requests: Int, replicas: Int) throws(BatchingError) {
        let completions = try ScratchBuffer<Completion>(uninitialized: requests)
        let lists = try ScratchBuffer(count: requests > 0 ? replicas : 0, repeating: List())
        self.completions = completions
        self.lists = lists
        self.replicas = requests > 0 ? replicas : 0
    }

    func add(_ request: Int, replica: Int, at time: Nanoseconds) {
        if replicas == 0 { return }
        let list = lists.elements + replica
        completions.elements[request] = Completion(time: time, next: -1)
        let request32 = Int32(truncatingIfNeeded: request)
        if list.pointee.last >= 0 {
            completions.elements[Int(list.pointee.last)].next = request32
        } else {
            list.pointee.first = request32
        }
        list.pointee.last = request32
    }

    /// Writes them in order of time; at one time in that of the replicas.
    mutating func write(to order: UnsafeMutablePointer<Int64>?) throws(BatchingError) {
        guard replicas > 0, let order else { return }
        var next = try EarliestTimes(count: replicas)
        for replica in 0..<replicas {
            let first = Int(lists.elements[replica].first)
            if first >= 0 { next.set(replica, completions.elements[first].time) }
        }
        var position = 0
        while next.time < Nanoseconds(.max) {
            try Work.row(position)
            let replica = next.first
            let request = Int(lists.elements[replica].first)
            order[position] = Int64(request)
            position &+= 1
            let following = completions.elements[request].next
            (lists.elements + replica).pointee.first = following
            next.set(replica, following < 0 ? Nanoseconds(.max) : completions.elements[Int(following)].time)
        }
    }
}
