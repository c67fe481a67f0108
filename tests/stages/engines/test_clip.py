"""The CLIP engine gives what open_clip gives, whatever comes along in one call."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from stages.engines.clip import CONFIG, TINY, Clip, _preprocess
from stages.errors import MissingWeightsError, NotReadyError

SHAPE = {
    "embed_dim": 48,
    "vision_cfg": {
        "image_size": 64,
        "layers": 2,
        "width": 64,
        "patch_size": 16,
        "head_width": 32,
    },
    "text_cfg": {
        "context_length": 77,
        "vocab_size": 49408,
        "width": 32,
        "heads": 2,
        "layers": 2,
    },
}
TEXTS = [
    "a mill",
    "a very long story of water, wheels, stones and flour " * 12,
    "two red apples",
    "a mill",
    "風車は谷の上に立っている",
    "",
]


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Two threads wait for each other longer than one works, where processes share cores."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Random models that differ in how they see pictures, by that."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    made = {}
    for resize in ("shortest", "longest", "squash"):
        folder = tmp_path_factory.mktemp(resize)
        preprocess = {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.4], "resize_mode": resize}
        config = {"model_cfg": SHAPE, "preprocess_cfg": preprocess}
        (folder / CONFIG).write_text(json.dumps(config))
        torch.manual_seed(7)
        model = open_clip.CLIP(**SHAPE)
        save_file(dict(model.state_dict()), folder / "open_clip_model.safetensors")
        made[resize] = folder
    return made


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(0)
    sizes = [(64, 64), (100, 50), (31, 93), (300, 201), (1, 1), (64, 65), (480, 360)]
    coarse = [rng.integers(0, 256, (9, 9, 3), np.uint8) for _ in sizes]
    return [
        np.asarray(Image.fromarray(each).resize((width, height), Image.Resampling.BILINEAR))
        for each, (height, width) in zip(coarse, sizes, strict=True)
    ]


def bare(folder):
    """Return open_clip's own model, transform and tokenizer."""
    import open_clip

    name = f"local-dir:{folder}"
    model, _, transform = open_clip.create_model_and_transforms(name)
    return model.eval(), transform, open_clip.get_tokenizer(name)


@pytest.mark.parametrize("resize", ["shortest", "longest", "squash"])
def test_pictures_are_embedded_as_by_open_clips_own_transform(resize, folders, pictures):
    import torch

    model, transform, _ = bare(folders[resize])
    seen = torch.stack([transform(Image.fromarray(picture)) for picture in pictures])
    with torch.no_grad():
        expected = model.encode_image(seen, normalize=True).numpy()
    clip = Clip(model=str(folders[resize]), batch_size=3).load()
    np.testing.assert_allclose(clip.embed_images(pictures), expected, atol=1e-6)
    assert (clip.dim, clip.side_px) == (48, 64)


def test_texts_are_embedded_as_by_open_clip_in_their_order(folders):
    import torch

    model, _, tokenize = bare(folders["shortest"])
    with torch.no_grad():
        expected = model.encode_text(tokenize(TEXTS), normalize=True).numpy()
    clip = Clip(model=str(folders["shortest"]), batch_size=2).load()
    vectors = clip.embed_texts(TEXTS)
    np.testing.assert_allclose(vectors, expected, atol=1e-6)
    np.testing.assert_array_equal(vectors[0], vectors[3])


def test_vectors_are_float32_of_length_one_and_nothing_gives_no_rows(folders, pictures):
    clip = Clip(model=str(folders["shortest"])).load()
    for vectors in (clip.embed_images(pictures), clip.embed_texts(TEXTS)):
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert clip.embed_images([]).shape == clip.embed_texts([]).shape == (0, 48)


def test_the_batch_size_and_the_threads_change_nothing(folders, pictures):
    one, many = (
        Clip(model=str(folders["shortest"]), batch_size=size, preprocess_workers=threads).load()
        for size, threads in ((1, 1), (64, 4))
    )
    many_pictures = pictures * 3
    np.testing.assert_allclose(
        one.embed_images(many_pictures), many.embed_images(many_pictures), atol=1e-6
    )


def test_a_model_is_loaded_once_in_a_process(folders):
    clip = Clip(model=str(folders["shortest"]))
    assert clip.load() is Clip(model=str(folders["shortest"])).load()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, MissingWeightsError, r"open_clip_model\.safetensors.*quern models fetch RECIPE"),
        (
            {"model": "hf-hub:quern-example/no-such-model"},
            MissingWeightsError,
            r"'quern-example/no-such-model'.*open_clip_config\.json.*quern models fetch RECIPE",
        ),
        ({"model": "ViT-B-99"}, NotReadyError, "knows no model 'ViT-B-99'.*list_models"),
        ({"model": "ViT-B-32", "pretrained": ""}, MissingWeightsError, "pretrained is ''.*openai"),
    ],
)
def test_what_is_missing_is_named_with_the_way_to_get_it(options, error, message, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", "no-such-folder")
    with pytest.raises(error, match=re.compile(message, re.DOTALL)):
        Clip(**options).check()


def test_weights_named_by_a_tag_are_taken_from_the_cache_with_their_own_preparation(
    tmp_path, monkeypatch
):
    (tmp_path / "open_clip_model.safetensors").write_bytes(b"")
    monkeypatch.setattr("stages.engines.hub.Download.folder", lambda self: tmp_path)
    tagged = Clip(model="ViT-B-16-SigLIP", pretrained="webli")
    assert tagged._files() == (
        "ViT-B-16-SigLIP",
        str(tmp_path / "open_clip_model.safetensors"),
    )
    assert _preprocess(tagged) == {
        "mean": (0.5, 0.5, 0.5),
        "std": (0.5, 0.5, 0.5),
        "interpolation": "bicubic",
        "resize_mode": "squash",
    }
    assert Clip(model="hf-hub:quern-example/model")._files() == (f"local-dir:{tmp_path}", "")


def test_a_folder_that_lacks_a_part_is_named_with_it(tmp_path, folders):
    with pytest.raises(MissingWeightsError, match=f"{tmp_path}.*{re.escape(CONFIG)}"):
        Clip(model=str(tmp_path)).check()
    (tmp_path / CONFIG).write_text("{}")
    with pytest.raises(MissingWeightsError, match=r"no weights.*safetensors"):
        Clip(model=str(tmp_path)).check()


@pytest.mark.parametrize("option", ["batch_size", "preprocess_workers"])
def test_wrong_options_are_refused_with_their_values(option):
    with pytest.raises(ValueError, match=f"{option} must be .* -1"):
        Clip(**{option: -1})


def test_the_tiny_model_comes_along():
    Clip(model=TINY).check()
    assert Clip(model=TINY).load().dim > 0
