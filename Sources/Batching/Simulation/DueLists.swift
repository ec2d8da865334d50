/// Who of the decoding members is due in which iteration: a timing wheel (Varghese and Lauck, SOSP 1987) of lists that
/// run through the members themselves, so that one can be taken out in between.
///
/// What is due beyond the reach of the wheel is passed over when its list comes up before its time.
///
/// - Complexity: O(1) a member, and once more for every 16,384 iterations that it decodes.
struct DueLists: ~Copyable {
    private let firsts: ScratchBuffer<Int32>
    private let mask: Int64

    /// - Parameter longestDelay: the most iterations between going in and being due.
    init(longestDelay: Int64) throws(BatchingError) {
        var count = 64
        while count < 1 << 14, count <= longestDelay { count <<= 1 }
        firsts = try ScratchBuffer(count: count, repeating: -1)
        mask = Int64(count - 1)
    }

    @inline(__always)
    private func list(_ iteration: Int64) -> Int { Int(truncatingIfNeeded: iteration & mask) }

    @inline(__always)
    func insert(_ slot: Int, _ members: UnsafeMutablePointer<Member>) {
        let list = list(members[slot].due)
        let first = firsts.elements[list]
        members[slot].previousOfKind = -1
        members[slot].nextOfKind = first
        if first >= 0 { members[Int(first)].previousOfKind = Int32(truncatingIfNeeded: slot) }
        firsts.elements[list] = Int32(truncatingIfNeeded: slot)
    }

    @inline(__always)
    func remove(_ slot: Int, _ members: UnsafeMutablePointer<Member>) {
        let (previous, next) = (members[slot].previousOfKind, members[slot].nextOfKind)
        if previous >= 0 {
            members[Int(previous)].nextOfKind = next
        } else {
            firsts.elements[list(members[slot].due)] = next
        }
        if next >= 0 { members[Int(next)].previousOfKind = previous }
    }

    /// Whether nobody is due in the iteration; nor anyone whose list is the same.
    @inline(__always)
    func isEmpty(_ iteration: Int64) -> Bool { firsts.elements[list(iteration)] < 0 }

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
        let first = firsts.elements[list]
        firsts.elements[list] = -1
        return Int(first)
    }
}
