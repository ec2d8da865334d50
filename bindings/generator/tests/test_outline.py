"""What stands where in a header that another program changes, whatever its comments say."""

from pathlib import Path

from batching_generator import outline

HEADER = """\
#include <stdint.h>
#define BATCHING_H
#define BATCHING_ONE (1 + 0) /* … */
#define BATCHING_MORE(x, y) ((x) + (y))
struct batching_pair;
typedef struct batching_pair { uint32_t struct_size, other; double last[2]; } batching_pair;
typedef struct batching_handle batching_handle;
int32_t batching_sum(const batching_pair *pair,
                     int32_t count);
"""


def test_functions_are_told_as_they_are_declared(tmp_path: Path) -> None:
    header = written(tmp_path)
    assert outline.functions(header) == {
        "batching_sum": "int32_t batching_sum(const batching_pair *pair,\n                     int32_t count)"
    }


def test_macros_with_a_text_are_told(tmp_path: Path) -> None:
    assert outline.macros(written(tmp_path)) == [
        outline.Macro("BATCHING_ONE", "", "( 1 + 0 )"),
        outline.Macro("BATCHING_MORE", "(x,y)", "( ( x ) + ( y ) )"),
    ]


def test_a_field_can_be_put_before_the_closing_brace(tmp_path: Path) -> None:
    (pair,) = outline.structs(written(tmp_path))
    assert (pair.name, pair.first_field) == ("batching_pair", "struct_size")
    content = HEADER.encode()
    assert content[pair.closing_brace :].startswith(b"} batching_pair;")


def written(folder: Path) -> Path:
    path = folder / "batching.h"
    path.write_text(HEADER, encoding="utf-8")
    return path
