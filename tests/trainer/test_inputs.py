import dataclasses

import torch

from tests.trainer.documents import document, image, packed
from trainer.inputs import ModelInputs, Pack


def a_pack():
    inputs = packed([document(3, image(4, 4), 2)])
    labels = torch.full_like(inputs.input_ids, -100)
    group = torch.zeros(1, dtype=torch.int32)
    return Pack(inputs=inputs, labels=labels, document_group=group, n_label_tokens=0, rows=("a",))


def test_a_pack_moves_with_everything_in_it():
    pack = a_pack()
    moved = pack.to("meta")
    for before, after in ((pack, moved), (pack.inputs, moved.inputs)):
        for field in dataclasses.fields(before):
            old, new = getattr(before, field.name), getattr(after, field.name)
            if isinstance(old, torch.Tensor):
                assert (new.device.type, new.shape, new.dtype) == ("meta", old.shape, old.dtype)
            elif not isinstance(old, ModelInputs):
                assert new == old
    assert moved.inputs.max_document == pack.inputs.max_document


def test_the_drawn_example():
    inputs = packed([document(image(4, 4), 2), document(3, seed=1), document(2, seed=2)])
    assert inputs.positions.tolist() == [
        [0, 1, 1, 1, 1, 3, 4, 5, 0, 1, 2, 0, 1],
        [0, 1, 1, 2, 2, 3, 4, 5, 0, 1, 2, 0, 1],
        [0, 1, 2, 1, 2, 3, 4, 5, 0, 1, 2, 0, 1],
    ]
    assert inputs.cu_documents.tolist() == [0, 8, 11, 13]
    assert inputs.merged_at.tolist() == [1, 2, 3, 4]
    assert inputs.cu_windows.tolist() == inputs.cu_frames.tolist() == [0, 16]
    assert inputs.patch_hw[4:8].tolist() == [[0, 2], [0, 3], [1, 2], [1, 3]]
