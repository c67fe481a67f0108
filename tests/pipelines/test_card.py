"""The dataset card: what the Hub, `datasets` and Croissant's own reader make of it."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import mlcroissant
import pytest
import yaml
from datasets import load_dataset
from PIL import Image

from pipelines.account.croissant import croissant
from pipelines.account.summary import read_summary
from pipelines.card import LICENCES, front_matter, size_category, write_card
from pipelines.folder import RunFolder, read_json, write_json
from stages.errors import StorageError
from tests.pipelines.synthetic_run import recipe, synthetic_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = synthetic_run(tmp_path_factory.mktemp("run"))
    write_card(folder)
    return folder


@pytest.fixture(scope="module")
def card(folder: RunFolder) -> str:
    return (folder.root / "card" / "README.md").read_text()


@pytest.fixture(scope="module")
def published(folder: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lay card and shards out as the card says to publish them."""
    repository = tmp_path_factory.mktemp("hub") / "repository"
    shutil.copytree(folder.root / "card", repository)
    shutil.copytree(folder.shards, repository / "shards")
    return repository


def front_of(card: str) -> dict[str, object]:
    content = yaml.safe_load(card.split("---\n")[1])
    assert isinstance(content, dict)
    return content


def test_the_front_matter_tells_the_hub_what_the_data_are(card: str):
    front = front_of(card)

    assert front["license"] == "other"
    assert front["language"] == ["de", "en"]
    assert front["size_categories"] == ["n<1K"]
    assert front["task_categories"] == ["image-text-to-text"]


def test_datasets_loads_the_published_repository_with_its_pictures(published: Path, tmp_path):
    samples = load_dataset(str(published), split="train", cache_dir=str(tmp_path))

    assert len(samples) == 10
    pictures = [picture for row in samples for picture in row["images"]]
    assert len(pictures) == 7
    assert isinstance(pictures[0], Image.Image)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the packages under mlcroissant
def test_croissant_finds_no_fault_and_reads_the_records(published: Path):
    dataset = mlcroissant.Dataset(jsonld=str(published / "croissant.json"))

    assert not dataset.metadata.ctx.issues.errors
    assert not dataset.metadata.ctx.issues.warnings
    records = list(dataset.records("samples"))
    assert len({record["samples/id"] for record in records}) == 10
    assert sum(len(record["samples/images"]) for record in records) == 7


def test_croissant_gives_the_sha256_of_every_shard(folder: RunFolder):
    content = json.loads((folder.root / "card" / "croissant.json").read_text())
    summary = read_summary(folder)
    assert summary.manifest is not None

    files = {each["@id"]: each.get("sha256") for each in content["distribution"]}
    assert {shard.file: shard.sha256 for shard in summary.manifest.shards}.items() <= files.items()


def test_the_funnel_stands_in_the_card(card: str):
    assert r"| part\_letters | 10 | 0 | 0 | 10 | 83.3 % | 20 | 10 |" in card
    assert "| fragile | 12 | 0 | 1 | 11 | 91.7 % |" in card


def test_every_figure_that_the_card_shows_lies_beside_it(folder: RunFolder, card: str):
    names = [line.rpartition("(")[2].rstrip(")") for line in card.splitlines() if "![" in line]

    assert len(names) == 4
    for name in names:
        with Image.open(folder.root / "card" / name) as image:
            assert image.format == "PNG"


def test_figures_of_an_earlier_card_are_removed(folder: RunFolder):
    stale = folder.root / "card" / "scores-gone.png"
    stale.write_bytes(b"")
    write_card(folder)

    assert not stale.exists()


def test_pictures_are_listed_with_sample_page_and_licence(card: str):
    row = next(line for line in card.splitlines() if "/page/9`" in line)

    assert "| cc-by-4.0 |" in row
    assert "160 × 120" in row


def test_the_card_names_its_limits(card: str):
    assert "Rows set aside because a step failed on them: 1 by fragile." in card
    assert r"6 of 10 samples (60.0 %) come without a licence." in card
    assert "No step looked for: near-duplicates" in card


def test_the_card_tells_how_to_repeat_the_run(card: str):
    assert "quern run 'made up.yaml'" in card
    assert "`min_side_px=100`" in card
    assert "seed 0" in card


def test_hostile_strings_of_a_run_stay_text(folder: RunFolder, tmp_path):
    shutil.copytree(folder.root, tmp_path / "run")
    content = read_json(tmp_path / "run" / "run.json")
    assert content is not None
    hostile = "x|<script>\n# [a](http://evil.example) `code`"
    write_json(tmp_path / "run" / "run.json", {**content, "name": hostile, "description": hostile})
    card = write_card(RunFolder(root=tmp_path / "run")).read_text()

    assert front_of(card)["pretty_name"] == hostile
    body = card.split("---\n", 2)[2]
    assert r"x\|\<script\> \# \[a\](http://evil.example) \`code\`" in body
    assert "<script>" not in body


def test_a_stopped_run_says_so_and_names_no_shards(tmp_path):
    card = write_card(synthetic_run(tmp_path, stop_after=1)).read_text()

    assert "**This run did not end.** It stopped with: KeyboardInterrupt" in card
    assert "configs" not in front_of(card)
    assert "load_dataset" not in card


def test_a_run_that_kept_nothing_has_a_card(tmp_path):
    card = write_card(synthetic_run(tmp_path, recipe(min_letters=10_000))).read_text()

    assert "- Nothing was kept." in card
    assert "| Samples | 0 of 12 read (0 %) |" in card


def test_a_run_without_pictures_has_no_contact_sheet(tmp_path):
    folder = synthetic_run(tmp_path, recipe(pictures=False))
    card = write_card(folder).read_text()

    assert "## Pictures" not in card
    assert not (folder.root / "card" / "pictures.png").exists()
    assert front_of(card)["task_categories"] == ["text-generation"]


def test_croissant_of_a_run_without_shards_describes_the_data_alone(tmp_path):
    content = croissant(read_summary(synthetic_run(tmp_path, stop_after=1)), licence="unknown")

    assert content["name"] == "made up"
    assert "distribution" not in content


def test_no_run_no_card(tmp_path):
    with pytest.raises(StorageError, match="is not a finished run"):
        write_card(RunFolder(root=tmp_path))


@pytest.mark.parametrize(
    ("licences", "expected"),
    [
        ({}, {"license": "unknown"}),
        ({"": 3}, {"license": "unknown"}),
        ({"CC-BY-4.0": 3}, {"license": "cc-by-4.0"}),
        ({"cc-by-4.0": 3, "": 1}, {"license": "other", "license_name": "per-sample"}),
        ({"mine": 3}, {"license": "other", "license_name": "per-sample"}),
    ],
)
def test_a_licence_is_named_only_when_all_samples_bear_it(folder: RunFolder, licences, expected):
    summary = read_summary(folder)
    front = front_matter(replace(summary, profile=replace(summary.profile, licences=licences)))

    assert {key: front[key] for key in front if key.startswith("license")} == expected


def test_licences_are_names_that_the_hub_knows():
    assert all(LICENCES.fullmatch(name) for name in ("mit", "cc-by-nc-sa-4.0", "cc0-1.0"))
    assert not LICENCES.fullmatch("cc-by-9.0")


@pytest.mark.parametrize(
    ("rows", "category"),
    [(0, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (9_999_999, "1M<n<10M"), (10**12, "n>1T")],
)
def test_size_categories_change_at_powers_of_ten(rows, category):
    assert size_category(rows) == category
