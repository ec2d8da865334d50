/// A column of integers that can be read any number of times.
protocol IntegerColumn {
    subscript(index: Int) -> Int64 { get }

    /// Some of its values one behind the other: in `space`, or where they are.
    func values(_ rows: Range<Int>, _ space: UnsafeMutablePointer<Int64>) -> UnsafePointer<Int64>
}

extension IntegerColumn {
    @inline(__always)
    func values(_ rows: Range<Int>, _ space: UnsafeMutablePointer<Int64>) -> UnsafePointer<Int64> {
        for index in rows { space[index &- rows.lowerBound] = self[index] }
        return UnsafePointer(space)
    }
}
