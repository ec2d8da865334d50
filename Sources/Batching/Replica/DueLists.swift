/// Which of the decoding members is due in which iteration: a timing wheel (Varghese and Lauck, SOSP 1987) of lists that
/// run through the members themselves, so that one can be taken out in between.
///
/// What is due beyond the reach of the wheel is passed over when its list comes up before its time.
///
/// - Complexity: O(1) a member, and once more for every 16,384 iterations that it decodes.
struct DueLists: ~Copyable {
    /// In the order in which they went in, which is nearly that of admission.
    struct List: BitwiseCopyable {
        var first: Int32 = -1
        var last: Int32 = -1
    }

    private let lists: ScratchBuffer<List>
    private let mask: Int64

    /// - Parameter longestDelay: the most iterations between going in and being due.
    init(longestDelay: Int64) throws(BatchingError) {
        var count = 64
        while count < 1 << 14, count <= longestDelay { count <<= 1 }
        lists = try ScratchBuffer(count: count, repeating: List())
        mask = Int64(count - 1)
    }

    @inline(__always)
    private func list(_ iteration: Int64) -> UnsafeMutablePointer<List> {
        lists.elements + Int(truncatingIfNeeded: iteration & mask)
    }

    @inline(__always)
    func insert(_ slot: Int, _ members: UnsafeMutablePointer<Member>) {
        let list = list(members[slot].due)
        let last = list.pointee.last
        let slot32 = Int32(truncatingIfNeeded: slot)
        members[slot].previousOfKind = last
        members[slot].nextOfKind = -1
        if last >= 0 { members[Int(last)].nextOfKind = slot32 } else { list.pointee.first = slot32 }
        list.pointee.last = slot32
    }

    @inline(__always)
    func remove(_ slot: Int, _ members: UnsafeMutablePointer<Member>) {
        let list = list(members[slot].due)
        let (previous, next) = (members[slot].previousOfKind, members[slot].nextOfKind)
        if previous >= 0 { members[Int(previous)].nextOfKind = next } else { list.pointee.first = next }
        if next >= 0 { members[Int(next)].previousOfKind = previous } else { list.pointee.last = previous }
    }

    /// Whether no member is due in the iteration, nor in any whose list is the same.
    @inline(__always)
    func isEmpty(_ iteration: Int64) -> Bool { list(iteration).pointee.first < 0 }

    /// The lists of this iteration and of those after it, at most so many and up to the end of the wheel.
    @inline(__always)
    func lists(from iteration: Int64, atMost limit: Int64) -> UnsafeBufferPointer<List> {
        let first = iteration & mask
        let count = max(0, min(limit, mask &+ 1 &- first))
        return UnsafeBufferPointer(
            start: lists.elements + Int(truncatingIfNeeded: first), count: Int(truncatingIfNeeded: count))
    }

    /// How many iterations from this one on are empty, of at most so many.
    @inline(__always)
    func emptyStretch(from iteration: Int64, atMost limit: Int64) -> Int64 {
        let bound = min(limit, mask &+ 1)
        var count: Int64 = 0
        while count < bound, isEmpty(iteration &+ count) { count &+= 1 }
        return count
    }

    /// Empties the list in which those due in the iteration are, and others, due later, whom the caller puts back.
    /// - Returns: its first; -1 if there is none.
    @inline(__always)
    func takeAll(_ iteration: Int64) -> Int {
        let list = list(iteration)
        let first = list.pointee.first
        list.pointee = List()
        return Int(first)
    }

    /// Becomes equal to other lists with the same longest delay.
    func assign(_ other: borrowing DueLists) {
        lists.elements.update(from: other.lists.elements, count: Int(mask &+ 1))
    }
}
