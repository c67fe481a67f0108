"""`quern recut` as a whole: what it refuses, how it goes on, what it writes and says."""

import json
import shutil

import pytest

from pipelines.folder import RunFolder, write_json
from pipelines.recut import CutWorkers, mill_cut, recut
from pipelines.recut_plan import plan_recut
from pipelines.report import write_report
from stages.errors import QuernError, RecipeError, StorageError
from stages.places import place
from tests.digests import digest
from tests.pipelines.recuts import cut_from, files, finish, marks, quiet, recipe_of, row, write_rows

CHARS = "tests.fakes.Chars"
EARLY = {"use": CHARS, "name": "early", "min_chars": 2}
LONG = {"use": CHARS, "name": "long", "min_chars": 4}
MODELLED = {"use": "tests.pipelines.recuts.Modelled", "name": "modelled", "checkpoint": True}
TOKENS = {"use": "stages.tokenize_sample.TokenizeSample", "processor": "tiny"}
STEPS = [EARLY, MODELLED, LONG, "tests.fakes.SameText", TOKENS]
WRITE = {"write": "stages.write_shards.WriteShards"}
LOOSER = "steps.long.min_chars=3"
STRICTER = "steps.long.min_chars=5"
TEXTS = [["rye", "oats", "b", "oats"], ["barley", "rye", "spelt"]]


@pytest.fixture(autouse=True)
def no_settling(monkeypatch):
    """Spare the disk: nobody pulls the plug on a test."""
    monkeypatch.setattr("os.fsync", lambda descriptor: None)


@pytest.fixture
def paths(tmp_path):
    named = enumerate(TEXTS)
    rows = {unit: [row(f"{'ab'[unit]}{n}", [t], []) for n, t in enumerate(u)] for unit, u in named}
    return [write_rows(tmp_path / f"{unit}.parquet", each) for unit, each in rows.items()]


@pytest.fixture
def parent(paths, tmp_path):
    return finish(recipe_of(paths, STEPS, **WRITE), tmp_path / "parent")


def faults_of(parent, *settings):
    with pytest.raises(RecipeError) as caught:
        plan_recut(parent, settings)
    return list(caught.value.faults)


def test_the_new_run_equals_a_fresh_one_and_names_its_parent(parent, paths, tmp_path):
    folder = recut(str(parent.root), [LOOSER], str(tmp_path / "cut"))
    finish(recipe_of(paths, STEPS, (LOOSER,), **WRITE), tmp_path / "fresh")
    assert marks(folder.root) == marks(tmp_path / "fresh")
    assert files(folder.root) == files(tmp_path / "fresh")
    told = json.loads((folder.root / "run.json").read_text())
    assert told["state"] == "done"
    assert told["parent"]["run"] == str(parent.root)
    assert told["parent"]["changes"] == {"steps.long.min_chars": [4, 3]}
    line = f"Cut from the run {parent.root} of "
    said = "with steps.long.min_chars 3 instead of 4."
    for text in (
        (folder.root / "report.html").read_text(),
        (folder.root / "card/README.md").read_text(),
    ):
        plain = text.replace("\\", "")
        assert line in plain
        assert said in plain


def test_the_change_in_yield_is_told(parent, tmp_path, capsys):
    recut(str(parent.root), [LOOSER], str(tmp_path / "cut"))
    said = capsys.readouterr().err
    told = [line.split() for line in said.splitlines()]
    assert ["documents", "3", "4", "+1", "+33.3%"] in told
    assert ["pictures", "0", "0", "+0"] in told
    assert ["visual", "tokens", "0", "0", "+0"] in told
    assert ["long:", "dropped", "2", "0", "-2", "-100.0%"] in told
    assert "\n2 of 6 rows of segment 2 went through its steps again\n" in said


def test_a_folder_is_named_for_the_run_and_the_change_unless_it_is_given(parent, tmp_path):
    first = recut(str(parent.root), [LOOSER])
    assert first.root.parent == tmp_path
    assert first.root.name.startswith("parent-")
    assert recut(str(parent.root), [LOOSER]) == first
    assert recut(str(parent.root), [STRICTER]).root.name != first.root.name


