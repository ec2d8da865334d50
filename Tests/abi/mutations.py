"""Whether compare.py sees what breaks a compiled program, and lets pass what does not: mutations.py HEADER LIBRARY.

Each mutation changes a copy of the header in one way. If compare.py does not answer as said beside it, this fails.
Where a mutation needs a header that looks otherwise, that one is mutated first, and is what counts as recorded.
"""

import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

COMPARE = Path(__file__).with_name("compare.py")


@dataclass(frozen=True)
class Change:
    """Replaces the only place, or the first of several where that is said, that a pattern matches."""

    pattern: str
    replacement: str
    of_several: bool = False

    def applied_to(self, text: str) -> str:
        """The text with this change, which must find its place."""
        changed, count = re.subn(self.pattern, self.replacement, text, count=1 if self.of_several else 0)
        if count != 1 or changed == text:
            raise SystemExit(f"mutations.py: {self.pattern!r} changes {count} places of the header: must be 1")
        return changed


@dataclass(frozen=True)
class Mutation:
    """A change of the header, and what compare.py must say of it."""

    name: str
    change: Change
    sentence: str
    before: Change | None = None


def append(struct: str, field: str) -> Change:
    """Puts fields at the end of a struct."""
    return Change(rf"(?m)^\}} batching_{struct};", f"    {field}\n}} batching_{struct};")


def pair(fields: str) -> Change:
    """Adds a struct whose size does not change with the header."""
    return Change(VERSION_NUMBER, rf"typedef struct batching_pair {{ {fields} }} batching_pair;\n\g<0>")


NEW_FUNCTION = r"int32_t batching_version_number(void);\nint32_t batching_version_age(int32_t days);"
VERSION_NUMBER = r"int32_t batching_version_number\(void\);"

COMPATIBLE = [
    Mutation("a comment is changed", Change(r"see above\.", "see there.", of_several=True), ""),
    Mutation("a function is added", Change(VERSION_NUMBER, NEW_FUNCTION), "new function batching_version_age"),
    Mutation(
        "a constant is added",
        Change(r"#define BATCHING_OK 0\n", r"\g<0>#define BATCHING_ERROR_BORED 650\n"),
        "new constant BATCHING_ERROR_BORED",
    ),
    Mutation(
        "a struct is added",
        pair("uint32_t struct_size, other;"),
        "new struct batching_pair",
    ),
    Mutation("the version is raised", Change(r"(#define BATCHING_VERSION_PATCH) \d+", r"\1 99"), ""),
    Mutation(
        "a parameter is renamed",
        Change(r"double model_memory_bytes,\s+double flops_per_token", "double weights, double flops"),
        "",
    ),
    Mutation(
        "a field is appended to an input",
        append("engine_config", "double appended;"),
        "struct batching_engine_config grew",
    ),
    Mutation(
        "a field is appended to an output", append("summary", "int64_t appended;"), "struct batching_summary grew"
    ),
    Mutation(
        "a field is appended to what callbacks are given",
        append("iteration", "const int64_t *appended;"),
        "struct batching_iteration grew",
    ),
    Mutation(
        "two fields are appended",
        append("results", "int32_t appended; int32_t still_appended;"),
        "struct batching_results grew",
    ),
]

