"""The demo: mill the bundled example site, train a small Qwen2.5-VL on its shards, let it speak."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from examples.crawl_site import crawl
from pipelines.folder import folder_at
from pipelines.job import run_recipe
from pipelines.plan import ROOT
from pipelines.recipe import load_recipe
from stages.engines.qwen_vl import QwenVL
from stages.engines.vl_request import Request, user
from trainer.config import load_config
from trainer.launch import launch

PRESET: Final = "multimodal_pretraining"
SETTINGS: Final = (
    *("steps=20", "warmup_steps=2", "pack_tokens=2048", "step_packs=1", "over_long=drop"),
    *("held_out_share=0.15", "evaluate_every=5", "evaluate_packs=2", "checkpoint_every=0"),
    *("log_every=5", "workers=1"),
)


def demo(out: Path, cpus: int, say: Callable[[str], None]) -> None:
    """Run the demo into a folder; what is done already is not done again.

    Args:
        out: the run folder.
        cpus: cores to use, 0 for all.
        say: told what came of it.
    """
    site = crawl(ROOT / "examples" / "site", out / "site.warc.gz")
    recipe_file = ROOT / "pipelines" / "recipes" / "interleaved.yaml"
    recipe = load_recipe(recipe_file, read=[str(site)], tiny=True)
    folder = folder_at(out)
    run_recipe(recipe, folder, cpus=cpus, recipe_text=recipe_file.read_text())
    say("\nA Qwen2.5-VL of 4.7 million weights learns from these shards:")
    weights = launch(
        load_config(PRESET, shape="tiny", settings=SETTINGS), str(out), out / "trained"
    )
    say(f"\ntransformers loads it and answers: {answer_of(weights)!r}")
    say(
        "\nNext:\n"
        f"  open {folder.root / 'report.html'}\n"
        "  quern plan pipelines/recipes/interleaved.yaml --read YOUR.warc.gz\n"
        "  quern run pipelines/recipes/interleaved.yaml --read YOUR.warc.gz --out runs/mine"
    )


def answer_of(weights: Path) -> str:
    """Return what transformers generates with trained weights, asked about mills."""
    model = QwenVL(model=str(weights), processor="tiny", device="cpu").load()
    request = Request(messages=[user("What turns the millstone?")], max_tokens=24)
    return model.generate([request])[0].text
