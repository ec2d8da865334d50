"""The two simulators of a first lesson, and its functions on lists of requests."""
