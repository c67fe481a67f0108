"""Qwen-VL in vLLM on a Ray cluster, by Ray Data's processor."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image

from stages.elements import Floats
from stages.engines.vl_request import Answer, Prompt, Request, as_seen, encoded, prompts_of
from stages.errors import NotReadyError
from stages.tokenizer import Tokenizer

if TYPE_CHECKING:
    from stages.engines.qwen_vl import QwenVL

Row = Mapping[str, Any]
BATCH: Final = 64
"""Rows that an engine takes at a time; some batches are under way together."""
FAILED: Final = "__inference_error__"  # Ray's own column: why a row has no answer


def check_vllm() -> None:
    """Look whether vLLM is here.

    Raises:
        NotReadyError: when it is not.
    """
    if find_spec("vllm") is None:
        raise NotReadyError(
            "backend ray needs the package vllm on every node; pip install 'ray[llm]', or ask a "
            "server with backend endpoint"
        )


@dataclass(frozen=True, kw_only=True)
class RayVL:
    """A model that Ray Data's vLLM processor runs on the cluster's GPUs.

    The processor lives as long as one call, so vLLM starts anew for each (minutes for a large
    model): it is for calls of thousands of requests; smaller ones are served better by a server
    and backend endpoint. Prompts go in as token ids, by the template that Quern trains with.

    Attributes:
        engine: which model, on how many replicas of how many GPUs.
        tokenizer: of the model.
        bounds: fewest and most pixels of a picture as the model sees it.
    """

    engine: QwenVL
    tokenizer: Tokenizer
    bounds: tuple[int, int]

    def generate(self, requests: Sequence[Request]) -> list[Answer]:
        """Return the answer to each request, "refused" where vLLM had an error."""
        prompts = prompts_of(requests, self.tokenizer)
        rows = [
            self._row(place, request, prompt, (), sampling_of(request))
            for place, (request, prompt) in enumerate(zip(requests, prompts, strict=True))
        ]
        return [
            answer_of(row, request) for row, request in zip(self._run(rows), requests, strict=True)
        ]

    def score(
        self, requests: Sequence[Request], continuations: Sequence[Sequence[str]]
    ) -> list[Floats]:
        """Return the log-probability of each continuation; see `LoadedVL.score`."""
        prompts = prompts_of(requests, self.tokenizer)
        endings = encoded(continuations, self.tokenizer)
        sampling = {"max_tokens": 1, "temperature": 0.0, "prompt_logprobs": 1}
        pairs = [
            (request, prompt, ids)
            for request, prompt, all_ids in zip(requests, prompts, endings, strict=True)
            for ids in all_ids
        ]
        rows = [
            self._row(place, request, prompt, ids, sampling)
            for place, (request, prompt, ids) in enumerate(pairs)
        ]
        totals = (
            total_of(row, ids) for row, (_, _, ids) in zip(self._run(rows), pairs, strict=True)
        )
        return [np.array([next(totals) for _ in ids], np.float32) for ids in endings]

    def _row(
        self,
        place: int,
        request: Request,
        prompt: Prompt,
        ending: Sequence[int],
        sampling: Mapping[str, Any],
    ) -> dict[str, Any]:
        return {
            "place": place,
            "ids": [*prompt.ids, *ending],
            "pictures": [pickle.dumps(request.pictures[number]) for number in prompt.shown],
            "bounds": list(self.bounds),
            "sampling": dict(sampling),
        }

    def _run(self, rows: Sequence[Row]) -> list[Row]:
        """Return what became of each row, in their order."""
        done = sorted(processed(rows, self.engine), key=lambda row: int(row["place"]))
        if len(done) != len(rows):
            raise NotReadyError(f"Ray's processor gave {len(done)} rows of {len(rows)}")
        if done and all(row.get(FAILED) for row in done):
            raise NotReadyError(
                f"vLLM failed on every request ({done[0][FAILED]}); see the workers' logs"
            )
        return done


def processed(rows: Sequence[Row], engine: QwenVL) -> list[Row]:
    """Send rows through Ray Data's vLLM processor; they come back in any order."""
    if not rows:
        return []
    check_vllm()
    import ray.data
    from ray.data.llm import build_processor, vLLMEngineProcessorConfig

    config = vLLMEngineProcessorConfig(
        model_source=engine.model,
        engine_kwargs={"tensor_parallel_size": engine.gpus},
        concurrency=(engine.replicas, engine.replicas),
        batch_size=BATCH,
        should_continue_on_error=True,
        chat_template_stage=False,
        tokenize_stage=False,
        detokenize_stage=False,
    )
    processor = build_processor(config, preprocess=to_vllm, postprocess=from_vllm)
    found = processor(ray.data.from_items([dict(row) for row in rows]))
    return [*found.take_all()]


def to_vllm(row: Row) -> dict[str, Any]:
    """Return a row in the words of the processor; pictures are decoded here, on the workers."""
    bounds = [int(bound) for bound in row["bounds"]]
    pictures = [Image.fromarray(as_seen(pickle.loads(data), *bounds)) for data in row["pictures"]]
    return {
        "tokenized_prompt": [int(id_) for id_ in row["ids"]],
        "multimodal_data": {"image": pictures} if pictures else None,
        "sampling_params": dict(row["sampling"]),
    }


def from_vllm(row: Row) -> dict[str, Any]:
    """Return what the processor made of a row: text, tokens, the prompt's log-probabilities."""
    logprobs = [
        {int(id_): float(told["logprob"]) for id_, told in (entry or {}).items()}
        for entry in row.get("prompt_logprobs") or []
    ]
    return {
        "place": int(row["place"]),
        "text": str(row["generated_text"]),
        "tokens": int(row["num_generated_tokens"]),
        "logprobs": logprobs,
    }


def sampling_of(request: Request) -> dict[str, Any]:
    """Return the sampling options of a request in vLLM's words."""
    return {
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "seed": request.seed,
    }


def answer_of(row: Row, request: Request) -> Answer:
    """Return the answer in a row; vLLM's processor says how many tokens, not why it ended."""
    if row.get(FAILED):
        return Answer("", "refused")
    return Answer(row["text"], "length" if row["tokens"] >= request.max_tokens else "stop")


def total_of(row: Row, ids: Sequence[int]) -> float:
    """Return the log-probability of the last tokens of a row's prompt; NaN where vLLM failed.

    >>> total_of({"logprobs": [{}, {7: -1.0}, {8: -0.5, 9: -0.25}]}, [7, 8])
    -1.5
    """
    if row.get(FAILED):
        return float("nan")
    found = row["logprobs"][len(row["logprobs"]) - len(ids) :]
    return float(sum(entry[id_] for entry, id_ in zip(found, ids, strict=True)))
