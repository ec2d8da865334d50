import Batching
import CBatching

@implementation @_cdecl("batching_interrupt_set")
public func batching_interrupt_set(
    _ callback: batching_interrupt_callback!, _ user_data: UnsafeMutableRawPointer!
) -> batching_interrupt_callback! {
    Interruption.set(callback, userData: user_data)
}
