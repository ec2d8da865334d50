"""Whether each folder of the Swift core knows only what is below it: swift_arrows.py [SOURCES].

A folder knows another if one of its files names a type that the other declares. What is below what is said once, in
BELOW; a folder that is not there, an arrow that is not allowed and a circle are errors.
"""

import re
import sys
from collections import defaultdict
from pathlib import Path

# Each folder, and those that it may know besides what they may know. "" holds BatchingError, which all may know.
BELOW = {
    "Support": [],
    "Time": ["Support"],
    "Random": ["Support"],
    "Requests": ["Time", "Random"],
    "IterationTime": ["Requests"],
    "Memory": ["Requests"],
    "Configuration": ["IterationTime"],
    "Profiles": ["Configuration"],
    "Observers": ["IterationTime"],
    "Clients": ["Configuration"],
    "Replica": ["Memory", "Clients", "Observers"],
    "Scheduling": ["Replica"],
    "Engine": ["Scheduling"],
    "Live": ["Engine"],
    "Calibration": ["Live"],
    "Fleet": ["Live", "Routing", "Scaling"],
    "Routing": ["Time", "Random"],
    "Scaling": ["Time"],
    "Metrics": ["Requests"],
    "Accumulator": ["Metrics"],
    "Workloads": ["Requests"],
    "Capacity": ["Support"],
    "Catalogue": ["IterationTime"],
    "Textbook": ["Metrics", "Workloads", "Capacity"],
}

COMMENTS_AND_STRINGS = re.compile(r'//[^\n]*|/\*.*?\*/|"""(?:\\.|.)*?"""|"(?:\\.|[^"\\\n])*"', re.DOTALL)
DECLARATION = re.compile(
    r"^(?:public |package |internal |final |@\w+ )*(?:struct|enum|class|protocol|typealias|actor) (\w+)",
    re.MULTILINE,
)
NAME = re.compile(r"\b[A-Z]\w+\b")


def words(path: Path) -> str:
    """What a file says, without its comments and strings; what is interpolated into a string goes with it."""
    return COMMENTS_AND_STRINGS.sub(" ", path.read_text())


def allowed(folder: str) -> set[str]:
    """All that is below a folder."""
    found: set[str] = set()
    left = list(BELOW[folder])
    while left:
        below = left.pop()
        if below == folder:
            raise SystemExit(f"swift_arrows.py: {folder} is below itself")
        if below not in found:
            found.add(below)
            left += BELOW[below]
    return found


def violations(sources: Path) -> list[str]:
    """A sentence for each file that knows something above its folder."""
    files = sorted(sources.rglob("*.swift"))
    place = {path: "" if path.parent == sources else path.relative_to(sources).parts[0] for path in files}
    owners: dict[str, set[str]] = defaultdict(set)
    texts = {path: words(path) for path in files}
    for path, text in texts.items():
        for name in DECLARATION.findall(text):
            owners[name].add(place[path])
    unknown = [
        f"{folder}: not in BELOW of Tests/checks/swift_arrows.py: say what it may know"
        for folder in sorted(set(place.values()) - set(BELOW) - {""})
    ]
    if unknown:
        return unknown
    may_know = {folder: allowed(folder) | {folder, ""} for folder in BELOW}
    may_know[""] = {"", "Support"}
    found = []
    for path, text in texts.items():
        for name in sorted(set(NAME.findall(text))):
            if owners.get(name) and not owners[name] & may_know[place[path]]:
                owner = ", ".join(sorted(owners[name]))
                found.append(
                    f"{path.relative_to(sources)}: {name} is declared in {owner}, which is above {place[path]}"
                )
    return found


def main() -> int:
    """Prints the violations, or how many files are in order."""
    sources = Path(sys.argv[1] if len(sys.argv) > 1 else "Sources/Batching")
    found = violations(sources)
    print(
        "\n".join(found) or f"swift_arrows.py: {len(list(sources.rglob('*.swift')))} files know only what is below them"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
