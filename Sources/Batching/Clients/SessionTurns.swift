/// Which request is the next turn of the session of another. Rows of one session are its turns, in the order of the rows.
///
/// - Complexity: O(`count`) time. 8 bytes a request, 4 of which are lent as scratch; while it is made, 16 more a session where
///   the ids of the sessions are not all in 0..<`count`.
struct SessionTurns: ~Copyable {
    /// By request: the next turn, or `none`; and whether it is itself a later turn.
    private let links: ScratchBuffer<UInt32>
    /// Room for a number a request.
    let scratch: ScratchBuffer<UInt32>
    let isUsed: Bool

    var view: View? { isUsed ? View(links: UnsafePointer(links.elements)) : nil }

    /// The turns as a run looks at them.
    struct View {
        fileprivate let links: UnsafePointer<UInt32>

        fileprivate static var none: UInt32 { .max >> 1 }
        fileprivate static var later: UInt32 { 1 << 31 }

        /// The turn after a request; -1: there is none.
        @inline(__always)
        func next(after request: Int) -> Int {
            let link = links[request] & View.none
            return link == View.none ? -1 : Int(link)
        }

        @inline(__always)
        func isLater(_ request: Int) -> Bool { links[request] >= View.later }
    }

    /// Checks sessions and delays, and links the turns.
    /// - Parameters:
    ///   - requests: that were surveyed.
    ///   - needsScratch: whether room for a number a request is needed without sessions, too.
    ///   - firstTurnsWait: whether a first turn may have a delay.
    init(_ requests: RequestColumns, needsScratch: Bool, firstTurnsWait: Bool) throws(BatchingError) {
        let count = requests.count
        if let delay = requests.delay { _ = try Validation.times(delay, count, "delay") }
        let isUsed = requests.session != nil
        let scratch = try ScratchBuffer<UInt32>(uninitialized: isUsed || needsScratch ? count : 0)
        let links = try ScratchBuffer(count: isUsed ? count : 0, repeating: View.none)
        if let session = requests.session {
            try SessionTurns.link(requests, session, links.elements, last: scratch.elements)
        }
        if let delay = requests.delay, !firstTurnsWait {
            let view = isUsed ? View(links: UnsafePointer(links.elements)) : nil
            for index in 0..<count {
                try Work.row(index)
                if delay[index] == 0 || view?.isLater(index) ?? false { continue }
                throw .invalid(
                    "delay", index, delay[index], "must be 0 for the first turn of a session, unless there are clients")
            }
        }
        self.isUsed = isUsed
        self.scratch = scratch
        self.links = links
    }

    /// - Parameter last: by session, or by its first request: its latest turn so far.
    private static func link(
        _ requests: RequestColumns, _ session: UnsafePointer<Int64>, _ links: UnsafeMutablePointer<UInt32>,
        last: UnsafeMutablePointer<UInt32>
    ) throws(BatchingError) {
        let count = requests.count
        var areSmall = true
        for index in 0..<count {
            try Work.row(index)
            areSmall = areSmall && session[index] >= 0 && session[index] < Int64(count)
        }
        if areSmall {
            try last.fill(.max, count: count)
            for index in 0..<count {
                try Work.row(index)
                let place = Int(session[index])
                if last[place] != .max { try append(index, after: Int(last[place]), requests, links) }
                last[place] = UInt32(truncatingIfNeeded: index)
            }
            return
        }
        var firsts = try IdIndex(count: 0)
        var sessions = 0
        for index in 0..<count {
            try Work.row(index)
            var first = firsts.number(of: session[index]) { session[$0] }
            if first < 0 {
                first = index
                sessions += 1
                try firsts.reserve(sessions) { session[$0] }
                firsts.insert(
                    index, count: index + 1, isUsed: { links[$0] < View.later }, { session[$0] })
            } else {
                try append(index, after: Int(last[first]), requests, links)
            }
            last[first] = UInt32(truncatingIfNeeded: index)
        }
    }

    @inline(__always)
    private static func append(
        _ index: Int, after previous: Int, _ requests: RequestColumns, _ links: UnsafeMutablePointer<UInt32>
    ) throws(BatchingError) {
        links[previous] = links[previous] & View.later | UInt32(truncatingIfNeeded: index)
        links[index] = View.later | View.none
        guard requests.arrival(index) >= requests.arrival(previous) else {
            throw .invalid(
                "arrival_time", index, requests.arrival(index).seconds,
                "must not be before that of the turn before it in session \(requests.session?[index] ?? 0), "
                    + "arrival_time[\(previous)], which is \(requests.arrival(previous).seconds)")
        }
    }
}
