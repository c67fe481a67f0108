"""What a recipe says of the resources of its steps."""

import pytest

from pipelines.recipe import build_recipe
from stages.errors import RecipeError
from stages.stage import Resources
from tests.fakes import PooledTag

READ = "stages.sources.read_jsonl.ReadJsonl"
TAG = "tests.fakes.Tag"
POOLED = "tests.fakes.PooledTag"


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "a mill"}\n')
    return str(path)


def _build(rows, *steps):
    return build_recipe({"source": {"use": READ, "paths": [rows]}, "steps": list(steps)}, "t.yaml")


def _faults(rows, *steps):
    with pytest.raises(RecipeError) as caught:
        _build(rows, *steps)
    return list(caught.value.faults)


def test_a_step_takes_the_resources_of_its_operator_but_for_what_the_recipe_says(rows):
    steps = [POOLED, {"use": POOLED, "resources": {"gpus": 1}}, {"use": TAG, "resources": {}}]
    plain, gpu, tag = _build(rows, *steps).steps
    assert plain.resources == PooledTag.resources == Resources(cpus=0.25, workers=2)
    assert gpu.resources == Resources(cpus=0.25, gpus=1.0, workers=2)
    assert tag.resources == Resources()


def test_tiny_and_set_reach_into_the_resources_of_a_step(rows):
    content = {
        "source": {"use": READ, "paths": [rows]},
        "steps": [{"use": POOLED, "resources": {"gpus": 1, "workers": 4}}],
        "tiny": {"steps.pooled_tag.resources.workers": 0},
    }
    settings = ["steps.pooled_tag.resources.cpus=2"]
    (step,) = build_recipe(content, "t.yaml", tiny=True, settings=settings).steps
    assert step.resources == Resources(cpus=2.0, gpus=1.0, workers=0)
    assert build_recipe(content, "t.yaml").steps[0].resources.workers == 4


@pytest.mark.parametrize(
    ("resources", "fault"),
    [
        ([1], "steps.tag: resources must be a mapping of cpus, gpus, workers, got [1]"),
        ({"wrkers": 1}, "steps.tag: resources has no 'wrkers'; did you mean 'workers'?"),
        ({"workers": 1.5}, "steps.tag: resources: workers must be a whole number, got 1.5"),
        ({"workers": -1}, "steps.tag: resources: workers must be at least 0, got -1"),
        ({"cpus": 0}, "steps.tag: resources: cpus must be more than 0, got 0"),
        ({"gpus": -0.5}, "steps.tag: resources: gpus must be at least 0, got -0.5"),
    ],
)
def test_wrong_resources_are_a_fault(rows, resources, fault):
    assert _faults(rows, {"use": TAG, "resources": resources}) == [fault]


def test_wrong_resources_and_wrong_options_of_a_step_are_told_together(rows):
    step = {"use": TAG, "tags": "a", "resources": {"cpus": -1}}
    assert [fault.partition(",")[0] for fault in _faults(rows, step)] == [
        "steps.tag: Tag has no option 'tags'; did you mean 'tag'?",
        "steps.tag: resources: cpus must be more than 0",
    ]


def test_set_says_when_there_is_nothing_inside_an_option(rows):
    content = {"source": {"use": READ, "paths": [rows]}, "steps": [{"use": TAG, "tag": "a"}]}
    with pytest.raises(RecipeError) as caught:
        build_recipe(content, "t.yaml", settings=["steps.tag.tag.b=1"])
    assert caught.value.faults == (
        "steps.tag.tag.b: steps.tag.tag is 'a' and has nothing inside it",
    )
