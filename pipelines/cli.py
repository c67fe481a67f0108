"""The command line: run, recut, submit, plan, stage, ops, models, card, report, train, demo."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from pipelines.card import write_card
from pipelines.catalogue import all_operators, find_operator
from pipelines.estimate import estimate as estimated
from pipelines.estimate import told as estimate_told
from pipelines.folder import RunFolder, folder_at
from pipelines.job import run_recipe
from pipelines.plan import explain
from pipelines.recipe import Recipe, load_recipe
from pipelines.report import write_report
from pipelines.single import stage_recipe
from pipelines.submit import Request, run_from_client
from pipelines.submit import submit as submit_job
from stages.errors import QuernError, RecipeError
from stages.options import default_of, option_types, type_name
from stages.places import exists
from stages.stage import Filter, Operator

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
INTERRUPTED = 130  # what shells say of Ctrl-C
MANY = ("--read", "--set")  # options that take several values after one name

RecipeFile = Annotated[Path, typer.Argument(help="The recipe, a YAML file.")]
Read = Annotated[
    list[str] | None,
    typer.Option("--read", metavar="PATH...", help="Input files, folders or patterns."),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="PLACE=VALUE...", help="e.g. steps.text_repetition.max_share=0.2"
    ),
]
Out = Annotated[
    str | None,
    typer.Option("--out", help="The run folder, a path or s3://...; runs/NAME unless given."),
]
Tiny = Annotated[bool, typer.Option("--tiny", help="Use the small bundled models.")]
Cpus = Annotated[int, typer.Option("--cpus", min=0, help="Cores to use on this machine; 0: all.")]
Address = Annotated[
    str,
    typer.Option(
        "--address", help="A Ray cluster to run on: auto or HOST:PORT on it, ray://HEAD:10001."
    ),
]
Retry = Annotated[
    bool, typer.Option("--retry-failed", help="Ask the web again for what failed for the moment.")
]
Run = Annotated[str, typer.Argument(help="A run folder, a path or s3://...")]


def main() -> None:
    """Run the command line; errors that a user can mend are printed without a traceback."""
    sys.argv[1:] = spread(sys.argv[1:])
    console = Console(stderr=True)
    try:
        app()
    except RecipeError as error:
        console.print(f"[red]RecipeError[/] {escape(str(error))}", soft_wrap=True)
        sys.exit(2)
    except QuernError as error:
        name = type(error).__name__
        console.print(f"[red]{name}[/] {escape(str(error))}", soft_wrap=True)
        sys.exit(1)


def spread(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with `--read A B` written as `--read A --read B`.

    >>> spread(["run", "r.yaml", "--read", "a", "b", "--tiny"])
    ['run', 'r.yaml', '--read', 'a', '--read', 'b', '--tiny']
    """
    out: list[str] = []
    current, taken = "", False
    for argument in arguments:
        if argument.startswith("-"):
            current, taken = (argument if argument in MANY else ""), False
        elif current and taken:
            out.append(current)
        taken = bool(current) and not argument.startswith("-")
        out.append(argument)
    return out


@app.command()
def run(
    recipe: RecipeFile,
    read: Read = None,
    out: Out = None,
    settings: Settings = None,
    tiny: Tiny = False,
    cpus: Cpus = 0,
    address: Address = "",
    retry: Retry = False,
) -> None:
    """Run a recipe to shards, card and report. To resume, run the same command again."""
    if address.startswith("ray://"):
        request = replace(_request(recipe, read, out, settings, tiny), retry=retry)
        run_from_client(request, address, _say)
        return
    loaded = load_recipe(recipe, read=read or (), settings=settings or (), tiny=tiny)
    text, folder = recipe.read_text(), _folder(out, loaded)
    run_recipe(loaded, folder, cpus=cpus, address=address, recipe_text=text, retry=retry)


@app.command()
def recut(
    run: Run,
    settings: Settings = None,
    out: Annotated[str | None, typer.Option("--out", help="The new run folder.")] = None,
) -> None:
    """Apply other thresholds to the stored scores of a finished run: a new run, in seconds."""
    from pipelines.recut import recut as cut

    cut(run, settings or [], out or "")


@app.command()
def submit(
    recipe: RecipeFile,
    address: Annotated[
        str, typer.Option("--address", help="The cluster's job server, http://HEAD:8265.")
    ],
    read: Read = None,
    out: Out = None,
    settings: Settings = None,
    tiny: Tiny = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not follow the job.")] = False,
) -> None:
    """Run a recipe as a job of a cluster, follow its log and end with its exit code."""
    request = _request(recipe, read, out, settings, tiny)
    try:
        code = submit_job(request, address, _say, wait=not no_wait)
    except KeyboardInterrupt:
        code = INTERRUPTED
    raise typer.Exit(code)


def _request(
    recipe: Path, read: list[str] | None, out: str | None, settings: list[str] | None, tiny: bool
) -> Request:
    if out is None:
        fault = "name the run folder, as the cluster's nodes see it: --out s3://... or /shared/..."
        raise RecipeError("quern", [fault])
    return Request(
        recipe=recipe,
        out=out,
        read=tuple(read or ()),
        settings=tuple(settings or ()),
        tiny=tiny,
    )


