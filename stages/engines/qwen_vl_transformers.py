"""Qwen2.5-VL in this process, by transformers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from stages.chat import END_OF_TEXT, IM_END, PADS
from stages.elements import Floats
from stages.engines.vl_request import (
    Answer,
    Prompt,
    Request,
    as_seen,
    encoded,
    prompts_of,
    size_seen,
)
from stages.geometry import PATCH_PX, grid_thw
from stages.pictures import Pixels
from stages.tokenizer import Tokenizer

if TYPE_CHECKING:
    import torch

_ROWS: Final = 4096  # of hidden states that are turned into logits at a time


def load_model(folder: Path, device: str) -> Any:
    """Return the model of a folder, in bfloat16 on a GPU and float32 on a CPU."""
    import torch
    from transformers import Qwen2_5_VLForConditionalGeneration

    where = device_of(device)
    dtype = torch.bfloat16 if where.type == "cuda" else torch.float32
    model: Any = Qwen2_5_VLForConditionalGeneration.from_pretrained(
        folder, dtype=dtype, local_files_only=True
    )
    return model.eval().to(where)


def device_of(name: str) -> torch.device:
    """Return the device of a name; "auto" is a GPU where there is one."""
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)


@dataclass(frozen=True, kw_only=True, eq=False)
class TransformersVL:
    """A model in this process.

    Requests are batched by length, whatever rows they come from; a picture that several requests
    of a batch show is encoded once. The beginning that the continuations of a request share is
    computed once, and they go on from its keys and values.

    Attributes:
        model: a Qwen2_5_VLForConditionalGeneration, ready.
        tokenizer: of the model.
        bounds: fewest and most pixels of a picture as the model sees it.
        batch_tokens: most tokens computed at once, padding counted.
    """

    model: Any
    tokenizer: Tokenizer
    bounds: tuple[int, int]
    batch_tokens: int

    def generate(self, requests: Sequence[Request]) -> list[Answer]:
        """Return the answer to each request; those that draw tokens are answered one by one."""
        prompts = self._prompts(requests)
        costs = [len(p.ids) + r.max_tokens for p, r in zip(prompts, requests, strict=True)]
        answers: dict[int, Answer] = {}
        for batch in batches(costs, self.batch_tokens):
            groups: dict[tuple[Any, ...], list[int]] = {}
            for place in batch:
                request = requests[place]
                alone = place if request.temperature > 0 else -1
                groups.setdefault((request.max_tokens, alone), []).append(place)
            for places in groups.values():
                answers |= self._answer(places, requests, prompts)
        return [answers[place] for place in range(len(requests))]

    def score(
        self, requests: Sequence[Request], continuations: Sequence[Sequence[str]]
    ) -> list[Floats]:
        """Return the log-probability of each continuation; see `LoadedVL.score`."""
        prompts = self._prompts(requests)
        endings = encoded(continuations, self.tokenizer)
        costs = [
            max(len(ids), 1) * (len(prompt.ids) + max(map(len, ids), default=0))
            for prompt, ids in zip(prompts, endings, strict=True)
        ]
        found: dict[int, Floats] = {}
        for batch in batches(costs, self.batch_tokens):
            given = [requests[place] for place in batch], [prompts[place] for place in batch]
            scores = self._score(*given, [endings[place] for place in batch])
            found |= dict(zip(batch, scores, strict=True))
        return [found[place] for place in range(len(requests))]

    def _prompts(self, requests: Sequence[Request]) -> list[Prompt]:
        """Return the requests as tokens, each pad as often as its picture has tokens."""
        prompts = []
        for prompt, request in zip(prompts_of(requests, self.tokenizer), requests, strict=True):
            ids: list[int] = []
            shown = iter(prompt.shown)
            for id_ in prompt.ids:
                times = 1
                if id_ == self._pad:
                    size = size_seen(request.pictures[next(shown)], *self.bounds)
                    times = grid_thw(*size).tokens
                ids += [id_] * times
            prompts.append(Prompt(ids=tuple(ids), shown=prompt.shown))
        return prompts

    @property
    def _pad(self) -> int:
        return self.tokenizer.control[PADS["image"]]

    def _answer(
        self, places: Sequence[int], requests: Sequence[Request], prompts: Sequence[Prompt]
    ) -> dict[int, Answer]:
        """Return the answers to requests of one batch that are as long and drawn alike."""
        import torch

        first = requests[places[0]]
        inputs = self._padded([prompts[place].ids for place in places])
        inputs |= self._pixels([requests[p] for p in places], [prompts[p] for p in places])
        with torch.inference_mode(), torch.random.fork_rng(self._devices):
            torch.manual_seed(first.seed)
            out = self.model.generate(**inputs, generation_config=self._how(first))
        ends = {self.tokenizer.control[token] for token in (IM_END, END_OF_TEXT)}
        answers = {}
        for place, row in zip(places, out[:, inputs["input_ids"].shape[1] :].tolist(), strict=True):
            length = next((at for at, id_ in enumerate(row) if id_ in ends), None)
            text = self.tokenizer.model.decode(row[:length], skip_special_tokens=True)
            answers[place] = Answer(text, "length" if length is None else "stop")
        return answers

    def _how(self, request: Request) -> Any:
        import transformers

        make: Any = transformers.GenerationConfig  # its own types are incomplete
        control = self.tokenizer.control
        drawn = {"temperature": request.temperature, "top_p": request.top_p, "top_k": 0}
        return make(
            max_new_tokens=request.max_tokens,
            do_sample=request.temperature > 0,
            eos_token_id=[control[IM_END], control[END_OF_TEXT]],
            pad_token_id=control[END_OF_TEXT],
            **(drawn if request.temperature > 0 else {}),
        )

    @property
    def _devices(self) -> list[int]:
        """GPUs whose random state is put back."""
        device = self.model.device
        return [device.index or 0] if device.type == "cuda" else []

    def _score(
        self,
        requests: Sequence[Request],
        prompts: Sequence[Prompt],
        endings: Sequence[Sequence[Sequence[int]]],
    ) -> list[Floats]:
        """Return the log-probabilities of the continuations, token ids, of one batch."""
        import torch

        with torch.inference_mode():
            begun = self._begin(requests, prompts)
            scores = [np.zeros(len(each), np.float32) for each in endings]
            pairs = [(n, k) for n, each in enumerate(endings) for k in range(len(each))]
            pairs = [(n, k) for n, k in pairs if endings[n][k]]
            firsts = [endings[n][k][0] for n, k in pairs]
            found = self._log_probabilities(begun.last[[n for n, _ in pairs]], firsts)
            for (n, k), value in zip(pairs, found, strict=True):
                scores[n][k] = value
            pairs = [(n, k) for n, k in pairs if len(endings[n][k]) > 1]
            rest = self._go_on(begun, [n for n, _ in pairs], [endings[n][k] for n, k in pairs])
            for (n, k), value in zip(pairs, rest, strict=True):
                scores[n][k] += value
        return scores

    def _begin(self, requests: Sequence[Request], prompts: Sequence[Prompt]) -> _Begun:
        """Compute what the continuations of each request share."""
        inputs = self._padded([prompt.ids for prompt in prompts])
        grids = self._pixels(requests, prompts, encoded_once=True)
        positions, _ = self.model.model.get_rope_index(
            image_grid_thw=grids.pop("image_grid_thw", None), **inputs
        )
        inputs.pop("mm_token_type_ids")
        out = self.model.model(**inputs, **grids, position_ids=positions, use_cache=True)
        return _Begun(
            last=out.last_hidden_state[:, -1],
            cache=out.past_key_values,
            mask=inputs["attention_mask"],
            next_position=positions.amax(dim=(0, 2)) + 1,
        )

    def _go_on(
        self, begun: _Begun, rows: Sequence[int], endings: Sequence[Sequence[int]]
    ) -> list[float]:
        """Return the log-probability of each ending's tokens behind its first.

        Args:
            begun: what goes before.
            rows: whose ending each is; the cache is used up.
            endings: token ids, two or more each.
        """
        import torch

        if not rows:
            return []
        device = self.model.device
        lengths = torch.tensor([len(ids) - 1 for ids in endings], device=device)
        ids = _right_padded([ids[:-1] for ids in endings]).to(device)
        place = torch.arange(ids.shape[1], device=device)
        row = torch.tensor(rows, device=device)
        real = place < lengths[:, None]
        begun.cache.batch_select_indices(row)
        out = self.model.model(
            input_ids=ids,
            attention_mask=torch.cat([begun.mask[row], real.long()], dim=1),
            position_ids=(begun.next_position[row][:, None] + place).expand(3, -1, -1),
            past_key_values=begun.cache,
            use_cache=True,
        )
        targets = [id_ for ids_ in endings for id_ in ids_[1:]]
        logs = iter(self._log_probabilities(out.last_hidden_state[real], targets))
        return [sum(next(logs) for _ in ids_[1:]) for ids_ in endings]

    def _log_probabilities(self, hidden: torch.Tensor, targets: Sequence[int]) -> list[float]:
        """Return the log-probability of a token after each hidden state, float[N, D]."""
        import torch

        found: list[float] = []
        wanted = torch.tensor(targets, dtype=torch.long, device=hidden.device)
        for start in range(0, len(targets), _ROWS):
            some = slice(start, start + _ROWS)
            logits = self.model.lm_head(hidden[some]).float()
            chosen = logits.gather(1, wanted[some, None]).squeeze(1)
            found += (chosen - logits.logsumexp(dim=1)).tolist()
        return found

    def _padded(self, rows: Sequence[Sequence[int]]) -> dict[str, torch.Tensor]:
        """Return token ids, mask and places of pictures, int64[N, L], padded on the left."""
        import torch

        length = max(map(len, rows))
        fill = self.tokenizer.control[END_OF_TEXT]
        ids = torch.tensor([[fill] * (length - len(row)) + list(row) for row in rows])
        mask = torch.tensor([[0] * (length - len(row)) + [1] * len(row) for row in rows])
        inputs = {
            "input_ids": ids,
            "attention_mask": mask,
            "mm_token_type_ids": (ids == self._pad).int(),
        }
        return {name: values.to(self.model.device) for name, values in inputs.items()}

    def _pixels(
        self, requests: Sequence[Request], prompts: Sequence[Prompt], *, encoded_once: bool = False
    ) -> dict[str, Any]:
        """Return the pictures that the requests show, in order, and int64[P, 3] their grids.

        Args:
            requests: the requests.
            prompts: of each.
            encoded_once: whether a picture that is shown more than once is encoded once; the
                pictures are then what the vision encoder makes of them.
        """
        import torch

        shown = [
            request.pictures[number]
            for request, prompt in zip(requests, prompts, strict=True)
            for number in prompt.shown
        ]
        if not shown:
            return {}
        places = {id(picture): picture for picture in shown}
        order = {key: place for place, key in enumerate(places)}
        seen = self._patches([as_seen(picture, *self.bounds) for picture in places.values()])
        pixels, grids = seen["pixel_values"], seen["image_grid_thw"]
        at = [order[id(picture)] for picture in shown]
        device = self.model.device
        if not encoded_once:
            split = pixels.split(grids.prod(dim=1).tolist())
            pixels = torch.cat([split[place] for place in at])
            return {"pixel_values": pixels.to(device), "image_grid_thw": grids[at].to(device)}
        out = self.model.model.get_image_features(pixels.to(device), grids.to(device))
        out.pooler_output = tuple(out.pooler_output[place] for place in at)
        return {"mm_encoder_outputs": {"image": out}, "image_grid_thw": grids[at].to(device)}

    def _patches(self, pictures: Sequence[Pixels]) -> Any:
        """Return float32[patches, 1176] and int64[N, 3] of pictures of their final size."""
        return self._processor(
            images=list(pictures),
            do_resize=False,
            input_data_format="channels_last",
            return_tensors="pt",
        )

    @cached_property
    def _processor(self) -> Any:
        from transformers.models.qwen2_vl import Qwen2VLImageProcessorPil

        return Qwen2VLImageProcessorPil(patch_size=PATCH_PX)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Begun:
    """The computed beginnings of N requests.

    Attributes:
        last: float[N, D], hidden state of each one's last token.
        cache: keys and values.
        mask: int64[N, L], 1 where a token is no padding.
        next_position: int64[N], of the next token.
    """

    last: torch.Tensor
    cache: Any
    mask: torch.Tensor
    next_position: torch.Tensor


def batches(costs: Sequence[int], limit: int) -> Iterator[list[int]]:
    """Yield the places of all items in groups, longest first, none over the limit if it can.

    A group costs as much as its dearest member times its members: all are padded to it.

    >>> list(batches([3, 9, 4, 5], 10))
    [[1], [3, 2], [0]]
    """
    group: list[int] = []
    for place in sorted(range(len(costs)), key=lambda place: -costs[place]):
        if group and costs[group[0]] * (len(group) + 1) > limit:
            yield group
            group = []
        group.append(place)
    if group:
        yield group


def _right_padded(rows: Sequence[Sequence[int]]) -> torch.Tensor:
    """Return int64[N, L], zeros behind shorter rows."""
    import torch

    length = max(map(len, rows))
    return torch.tensor([list(row) + [0] * (length - len(row)) for row in rows])
