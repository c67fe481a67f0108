import dataclasses

import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.nn.functional import cross_entropy

from tests.trainer.documents import document, for_transformers, image, packed, small_config, video
from trainer.model import QwenVLModel
from trainer.weights import released_name

DOCUMENTS = [
    document(5, image(10, 12), 9, seed=1),  # windows of four sizes
    document(12, seed=2),
    document(image(4, 6), 3, image(18, 4), 6, seed=3),
    document(4, video(3, 4, 10, 1.5), 7, seed=4),  # time outruns the sides
    document(2, video(2, 6, 4, 0.5), 3, image(8, 8), 8, seed=5),
]
PARTS = ("vision", "merger", "language")
RELATIVE = 1e-5


def loss_of(model, inputs):
    """Return the summed loss of every token behind the first of its document, and the logits."""
    logits = model(inputs) @ model.head_weight.T
    labels = inputs.input_ids.roll(-1)
    labels[inputs.cu_documents[1:].long() - 1] = -100
    return cross_entropy(logits, labels, reduction="sum"), logits


def gradients_of(loss, named):
    """Return the gradients by name and leave none behind."""
    names, parameters = zip(*named, strict=True)
    return dict(zip(names, torch.autograd.grad(loss, parameters), strict=True))


def assert_near(mine, wanted, *, relative=RELATIVE):
    error = (mine - wanted).norm() / wanted.norm()
    assert error < relative, f"relative error {error:.1e}"


def assert_gradients_near(mine, wanted):
    assert mine.keys() == wanted.keys()
    for part in PARTS:
        names = [name for name in mine if name.startswith(part)]
        joined = [torch.cat([grads[name].flatten() for name in names]) for grads in (mine, wanted)]
        assert_near(*joined)
    for name, gradient in mine.items():  # a small one must not hide behind large ones
        assert_near(gradient, wanted[name], relative=1e-4)


@pytest.fixture(scope="module")
def one_by_one(untied):
    """Loss, logits and gradients of each document alone."""
    results = []
    for each in DOCUMENTS:
        loss, logits = loss_of(untied, packed([each]))
        results.append((loss, logits, gradients_of(loss, untied.named_parameters())))
    return results


@pytest.mark.parametrize("index", range(len(DOCUMENTS)))
def test_logits_loss_and_gradients_equal_those_of_transformers(index, one_by_one, untied, theirs):
    loss, logits, gradients = one_by_one[index]
    given = for_transformers(DOCUMENTS[index])
    out = theirs(**given, labels=given["input_ids"])
    assert_near(logits, out.logits[0])
    n_labels = len(DOCUMENTS[index].ids) - 1
    assert_near(loss / n_labels, out.loss)
    out.loss.backward()
    ours = {}
    for name, parameter in untied.named_parameters():
        gradient = theirs.get_parameter(_theirs(name)).grad
        ours[name] = torch.zeros_like(parameter) if gradient is None else gradient * n_labels
    theirs.zero_grad()
    if DOCUMENTS[index].grids:
        assert_gradients_near(gradients, {n: g.view_as(gradients[n]) for n, g in ours.items()})
    else:
        assert_near(gradients["language.norm.weight"], ours["language.norm.weight"])


def _theirs(name):
    """Return the name that a parameter has inside transformers' module."""
    name = released_name(name)
    for older, newer in (("visual.", "model.visual."), ("model.", "model.language_model.")):
        if name.startswith(older):
            return newer + name.removeprefix(older)
    return name


def test_a_pack_gives_what_its_documents_give_one_by_one(one_by_one, untied):
    loss, logits = loss_of(untied, packed(DOCUMENTS))
    assert_near(logits, torch.cat([each for _, each, _ in one_by_one]))
    assert_near(loss, sum(each for each, _, _ in one_by_one))
    gradients = gradients_of(loss, untied.named_parameters())
    alone = [each for _, _, each in one_by_one]
    assert_gradients_near(
        gradients, {name: sum(each[name] for each in alone) for name in gradients}
    )


