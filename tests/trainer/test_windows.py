from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import vision_utils

from stages.geometry import Grid
from trainer.windows import vision_layout

SIDES = st.integers(1, 12).map(lambda merged: 2 * merged)
GRIDS = st.lists(st.builds(Grid, st.integers(1, 4), SIDES, SIDES), min_size=1, max_size=4)


@settings(max_examples=60, deadline=None)
@given(GRIDS)
def test_everything_equals_what_transformers_computes(grids):
    layout = vision_layout(grids)
    thw = torch.tensor(grids)
    order, windows = vision_utils.get_vision_window_index(thw, 2, 112, 14)
    places = vision_utils.get_vision_position_ids(thw, 2)
    places = places.reshape(-1, 4, 2)[order].reshape(-1, 2)
    frames = vision_utils.get_vision_cu_seqlens(thw)
    wanted = SimpleNamespace(order=order, patch_hw=places, cu_windows=windows, cu_frames=frames)
    for name, value in vars(wanted).items():
        mine = getattr(layout, name)
        np.testing.assert_array_equal(mine, value.numpy(), err_msg=name)
        assert mine.dtype == value.numpy().dtype
    assert layout.max_window == np.diff(windows).max()
    assert layout.max_frame == np.diff(frames).max()


def test_the_drawn_example():
    layout = vision_layout([Grid(1, 10, 12)])
    assert layout.cu_windows.tolist() == [0, 64, 96, 112, 120]
    assert layout.order[:16].tolist() == [0, 1, 2, 3, 6, 7, 8, 9, 12, 13, 14, 15, 18, 19, 20, 21]
    assert layout.order[16:24].tolist() == [4, 5, 10, 11, 16, 17, 22, 23]
    assert layout.order[24:].tolist() == [24, 25, 26, 27, 28, 29]


def test_windows_have_at_most_nine_lengths_and_none_crosses_frames():
    grids = [Grid(2, 2 * h, 2 * w) for h in range(1, 10) for w in range(1, 10)]
    layout = vision_layout(grids)
    assert len(set(np.diff(layout.cu_windows).tolist())) == 9
    assert set(layout.cu_frames.tolist()) <= set(layout.cu_windows.tolist())


@pytest.mark.parametrize("grid", [Grid(1, 5, 4), Grid(1, 4, 7), Grid(0, 4, 4), Grid(1, 0, 4)])
def test_a_grid_that_cannot_be_merged_is_named(grid):
    with pytest.raises(ValueError, match=rf"Grid\(t={grid.t}, h={grid.h}, w={grid.w}\).*even"):
        vision_layout([Grid(1, 4, 4), grid])
