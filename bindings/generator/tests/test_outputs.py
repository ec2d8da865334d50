"""What is written from the header, and what is said of it once the header has changed."""

import ctypes
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest

from batching_generator import outputs, python, readiness, reference, swift
from batching_generator.layout import layout
from batching_generator.model import Header, HeaderError
from batching_generator.parse import parse

ROOT = Path(__file__).parents[3]
RULE = "=" * 112
SAMPLE = f"""\
#ifndef BATCHING_H
#define BATCHING_H
#include <stdint.h>
/* {RULE}
 * Thing: how
 *
 * It has a * and a_name_.
 *
 *   one   first
 *
 *   two   second
 *
 * It ends.
 * {RULE} */
/** What a function returns. */
typedef int32_t batching_status;
/** It worked. */
#define BATCHING_OK 0
/** It is in use. */
#define BATCHING_ERROR_BUSY 800
struct batching_view;
/** Decides. */
typedef int32_t (*batching_own_callback)(const struct batching_view *view, void *user_data);
/** What it sees. */
typedef struct batching_view {{
    uint32_t struct_size; /**< Of the library. */
    int32_t way;          /**< BATCHING_WAY_...: which way. Initially BATCHING_WAY_CAR. See "Thing: how". */
    double *time;         /**< [count] seconds. */
    int32_t *event;       /**< [count] what happened: BATCHING_WHERE_... */
}} batching_view;
/** By foot. */
#define BATCHING_WAY_FOOT 0
/** By car. */
#define BATCHING_WAY_CAR 100
/** It came, BATCHING_WAY_... */
#define BATCHING_WHERE_HERE 100
/** It went. */
#define BATCHING_WHERE_THERE 200
batching_status batching_view_init(batching_view *view, uint32_t struct_size);
/** Looks. */
batching_status batching_look(const batching_view *view, batching_own_callback callback, const char *text);
#endif
"""