def test_a_recut_that_was_cut_off_goes_on(parent, tmp_path, monkeypatch):
    cut_from(parent, (LOOSER,), tmp_path / "unbroken")
    units = CutWorkers.units

    def one_unit(workers, job, tasks):
        yield next(iter(units(workers, job, tasks)))
        raise KeyboardInterrupt

    monkeypatch.setattr(CutWorkers, "units", one_unit)
    with pytest.raises(KeyboardInterrupt):
        recut(str(parent.root), [LOOSER], str(tmp_path / "cut"))
    assert json.loads((tmp_path / "cut/run.json").read_text())["state"] == "stopped"
    monkeypatch.setattr(CutWorkers, "units", units)
    recut(str(parent.root), [LOOSER], str(tmp_path / "cut"))
    assert files(tmp_path / "cut") == files(tmp_path / "unbroken")
    assert cut_from(parent, (LOOSER,), tmp_path / "cut").rows == 0


def test_two_recuts_of_a_run_leave_it_and_each_other_alone(parent, tmp_path):
    before = files(parent.root), marks(parent.root)
    cut_from(parent, (LOOSER,), tmp_path / "looser")
    looser = files(tmp_path / "looser")
    cut_from(parent, (STRICTER,), tmp_path / "stricter")
    assert (files(parent.root), marks(parent.root)) == before
    assert files(tmp_path / "looser") == looser != files(tmp_path / "stricter")


def test_a_recut_outlives_its_parent_and_can_be_cut_itself(parent, paths, tmp_path):
    folder = recut(str(parent.root), [LOOSER], str(tmp_path / "cut"))
    shutil.rmtree(parent.root)
    finish(recipe_of(paths, STEPS, (STRICTER,), **WRITE), tmp_path / "fresh")
    write_report(folder)
    cut_from(folder, (STRICTER,), tmp_path / "again")
    assert files(tmp_path / "again") == files(tmp_path / "fresh")


def test_another_size_of_shards_writes_them_alone(parent, paths, tmp_path):
    workers = cut_from(parent, ("write.row_group_mb=1",), tmp_path / "cut")
    assert workers.rows == 0
    finish(recipe_of(paths, STEPS, ("write.row_group_mb=1",), **WRITE), tmp_path / "fresh")
    assert files(tmp_path / "cut") == files(tmp_path / "fresh")


def test_settings_that_cannot_be_are_told_at_once(parent):
    faults = faults_of(parent, "steps.lng.min_chars=3", "steps.long.min_char=3", "seed=one")
    assert [fault.partition(";")[0] for fault in faults] == [
        "steps.lng.min_chars: no such place",
        "steps.long: Chars has no option 'min_char'",
        "seed: must be a whole number, got 'one'",
    ]


@pytest.mark.parametrize(
    ("setting", "fault"),
    [
        ("steps.long.min_chars=4", "--set changes nothing; give a value that differs from that"),
        ("steps.long.resources.cpus=2", "--set changes nothing"),
        ("seed=3", "seed: changes every row; `quern run` the recipe in another folder"),
        ("source.text_column=body", "source.text_column: changes every row; `quern run`"),
        ("steps.long.checkpoint=true", "steps.long.checkpoint: changes every row; `quern run`"),
        ("steps.long.use=tests.fakes.Tag", "steps.long: Tag has no option"),
        (
            "steps.early.min_chars=3",
            "steps.early.min_chars: steps.modelled loads a model (clip), and would run again; put "
            "`checkpoint: true` on it, run the recipe, and change what comes behind; or ",
        ),
    ],
)
def test_what_recut_cannot_do_is_refused(parent, setting, fault):
    assert faults_of(parent, setting)[0].startswith(fault)


