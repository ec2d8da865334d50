/// The length of the union of intervals, by merging them in order of their starts.
func lengthOfUnion(_ intervals: [(start: Int64, end: Int64)]) -> Int64 {
    var length: Int64 = 0
    var merged: (start: Int64, end: Int64)?
    for interval in intervals.sorted(by: { $0.start < $1.start }) {
        if let current = merged, interval.start <= current.end {
            merged = (current.start, max(current.end, interval.end))
        } else {
            if let current = merged { length += current.end - current.start }
            merged = interval
        }
    }
    if let current = merged { length += current.end - current.start }
    return length
}
