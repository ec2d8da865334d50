"""What the parser reads from a header, and what it says of one that is not as it should be."""

from pathlib import Path

import pytest

from batching_generator.model import CType, Header, HeaderError
from batching_generator.parse import parse

RULE = "=" * 112
HEAD = f"""\
#ifndef BATCHING_H
#define BATCHING_H
#include <stdint.h>
/* {RULE}
 * Conventions
 *
 * What holds.
 *
 *     as a table
 * {RULE} */

"""
TAIL = "\n#endif\n"
SAMPLE = """\
/** The most. */
#define BATCHING_MAX 5.0
/** What a function returns. */
typedef int32_t batching_status;
/** It worked. */
#define BATCHING_OK 0
/** A handle. */
typedef struct batching_thing batching_thing;
/** Goes on. */
typedef int32_t (*batching_go_callback)(const batching_thing *thing, void *user_data);
/**
 * Columns,
 * and more.
 */
typedef struct batching_columns {
    uint32_t struct_size; /**< Of the caller. */
    uint32_t reserved;    /**< 0. */
    const double *time;   /**< [count] seconds, each
                               at least 0. */
    int32_t way;          /**< BATCHING_WAY_...: which way. */
} batching_columns;
/** By foot. */
#define BATCHING_WAY_FOOT 0
/** By car. */
#define BATCHING_WAY_CAR (100 + 1)
batching_status batching_columns_init(batching_columns *columns, uint32_t struct_size);
/** Makes it. */
batching_status batching_thing_create(const batching_columns *columns, batching_thing **thing);
/** Which? */
int32_t batching_version_number(void);
"""


def header_of(folder: Path, declarations: str, head: str = HEAD) -> Header:
    """What the parser makes of declarations in one section."""
    path = folder / "batching.h"
    path.write_text(head + declarations + TAIL)
    return parse(path, "batching.h")


def line_of(text: str, declarations: str = SAMPLE) -> int:
    return (HEAD + declarations).split("\n").index(text) + 1


@pytest.fixture
def sample(tmp_path: Path) -> Header:
    return header_of(tmp_path, SAMPLE)


def test_a_section_has_its_title_and_its_text(sample: Header) -> None:
    (section,) = sample.sections
    assert (section.title, section.text) == ("Conventions", "What holds.\n\n    as a table")


def test_declarations_are_those_of_the_header_in_its_order(sample: Header) -> None:
    assert [declaration.name for declaration in sample.declarations] == [
        "BATCHING_MAX", "batching_status", "BATCHING_OK", "batching_thing", "batching_go_callback",
        "batching_columns", "BATCHING_WAY_FOOT", "BATCHING_WAY_CAR", "batching_columns_init", "batching_thing_create",
        "batching_version_number",
    ]  # fmt: skip


def test_a_constant_has_its_value_and_the_comment_before_it(sample: Header) -> None:
    assert [(one.name, one.value, one.comment) for one in sample.constants] == [
        ("BATCHING_MAX", 5.0, "The most."),
        ("BATCHING_OK", 0, "It worked."),
        ("BATCHING_WAY_FOOT", 0, "By foot."),
        ("BATCHING_WAY_CAR", 101, "By car."),
    ]


def test_a_field_has_its_type_its_offset_and_its_comment(sample: Header) -> None:
    struct = sample.structs["batching_columns"]
    assert (struct.size, struct.comment) == (24, "Columns,\nand more.")
    assert [(one.name, str(one.type), one.offset) for one in struct.fields] == [
        ("struct_size", "uint32_t", 0),
        ("reserved", "uint32_t", 4),
        ("time", "const double *", 8),
        ("way", "int32_t", 16),
    ]
    assert struct.fields[2].comment == "[count] seconds, each\nat least 0."


def test_a_field_may_point_to_texts_that_are_not_written(tmp_path: Path) -> None:
    declarations = SAMPLE.replace("int32_t way; ", "const char *const *way; ")
    assert declarations != SAMPLE
    way = header_of(tmp_path, declarations).structs["batching_columns"].fields[-1]
    assert way.type == CType("char", is_const=True, stars=2, is_const_through=True)
    assert way.type.named(way.name) == "const char *const *way"