INCOMPATIBLE = [
    Mutation("a function is removed", Change(VERSION_NUMBER, ""), "function batching_version_number is gone"),
    Mutation(
        "a function returns another type",
        Change(VERSION_NUMBER, "int64_t batching_version_number(void);"),
        "function batching_version_number is long int (void): was int (void)",
    ),
    Mutation(
        "a parameter has another type",
        Change(r"(batching_static_simulate\(const batching_requests \*requests,) int64_t", r"\1 int32_t"),
        "function batching_static_simulate is",
    ),
    Mutation(
        "a parameter has another type, and abidiff sees it",
        Change(r"(batching_static_simulate\(const batching_requests \*requests,) int64_t", r"\1 int32_t"),
        "abidiff ends with 4",
    ),
    Mutation(
        "a field has another type in a struct that grew, and abidiff sees it",
        Change(
            r"    uint32_t reserved_2;      (.*\n(?:.*\n)*?)(?=\} batching_summary;)",
            r"    int32_t reserved_2;\1int64_t appended;\n",
        ),
        "abidiff ends with 4",
    ),
    Mutation(
        "a parameter is added",
        Change(VERSION_NUMBER, "int32_t batching_version_number(int32_t of_what);"),
        "function batching_version_number is int (int): was int (void)",
    ),
    Mutation(
        "a parameter is no longer const",
        Change(r"(batching_simulate\()const (batching_engine_config \*config)", r"\1\2"),
        "function batching_simulate is",
    ),
    Mutation(
        "a typedef becomes another type",
        Change(r"typedef int32_t batching_status;", "typedef int64_t batching_status;"),
        "function batching_simulate is",
    ),
    Mutation(
        "a callback is given another type",
        Change(r"\(\*batching_log_callback\)\(int64_t", "(*batching_log_callback)(int32_t"),
        "batching_iteration_log.callback is",
    ),
    Mutation(
        "a field is inserted in the middle",
        Change(r"    double max_queue_delay;", r"    int64_t inserted;\n\g<0>"),
        "batching_engine_config.max_queue_delay is double at byte 72: was double at 64",
    ),
    Mutation(
        "a field is inserted into padding",
        Change(r"(int32_t time_model; .*\n)(    double time_base;)", r"\1    int32_t inserted;\n\2"),
        "batching_engine_config.inserted is new at byte",
    ),
    Mutation(
        "a field is appended into padding",
        pair("uint32_t struct_size, other; int64_t number; int32_t last, appended;"),
        "batching_pair.appended is new at byte 20: must be behind the 24 bytes",
        before=pair("uint32_t struct_size, other; int64_t number; int32_t last;"),
    ),
    Mutation(
        "a field is appended, and another changed",
        Change(
            r"    uint32_t reserved_2;      (.*\n(?:.*\n)*?)(?=\} batching_summary;)",
            r"    int32_t reserved_2;\1int64_t appended;\n",
        ),
        "batching_summary.reserved_2 is int at byte 60: was unsigned int at 60",
    ),
    Mutation(
        "a field has another type",
        Change(r"int32_t policy;", "uint32_t policy;"),
        "batching_engine_config.policy is unsigned int",
    ),
    Mutation(
        "a column is of another type",
        Change(r"    int32_t \*preemptions;", "    int64_t *preemptions;"),
        "batching_results.preemptions is long int *",
    ),
    Mutation(
        "a field is renamed",
        Change(r"double ramp_end_rate;", "double last_rate;"),
        "batching_workload.ramp_end_rate is gone",
    ),
    Mutation(
        "two fields of one type change places",
        Change(
            r"double avg_queue_time;(.*\n    double )avg_time_to_first_token;",
            r"double avg_time_to_first_token;\1avg_queue_time;",
        ),
        "batching_batch_metrics.avg_queue_time is double at byte 64: was double at 56",
    ),
    Mutation(
        "the last field is removed",
        pair("uint32_t struct_size, other;"),
        "struct batching_pair has 8 bytes: had 16",
        before=pair("uint32_t struct_size, other; double last;"),
    ),
    Mutation(
        "a struct grows to half a step",
        pair("uint32_t struct_size, other, appended;"),
        "struct batching_pair has 12 bytes: must be a multiple of 8",
        before=pair("uint32_t struct_size, other;"),
    ),
    Mutation(
        "a struct grows beyond what the library accepts",
        pair("uint32_t struct_size, other; double appended[512];"),
        "struct batching_pair has 4104 bytes: must be a multiple of 8, at most 4096",
        before=pair("uint32_t struct_size, other;"),
    ),
    Mutation(
        "a struct without struct_size grows",
        pair("int64_t one, other, appended;"),
        "struct batching_pair has 24 bytes: had 16",
        before=pair("int64_t one, other;"),
    ),
    Mutation(
        "a constant has another value",
        Change(r"(#define BATCHING_ERROR_BUSY) 800", r"\1 801"),
        "constant BATCHING_ERROR_BUSY is int 801: was int 800",
    ),
    Mutation(
        "a constant has another type",
        Change(r"(#define BATCHING_TIME_MAX) 9223372036.0", r"\1 9223372036"),
        "constant BATCHING_TIME_MAX is long 9223372036: was double 9223372036",
    ),
    Mutation(
        "a constant is removed", Change(r"#define BATCHING_END_STUCK 200\n", ""), "constant BATCHING_END_STUCK is gone"
    ),
]


def compare(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """What compare.py says, and its exit status."""
    return subprocess.run([sys.executable, COMPARE, *arguments], capture_output=True, text=True, check=False)


def complaint(answer: subprocess.CompletedProcess[str], sentence: str, *, passes: bool) -> str:
    """What is wrong with an answer of compare.py: nothing, if it is as it must be."""
    said = answer.stdout if passes else answer.stderr
    if answer.returncode != (0 if passes else 1):
        return f"ends with {answer.returncode}:\n{answer.stdout}{answer.stderr}"
    if sentence not in said:
        return f"does not say {sentence!r} but:\n{said}"
    return ""


def main() -> int:
    """Tries every mutation, and a library that does not export what was recorded."""
    header, library = map(Path, sys.argv[1:])
    text = header.read_text()
    failures = 0

    def report(name: str, wrong: str) -> None:
        nonlocal failures
        if wrong:
            failures += 1
            print(f"mutations.py: {name}: compare.py {wrong}", file=sys.stderr)

    with tempfile.TemporaryDirectory() as folder:
        recorded, current = Path(folder) / "recorded.h", Path(folder) / "current.h"
        for mutations, passes in ((COMPATIBLE, True), (INCOMPATIBLE, False)):
            for mutation in mutations:
                recorded.write_text(mutation.before.applied_to(text) if mutation.before else text)
                current.write_text(mutation.change.applied_to(text))
                report(mutation.name, complaint(compare(recorded, current), mutation.sentence, passes=passes))

        recorded.write_text(text)
        current.write_text(Change(VERSION_NUMBER, NEW_FUNCTION).applied_to(text))
        no_exports = Path(folder) / "exports.txt"
        no_exports.write_text("")
        answer = compare(recorded, current, "--recorded-exports", no_exports, "--library", library)
        sentence = "batching_version_age is exported or declared, but not both"
        report("a function that is not exported", complaint(answer, sentence, passes=False))

        for line in ("symbol batching_gone", "SONAME libbatching.so.99"):
            recorded_exports = Path(folder) / "exports.txt"
            recorded_exports.write_text(f"{line}\n")
            answer = compare(header, header, "--recorded-exports", recorded_exports, "--library", library)
            report(f"a library without {line}", complaint(answer, f"no longer has {line}", passes=False))

    print(
        f"mutations.py: {len(COMPATIBLE)} compatible and {len(INCOMPATIBLE) + 3} incompatible changes, {failures} wrong"
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
