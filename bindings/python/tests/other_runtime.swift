// Another Swift library, for test_coexistence.py: it makes the runtime work (classes, generics,
// existentials, casts that look for conformances, strings, dictionaries), and says what came out.
#if FOUNDATION
    import Foundation
#endif

protocol Priced { var price: Int { get } }
struct Fixed: Priced { let price: Int }
final class Scaled<Base: Priced>: Priced {
    let base: Base
    init(_ base: Base) { self.base = base }
    var price: Int { base.price * 3 }
}

private func total(_ values: [Any]) -> Int {
    values.reduce(0) { $0 + (($1 as? any Priced)?.price ?? 0) }
}

@_cdecl("other_work")
public func otherWork(_ count: Int64) -> Int64 {
    var byName: [String: Int] = [:]
    for i in 0..<Int(count) {
        let values: [Any] = [
            Fixed(price: i), Scaled(Fixed(price: i)), "no price \(i)", Scaled(Scaled(Fixed(price: 1))),
        ]
        byName["name \(i % 7)", default: 0] += total(values)
    }
    var sum = byName.values.reduce(0, +)
    #if FOUNDATION
        // There and back, through a runtime with Foundation in it.
        guard let data = try? JSONEncoder().encode(byName),
            let read = try? JSONDecoder().decode([String: Int].self, from: data)
        else { return -1 }
        sum = read.values.reduce(0, +)
    #endif
    return Int64(sum)
}
