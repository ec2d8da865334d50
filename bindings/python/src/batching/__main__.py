"""`python -m batching`: see `python -m batching --help`."""

from batching._command import main

if __name__ == "__main__":
    main()