def test_a_function_has_its_prototype(sample: Header) -> None:
    assert [function.prototype for function in sample.functions.values()] == [
        "batching_status batching_columns_init(batching_columns *columns, uint32_t struct_size);",
        "batching_status batching_thing_create(const batching_columns *columns, batching_thing **thing);",
        "int32_t batching_version_number(void);",
    ]


def test_a_callback_has_its_parameters(sample: Header) -> None:
    callback = sample.callbacks["batching_go_callback"]
    assert [(one.name, one.type) for one in callback.parameters] == [
        ("thing", CType("batching_thing", is_const=True, stars=1)),
        ("user_data", CType("void", stars=1)),
    ]


def test_the_place_of_a_declaration_is_its_line(sample: Header) -> None:
    assert (
        sample.functions["batching_version_number"].place
        == f"batching.h:{line_of('int32_t batching_version_number(void);')}"
    )


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("/**< 0. */", "", "the field batching_columns.reserved has no comment /** … */: say what it is"),
        ("/** Makes it. */", "", "batching_thing_create() has no comment /** … */: say what it is"),
        ("/** A handle. */", "", "batching_thing has no comment /** … */: say what it is"),
        ("/** Goes on. */", "", "batching_go_callback has no comment /** … */: say what it is"),
        ("int32_t way; ", "long way; ", "the field batching_columns.way is of type long, which no writer knows"),
        ("int32_t way; ", "const char **const way; ",
         "the field batching_columns.way is of type const char **const, which no writer knows"),
        ("int32_t way; ", "char *const *way; ",
         "the field batching_columns.way is of type char *const *, which no writer knows"),
        ("int32_t way; ", "int32_t way[2]; ",
         "the field batching_columns.way is of type int32_t[2], which no writer knows"),
        ("int32_t way; ", "enum { A } way; ", "the field batching_columns.way is of type"),
        ("int32_t way; ", "int32_t way : 3; ", "the field batching_columns.way is a bit-field"),
        ("uint32_t struct_size);", "unsigned struct_size);",
         "the parameter struct_size of batching_columns_init is of type unsigned int, which no writer knows"),
        ("uint32_t struct_size);", "uint32_t);", "a parameter of batching_columns_init has no name"),
        ("int32_t way; ", "unknown_t way; ", "a compiler says: unknown type name 'unknown_t'"),
        ("typedef int32_t batching_status;", "typedef int32_t batching_status", "a compiler says:"),
        ("#define BATCHING_MAX 5.0", '#define BATCHING_MAX "5"',
         "BATCHING_MAX is neither a whole number nor one with a decimal point"),
        ("/** Which? */", "/** Which? */\nextern int32_t batching_count;\n/** Which? */",
         "batching_count is a declaration of an unknown kind"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, before: str, after: str, sentence: str) -> None:
    assert SAMPLE.count(before) == 1
    with pytest.raises(HeaderError) as raised:
        header_of(tmp_path, SAMPLE.replace(before, after))
    place, _, said = str(raised.value).partition(": ")
    assert said.startswith(sentence)
    line = int(place.removeprefix("batching.h:"))
    assert abs(line - line_of(next(text for text in SAMPLE.split("\n") if before in text))) <= 1


def test_a_declaration_before_the_first_section_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(HeaderError, match="BATCHING_MAX stands before the first section"):
        header_of(tmp_path, SAMPLE, "#ifndef BATCHING_H\n#define BATCHING_H\n#include <stdint.h>\n")


def test_two_sections_of_one_title_are_an_error(tmp_path: Path) -> None:
    rule = f"/* {RULE}\n * Conventions\n * {RULE} */\n"
    with pytest.raises(HeaderError, match='a second section is called "Conventions"'):
        header_of(tmp_path, SAMPLE + rule)
