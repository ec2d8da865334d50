/// Integers in decimal digits.
enum DecimalText {
    /// - Parameter text: room for 21 bytes: a sign, 19 digits, and the 0 at the end.
    static func write(_ value: Int64, to text: UnsafeMutablePointer<CChar>) {
        var digits = value.magnitude
        var length = 0
        repeat {
            text[length] = CChar(truncatingIfNeeded: 48 &+ digits % 10)
            digits /= 10
            length &+= 1
        } while digits > 0
        if value < 0 {
            text[length] = 45
            length &+= 1
        }
        text[length] = 0
        var (first, last) = (0, length &- 1)
        while first < last {
            (text[first], text[last]) = (text[last], text[first])
            first &+= 1
            last &-= 1
        }
    }
}
