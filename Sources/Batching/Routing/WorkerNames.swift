/// The names of workers while a router is made: those of its host, or "worker-0", "worker-1", …
struct WorkerNames: ~Copyable {
    private let given: UnsafePointer<UnsafePointer<CChar>?>?
    private let made: ScratchBuffer<CChar>

    /// Room for one that is made, its end included.
    private static var size: Int { 16 }

    init(_ configuration: RouterConfig) throws(BatchingError) {
        given = configuration.name
        let made = try ScratchBuffer<CChar>(count: WorkerNames.size &* configuration.workers, repeating: 0)
        for worker in 0..<configuration.workers {
            WorkerNames.write(worker, made.elements + WorkerNames.size &* worker)
        }
        self.made = made
    }

    private static func write(_ worker: Int, _ name: UnsafeMutablePointer<CChar>) {
        let prefix: StaticString = "worker-"
        for index in 0..<prefix.utf8CodeUnitCount { name[index] = CChar(bitPattern: prefix.utf8Start[index]) }
        DecimalText.write(Int64(worker), to: name + prefix.utf8CodeUnitCount)
    }

    /// NUL-terminated.
    subscript(worker: Int) -> UnsafePointer<CChar> {
        given?[worker] ?? UnsafePointer(made.elements + WorkerNames.size &* worker)
    }

    /// The workers in the alphabetical order of their names, which is that of their bytes; of equals the lower number first.
    func alphabetical(_ workers: Int) throws(BatchingError) -> ScratchBuffer<Int32> {
        let order = try ScratchBuffer<Int32>(count: workers, repeating: 0)
        for worker in 0..<workers { order.elements[worker] = Int32(truncatingIfNeeded: worker) }
        // Names may be long: what was compared is counted from one step to the next.
        var compared: Int64 = 0
        func step(_ index: Int) throws(BatchingError) {
            try Work.done(compared &+ 1)
            compared = 0
        }
        func isLess(_ left: Int32, _ right: Int32) -> Bool { precedes(Int(left), Int(right), &compared) }
        try Heap.sort(order.elements, count: workers, step: step, by: isLess)
        return order
    }

    private func precedes(_ worker: Int, _ other: Int, _ compared: inout Int64) -> Bool {
        let (name, otherName) = (self[worker], self[other])
        var index = 0
        while name[index] == otherName[index], name[index] != 0 { index &+= 1 }
        compared &+= Int64(index)
        let (byte, otherByte) = (UInt8(bitPattern: name[index]), UInt8(bitPattern: otherName[index]))
        return byte != otherByte ? byte < otherByte : worker < other
    }
}
