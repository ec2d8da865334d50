/// A table of ids with open addressing and linear probing, whose places belong to the caller; `mask` is their number, a
/// power of two, less one. It is never full.
enum OpenAddressing {
    /// Where the search for an id begins: the folded product mixes all its bits.
    @inline(__always)
    static func home(_ id: Int64, mask: Int) -> Int {
        let (high, low) = (UInt64(bitPattern: id) ^ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(
            by: 0xD6E8_FEB8_6659_FD93)
        return Int(truncatingIfNeeded: high ^ low) & mask
    }

    /// Closes a place that is no longer used: those after it move up, so that no search ends too early.
    /// - Parameters:
    ///   - id: of a place; nil if nobody has it.
    ///   - move: moves what is at the second place to the first.
    /// - Returns: the place that is empty in the end.
    @inline(__always)
    static func close(
        _ place: Int, mask: Int, id: (Int) -> Int64?, move: (_ hole: Int, _ place: Int) -> Void
    ) -> Int {
        var hole = place
        var place = place
        while true {
            place = (place &+ 1) & mask
            guard let id = id(place) else { return hole }
            // It may move into the hole unless its home lies after the hole.
            let distance = (place &- home(id, mask: mask)) & mask
            if distance >= (place &- hole) & mask {
                move(hole, place)
                hole = place
            }
        }
    }
}
