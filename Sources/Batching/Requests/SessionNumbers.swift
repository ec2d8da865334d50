/// The sessions of requests, numbered from 0 in the order of their first turns. Without a column of sessions each request is
/// one.
///
/// - Complexity: O(requests) time; 8 bytes for each, and 16 a session while it is made.
struct SessionNumbers: ~Copyable {
    /// How many there are.
    let count: Int
    private let isUsed: Bool
    /// By request.
    private let numbers: ScratchBuffer<UInt32>
    /// By session: its first turn.
    private let firsts: ScratchBuffer<UInt32>

    init(_ requests: RequestColumns) throws(BatchingError) {
        let rows = requests.session == nil ? 0 : requests.count
        let numbers = try ScratchBuffer<UInt32>(uninitialized: rows)
        let firsts = try ScratchBuffer<UInt32>(uninitialized: rows)
        count =
            try requests.session.map { (session) throws(BatchingError) in
                try SessionNumbers.number(session, rows, numbers.elements, firsts.elements)
            } ?? requests.count
        isUsed = requests.session != nil
        self.numbers = numbers
        self.firsts = firsts
    }

    private static func number(
        _ session: UnsafePointer<Int64>, _ rows: Int, _ numbers: UnsafeMutablePointer<UInt32>,
        _ firsts: UnsafeMutablePointer<UInt32>
    ) throws(BatchingError) -> Int {
        var index = try IdIndex(count: 0)
        var count = 0
        func id(_ number: Int) -> Int64 { session[Int(firsts[number])] }
        for row in 0..<rows {
            try Work.row(row)
            var number = index.number(of: session[row], id)
            if number < 0 {
                number = count
                count &+= 1
                firsts[number] = UInt32(truncatingIfNeeded: row)
                try index.reserve(count, id)
                index.insert(number, count: count, isUsed: { _ in true }, id)
            }
            numbers[row] = UInt32(truncatingIfNeeded: number)
        }
        return count
    }

    /// The number of a request's session.
    @inline(__always)
    func number(of request: Int) -> Int { isUsed ? Int(numbers.elements[request]) : request }

    /// The first turn of a session.
    @inline(__always)
    func firstTurn(of number: Int) -> Int { isUsed ? Int(firsts.elements[number]) : number }
}
