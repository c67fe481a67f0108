"""The filter that CONTRIBUTING.md shows is a filter, and its test passes."""

import importlib.util
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def example(tmp_path, monkeypatch):
    """The files that hold the two code blocks."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    files = [tmp_path / "alt_text.py", tmp_path / "test_alt_text.py"]
    for path, block in zip(files, blocks, strict=True):
        path.write_text(block)
    return files


def _load(path, name, monkeypatch):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


def test_the_example_passes_its_own_test(example, monkeypatch):
    _load(example[0], "filters.alt_text", monkeypatch)
    module = _load(example[1], "test_alt_text", monkeypatch)
    tests = dict(inspect.getmembers(module, inspect.isfunction))
    assert "test_keeps_pictures_described_in_min_chars_or_more" in tests
    tests["test_keeps_pictures_described_in_min_chars_or_more"]()


# The example's own module is not there for ruff to see that it is of this repository.
OURS = 'lint.isort.known-first-party=["filters"]'


@pytest.mark.parametrize(
    "command", [["check", "--config", OURS], ["format", "--check"]], ids=["check", "format"]
)
def test_the_example_is_in_the_form_that_make_check_asks_for(example, command):
    names = ("filters/alt_text.py", "tests/filters/test_alt_text.py")
    for path, name in zip(example, names, strict=True):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, f"--stdin-filename={name}", "-"],
            input=path.read_text(),
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
