"""A run from the command line: the folder is taken, the recipe milled, everything written up."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

from pipelines.card import write_card
from pipelines.cluster import ray_session
from pipelines.folder import RunFolder
from pipelines.ledger import StepCount
from pipelines.mill import mill
from pipelines.nodes import check_nodes
from pipelines.progress import Display
from pipelines.recipe import Recipe
from pipelines.report import write_report
from pipelines.retry import retry_failed
from pipelines.run import OnRay
from pipelines.run_note import about_run, note_run, phases_of, told_of
from pipelines.tasks import beside
from stages.errors import StorageError
from stages.files import write_bytes
from stages.places import AnyPath, place


def run_recipe(
    recipe: Recipe,
    folder: RunFolder,
    *,
    cpus: int = 0,
    address: str = "",
    recipe_text: str = "",
    retry: bool = False,
) -> None:
    """Run a recipe in a folder, then write run.json, card and report and print the funnel.

    Args:
        recipe: what to run.
        folder: the run folder.
        cpus: cores to use on this machine; 0 uses all.
        address: of a Ray cluster to use instead, `auto` or `host:port`.
        recipe_text: goes into the run folder as it stands.
        retry: ask again first what failed for the moment.

    Raises:
        QuernError: what stopped the run; run.json says so too.
    """
    _check_inputs(recipe, folder)
    display = Display()
    with folder.lock(), ExitStack() as stack:
        about = about_run(recipe, folder)
        started = time.perf_counter()
        workers = OnRay(stall_minutes=recipe.stall_minutes)
        if recipe_text:
            write_bytes(folder.root / "recipe.yaml", recipe_text.encode())
        try:
            if retry:
                again = retry_failed(recipe, folder)
                display.say(f"asked again: {', '.join(again) or 'nothing, no failure may pass'}")
            begun = time.perf_counter()
            stack.enter_context(ray_session(cpus, address))
            display.say(f"  Ray up in {time.perf_counter() - begun:.1f} s")
            check_nodes(folder.root, [unit.path for unit in recipe.units])
            result = mill(recipe, folder, workers, display)
        except BaseException as error:
            note_run(folder, about, started, {"state": "stopped", "error": str(error)})
            display.say(
                f"stopped; `quern report {folder.root}` shows how far it came, the same command "
                f"goes on from there"
            )
            raise
        note_run(folder, about, started, told_of(result) | {"phases": phases_of(workers.phases)})
        begun = time.perf_counter()
        card, report = beside(write_card, write_report, folder)
        display.say(f"  card and report in {time.perf_counter() - begun:.1f} s")
    display.say("")
    display.say(funnel(result.counts))
    for fault in result.faults:
        display.say(f"fault: {fault['path']} at {fault['offset']}: {fault['message']}")
    display.say(f"\ncard    {card}\nreport  {report}")
    if recipe.write is not None:
        display.say(f"shards  {folder.shards}")


def _check_inputs(recipe: Recipe, folder: RunFolder) -> None:
    """Refuse to read what the run itself would write over."""
    written = [_whole(folder.root / name) + "/" for name in ("segments", "shards")]
    for path in {unit.path for unit in recipe.units}:
        if any(_whole(place(path)).startswith(each) for each in written):
            raise StorageError(
                f"{path} is input and lies in the run folder {folder.root}, where it would "
                f"be written over; name another run folder"
            )


def _whole(path: AnyPath) -> str:
    return str(path.resolve() if isinstance(path, Path) else path)


def funnel(counts: list[StepCount]) -> str:
    """Return the funnel as text: what each step was given, dropped and gave on, and its speed.

    Rates are per second of one worker.
    """
    lines = [
        f"{'step':<22}{'rows in':>10}{'dropped':>10}{'failed':>8}{'kept':>10}{'seconds':>9}"
        f"{'rows/s':>9}{'MB/s':>8}  parts dropped"
    ]
    for count in counts:
        seconds = max(count.seconds, 1e-9)
        parts = f"{count.elements_dropped:,} of {count.elements_in:,}" if count.elements_in else ""
        lines.append(
            f"{count.name:<22}{count.rows_in:>10,}{count.dropped:>10,}{count.quarantined:>8,}"
            f"{count.rows_out:>10,}{count.seconds:>9.2f}{count.rows_in / seconds:>9,.0f}"
            f"{count.bytes_in / 1e6 / seconds:>8,.1f}  {parts}"
        )
    return "\n".join(line.rstrip() for line in lines)
