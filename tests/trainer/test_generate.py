import torch

from tests.trainer.documents import TOKENS, document, for_transformers, image, packed
from trainer.generate import generate

PROMPTS = [
    document(4, image(6, 10), 5, seed=1),
    document(3, seed=2),
    document(image(4, 4), 2, image(10, 4), 3, seed=3),
]


def slowly(model, prompt, n):
    """Continue a prompt by reading all of it again for each token."""
    ids = prompt.ids.tolist()
    for _ in range(n):
        longer = document(seed=0)
        longer = type(prompt)(
            torch.tensor(ids).numpy(), prompt.grids, prompt.seconds, prompt.kinds, prompt.pixels
        )
        hidden = model(packed([longer]))
        ids.append(int((hidden[-1] @ model.head_weight.T).argmax()))
    return ids[len(prompt.ids) :]


def test_all_documents_go_on_as_each_would_alone_without_a_cache(untied):
    with torch.no_grad():
        wanted = [slowly(untied, prompt, 6) for prompt in PROMPTS]
    assert generate(untied, packed(PROMPTS), max_new_tokens=6, stop_ids=()) == wanted


def test_transformers_goes_on_with_the_same_tokens(untied, theirs):
    prompt = PROMPTS[0]
    given = for_transformers(prompt)
    del given["position_ids"]
    kinds = (given["input_ids"] == TOKENS.image).int()
    out = theirs.generate(
        **given,
        attention_mask=torch.ones_like(given["input_ids"]),
        mm_token_type_ids=kinds,
        max_new_tokens=12,
        do_sample=False,
        eos_token_id=-1,
        pad_token_id=0,
    )
    mine = generate(untied, packed([prompt]), max_new_tokens=12, stop_ids=())
    assert mine == [out[0, len(prompt.ids) :].tolist()]


def test_an_answer_ends_with_the_first_token_that_stops(untied):
    (free,) = generate(untied, packed(PROMPTS[:1]), max_new_tokens=8, stop_ids=())
    stop = free[2]
    (answer,) = generate(untied, packed(PROMPTS[:1]), max_new_tokens=8, stop_ids={stop})
    assert answer == free[: free.index(stop) + 1]


def test_draws_depend_on_the_seed_and_cold_draws_are_greedy(untied):
    inputs = packed(PROMPTS)

    def draw(temperature, seed):
        return generate(
            untied, inputs, max_new_tokens=8, stop_ids=(), temperature=temperature, seed=seed
        )

    assert draw(5.0, 1) == draw(5.0, 1)
    assert draw(5.0, 1) != draw(5.0, 2)
    assert draw(1e-4, 1) == draw(0.0, 1)
