"""What a model answers to rows that it was not trained on, and how right that is, by kind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from torch.distributed.fsdp import FSDPModule

from stages.chat import END_OF_TEXT, IM_END
from stages.files import open_parquet
from stages.geometry import PATCH_PX, Grid
from stages.tokenizer import Tokenizer
from trainer.assemble import Assembly
from trainer.counts import Counts
from trainer.generate import generate
from trainer.model import QwenVLModel
from trainer.rows import Row, rows_of
from trainer.task_metrics import (
    action_in,
    anls,
    box_scores,
    boxes_in,
    is_exact,
    is_inside,
    is_same_action,
)

Floats = npt.NDArray[np.float64]

TEXTS: Final = ("ocr", "qa")
"""Kinds whose answers are compared as texts."""
BATCH_TOKENS: Final = 8192
"""Tokens of prompts that are answered together."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Question:
    """What comes before an answer in a row, and the answer.

    Attributes:
        kind: of the row.
        prompt: the row up to the answer, with the media until there.
        answer: the text of the answer.
        boxes: float64[N, 4], boxes that the answer refers to, in pixels of the original picture.
        scale: float64[2], what x and y of the answer are to be multiplied with to be such pixels.
    """

    kind: str
    prompt: Row
    answer: str
    boxes: Floats
    scale: Floats


def read_questions(
    counts: Counts, assembly: Assembly, tokenizer: Tokenizer, most: int
) -> list[Question]:
    """Return the questions of rows with labels, evenly spread over the shards.

    Args:
        counts: of the rows, such as those that `hold_out` gives.
        assembly: of the training.
        tokenizer: that the shards were made with.
        most: rows at most.

    Raises:
        StorageError: when a shard is missing or damaged.
    """
    numbers = np.flatnonzero(counts.n_label_tokens > 0)
    chosen = numbers[np.linspace(0, len(numbers) - 1, min(most, len(numbers))).astype(np.int64)]
    questions: list[Question] = []
    for chunk in np.unique(counts.chunk_of[chosen]):
        file, row_group = counts.chunks[chunk]
        with open_parquet(counts.folder / file) as shard:
            table = shard.read_row_group(row_group)
        places = chosen[counts.chunk_of[chosen] == chunk] - counts.first[chunk]
        questions.extend(questions_in(table.take(pa.array(places)), assembly, tokenizer))
    return questions


def questions_in(table: pa.Table, assembly: Assembly, tokenizer: Tokenizer) -> Iterator[Question]:
    """Yield every answered turn of the conversations in rows of a shard; documents have none."""
    told = table.select(["kind", "messages", "media", "regions"]).to_pylist()
    for row, said in zip(rows_of(table, [0] * table.num_rows), told, strict=True):
        answers = [turn for turn in said["messages"] if turn["role"] == "assistant"]
        for (start, end), turn in zip(row.label_spans, answers, strict=bool(answers)):
            boxes, scale = _targets(turn, said, row.grids)
            yield Question(
                kind=said["kind"],
                prompt=_until(row, int(start), assembly),
                answer=_text(row.input_ids[start:end].tolist(), tokenizer),
                boxes=boxes,
                scale=scale,
            )


def _text(ids: Sequence[int], tokenizer: Tokenizer) -> str:
    ends = {tokenizer.control[IM_END], tokenizer.control[END_OF_TEXT]}
    length = next((at for at, token in enumerate(ids) if token in ends), len(ids))
    text: str = tokenizer.model.decode(list(ids[:length]))
    return text


def _targets(
    turn: Mapping[str, Any], said: Mapping[str, Any], grids: Sequence[Grid]
) -> tuple[Floats, Floats]:
    """Return the boxes that a turn refers to, and the scale from what the model sees to theirs."""
    marks = [part for part in turn["parts"] if part["type"] in ("box", "point")]
    regions = [said["regions"][part["index"]] for part in marks]
    boxes = np.array([region["box"] for region in regions if region["box"]], np.float64)
    shown = [
        part["index"]
        for message in said["messages"]
        for part in message["parts"]
        if part["type"] in ("image", "video")
    ]
    if not regions or regions[0]["media"] not in shown:
        return boxes.reshape(-1, 4), np.ones(2)
    medium, grid = said["media"][regions[0]["media"]], grids[shown.index(regions[0]["media"])]
    scale = np.array([medium["width_px"] / grid.w, medium["height_px"] / grid.h]) / PATCH_PX
    return boxes.reshape(-1, 4), scale


