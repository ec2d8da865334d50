/// Sorts in place, without memory: what the standard library's sort does not promise.
/// - Complexity: O(`count` log `count`).
@inline(__always)
func heapSort<Element>(
    _ elements: UnsafeMutablePointer<Element>, count: Int, by isLess: (Element, Element) -> Bool
) {
    func sink(_ start: Int, _ count: Int) {
        var parent = start
        while 2 * parent + 1 < count {
            var child = 2 * parent + 1
            if child + 1 < count, isLess(elements[child], elements[child + 1]) { child += 1 }
            if !isLess(elements[parent], elements[child]) { return }
            (elements[parent], elements[child]) = (elements[child], elements[parent])
            parent = child
        }
    }
    for start in (0..<count / 2).reversed() { sink(start, count) }
    for end in (0..<count).reversed() {
        (elements[0], elements[end]) = (elements[end], elements[0])
        sink(0, end)
    }
}
