"""One process, several libbatching and several Swift runtimes. Run by test_coexistence.py.

Usage: coexistence_program.py KIND:PATH … in the order of loading. KIND is package (the Python package once more, with
the library at PATH) or other (another library written in Swift); package-global and other-global are the same, with
names visible to all that is loaded later. Prints as JSON what each tells, in turn and in threads, and which files are
mapped.
"""

import ctypes
import importlib
import json
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

ROUNDS = 3
OTHER_COUNT = 1000


def package(path: str) -> ModuleType:
    """The package once more, its modules made anew, with a library of its own."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "batching"]:
        del sys.modules[name]
    os.environ["BATCHING_LIBRARY"] = path
    return importlib.import_module("batching")


def batching_work(module: ModuleType) -> Callable[[], str]:
    """What a copy of the package tells: every part of the engine, an error, live traffic."""

    def work() -> str:
        requests = module.generate_requests(400, prefixes=module.SharedPrefixes(groups=4, length=64), seed=5)
        run = module.simulate(
            requests,
            queue_order="shortest_output",
            max_num_seqs=16,
            num_gpu_blocks=300,
            enable_prefix_caching=True,
            iteration_time=lambda iteration: 0.01 + 1e-5 * iteration.prefill_tokens,
            attribution=True,
        )
        try:
            module.simulate_static(module.RequestColumns([1, -3]), 2)
        except module.BatchingValueError as error:
            refused = str(error)
        live = module.Accumulator()
        live.arrived(1, 0.0)
        live.tokens(1, 0.5)
        live.finished(1, 0.5)
        return f"{run.end_time.tobytes().hex()} {run.attribution.decode.sum()} {refused} {live.save().hex()}"

    return work


def other_work(library: ctypes.CDLL) -> Callable[[], str]:
    """What the other library tells."""
    function = library.other_work
    function.argtypes, function.restype = [ctypes.c_int64], ctypes.c_int64
    return lambda: str(function(OTHER_COUNT))


def loaded(argument: str) -> Callable[[], str]:
    """The work of what an argument names."""
    kind, _, path = argument.partition(":")
    mode = ctypes.RTLD_GLOBAL if kind.endswith("global") else ctypes.RTLD_LOCAL
    library = ctypes.CDLL(path, mode=mode)
    return other_work(library) if kind.startswith("other") else batching_work(package(path))


def main() -> None:
    works = [loaded(argument) for argument in sys.argv[1:]]
    in_turn = [[work() for work in works] for _ in range(ROUNDS)]
    with ThreadPoolExecutor(2 * len(works)) as pool:
        together = [[future.result() for future in [pool.submit(work) for work in works]] for _ in range(ROUNDS)]
    maps = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    files = sorted({line.split()[-1] for line in maps if ".so" in line})
    print(json.dumps({"told": in_turn + together, "files": files}))


if __name__ == "__main__":
    main()
