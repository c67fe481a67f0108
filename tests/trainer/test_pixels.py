"""Patches: bit for bit those of transformers' PIL processor; frames of videos by their times."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.qwen2_vl.image_processing_qwen2_vl import Qwen2VLImageProcessor
from transformers.models.qwen2_vl.video_processing_qwen2_vl import Qwen2VLVideoProcessor

from stages.geometry import Grid, grid_thw, smart_resize, video_resize
from stages.shards import Stamp
from tests.shared_data import SHARED, needs_shared
from tests.trainer.shards import picture_file, video_file
from trainer import pixels
from trainer.pixels import BadRowError, picture_patches, video_frames, video_patches

MAX_PIXELS = 200 * 200
STAMP = Stamp(
    tokenizer="t", template="c", min_pixels=3136, max_pixels=MAX_PIXELS, coordinates="pixels"
)
SIZE = {"shortest_edge": 3136, "longest_edge": MAX_PIXELS}


def normalise(patches):
    """Return the normalised patches in their own order."""
    return pixels.normalise(patches, np.arange(len(patches) // 4))


def opened(file):
    return Image.open(io.BytesIO(file)).convert("RGB")


def grid_of(width, height):
    return grid_thw(*smart_resize(height, width, min_pixels=3136, max_pixels=MAX_PIXELS))


@pytest.mark.parametrize(
    ("width", "height", "mode"),
    [
        (84, 56, "RGB"),  # as it is
        (100, 75, "RGB"),  # to multiples of 28
        (33, 20, "RGB"),  # enlarged
        (640, 427, "RGB"),  # reduced
        (90, 400, "L"),
        (120, 130, "P"),
    ],
)
def test_pixels_equal_those_of_transformers_pil_processor(width, height, mode):
    file = picture_file(width, height, mode=mode)
    theirs = Qwen2VLImageProcessorPil(size=SIZE)(images=[opened(file)], return_tensors="np")
    grid = grid_of(width, height)
    assert theirs["image_grid_thw"].tolist() == [list(grid)]
    ours = normalise(picture_patches(file, grid, STAMP))
    assert ours.dtype == np.float32
    assert np.array_equal(ours, theirs["pixel_values"])


@needs_shared
@pytest.mark.parametrize("name", ["photos/lounge.jpg", "qwen_finetune_demo/images/10095.png"])
def test_pixels_of_real_pictures_equal_those_of_transformers_pil_processor(name):
    file = (SHARED / "data" / name).read_bytes()
    theirs = Qwen2VLImageProcessorPil(size=SIZE)(images=[opened(file)], return_tensors="np")
    ours = normalise(picture_patches(file, Grid(*theirs["image_grid_thw"][0]), STAMP))
    if name.endswith("png"):
        assert np.array_equal(ours, theirs["pixel_values"])
    else:  # two JPEG decoders
        assert np.abs(ours - theirs["pixel_values"]).mean() < 0.005


def test_pixels_are_within_two_levels_of_transformers_fast_processor():
    """It resizes by torchvision, which rounds otherwise than PIL."""
    file = picture_file(333, 222)
    theirs = Qwen2VLImageProcessor(size=SIZE)(images=[opened(file)], return_tensors="pt")
    ours = normalise(picture_patches(file, grid_of(333, 222), STAMP))
    assert np.abs(ours - theirs["pixel_values"].numpy()).max() < 2.01 / 255 / 0.26


def test_transparency_is_laid_on_white():
    picture = Image.new("RGBA", (56, 56), (0, 0, 0, 0))
    data = io.BytesIO()
    picture.save(data, "PNG")
    assert picture_patches(data.getvalue(), Grid(1, 4, 4), STAMP).min() == 255


def test_a_picture_that_cannot_be_decoded_is_a_bad_row():
    file = picture_file(84, 56)
    with pytest.raises(BadRowError, match="a picture is truncated"):
        picture_patches(file[: len(file) // 2], Grid(1, 4, 6), STAMP)


def test_a_picture_of_another_size_than_its_grid_is_a_bad_row():
    with pytest.raises(BadRowError, match=r"84 x 56 px makes the grid \(1, 4, 6\).*\(1, 4, 4\)"):
        picture_patches(picture_file(84, 56), Grid(1, 4, 4), STAMP)


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """Eight frames at four a second, each 24 levels brighter than the one before."""
    return video_file(tmp_path_factory.mktemp("video"))


@pytest.mark.parametrize(
    ("times_s", "numbers"),
    [
        ([0.0, 0.5, 1.0, 1.75], [0, 2, 4, 7]),
        ([0.1, 0.25, 0.25], [1, 1, 1]),  # the first frame shown then or later
        ([0.2504], [1]),  # less than a millisecond early is no other frame
        ([0.26], [2]),
    ],
)
def test_frames_are_those_shown_at_the_stored_times(video, times_s, numbers):
    frames = video_frames(video, np.array(times_s))
    assert [round(float(frame.mean()) / 24) for frame in frames] == numbers


def video_grid(frames):
    return grid_thw(*video_resize(frames, 240, 320), frames=frames)


def test_two_frames_share_a_patch_and_an_odd_last_one_is_doubled(video):
    patches = video_patches(video, np.array([0.0, 0.5, 1.0]), video_grid(3))
    grid = video_grid(3)
    assert (grid.t, len(patches)) == (2, grid.patches)
    values = patches.reshape(2, grid.h * grid.w, 3, 2, 14 * 14).mean(axis=(1, 2, 4))
    assert np.rint(values / 24).tolist() == [[0, 2], [4, 4]]


def test_pixels_of_a_video_are_those_of_transformers_video_processor(video):
    times_s = np.array([0.0, 0.25, 1.0, 1.5])
    frames = torch.from_numpy(np.stack(video_frames(video, times_s))).permute(0, 3, 1, 2)
    processor = Qwen2VLVideoProcessor(cap_pixels_per_frame=True)
    theirs = processor(videos=[frames], return_tensors="pt")
    ours = normalise(video_patches(video, times_s, video_grid(4)))
    assert theirs["video_grid_thw"].tolist() == [list(video_grid(4))]
    assert np.abs(ours - theirs["pixel_values_videos"].numpy()).max() < 2.01 / 255 / 0.26


@pytest.mark.parametrize(
    ("times_s", "message"),
    [
        ([0.0, 9.0], r"no frame at 9\.000 s"),
        ([], "must ascend"),
        ([1.0, 0.5], "must ascend"),
    ],
)
def test_times_that_a_video_has_not_are_a_bad_row(video, times_s, message):
    with pytest.raises(BadRowError, match=message):
        video_frames(video, np.array(times_s))


def test_a_file_that_is_no_video_is_a_bad_row():
    with pytest.raises(BadRowError, match="cannot be decoded"):
        video_frames(b"no video" * 100, np.array([0.0]))


def test_a_video_of_another_size_than_its_grid_is_a_bad_row(video):
    with pytest.raises(BadRowError, match="a video of 320 x 240 px makes the grid"):
        video_patches(video, np.array([0.0, 0.5]), Grid(1, 4, 4))