def test_positions_windows_and_frames_matter_at_this_size(untied):
    """The comparisons above would miss nothing: each of these moves the logits by far more."""
    inputs = packed(DOCUMENTS)
    wanted = untied(inputs)
    swapped = inputs.positions[[0, 2, 1]]
    frames = torch.tensor([0, len(inputs.pixels)], dtype=torch.int32)
    changes = [
        {"positions": swapped},
        {"patch_hw": inputs.patch_hw.flip(1)},
        {"cu_windows": inputs.cu_frames},
        {"cu_frames": frames},
        {"cu_documents": torch.tensor([0, len(inputs.input_ids)], dtype=torch.int32)},
    ]
    for change in changes:
        moved = untied(dataclasses.replace(inputs, **change))
        assert (moved - wanted).norm() / wanted.norm() > 1000 * RELATIVE, change


def test_a_dummy_picture_changes_nothing_and_leaves_gradients_of_nought(one_by_one):
    _, _, gradients = one_by_one[1]
    assert DOCUMENTS[1].grids == []
    for name, gradient in gradients.items():
        assert gradient.any() == name.startswith(("language", "lm_head")), name


def test_media_replace_the_embeddings_of_their_tokens(untied):
    inputs = packed([DOCUMENTS[0]])
    changed = inputs.input_ids.clone()
    changed[inputs.merged_at] = 0
    same = dataclasses.replace(inputs, input_ids=changed)
    assert torch.equal(untied(inputs), untied(same))


def test_recomputing_gives_the_same_gradients(untied):
    again = QwenVLModel(untied.config, recompute_vision=True, recompute_language=True)
    again.load_state_dict(untied.state_dict())
    inputs = packed(DOCUMENTS[:2])
    saved, wanted = [], []
    for model, sizes in ((again, saved), (untied, wanted)):
        with torch.autograd.graph.saved_tensors_hooks(_noting(sizes), lambda tensor: tensor):
            loss, _ = loss_of(model, inputs)
        sizes.append(gradients_of(loss, model.named_parameters()))
    ours, theirs = saved.pop(), wanted.pop()
    for name, gradient in ours.items():
        assert torch.equal(gradient, theirs[name])
    assert sum(saved) < sum(wanted) / 4


def _noting(sizes):
    def note(tensor):
        sizes.append(tensor.numel())
        return tensor

    return note


def test_no_graph_is_kept_for_a_frozen_encoder_while_the_merger_learns(one_by_one, untied):
    model = QwenVLModel(untied.config)
    model.load_state_dict(untied.state_dict())
    model.vision.requires_grad_(False)
    seen = []
    model.vision.register_forward_hook(lambda _module, _given, out: seen.append(out.requires_grad))
    loss, _ = loss_of(model, packed([DOCUMENTS[0]]))
    assert seen == [False]
    trained = [item for item in model.named_parameters() if item[1].requires_grad]
    gradients = gradients_of(loss, trained)
    _, _, wanted = one_by_one[0]
    assert {name.split(".")[0] for name in gradients} == {"merger", "language", "lm_head"}
    for name, gradient in gradients.items():
        assert_near(gradient, wanted[name])


def test_the_encoder_learns_through_a_frozen_language_model(one_by_one, untied):
    model = QwenVLModel(untied.config)
    model.load_state_dict(untied.state_dict())
    model.language.requires_grad_(False)
    model.lm_head.requires_grad_(False)
    loss, _ = loss_of(model, packed([DOCUMENTS[0]]))
    trained = [item for item in model.named_parameters() if item[1].requires_grad]
    _, _, wanted = one_by_one[0]
    for name, gradient in gradients_of(loss, trained).items():
        assert_near(gradient, wanted[name], relative=1e-4)


@pytest.fixture
def in_half_precision():
    torch.set_default_dtype(torch.bfloat16)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("in_half_precision")
def test_a_step_in_half_precision_asks_the_accelerator_for_no_number():
    """Tensors without data stand for the accelerator's: to read one raises."""
    inputs = packed(DOCUMENTS)
    with FakeTensorMode(allow_non_fake_inputs=True):
        with torch.device("cuda"):
            model = QwenVLModel(small_config(), recompute_language=True)
        moved = inputs.to("cuda")
        with pytest.raises(DataDependentOutputException):
            moved.cu_windows.tolist()
        loss, logits = loss_of(model, moved)
    assert (logits.device.type, logits.dtype) == ("cuda", torch.bfloat16)
    assert loss.requires_grad
