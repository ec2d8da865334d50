import Testing

@testable import Batching

@Suite struct MinimumTreeTests {
    @Test(arguments: [1, 2, 3, 5, 8, 64, 100])
    func `it says what a look at all values does`(count: Int) throws {
        var stream = RandomStream(seed: UInt64(count), purpose: .arrivals)
        let tree = try MinimumTree(count: count, repeating: 0)
        var values = [Int64](repeating: 0, count: count)
        for _ in 0..<2000 {
            let index = Int(stream.integer(in: 0...Int32(count - 1)))
            // Few values, so that many are equal; and now and then the largest of all.
            let value = stream.integer(in: 0...15) == 0 ? Int64.max : Int64(stream.integer(in: 0...3))
            values[index] = value
            tree.set(index, value)
            // The macro takes no value that cannot be copied.
            let (told, toldLeast, toldFirst, toldNext) = (tree.value(of: index), tree.least, tree.first, tree.nextLeast)
            #expect(told == value)
            let least = values.min() ?? .max
            #expect(toldLeast == least)
            if least == .max { continue }
            let first = values.firstIndex(of: least) ?? -1
            #expect(toldFirst == first)
            #expect(toldNext == values.indices.filter { $0 != first }.map { values[$0] }.min() ?? .max)
        }
    }
}
