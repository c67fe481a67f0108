import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from trainer.attention import Segments


def by_mask(q, k, v, ends, *, causal):
    """Attend over everything at once, other segments masked out, heads of keys repeated."""
    owner = torch.repeat_interleave(torch.arange(len(ends) - 1), torch.tensor(ends).diff())
    seen = owner[:, None] == owner
    if causal:
        seen = seen.tril()
    repeats = q.shape[1] // k.shape[1]
    k, v = (x.repeat_interleave(repeats, dim=1) for x in (k, v))
    q, k, v = (x.transpose(0, 1) for x in (q, k, v))
    return scaled_dot_product_attention(q, k, v, attn_mask=seen).transpose(0, 1)


def drawn(length, heads):
    return torch.randn(length, heads, 8, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("kv_heads", [4, 2, 1])
@pytest.mark.parametrize(
    "ends", [[0, 7], [0, 3, 6, 9], [0, 5, 6, 11, 12, 20], [0, 1, 2, 3]], ids=str
)
def test_a_segment_sees_itself_alone(ends, kv_heads, causal):
    torch.manual_seed(0)
    q, k, v = drawn(ends[-1], 4), drawn(ends[-1], kv_heads), drawn(ends[-1], kv_heads)
    segments = Segments(ends=torch.tensor(ends, dtype=torch.int32), longest=9, causal=causal)
    weights = torch.randn(ends[-1], 4, 8, dtype=torch.float64)
    mine = segments.attend(q, k, v)
    wanted = by_mask(q, k, v, ends, causal=causal)
    torch.testing.assert_close(mine, wanted)
    for got, right in zip(
        torch.autograd.grad((mine * weights).sum(), (q, k, v)),
        torch.autograd.grad((wanted * weights).sum(), (q, k, v)),
        strict=True,
    ):
        torch.testing.assert_close(got, right)


def test_what_lies_in_another_segment_changes_nothing():
    torch.manual_seed(0)
    q, k, v = (torch.randn(8, 2, 4) for _ in range(3))
    segments = Segments(ends=torch.tensor([0, 5, 8]), longest=5)
    before = segments.attend(q, k, v)
    k[5:], v[5:] = 9.0, 9.0
    after = segments.attend(q, k, v)
    assert torch.equal(before[:5], after[:5])
    assert not torch.allclose(before[5:], after[5:])
