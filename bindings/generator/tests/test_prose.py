"""What a paragraph of a comment becomes, by its shape."""

import pytest

from batching_generator.model import HeaderError
from batching_generator.prose import markdown


def made(text: str, *, headings: bool = False) -> str:
    return markdown(text, "batching.h:7", headings=headings)


def test_words_stay_in_their_lines_and_paragraphs() -> None:
    assert made("One line\nand another.\n\nA second paragraph.") == "One line\nand another.\n\nA second paragraph."
    assert made("") == ""


def test_nothing_in_words_is_a_mark_but_code_and_emphasis() -> None:
    assert made("A* a_b [x] <y> #1 a|b `a_b[x]` it *decodes*, the *needed of *needed;") == (
        "A\\* a\\_b \\[x\\] \\<y\\> \\#1 a\\|b `a_b[x]` it *decodes*, the \\*needed of \\*needed;"
    )
    assert made("-1 at the end") == "\\-1 at the end"
    assert made("= start - arrival") == "\\= start - arrival"
    assert made(":param") == "\\:param"
    assert made("1. is a number") == "1\\. is a number"


def test_a_name_two_spaces_and_words_are_a_definition() -> None:
    text = """  one        The first,
             in two lines.
  two words  The second: a_b.

  three      The third.
      It hangs.
"""
    assert made(text) == (
        "one\n: The first,\n  in two lines.\n\ntwo words\n: The second: a\\_b.\n\nthree\n: The third.\n  It hangs."
    )


def test_a_formula_beside_its_name_is_a_definition() -> None:
    assert made("  queue_time  = start - arrival") == "queue\\_time\n: \\= start - arrival"


def test_lines_with_bullets_are_a_list() -> None:
    assert made("It ends if\n  - it is\n    done;\n  - it is not.") == "It ends if\n\n- it is\n  done;\n- it is not."


def test_what_is_set_in_by_four_is_literal() -> None:
    assert made("So:\n\n    f(a);   as it comes\n      g(*b);\n\nIt ends.") == (
        "So:\n\n```text\nf(a);   as it comes\n  g(*b);\n```\n\nIt ends."
    )


def test_a_first_line_that_is_set_in_further_is_the_head_of_a_table() -> None:
    text = """
                  vllm                sglang
  one, or two     first to last of    as vllm
                  all requests
  (three)         1|2
"""
    assert made(text) == (
        "|  | vllm | sglang |\n|---|---|---|\n"
        "| one, or two | first to last of all requests | as vllm |\n"
        "| (three) | 1\\|2 |  |"
    )


def test_a_line_before_what_is_set_in_is_a_heading_where_a_page_may_have_one() -> None:
    text = "It is.\n\nPrefix caching (vllm)\n\n  A full block\n  is found.\n\nWhat follows is no heading:\n\n  a  b"
    assert made(text, headings=True) == (
        "It is.\n\n## Prefix caching (vllm)\n\nA full block\nis found.\n\nWhat follows is no heading:\n\na\n: b"
    )
    assert "\n\nPrefix caching (vllm)\n\n" in made(text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("  one   first\n  two\n", 'neither words nor a list, for what stands in columns: "one   first"'),
        (
            "      vllm  sglang\n  a   long cell  b\n",
            'a cell of a table goes on into the next column: "a   long cell  b"',
        ),
    ],
)
def test_columns_that_are_no_list_and_no_table_are_an_error(text: str, sentence: str) -> None:
    with pytest.raises(HeaderError) as raised:
        made(text)
    assert str(raised.value) == f"batching.h:7: {sentence}"
