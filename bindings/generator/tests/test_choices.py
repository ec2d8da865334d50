"""Which constants belong together, by what the comments of a header say."""

from pathlib import Path

import pytest

from batching_generator.choices import choices, describe, values_of
from batching_generator.model import Header, HeaderError
from batching_generator.parse import parse

HEAD = f"#include <stdint.h>\n/* {'=' * 112}\n * All\n * {'=' * 112} */\n"
SAMPLE = """\
/** What a function returns. */
typedef int32_t batching_status;
/** It worked. */
#define BATCHING_OK 0
/** It did not. */
#define BATCHING_ERROR_BUSY 100
/** Decides. */
typedef int32_t (*batching_own_callback)(void *user_data);
/** A configuration. */
typedef struct batching_config {
    int32_t policy;                     /**< BATCHING_POLICY_... 0: BATCHING_POLICY_FIRST. */
    int32_t queue_order;                /**< BATCHING_QUEUE_...: in which order they wait. 0: by arrival. */
    int32_t prompt_lengths;             /**< BATCHING_LENGTHS_...: how long. */
    int32_t output_lengths;             /**< BATCHING_LENGTHS_...: how long. */
    int32_t limit;                      /**< At most BATCHING_LIMIT. 0: no limit. */
    batching_own_callback own_callback; /**< Or NULL. */
} batching_config;
/** First come. */
#define BATCHING_POLICY_FIRST 0
/** What own_callback decides. */
#define BATCHING_POLICY_OWN 100
/** By arrival. */
#define BATCHING_QUEUE_ARRIVAL 0
/** Equal. */
#define BATCHING_LENGTHS_EQUAL 0
/** Results. */
typedef struct batching_results {
    int32_t *status; /**< [capacity] what became of it: BATCHING_REQUEST_... */
    int32_t *event;  /**< [capacity] BATCHING_EVENT_ARRIVED and so on. */
    int32_t *tokens; /**< [capacity] see BATCHING_EVENT_...; or its BATCHING_REQUEST_... status. */
} batching_results;
/** Done. */
#define BATCHING_REQUEST_DONE 0
/** It arrived. */
#define BATCHING_EVENT_ARRIVED 100
/** It left. */
#define BATCHING_EVENT_LEFT 200
/** Of what. */
typedef struct batching_scope batching_scope;
/** All. */
#define BATCHING_EVENT_ALL 100
/** The latest. */
#define BATCHING_EVENT_LATEST 200
/** The limit. */
#define BATCHING_LIMIT 5
/**
 * Runs.
 *
 *   scope   BATCHING_EVENT_ALL or BATCHING_EVENT_LATEST.
 *   limit   at most BATCHING_LIMIT.
 */
batching_status batching_run(const batching_config *config, batching_results *results, int32_t scope, int32_t limit);
"""


def header_of(folder: Path, declarations: str = SAMPLE) -> Header:
    path = folder / "batching.h"
    path.write_text(HEAD + declarations)
    return parse(path, "batching.h")


def test_a_choice_has_the_constants_that_a_comment_names_by_their_beginning(tmp_path: Path) -> None:
    found = {choice.name: [one.name for one in choice.constants] for choice in choices(header_of(tmp_path))}
    assert found == {
        "Policy": ["BATCHING_POLICY_FIRST", "BATCHING_POLICY_OWN"],
        "QueueOrder": ["BATCHING_QUEUE_ARRIVAL"],
        "Lengths": ["BATCHING_LENGTHS_EQUAL"],
        "RequestStatus": ["BATCHING_REQUEST_DONE"],
        "Event": ["BATCHING_EVENT_ARRIVED", "BATCHING_EVENT_LEFT"],
        "EventScope": ["BATCHING_EVENT_ALL", "BATCHING_EVENT_LATEST"],
    }


def test_a_caller_chooses_what_is_only_read(tmp_path: Path) -> None:
    inputs = [choice.name for choice in choices(header_of(tmp_path)) if choice.is_input]
    assert inputs == ["Policy", "QueueOrder", "Lengths", "EventScope"]


def test_what_a_callback_decides_has_no_name_to_type(tmp_path: Path) -> None:
    policy = choices(header_of(tmp_path))[0]
    assert [policy.member(one) for one in policy.named] == ["FIRST"]


def test_a_member_is_what_follows_all_the_words_that_the_constants_begin_with(tmp_path: Path) -> None:
    two_words = SAMPLE.replace("BATCHING_LENGTHS_", "BATCHING_LENGTH_KINDS_").replace(
        "#define BATCHING_LENGTH_KINDS_EQUAL 0",
        "#define BATCHING_LENGTH_KINDS_EQUAL 0\n/** A range. */\n#define BATCHING_LENGTH_KINDS_UNIFORM 100",
    )
    kinds = choices(header_of(tmp_path, two_words))[2]
    assert [kinds.member(one) for one in kinds.constants] == ["EQUAL", "UNIFORM"]


def test_the_constants_behind_a_typedef_are_its_values(tmp_path: Path) -> None:
    values = values_of(header_of(tmp_path), "batching_status")
    assert [one.name for one in values] == ["BATCHING_OK", "BATCHING_ERROR_BUSY"]


def test_a_choice_is_described_by_the_comment_of_its_field(tmp_path: Path) -> None:
    found = {choice.name: describe(choice) for choice in choices(header_of(tmp_path))}
    assert found["QueueOrder"] == "In which order they wait: `queue_order` of batching_config."
    assert found["RequestStatus"] == "What became of it: `status` of batching_results."
    assert found["Policy"] == "One of the constants: `policy` of batching_config."


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("BATCHING_POLICY_OWN 100", "BATCHING_POLICY_OWN 0",
         "BATCHING_POLICY_FIRST and BATCHING_POLICY_OWN are of one choice, policy, but both are 0"),
        ("/** First come. */\n", "", "BATCHING_POLICY_FIRST has no comment /** … */ before it: say what it chooses"),
        ("/**< BATCHING_POLICY_... 0: BATCHING_POLICY_FIRST. */", "/**< Which. */",
         "no field or parameter says that it is one of BATCHING_POLICY_...: say so"),
        ("/**< BATCHING_QUEUE_...:", "/**< BATCHING_QUEUES_...:",
         "the comment of queue_order names BATCHING_QUEUES_...:, but there is no such constant"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_choice_is_said(tmp_path: Path, before: str, after: str, sentence: str) -> None:
    assert SAMPLE.count(before) == 1
    with pytest.raises(HeaderError) as raised:
        choices(header_of(tmp_path, SAMPLE.replace(before, after)))
    assert sentence in str(raised.value)
