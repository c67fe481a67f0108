"""What the first page of a process needs is compiled before the clock of any page runs."""

import subprocess
import sys
from pathlib import Path

from stages.extract_page import ExtractPage

ROOT = Path(__file__).resolve().parents[3]
COMPILED_LATER = """
import sys
from numba.core.dispatcher import Dispatcher
from benchmarks.pages.build import made_pages
from stages.extraction.document import Page, read_page, warm_up

def compiled():
    modules = [module for name, module in sys.modules.items() if name.startswith("stages.")]
    values = [value for module in modules for value in vars(module).values()]
    return {(value.py_func.__module__, value.__name__, tuple(value.signatures))
            for value in values if isinstance(value, Dispatcher)}

warm_up()
before, imported = compiled(), set(sys.modules)
for made in made_pages():
    read_page(Page(made.raw, made.content_type, made.url))
late = {name for name in set(sys.modules) - imported if not name.startswith("encodings.")}
print(sorted(compiled() - before), sorted(late))
"""


def test_no_page_needs_what_the_warm_up_did_not():
    command = [sys.executable, "-c", COMPILED_LATER]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[] []"


def test_the_child_of_extract_page_warms_up_before_its_first_page(monkeypatch):
    made = {}
    monkeypatch.setattr("stages.extract_page.Sandbox", lambda function, **how: made.update(how))
    ExtractPage().build()
    assert made["prepare"] == "stages.extraction.document:warm_up"
