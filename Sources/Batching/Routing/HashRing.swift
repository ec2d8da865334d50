/// Consistent hashing as vLLM production-stack does it (src/vllm_router/routers/routing_logic.py): 160 points a worker, at the
/// MD5 of its name, "-" and the number of the point; what is looked up goes to the first point above its own MD5, round the
/// ring, of a worker that is up. It keeps 24 bytes a point.
struct HashRing: ~Copyable {
    /// In order.
    private let points: ScratchBuffer<RingPoint>
    private let count: Int

    struct RingPoint: BitwiseCopyable {
        let digest: MD5.Digest
        let worker: Int32
    }

    private static var pointsOfWorker: Int { 160 }

    init(_ names: borrowing WorkerNames, workers: Int) throws(BatchingError) {
        let count = workers &* HashRing.pointsOfWorker
        let points = try ScratchBuffer<RingPoint>(uninitialized: count)
        let unsorted = try HashRing.points(names, workers: workers)
        try HashRing.sort(unsorted.elements, to: points.elements, count: count)
        self.points = points
        self.count = count
    }

    init(copying other: borrowing HashRing, _ copy: inout DeepCopy) {
        points = ScratchBuffer(copying: other.points, &copy)
        count = other.count
    }

    /// By worker.
    private static func points(
        _ names: borrowing WorkerNames, workers: Int
    ) throws(BatchingError) -> ScratchBuffer<RingPoint> {
        let points = try ScratchBuffer<RingPoint>(uninitialized: workers &* pointsOfWorker)
        var row = 0
        for worker in 0..<workers {
            var start = MD5()
            try start.add(names[worker])
            start.add(UInt8(ascii: "-"))
            for number in 0..<pointsOfWorker {
                try Work.row(row)
                var point = start
                point.add(decimal: number)
                points.elements[row] = RingPoint(digest: point.finish(), worker: Int32(truncatingIfNeeded: worker))
                row &+= 1
            }
        }
        return points
    }

    /// Digests are as good as random: some eight share their first bits.
    private static func sort(
        _ points: UnsafePointer<RingPoint>, to sorted: UnsafeMutablePointer<RingPoint>, count: Int
    ) throws(BatchingError) {
        let bits = max(Int.bitWidth &- count.leadingZeroBitCount &- 4, 1)
        let groups = 1 &<< bits
        let shift = UInt64(truncatingIfNeeded: 64 &- bits)
        // Where those with the same first bits begin, and, once they are there, where they end.
        let bounds = try ZeroedBuffer<Int>(count: groups &+ 1)
        for index in 0..<count {
            try Work.row(index)
            bounds.elements.add(1, at: Int(truncatingIfNeeded: points[index].digest.high &>> shift) &+ 1)
        }
        for group in 0..<groups { bounds.elements.add(bounds.elements[group], at: group &+ 1) }
        for index in 0..<count {
            try Work.row(index)
            let group = Int(truncatingIfNeeded: points[index].digest.high &>> shift)
            sorted[bounds.elements[group]] = points[index]
            bounds.elements.add(1, at: group)
        }
        var start = 0
        for group in 0..<groups {
            try Work.row(group)
            let size = bounds.elements[group] &- start
            try Heap.sort(sorted + start, count: size, step: Work.row, by: precedes)
            start &+= size
        }
    }

    private static func precedes(_ left: RingPoint, _ right: RingPoint) -> Bool {
        if left.digest < right.digest { return true }
        return !(right.digest < left.digest) && left.worker < right.worker
    }

    /// The worker of a name. At least one is up.
    /// - Complexity: O(log points), and O(workers over those that are up) in the mean.
    func worker(of name: UnsafePointer<CChar>, isUp: UnsafePointer<Bool>) throws(BatchingError) -> Int {
        var hash = MD5()
        try hash.add(name)
        let digest = hash.finish()
        var (low, high) = (0, count)
        while low < high {
            let middle = (low &+ high) / 2
            if digest < points.elements[middle].digest { high = middle } else { low = middle &+ 1 }
        }
        // A ring without those that are down is this one with their points passed over.
        while true {
            if low == count { low = 0 }
            let worker = Int(points.elements[low].worker)
            if isUp[worker] { return worker }
            low &+= 1
        }
    }
}