def _say(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


@app.command()
def plan(
    recipe: RecipeFile,
    read: Read = None,
    out: Out = None,
    settings: Settings = None,
    tiny: Tiny = False,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Probe the input: time, memory, disk and cost.")
    ] = False,
    nodes: Annotated[int, typer.Option("--nodes", min=0, help="Of a cluster to estimate.")] = 0,
    node_cpus: Annotated[int, typer.Option("--node-cpus", min=1, help="Cores of each.")] = 16,
    node_cost_per_hour: Annotated[
        float, typer.Option("--node-cost-per-hour", min=0.0, help="Of each, in any currency.")
    ] = 0.0,
) -> None:
    """Show what a run would do and what it would skip."""
    loaded = load_recipe(recipe, read=read or (), settings=settings or (), tiny=tiny)
    folder = _folder(out, loaded)
    typer.echo(explain(loaded, folder if exists(folder.root) else None))
    if estimate:
        found = estimated(loaded)
        typer.echo("\n" + estimate_told(found, nodes, node_cpus, node_cost_per_hour))


def _folder(out: str | None, recipe: Recipe) -> RunFolder:
    return folder_at(out or Path("runs") / recipe.name)


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def stage(
    context: typer.Context,
    use: Annotated[str, typer.Argument(help="The operator's import path.")],
    read: Read = None,
    write: Annotated[str | None, typer.Option("--write", help="The run folder.")] = None,
    cpus: Cpus = 0,
) -> None:
    """Run one operator as a job: quern stage USE --read DIR --write DIR [--option value ...].

    `quern stage USE --help` lists the operator's options.
    """
    if use == "--help":
        typer.echo(context.get_help())
        return
    if "--help" in context.args:
        _show_operator(use)
        return
    if write is None:
        raise RecipeError("quern stage", ["name the run folder: --write DIR"])
    folder = folder_at(write)
    recipe = stage_recipe(use, read or [], context.args, folder.root)
    run_recipe(recipe, folder, cpus=cpus)


@app.command()
def ops(use: Annotated[str, typer.Argument(help="An operator, for its options.")] = "") -> None:
    """List the operators, or the options of one."""
    if use:
        _show_operator(use)
        return
    for path in all_operators():
        cls = find_operator(path)
        typer.echo(f"{kind_of(cls):<10}{path}\n{'':10}{_first_line(cls)}")


def kind_of(cls: type[Operator]) -> str:
    """Return Source, Stage, Filter, Regroup or Generator."""
    return next(base.__name__ for base in cls.__mro__ if base.__module__ == "stages.stage")


def _first_line(cls: type) -> str:
    module = sys.modules[cls.__module__].__doc__ or ""
    return module.strip().partition("\n")[0]


def _show_operator(use: str) -> None:
    try:
        cls = find_operator(use)
    except LookupError as error:
        raise RecipeError("quern", [str(error)]) from error
    typer.echo(f"{use}\n\n{(cls.__doc__ or '').strip()}\n\nOptions:")
    types = option_types(cls)
    for each in fields(cls):
        fixed = each.name == "over" and issubclass(cls, Filter) and len(cls.levels) == 1
        if each.name == "paths" or fixed:
            continue
        default = "required" if default_of(each) is MISSING else repr(default_of(each))
        name = each.name.replace("_", "-")
        typer.echo(f"  --{name}  {type_name(types[each.name])}  [{default}]")


models = typer.Typer(no_args_is_help=True, help="The models that recipes load.")
app.add_typer(models, name="models")


@models.command()
def fetch(recipe: RecipeFile, settings: Settings = None) -> None:
    """Fetch what a recipe's models need from the hub into the cache of this machine."""
    from pipelines.models_fetch import fetch_models

    loaded = load_recipe(recipe, settings=settings or (), here=False)
    for line in fetch_models(loaded):
        typer.echo(line)


@app.command()
def train(
    preset: Annotated[str, typer.Argument(help="A preset, or a YAML file like one.")],
    data: Annotated[str, typer.Option("--data", help="The run whose shards to train on.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the training.")] = Path(
        "runs/train"
    ),
    shape: Annotated[str, typer.Option("--shape", help="tiny, 3b, 7b or 72b.")] = "",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="OPTION=VALUE...", help="e.g. steps=500 language_rate=1e-5"),
    ] = None,
    address: Address = "",
    ranks: Annotated[int, typer.Option("--ranks", min=1, help="Processes on the cluster.")] = 1,
) -> None:
    """Train Qwen2.5-VL on the shards of a run. To resume, run the same command again."""
    from trainer.config import load_config
    from trainer.launch import launch

    config = load_config(preset, shape=shape, settings=settings or ())
    if not address:
        if ranks > 1:
            fault = "--ranks counts processes on a cluster, --address; on this machine use torchrun"
            raise RecipeError("quern train", [fault])
        launch(config, data, out)
        return
    if address.startswith("ray://"):
        fault = "a training starts on a node of its cluster: --address auto or HOST:PORT"
        raise RecipeError("quern train", [fault])
    from pipelines.cluster import ray_session, resources_there
    from trainer.launch_ray import launch_on_ray

    with ray_session(address=address):
        typer.echo(f"log      {out / 'metrics.jsonl'}")
        weights = launch_on_ray(config, data, out, ranks=ranks, there=resources_there())
    typer.echo(f"weights  {weights}")


@app.command()
def card(run: Run) -> None:
    """Write the dataset card of a run again."""
    typer.echo(write_card(folder_at(run)))


@app.command()
def report(run: Run) -> None:
    """Write the report of a run again."""
    typer.echo(write_report(folder_at(run)))


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", help="The run folder.")] = Path("runs/demo"),
    cpus: Cpus = 0,
) -> None:
    """Mill the bundled example site with the main recipe, then train a small model on it."""
    from pipelines.demo import demo as run_demo

    run_demo(out, cpus, typer.echo)


if __name__ == "__main__":
    main()
