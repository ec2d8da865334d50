"""The C library: found, loaded, declared and called. What comes back are numbers, arrays and exceptions."""