def test_a_step_with_workers_of_its_own_does_not_run_again(paths, tmp_path):
    steps = [{"use": "tests.fakes.PooledTag", "resources": {"workers": 0}}, LONG]
    parent = finish(recipe_of(paths, steps), tmp_path / "parent")
    (fault,) = faults_of(parent, LOOSER)
    assert "steps.pooled_tag has workers of its own" in fault


def test_a_step_that_asks_the_web_does_not_run_again(paths, tmp_path):
    web = {"contact": "me@quern.example"}
    fetch = {"use": "stages.fetch_media.FetchMedia", "schemes": ["http"], "web": web}
    parent = finish(recipe_of(paths, [LONG, fetch]), tmp_path / "parent")
    (fault,) = faults_of(parent, LOOSER)
    assert "steps.fetch_media asks the web" in fault


def test_a_folder_without_a_finished_run_is_refused(parent, tmp_path):
    with pytest.raises(StorageError, match=r"nothing is not a finished run: run\.json is missing"):
        plan_recut(RunFolder(root=tmp_path / "nothing"), (LOOSER,))
    path = parent.root / "run.json"
    told = json.loads(path.read_text())
    write_json(path, {**told, "state": "stopped", "error": "the disk is full"})
    with pytest.raises(StorageError, match="it stopped with 'the disk is full'; run its command"):
        plan_recut(parent, (LOOSER,))
    del told["stall_minutes"]
    write_json(path, told)
    with pytest.raises(StorageError, match=r"run\.json lacks 'stall_minutes'; another version"):
        plan_recut(parent, (LOOSER,))


def test_a_run_with_a_missing_unit_or_of_other_input_is_refused(parent, paths):
    parent.unit_file(2, 1, "done").unlink()
    with pytest.raises(StorageError, match=r"unit 1 of segment 2 in .* is missing, or its input"):
        plan_recut(parent, (LOOSER,))
    write_rows(parent.root.parent / "0.parquet", [row("a", ["other"], [])])
    with pytest.raises(StorageError, match="unit 0 of segment 1"):
        plan_recut(parent, (LOOSER,))


def test_a_run_of_other_code_is_refused(parent, monkeypatch):
    monkeypatch.setattr("pipelines.plan.code_version", lambda module: f"new {module}")
    with pytest.raises(StorageError, match="by other code of the source, early, modelled, long"):
        plan_recut(parent, (LOOSER,))


def test_a_folder_that_holds_another_run_is_left_alone(parent, paths, tmp_path):
    other = finish(recipe_of(paths, [LONG]), tmp_path / "other")
    before = files(other.root)
    for out in (other.root, parent.root):
        with pytest.raises(StorageError, match="holds another run; name another folder with --out"):
            recut(str(parent.root), [LOOSER], str(out))
    assert files(other.root) == before


def test_a_parent_that_changed_since_is_not_mixed_in(parent, paths, tmp_path):
    cut_from(parent, (LOOSER,), tmp_path / "cut")
    plan = plan_recut(parent, (LOOSER,))
    (tmp_path / "cut/segments/1/00000.done").unlink()
    (parent.root / "segments/1/00000.done").unlink()
    with pytest.raises(QuernError, match=r"segment 1 of .* has changed since it was taken over"):
        mill_cut(plan, RunFolder(root=tmp_path / "cut"), quiet())


def test_a_run_on_object_storage_is_cut_there_and_to_a_local_folder(paths, tmp_path):
    store = place(f"memory://{tmp_path.name}")
    parent = finish(recipe_of(paths, STEPS[2:]), store / "parent")
    workers = cut_from(parent, (LOOSER,), store / "cut")
    assert (workers.walked, workers.rows) == (2, 7)
    finish(recipe_of(paths, STEPS[2:], (LOOSER,)), tmp_path / "fresh")
    cut_from(parent, (LOOSER,), tmp_path / "cut")
    fresh = files(tmp_path / "fresh")
    assert files(tmp_path / "cut") == fresh
    copies = {name: digest((store / "cut" / name).read_bytes()) for name in fresh}
    assert copies == fresh
