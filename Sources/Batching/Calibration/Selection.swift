/// Order statistics of numbers in memory, which are put in another order.
enum Selection {
    /// With an even number it is the mean of two; 0 if there are none.
    /// - Complexity: O(count) for numbers in any but an adverse order, else O(count log count).
    static func median(_ values: UnsafeMutablePointer<Double>, _ count: Int) -> Double {
        if count == 0 { return 0 }
        let upper = select(count / 2, of: values, count)
        if count % 2 == 1 { return upper }
        // What is before it is not above it: the largest of those is its neighbour.
        var lower = values[0]
        for index in 1..<count / 2 { lower = max(lower, values[index]) }
        return (lower + upper) / 2
    }

    /// The value that would be at a place if they were sorted; those before it are not above, those behind not below (Hoare,
    /// "Algorithm 65: FIND", 1961).
    private static func select(_ rank: Int, of values: UnsafeMutablePointer<Double>, _ count: Int) -> Double {
        var (first, last) = (0, count - 1)
        var rounds = 0
        while first < last {
            rounds += 1
            if rounds > 64 {
                Heap.sort(values + first, count: last - first + 1, by: <)
                break
            }
            let middle = values[first + (last - first) / 2]
            let pivot = max(min(values[first], values[last]), min(max(values[first], values[last]), middle))
            var (low, high) = (first, last)
            while low <= high {
                while values[low] < pivot { low += 1 }
                while values[high] > pivot { high -= 1 }
                if low <= high {
                    (values[low], values[high]) = (values[high], values[low])
                    low += 1
                    high -= 1
                }
            }
            if rank <= high { last = high } else if rank >= low { first = low } else { break }
        }
        return values[rank]
    }
}
