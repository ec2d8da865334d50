/// A binary heap in memory of the caller, whose first element is the one that precedes all others.
enum Heap {
    /// Puts an element in its place, at `start` or above, where there is room for it.
    /// - Parameter placed: told of each element that moves, and where it is then.
    @inline(__always)
    static func siftUp<Element>(
        _ element: Element, from start: Int, _ elements: UnsafeMutablePointer<Element>,
        placed: (Element, Int) -> Void = { _, _ in }, by precedes: (Element, Element) -> Bool
    ) {
        var position = start
        while position > 0 {
            let parent = (position &- 1) / 2
            if !precedes(element, elements[parent]) { break }
            elements[position] = elements[parent]
            placed(elements[position], position)
            position = parent
        }
        elements[position] = element
        placed(element, position)
    }

    /// Puts an element in its place, at `start` or below, where there is room for it.
    /// - Parameter placed: told of each element that moves, and where it is then.
    @inline(__always)
    static func siftDown<Element>(
        _ element: Element, from start: Int, _ elements: UnsafeMutablePointer<Element>, count: Int,
        placed: (Element, Int) -> Void = { _, _ in }, by precedes: (Element, Element) -> Bool
    ) {
        var position = start
        while true {
            var child = 2 &* position &+ 1
            if child >= count { break }
            if child &+ 1 < count, precedes(elements[child &+ 1], elements[child]) { child &+= 1 }
            if !precedes(elements[child], element) { break }
            elements[position] = elements[child]
            placed(elements[position], position)
            position = child
        }
        elements[position] = element
        placed(element, position)
    }

    /// Sorts in place, without memory: what the standard library's sort does not promise.
    /// - Complexity: O(`count` log `count`).
    /// - Parameter step: called once before an element is moved to its place. What it throws leaves them in any order.
    @inline(__always)
    static func sort<Element, Failure>(
        _ elements: UnsafeMutablePointer<Element>, count: Int, step: (Int) throws(Failure) -> Void,
        by isLess: (Element, Element) -> Bool
    ) throws(Failure) {
        // The largest comes first, and goes to the end.
        for start in (0..<count / 2).reversed() {
            try step(start)
            siftDown(elements[start], from: start, elements, count: count) { isLess($1, $0) }
        }
        for end in (0..<count).reversed() {
            try step(end)
            let last = elements[end]
            elements[end] = elements[0]
            if end > 0 { siftDown(last, from: 0, elements, count: end) { isLess($1, $0) } }
        }
    }

    @inline(__always)
    static func sort<Element>(
        _ elements: UnsafeMutablePointer<Element>, count: Int, by isLess: (Element, Element) -> Bool
    ) {
        sort(elements, count: count, step: { _ in }, by: isLess)
    }
}