def _until(row: Row, end: int, assembly: Assembly) -> Row:
    """Return the row cut off before a token, with the media shown until there."""
    ids = row.input_ids[:end]
    pads = np.isin(ids, [assembly.image_pad, assembly.video_pad])
    ends = np.cumsum([grid.tokens for grid in row.grids], dtype=np.int64)
    media = int(np.searchsorted(ends, pads.sum(), side="right"))
    firsts = ids[pads][ends[:media] - 1]
    videos = int((firsts == assembly.video_pad).sum())
    return replace(
        row,
        input_ids=ids,
        label_spans=np.empty((0, 2), np.int64),
        grids=row.grids[:media],
        seconds_per_grid=row.seconds_per_grid[:media],
        images=row.images[: media - videos],
        videos=row.videos[:videos],
        frame_times_s=row.frame_times_s[:videos],
    )


def answers_of(
    model: QwenVLModel,
    questions: Sequence[Question],
    assembly: Assembly,
    tokenizer: Tokenizer,
    max_new_tokens: int,
) -> list[str]:
    """Return the likeliest answer to each question, token by token."""
    stop = {tokenizer.control[IM_END], tokenizer.control[END_OF_TEXT]}
    device = next(model.parameters()).device
    answers: list[str] = []
    for some in _batches(questions):
        tokens = sum(len(each.prompt.input_ids) for each in some)
        pack, faults = _plain(assembly, tokens).pack([each.prompt for each in some])
        assert not faults, f"a row that was trained on cannot be asked: {faults[0].reason}"
        found = generate(
            model, pack.inputs.to(device), max_new_tokens=max_new_tokens, stop_ids=stop
        )
        answers.extend(_text(ids, tokenizer) for ids in found)
    return answers


def _plain(assembly: Assembly, pack_tokens: int) -> Assembly:
    """Return what makes packs of prompts, also where the training's are of pairs."""
    told = {field.name: getattr(assembly, field.name) for field in fields(Assembly)}
    return Assembly(**{**told, "pack_tokens": pack_tokens})


def _batches(questions: Sequence[Question]) -> Iterator[list[Question]]:
    batch: list[Question] = []
    for question in questions:
        used = sum(len(each.prompt.input_ids) for each in batch)
        if batch and used + len(question.prompt.input_ids) > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(question)
    if batch:
        yield batch


def evaluate(
    model: QwenVLModel,
    questions: Sequence[Question],
    assembly: Assembly,
    tokenizer: Tokenizer,
    *,
    max_new_tokens: int = 256,
) -> dict[str, float]:
    """Return means over the questions that each measure is about.

    `grounding/iou` and `grounding/acc@0.5`, in pixels of the original pictures; `ocr/exact`,
    `ocr/anls`, `qa/exact`, `qa/anls`; `agent/action`, the same but for the place, and, where what
    is to be acted on has a box, `agent/click_in_box`, whether the place lies in it.

    Args:
        model: all ranks that it is spread over must ask the same, since each step of an answer
            gathers its blocks.
        questions: what is asked.
        assembly: of the training.
        tokenizer: that the shards were made with.
        max_new_tokens: most tokens of an answer.
    """
    if isinstance(model, FSDPModule):
        model.unshard()  # the embedding and norms; blocks gather themselves
    answers = answers_of(model, questions, assembly, tokenizer, max_new_tokens)
    if isinstance(model, FSDPModule):
        model.reshard()
    scores: dict[str, list[float]] = defaultdict(list)
    for question, answer in zip(questions, answers, strict=True):
        for name, score in judge(question, answer).items():
            scores[f"{question.kind}/{name}"].append(score)
    return {name: sum(each) / len(each) for name, each in sorted(scores.items())}


def judge(question: Question, answer: str) -> dict[str, float]:
    """Return how right an answer is, by what its kind is measured by."""
    if question.kind in TEXTS:
        exact = float(is_exact(answer, question.answer))
        return {"exact": exact, "anls": anls(answer, question.answer)}
    if question.kind == "agent":
        found, true = action_in(answer), action_in(question.answer)
        scores = {"action": float(is_same_action(found, true))}
        if len(question.boxes):
            hit = is_inside(found, question.boxes[0].tolist(), question.scale)
            scores["click_in_box"] = float(hit)
        return scores
    if question.kind == "grounding" and len(question.boxes):
        found_boxes = boxes_in(answer) * np.tile(question.scale, 2)
        return dict(zip(("iou", "acc@0.5"), box_scores(found_boxes, question.boxes), strict=True))
    return {}
