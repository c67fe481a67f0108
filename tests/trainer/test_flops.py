import math

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from tests.trainer.documents import document, image, packed, video
from trainer.flops import Load, load_of, peak_flops, step_flops
from trainer.inputs import Pack
from trainer.model import QwenVLModel

DOCUMENTS = [
    document(5, image(10, 12), 9, seed=1),
    document(12, seed=2),
    document(4, video(3, 4, 10, 1.5), 7, seed=4),
]


def pack_of(documents, *, padding=0):
    inputs = packed([*documents, *([document(padding)] if padding else [])])
    groups = [0] * len(documents) + [-1] * bool(padding)
    return Pack(
        inputs=inputs,
        labels=inputs.input_ids,
        document_group=torch.tensor(groups),
        n_label_tokens=len(inputs.input_ids) - padding,
        rows=(),
    )


def test_the_load_of_a_pack_leaves_out_padding():
    load = load_of(pack_of(DOCUMENTS, padding=7))
    lengths = [5 + 32 + 9, 12, 4 + 32 + 7]
    assert load == Load(
        tokens=sum(lengths),
        labels=sum(lengths),
        patches=240,
        document_pairs=sum(n * (n + 1) // 2 for n in lengths),
        window_pairs=64**2 + 32**2 + 16**2 + 8**2 + 3 * (32**2 + 8**2),
        frame_pairs=120**2 + 3 * 40**2,
    )


def test_a_dummy_picture_is_no_load():
    load = load_of(pack_of([DOCUMENTS[1]]))
    assert (load.patches, load.window_pairs, load.frame_pairs) == (0, 0, 0)
    assert load.tokens == 12


FROZEN = {
    "nothing frozen": (),
    "vision frozen": ("vision",),
    "vision and merger trained": ("language", "lm_head"),
    "merger alone trained": ("vision", "language", "lm_head"),
}


@pytest.mark.parametrize("frozen", FROZEN.values(), ids=FROZEN)
def test_operations_equal_what_pytorch_counts_but_for_the_causal_half(frozen, untied):
    """PyTorch counts the half that a causal mask hides."""
    model = QwenVLModel(untied.config)
    for name in frozen:
        getattr(model, name).requires_grad_(False)
    pack = pack_of(DOCUMENTS)
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        hidden = model(pack.inputs)
        (hidden @ model.head_weight.T).sum().backward()
    load = load_of(pack)
    lengths = pack.inputs.cu_documents.diff()
    squares = int((lengths**2).sum())
    in_full = load._replace(document_pairs=squares)
    assert step_flops(model, [in_full]) == counter.get_total_flops()
    assert step_flops(model, [load]) < step_flops(model, [in_full])


def test_a_step_of_two_packs_is_the_sum_of_both(untied):
    loads = [load_of(pack_of([each])) for each in DOCUMENTS]
    assert step_flops(untied, loads) == sum(step_flops(untied, [each]) for each in loads)


def test_an_unknown_accelerator_has_no_peak():
    assert peak_flops("NVIDIA H100 80GB HBM3") == 989e12
    assert math.isnan(peak_flops("a toaster"))
