"""What is written from the two CSV files of the catalogue, and what is said of a row that is wrong."""

import csv
from pathlib import Path

import pytest

from batching_generator import catalogue
from batching_generator.model import HeaderError

ROOT = Path(__file__).parents[3]
GPUS = """\
name,aliases,memory_MiB,driver_MiB,memory_type,bandwidth_GB_s,bf16_TFLOP_s,fp8_TFLOP_s,int8_TOP_s,fp4_TFLOP_s,link_GB_s,link_type,power_W,source
A1,First;One,2,0,HBM,1555,312.5,,,,32,PCIE,,a data sheet
b-2,,1,1,GDDR,1,1,2,,,,NONE,72,"another, with a comma"
"""
MODELS = """\
name,aliases,num_hidden_layers,hidden_size,num_attention_heads,num_key_value_heads,head_dim,intermediate_size,vocab_size,tie_word_embeddings,num_experts,num_experts_per_tok,moe_intermediate_size,shared_expert_intermediate_size,dense_layers,kv_lora_rank,q_lora_rank,qk_rope_head_dim,qk_nope_head_dim,v_head_dim,sliding_window,full_attention_layers,source
Model,Other,2,8,4,1,,16,100,1,,,,,,,,,,,,,config.json
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / catalogue.FOLDER
    folder.mkdir(parents=True)
    (folder / "gpus.csv").write_text(GPUS)
    (folder / "models.csv").write_text(MODELS)
    return tmp_path


def change(root: Path, before: str, after: str) -> None:
    assert before in GPUS
    (root / catalogue.FOLDER / "gpus.csv").write_text(GPUS.replace(before, after))


def test_a_row_is_a_case_and_what_is_empty_is_left_out(root: Path) -> None:
    files = catalogue.files(root)
    assert list(files) == [f"{catalogue.GENERATED}/GPUs.swift", f"{catalogue.GENERATED}/Models.swift"]
    gpus, models = files.values()
    assert "public static var gpuCount: Int { 2 }" in gpus
    assert (
        '        case 0: CatalogueEntry(\n            "A1",\n            "a data sheet",\n            GPU(\n'
        "                memoryBytes: 2097152.0, driverBytes: 0.0, memoryBandwidth: 1555e9, bf16Peak: 312.5e12,\n"
        "                linkBandwidth: 32e9, memoryType: .hbm, linkType: .pcie))\n"
    ) in gpus
    assert '"another, with a comma"' in gpus
    assert 'case 0: CatalogueAlias(name: "First", index: 0)' in gpus
    assert 'default: CatalogueAlias(name: "One", index: 0)' in gpus
    assert (
        "                numHiddenLayers: 2, hiddenSize: 8, numAttentionHeads: 4, numKeyValueHeads: 1,\n"
        "                intermediateSize: 16, vocabSize: 100, tieWordEmbeddings: true))\n"
    ) in models


def test_a_copy_without_a_catalogue_has_none(tmp_path: Path) -> None:
    assert catalogue.files(tmp_path) == {}


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("1555", "fast", "gpus.csv:2: bandwidth_GB_s is 'fast': must be a number"),
        ("A1,First", "A1,b2", "gpus.csv: b2 is there twice"),
        ("A1,", "C1,", "gpus.csv: b-2 is not in its place"),
        ("a data sheet", "", "gpus.csv:2: needs a name and a source"),
        ("a data sheet", "a d\u00e4ta sheet", "gpus.csv:2: must be printable ASCII"),
        ("power_W", "watts", "gpus.csv:1: the columns must be name, aliases, "),
        (",72,", ",", "gpus.csv:3: must have 14 columns"),
    ],
)
def test_a_row_that_is_wrong_is_said_with_its_line(root: Path, before: str, after: str, sentence: str) -> None:
    change(root, before, after)
    with pytest.raises(HeaderError) as error:
        catalogue.files(root)
    assert sentence in str(error.value)


def test_a_file_that_is_missing_is_said(root: Path) -> None:
    (root / catalogue.FOLDER / "models.csv").unlink()
    with pytest.raises(HeaderError, match="is not there"):
        catalogue.files(root)


@pytest.mark.parametrize("file", ["gpus.csv", "models.csv"])
def test_every_row_of_the_repository_has_a_source(file: str) -> None:
    with (ROOT / catalogue.FOLDER / file).open(encoding="utf-8", newline="") as rows:
        assert all(len(row["source"]) > 10 for row in csv.DictReader(rows))
