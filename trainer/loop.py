"""The training loop, from shards to weights: one function, read from top to bottom.

<out>/config.json       what it was told; a training that goes on must be told the same
<out>/plans/            the pack plan of each epoch
<out>/checkpoints/      weights, optimizer and the loader's cursor
<out>/metrics.jsonl     a line every `log_every` steps; tensorboard/ has the same
<out>/model/            the weights at the end, in Hugging Face's layout
<out>/loss.png          the loss curve
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

from stages.chat import TEMPLATE
from stages.errors import NotReadyError
from stages.places import AnyPath
from stages.shards import Stamp
from stages.tokenizer import Tokenizer, load_tokenizer
from trainer.assemble import Assembly
from trainer.checkpoint import Checkpoints
from trainer.config import TrainConfig, changed
from trainer.counts import Counts, read_counts
from trainer.curve import draw_curve
from trainer.data import Cursor, PackLoader
from trainer.display import Display
from trainer.dpo import Preference, load_references
from trainer.evaluate import evaluate, read_questions
from trainer.flops import load_of
from trainer.held_out import held_out_loss, held_out_packs, hold_out
from trainer.inputs import Pack
from trainer.layers import Block
from trainer.lora import apply_lora, merge_lora
from trainer.loss import PackLoss, pack_loss
from trainer.metrics import Journal, Meter
from trainer.model import QwenVLModel
from trainer.model_config import SHAPES, read_config, write_config
from trainer.optim import finish_gradients, freeze, make_optimizer, set_rates, trained_table
from trainer.pairs import PairAssembly
from trainer.parallel import Ranks, accumulating, joined, leave_cores, spread
from trainer.plan import load_plan
from trainer.weights import load_model, save_weights

CONFIG = "config.json"
Objective = Callable[[QwenVLModel, Pack], PackLoss]


def train(config: TrainConfig, data: AnyPath, out: Path) -> Path:
    """Train on the shards of a run and return the folder of the weights.

    The same command goes on where a training was cut off, with any number of ranks; on a CPU, with
    as many ranks and threads as before, to the same losses bit for bit.

    Args:
        config: what to do.
        data: folder of the shards.
        out: folder of the training.

    Raises:
        NotReadyError: when shards, weights or an earlier training do not fit what is asked.
        StorageError: when a file cannot be read or written.
        QuarantineError: when too many rows cannot be trained on.
    """
    with joined() as ranks, Display(steps=config.steps, shown=ranks.is_first) as display:
        # What to train on: counts say it all, no row is read yet.
        leave_cores(ranks, config.workers)
        tokenizer = load_tokenizer(config.processor)
        stamp = stamp_of(config, tokenizer)
        counts = read_counts(data, stamp)
        to_train, held = hold_out(counts, config.held_out_share, config.seed)
        begin(config, out, ranks)

        # What to train: each part by its rate, then spread over the ranks.
        model = make_model(config).to(ranks.device)
        freeze(model, config.rates)
        if config.lora is not None:
            apply_lora(model, config.lora, config.seed)
        display.trained(trained_table(model, config.rates))
        model = spread(model, ranks, config.precision)
        if config.compile:
            for block in [*model.vision.blocks, *model.language.layers]:
                block.compile()
        optimizer = make_optimizer(model, config)

        # What is learnt: to foretell tokens, or to prefer answers more than the model does now.
        assembly = make_assembly(config, tokenizer, stamp, model)
        objective = make_objective(config, model, counts, assembly, ranks, out)

        # Where it was.
        checkpoints = Checkpoints(
            folder=out / "checkpoints", ranks=ranks, keep=config.keep_checkpoints
        )
        progress = checkpoints.load(model, optimizer)
        if progress.step:
            display.say(f"goes on from step {progress.step}")

        # The packs of this rank, made ahead by workers, and what to evaluate on.
        loader = PackLoader(
            counts=to_train,
            plan=lambda epoch: load_plan(
                out / "plans" / f"epoch-{epoch:04d}.npz",
                to_train,
                config.packing,
                epoch,
            ),
            assembly=assembly,
            rank=ranks.rank,
            ranks=ranks.count,
            start=progress.cursor,
            workers=config.workers,
            max_bad_rows=config.max_bad_rows,
        )
        packs = iter(loader)
        turns = -(-config.step_packs // ranks.count)
        held_packs = held_out_packs(held, config.packing, assembly, ranks, config.evaluate_packs)
        questions = read_questions(held, assembly, tokenizer, config.evaluate_questions)
        meter = Meter(model=model, ranks=ranks, groups=counts.groups)
        journal = Journal(folder=out, after=progress.step) if ranks.is_first else None

        while progress.step < config.steps:
            # One optimizer step: the sum of the losses of its packs, over turns and ranks.
            rate_share = set_rates(optimizer, config, progress.step)
            labels = torch.zeros((), device=ranks.device)
            for turn in range(turns):
                loaded = next(packs)
                load, pack = load_of(loaded.pack), loaded.pack.to(ranks.device)
                with accumulating(model, is_last=turn == turns - 1):
                    loss = objective(model, pack)
                    torch.autograd.backward(loss.total)
                labels += loss.labels.sum()
                meter.add(load, loss)
            norm = finish_gradients(model, ranks.sum(labels), config.clip_norm)
            optimizer.step()
            optimizer.zero_grad()
            epoch, step = loaded.cursor
            progress = replace(progress, step=progress.step + 1, cursor=Cursor(epoch, step + 1))
            display.step(progress.step)
            checkpoints.settle()

            # Say how it goes; numbers are asked of the device here and nowhere else.
            is_last = progress.step == config.steps
            if progress.step % config.log_every == 0 or is_last:
                line = meter.line(loader.wait_s)
                line |= {"grad_norm": norm.item(), "rate_share": rate_share, "epoch": epoch}
                line |= {"bad_rows": loader.bad_rows, "time": time.time()}
                if journal is not None:
                    journal.write(progress.step, line)
                    display.line(progress.step, line)
            if held_packs and (_due(progress.step, config.evaluate_every) or is_last):
                line = {"held_out_loss": held_out_loss(model, objective, held_packs, ranks)}
                line |= evaluate(model, questions, assembly, tokenizer)
                if journal is not None:
                    journal.write(progress.step, line)
                    display.line(progress.step, line)
            if _due(progress.step, config.checkpoint_every) or is_last:
                checkpoints.save(model, optimizer, progress)

        # What is left when it is over.
        checkpoints.finish()
        if config.lora is not None:
            merge_lora(model)
        export(model, out / "model", ranks)
        if journal is not None:
            journal.close()
            display.say(f"weights  {out / 'model'}\ncurve    {draw_curve(out)}")
    return out / "model"


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0


def stamp_of(config: TrainConfig, tokenizer: Tokenizer) -> Stamp:
    """Return what the shards must have been tokenized for."""
    return Stamp(
        tokenizer=tokenizer.fingerprint,
        template=TEMPLATE,
        min_pixels=config.min_pixels or tokenizer.min_pixels,
        max_pixels=config.max_pixels or tokenizer.max_pixels,
        coordinates="pixels",
    )


def begin(config: TrainConfig, out: Path, ranks: Ranks) -> None:
    """Write down what the training is told, or compare it with what it was told before.

    Raises:
        NotReadyError: when it differs in more than how often something is said or saved.
    """
    file = out / CONFIG
    if file.is_file():
        if names := changed(json.loads(file.read_text()), config):
            raise NotReadyError(
                f"{out} holds a training that was told another {', '.join(names)}; "
                f"give the same options to go on, or another --out to begin anew"
            )
    elif ranks.is_first:
        (out / "plans").mkdir(parents=True, exist_ok=True)
        file.write_text(config.to_json())


def make_model(config: TrainConfig) -> QwenVLModel:
    """Return the model with its first weights, in float32 on the CPU."""
    if config.weights:
        model = load_model(Path(config.weights))
    else:
        model = QwenVLModel(read_config(SHAPES / f"{config.shape}.json"))
        model.init_weights(config.seed)
    for blocks, again in (
        (model.vision.blocks, config.recompute_vision),
        (model.language.layers, config.recompute_language),
    ):
        for block in blocks:
            assert isinstance(block, Block)
            block.recompute = again
    return model


def make_assembly(
    config: TrainConfig, tokenizer: Tokenizer, stamp: Stamp, model: QwenVLModel
) -> Assembly:
    """Return what makes packs of rows, or of pairs for DPO."""
    kind = PairAssembly if config.objective == "dpo" else Assembly
    return replace(
        kind.of(tokenizer.control, pack_tokens=config.pack_tokens, stamp=stamp),
        tokens_per_second=model.config.vision.tokens_per_second,
    )


def make_objective(
    config: TrainConfig,
    model: QwenVLModel,
    counts: Counts,
    assembly: Assembly,
    ranks: Ranks,
    out: Path,
) -> Objective:
    """Return the loss of a pack; for DPO after asking the untrained model about every pair."""
    groups = len(counts.groups)
    if not isinstance(assembly, PairAssembly):
        return partial(next_token, groups=groups)
    references = load_references(
        out / "plans" / "references.npz",
        model=model,
        counts=counts,
        packing=config.packing,
        assembly=assembly,
        ranks=ranks,
        workers=config.workers,
    )
    return Preference(references=references, beta=config.dpo_beta, groups=groups)


def next_token(model: QwenVLModel, pack: Pack, groups: int) -> PackLoss:
    """Return the cross entropy of a pack's labels."""
    return pack_loss(model(pack.inputs), model.head_weight, pack, groups)


def export(model: QwenVLModel, folder: Path, ranks: Ranks) -> None:
    """Write the weights, gathered from all ranks, as transformers and vLLM read them."""
    whole = StateDictOptions(full_state_dict=True, cpu_offload=True)
    weights: dict[str, Any] = get_model_state_dict(model, options=whole)
    if ranks.is_first:
        write_config(model.config, folder)
        save_weights(weights, folder)
