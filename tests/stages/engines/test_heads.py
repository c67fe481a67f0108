"""Heads on embeddings: the published ones compute what their files say, others are refused."""

import zipfile

import numpy as np
import pytest

from stages.engines.aesthetic import AestheticHead
from stages.engines.heads import read_linear
from stages.engines.safety import SafetyHead
from stages.engines.tf_checkpoint import read_arrays
from stages.engines.train_tiny_heads import fit, write_head
from stages.engines.watermark import WatermarkHead
from stages.errors import MissingWeightsError, NotReadyError
from tests.shared_data import SHARED

AESTHETIC = SHARED / "data/aesthetic"
LAION = AESTHETIC / "sac+logos+ava1-l14-linearMSE.pth"
NSFW = {
    "clip_autokeras_binary_nsfw.zip": (768, {180, 316, 413, 440, 644}),
    "clip_autokeras_nsfw_b32.zip": (512, {92, 133, 312}),
}
needs_heads = pytest.mark.skipif(not AESTHETIC.is_dir(), reason=f"there is no {AESTHETIC}")


def unit_vectors(rows, width, seed=0):
    vectors = np.random.default_rng(seed).standard_normal((rows, width)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@needs_heads
def test_the_aesthetic_head_of_laion_computes_what_its_file_says():
    import torch

    state = torch.load(LAION, map_location="cpu", weights_only=True)
    network = torch.nn.Sequential(
        torch.nn.Linear(768, 1024),
        torch.nn.Dropout(0.2),
        torch.nn.Linear(1024, 128),
        torch.nn.Dropout(0.2),
        torch.nn.Linear(128, 64),
        torch.nn.Dropout(0.1),
        torch.nn.Linear(64, 16),
        torch.nn.Linear(16, 1),
    ).eval()
    network.load_state_dict({key.removeprefix("layers."): value for key, value in state.items()})
    vectors = unit_vectors(64, 768)
    with torch.no_grad():
        expected = network(torch.from_numpy(vectors))[:, 0].numpy()
    scores = AestheticHead(weights=str(LAION)).load()(vectors)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-5)


@needs_heads
@pytest.mark.parametrize("name", NSFW)
def test_the_safety_heads_of_laion_are_read_without_tensorflow(name):
    width, categories = NSFW[name]
    arrays = read_arrays(AESTHETIC / name)
    part = {key.removesuffix("/.ATTRIBUTES/VARIABLE_VALUE"): value for key, value in arrays.items()}
    vectors = unit_vectors(50, width)
    encoded = vectors.astype(np.float64)
    encoded[:, sorted(categories)] = 0  # a value that was not seen in training
    values = encoded - part["layer_with_weights-1/mean"]
    values /= np.sqrt(part["layer_with_weights-1/variance"].astype(np.float64))
    depth = max(int(key.split("-")[1].split("/")[0]) for key in part if key.endswith("kernel"))
    for number in range(2, depth + 1):
        layer = f"layer_with_weights-{number}"
        values = values @ part[f"{layer}/kernel"] + part[f"{layer}/bias"]
        values = np.maximum(values, 0) if number < depth else 1 / (1 + np.exp(-values))
    scores = SafetyHead(weights=str(AESTHETIC / name)).load()(vectors)
    np.testing.assert_allclose(scores, values[:, 0], atol=1e-4)
    assert scores.dtype == np.float32
    assert scores.min() >= 0
    assert scores.max() <= 1


@needs_heads
def test_a_head_for_other_embeddings_is_refused_by_name_and_widths():
    head = AestheticHead(weights=str(LAION)).load()
    with pytest.raises(NotReadyError, match=r"sac\+logos.*width 768.*width 512"):
        head(unit_vectors(2, 512))


@needs_heads
def test_pictures_without_an_embedding_have_no_score():
    vectors = unit_vectors(3, 768)
    vectors[1] = np.nan
    for head in (
        AestheticHead(weights=str(LAION)),
        SafetyHead(weights=str(AESTHETIC / "clip_autokeras_binary_nsfw.zip")),
    ):
        assert np.isnan(head.load()(vectors)).tolist() == [False, True, False]


@pytest.mark.parametrize("head", [AestheticHead, SafetyHead, WatermarkHead])
def test_a_missing_file_is_named_with_a_remedy(head):
    with pytest.raises(MissingWeightsError, match=r"nowhere\.pth.*train_tiny_heads"):
        head(weights="nowhere.pth").check()


@pytest.mark.parametrize("head", [AestheticHead, SafetyHead])
@pytest.mark.parametrize("content", [b"", b"not weights", b"PK\x03\x04 half a zip"])
def test_a_file_of_something_else_is_refused_by_name(head, content, tmp_path):
    file = tmp_path / ("head.pth" if head is AestheticHead else "head.zip")
    file.write_bytes(content)
    with pytest.raises(NotReadyError, match=r"head\.(pth|zip)"):
        head(weights=str(file)).load()


def test_a_zip_without_variables_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "head.zip", "w") as archive:
        archive.writestr("model/saved_model.pb", b"")
    with pytest.raises(NotReadyError, match=r"head\.zip is no zipped SavedModel"):
        SafetyHead(weights=str(tmp_path / "head.zip")).load()


def test_a_head_of_one_layer_is_a_logistic_regression(tmp_path):
    write_head(
        tmp_path / "head.safetensors",
        np.array([2, 0], np.float32),
        np.array([-1], np.float32),
    )
    head = read_linear(tmp_path / "head.safetensors")
    scores = head(np.array([[0.5, 3.0], [1.0, 0.0]], np.float32))
    np.testing.assert_allclose(scores, [0.5, 1 / (1 + np.exp(-1))], rtol=1e-6)


def test_fitting_finds_the_direction_that_two_classes_differ_in():
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((400, 5)).astype(np.float32)
    positive = vectors[:, 2] > 0.8  # a fifth of them
    weight, bias = fit(vectors, positive)
    assert np.abs(weight).argmax() == 2
    right = ((vectors @ weight + bias) > 0) == positive
    assert right.mean() > 0.95


def test_fitting_needs_both_classes():
    with pytest.raises(ValueError, match="two classes"):
        fit(np.ones((3, 2), np.float32), np.ones(3, np.bool_))