CPP_SAMPLE = "// By hand.\n" + "".join(
    f"// Generated from include/batching.h by `make generate`, {part}: change that, not this.\n"
    f"// End of what is generated, {part}.\n"
    for part in ("columns", "choices", "no more columns")
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with the sample, and all that is written from it."""
    (tmp_path / "include").mkdir()
    change(tmp_path, "", "")
    (tmp_path / outputs.CPP).write_text(CPP_SAMPLE)
    outputs.write(header_of(tmp_path), tmp_path)
    return tmp_path


def change(root: Path, before: str, after: str) -> None:
    (root / "include" / "batching.h").write_text(SAMPLE.replace(before, after) if before else SAMPLE)


def header_of(root: Path) -> Header:
    return parse(root / "include" / "batching.h")


def imported(source: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A generated module, with what it takes from the package."""
    monkeypatch.syspath_prepend(str(ROOT / "bindings" / "python" / "src" / "batching" / "_ffi"))
    module = ModuleType("generated")
    exec(source.replace("batching._ffi.declared", "declared"), module.__dict__)  # noqa: S102 - it is to be tried
    sys.modules.pop("declared", None)
    return module


def test_python_has_structs_and_callbacks_with_the_names_of_c(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = imported(python.structs(header_of(root)), monkeypatch)
    assert [structure.__name__ for structure in module.STRUCTURES] == ["batching_view"]
    assert module.batching_view._fields_ == [
        ("struct_size", ctypes.c_uint32),
        ("way", ctypes.c_int32),
        ("time", ctypes.POINTER(ctypes.c_double)),
        ("event", ctypes.POINTER(ctypes.c_int32)),
    ]
    # It is declared after the callback that takes it, and made before.
    assert module.CALLBACKS["batching_own_callback"]._argtypes_ == (
        ctypes.POINTER(module.batching_view),
        ctypes.c_void_p,
    )


def test_python_has_each_prototype_above_its_signature(root: Path) -> None:
    source = python.functions(header_of(root))
    assert (
        "    # batching_status batching_look(const batching_view *view, batching_own_callback callback, "
        "const char *text);\n"
        '    "batching_look": Signature(c_int32, [POINTER(batching_view), batching_own_callback, c_char_p]),\n'
    ) in source


def test_python_has_choices_with_their_comments(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = imported(python.words(header_of(root)), monkeypatch)
    assert get_args(module.WayName) == ("foot", "car")
    assert module.WAY_NAMES == {"foot": 0, "car": 100}
    assert [(one.name, one.value) for one in module.WhereEvent] == [("HERE", 100), ("THERE", 200)]
    assert module.WhereEvent.__doc__ == "What happened: `event` of batching_view."
    assert '    HERE = 100\n    """It came, 0 (foot) or 100 (car)."""\n' in python.words(header_of(root))


def test_cpp_has_lists_of_columns_and_choices_between_what_is_written_by_hand(root: Path) -> None:
    assert (root / outputs.CPP).read_text() == (
        "// By hand.\n"
        "// Generated from include/batching.h by `make generate`, columns: change that, not this.\n"
        "// clang-format off\n"
        "#define BATCHING_HPP_VIEW(column) \\\n    column(time) column(event)\n"
        "// clang-format on\n"
        "// End of what is generated, columns.\n"
        "// Generated from include/batching.h by `make generate`, choices: change that, not this.\n"
        "/// Which way: `way` of batching_view.\n"
        "struct way {\n    enum value : std::int32_t {\n"
        "        foot = BATCHING_WAY_FOOT,\n        car = BATCHING_WAY_CAR,\n    };\n};\n"
        "\n"
        "/// What happened: `event` of batching_view.\n"
        "struct where_event {\n    enum value : std::int32_t {\n"
        "        here = BATCHING_WHERE_HERE,\n        there = BATCHING_WHERE_THERE,\n    };\n};\n"
        "// End of what is generated, choices.\n"
        "// Generated from include/batching.h by `make generate`, no more columns: change that, not this.\n"
        "#undef BATCHING_HPP_VIEW\n"
        "// End of what is generated, no more columns.\n"
    )


@pytest.mark.parametrize(
    "text", ["", CPP_SAMPLE * 2, CPP_SAMPLE.replace("// End of what is generated, choices.\n", "")]
)
def test_a_part_needs_one_place(root: Path, text: str) -> None:
    (root / outputs.CPP).write_text(text)
    with pytest.raises(
        HeaderError, match=r"include/batching\.hpp: one place is needed for a part: a line `// Generated"
    ):
        outputs.stale(header_of(root), root)


def test_swift_writes_initial_values_where_the_header_has_some(root: Path) -> None:
    with_values = swift.initialisers(header_of(root))
    assert "batching_view.initial.write(to: view)" in with_values
    change(root, "Initially BATCHING_WAY_CAR. ", "")
    assert "initial.write" not in swift.initialisers(header_of(root))


def test_swift_names_every_status(root: Path) -> None:
    assert 'case BATCHING_ERROR_BUSY: "BATCHING_ERROR_BUSY"' in swift.status_names(header_of(root))


def test_a_page_has_the_words_of_its_section_and_a_directive_for_each_declaration(root: Path) -> None:
    pages = reference.pages(header_of(root))
    assert list(pages) == ["index.md", "thing-how.md"]
    page = pages["thing-how.md"]
    assert "It has a \\* and a\\_name\\_.\n\none\n: first\n\ntwo\n: second\n\nIt ends.\n\n" in page
    directives = [line.lstrip("`") for line in page.split("\n") if line.startswith("```") and line.strip("`")]
    assert directives == [
        "{c:type} int32_t batching_status",
        "{c:macro} BATCHING_OK",
        "{c:macro} BATCHING_ERROR_BUSY",
        "{c:type} int32_t (*batching_own_callback)(const batching_view *view, void *user_data)",
        "{c:struct} batching_view",
        "{c:member} uint32_t struct_size",
        "{c:member} int32_t way",
        "{c:member} double *time",
        "{c:member} int32_t *event",
        "{c:macro} BATCHING_WAY_FOOT",
        "{c:macro} BATCHING_WAY_CAR",
        "{c:macro} BATCHING_WHERE_HERE",
        "{c:macro} BATCHING_WHERE_THERE",
        "{c:function} batching_status batching_view_init(batching_view *view, uint32_t struct_size)",
        (
            "{c:function} batching_status "
            "batching_look(const batching_view *view, batching_own_callback callback, const char *text)"
        ),
    ]


def test_a_directive_has_the_words_of_its_comment_and_a_struct_its_fields(root: Path) -> None:
    page = reference.pages(header_of(root))["thing-how.md"]
    assert "````{c:macro} BATCHING_OK\nIt worked.\n````\n" in page
    assert (
        "`````{c:struct} batching_view\nWhat it sees.\n\n````{c:member} uint32_t struct_size\nOf the library.\n````\n\n"
    ) in page
    assert "````{c:member} int32_t *event\n\\[count\\] what happened: BATCHING\\_WHERE\\_...\n````\n`````\n" in page


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
@pytest.mark.parametrize(
    ("before", "after", "wrong"),
    [
        ("", "", ""),
        ("    double *time; ", "    int64_t more; /**< More. */\n    double *time; ", "offset of batching_view.time"),
        ("double *time;", "const double *time;", "type of batching_view.time"),
        ("#define BATCHING_ERROR_BUSY 800", "#define BATCHING_ERROR_BUSY 801", "value of BATCHING_ERROR_BUSY"),
        ("const struct batching_view *view, void", "struct batching_view *view, void", "type of batching_own_callback"),
        ("typedef int32_t batching_status", "typedef uint32_t batching_status", "batching_status is an int32_t"),
    ],
)
def test_the_layout_compiles_only_with_the_abi_it_was_written_from(
    root: Path, before: str, after: str, wrong: str
) -> None:
    source = root / "layout.c"
    source.write_text(layout(header_of(root)))
    change(root, before, after)
    command = ["cc", "-std=c11", "-pedantic", "-Werror", f"-I{root / 'include'}", "-fsyntax-only", str(source)]
    compiled = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (compiled.returncode == 0) == (not wrong)
    assert wrong in compiled.stderr


def test_what_was_just_written_is_not_stale(root: Path) -> None:
    assert outputs.stale(header_of(root), root) == []
    assert outputs.write(header_of(root), root) == []


def test_a_field_that_is_renamed_makes_what_names_it_stale(root: Path) -> None:
    change(root, "double *time;", "double *when;")
    assert outputs.stale(header_of(root), root) == [
        f"{outputs.PYTHON}/structs.py",
        outputs.LAYOUT,
        outputs.CPP,
        f"{outputs.REFERENCE}/thing-how.md",
    ]


def test_a_constant_that_is_added_makes_what_names_it_stale(root: Path) -> None:
    change(root, "/** By car. */", "/** By bus. */\n#define BATCHING_WAY_BUS 50\n/** By car. */")
    assert outputs.stale(header_of(root), root) == [
        f"{outputs.PYTHON}/constants.py",
        f"{outputs.PYTHON}/choices.py",
        f"{outputs.SWIFT}/Choices.swift",
        outputs.LAYOUT,
        outputs.CPP,
        f"{outputs.REFERENCE}/thing-how.md",
    ]


def test_a_file_too_many_is_stale_and_goes(root: Path) -> None:
    surplus = root / outputs.REFERENCE / "old.md"
    surplus.write_text("gone from the header")
    assert outputs.stale(header_of(root), root) == [f"{outputs.REFERENCE}/old.md"]
    outputs.write(header_of(root), root)
    assert not surplus.exists()


def test_what_readiness_leaves_out_is_said(root: Path) -> None:
    header = header_of(root)
    everything = {"batching_view_init", "batching_look", "Choices.way"}
    assert readiness.missing(header, everything) == []
    assert readiness.missing(header, everything - {"batching_look"}) == [
        "batching_look() is never called: call it once, with every choice that it has"
    ]
    assert readiness.missing(header, everything - {"Choices.way"} | {"BATCHING_WAY_CAR"}) == [
        "BATCHING_WAY_FOOT never chosen: go through Choices.way"
    ]


@pytest.mark.skipif(shutil.which("swiftc") is None, reason="needs Swift's parser")
def test_names_in_comments_and_strings_are_not_used(tmp_path: Path) -> None:
    file = tmp_path / "Readiness.swift"
    file.write_text(
        'func f() { _ = used(1) /* commented() */; for x in Choices.way { g(x, "quoted()") } } // later()\n'
    )
    names = readiness.names_used(file)
    assert {"used", "g", "x", "Choices", "Choices.way"} <= names
    assert not {"commented", "quoted", "later", "quoted()"} & names
