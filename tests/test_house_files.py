"""What holds for every file of the product."""

import ast
import inspect
import re
from pathlib import Path

import pytest

from pipelines.catalogue import all_operators, find_operator

ROOT = Path(__file__).resolve().parents[1]
PRODUCT = ("stages", "filters", "synth", "pipelines", "trainer")
LOOP = ROOT / "trainer" / "loop.py"
OPERATORS = [find_operator(use) for use in all_operators()]
FILES = [path for package in PRODUCT for path in sorted((ROOT / package).rglob("*.py"))]
OPERATOR_FILES = {Path(inspect.getfile(cls)) for cls in OPERATORS}

every_file = pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))


@every_file
def test_a_file_is_short_and_opens_with_a_line_for_the_catalogue(path):
    text = path.read_text()
    assert text.count("\n") <= 400
    first = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
    assert text == "" or first.endswith((".", ":")), "the first line is a sentence"


@every_file
def test_functions_are_short(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            docstring = (ast.get_docstring(node, clean=False) or "").count("\n") + 1
            most = 140 if path == LOOP else 60  # the training loop is read from top to bottom
            assert node.end_lineno - node.lineno + 1 - docstring <= most, node.name


@every_file
def test_nothing_is_printed_but_by_commands(path):
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    prints = [call for call in calls if getattr(call.func, "id", "") == "print"]
    is_command = path.name == "cli.py" or 'if __name__ == "__main__":' in path.read_text()
    assert prints == [] or is_command


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if path not in OPERATOR_FILES and "stages" in path.parts],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_the_vocabulary_knows_no_operator(path):
    modules = {cls.__module__ for cls in OPERATORS}
    tree = ast.walk(ast.parse(path.read_text()))
    assert [node.module for node in tree if getattr(node, "module", None) in modules] == []


def _texts_of_the_repository():
    names = ("*.md", "Makefile", "*.toml", "*.lock", "*.yaml", ".ci/run")
    at_top = [path for name in names for path in ROOT.glob(name)]
    folders = (*PRODUCT, "examples", "benchmarks")
    inside = [path for folder in folders for path in (ROOT / folder).rglob("*")]
    kinds = {".py", ".yaml", ".md", ".j2", ".css"}
    return at_top + [path for path in inside if path.suffix in kinds]


@pytest.mark.parametrize(
    "pattern",
    [
        r"\b(pypi\.org|pythonhosted|conda\.anaconda|index-url)",
        r"(?<![\w./])/(home|root|work|mnt|opt|Users)/",
        r"\b(TODO|FIXME|XXX)\b",
    ],
    ids=["registry hosts", "paths of one machine", "unfinished work"],
)
def test_no_file_names(pattern):
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in _texts_of_the_repository()
        for match in re.finditer(pattern, path.read_text(encoding="utf-8"))
    ]
    assert found == []
