"""The nearest choice: what a slip of the finger, another's word or the beginning of a name most likely meant."""

from __future__ import annotations

import pytest

from archs.errors import UserError, edits, nearest
from tests.conftest import registered

ARCHS = ["cnn", "cnn2", "cnn2-k4", "cnn3", "mlp", "pool4"]
OPTIONS = ["activation", "channels", "depth", "kernel", "padding", "stride"]
TASKS = ["classifier", "cvae", "m2", "reader", "vae"]
LISTED = "; choose from "


@pytest.mark.parametrize(
    "word, choices, said",
    [
        ("cnn4", ARCHS, "; did you mean 'cnn2' or 'cnn3'?"),
        ("cnn33", ARCHS, "; did you mean 'cnn3'?"),
        ("cnn-3", ARCHS, "; did you mean 'cnn3'?"),
        ("cnn2_k4", ARCHS, "; did you mean 'cnn2-k4'?"),
        ("cnn2k4", ARCHS, "; did you mean 'cnn2-k4'?"),
        ("CNN3", ARCHS, "; did you mean 'cnn3'?"),
        ("cmm2", ARCHS, "; did you mean 'cnn2'?"),
        ("pool", ARCHS, "; did you mean 'pool4'?"),
        ("resnet", ARCHS, f"{LISTED}cnn, cnn2, cnn2-k4, cnn3, mlp, pool4"),
        ("mine", ARCHS, f"{LISTED}cnn, cnn2, cnn2-k4, cnn3, mlp, pool4"),
        ("layers", OPTIONS, f"{LISTED}{', '.join(OPTIONS)}"),  # once: 'kernel'
        ("width", OPTIONS, f"{LISTED}{', '.join(OPTIONS)}"),  # once: 'depth'
        ("depht", OPTIONS, "; did you mean 'depth'?"),
        ("act", OPTIONS, "; did you mean 'activation'?"),
        ("pad", OPTIONS, "; did you mean 'padding'?"),
        ("VAE", TASKS, "; did you mean 'vae'?"),
        ("vea", TASKS, "; did you mean 'vae'?"),
        ("class", TASKS, "; did you mean 'classifier'?"),
        ("m3", TASKS, "; did you mean 'm2'?"),
        ("fashion", ["digits", "fashion-mnist", "mnist"], "; did you mean 'fashion-mnist'?"),
        ("fashion_mnist", ["digits", "fashion-mnist", "mnist"], "; did you mean 'fashion-mnist'?"),
        ("rl", ["lr", "batch_size"], "; did you mean 'lr'?"),
        ("batch-size", ["lr", "batch_size"], "; did you mean 'batch_size'?"),
        ("gpu", ["auto", "cpu", "cuda"], "; did you mean 'cuda'?"),
        ("anything", [], ""),
    ],
)
def test_the_nearest_choice_is_what_was_meant(word: str, choices: list[str], said: str) -> None:
    assert nearest(word, choices, meant={"gpu": "cuda"}) == said


@pytest.mark.parametrize(
    "one, other, count",
    [("", "", 0), ("abc", "abc", 0), ("abc", "ab", 1), ("abc", "abd", 1), ("vea", "vae", 0.75), ("a1", "a2", 0.5),
     ("a-b", "a_b", 0.25), ("a-b", "ab", 0.5), ("kitten", "sitting", 3)],
)  # fmt: skip
def test_edits_are_counted_as_by_hand_and_the_same_both_ways(one: str, other: str, count: float) -> None:
    assert edits(one, other) == edits(other, one) == count


@pytest.mark.parametrize(
    "text, said",
    [
        ("cnn4", "unknown architecture 'cnn4'; did you mean 'cnn2' or 'cnn3'?; one of 4 layers is cnn:depth=4"),
        ("cnn9", "unknown architecture 'cnn9'; did you mean 'cnn2' or 'cnn3'?"),  # the family has at most 8
        ("cnn2_k4", "unknown architecture 'cnn2_k4'; archs/cnn2_k4.py declares cnn2-k4"),
        ("blocks", "unknown architecture 'blocks': archs/blocks.py holds no Arch or Family at module level"),
        ("mlp:depth=2", "unknown family 'mlp': mlp is an architecture without options; families are cnn"),
        (
            "mine",
            "unknown architecture 'mine'; choose from cnn, cnn2, cnn2-k4, cnn3, mlp, pool4; an architecture of yours",
        ),
        (
            "./mine.py",
            "architecture './mine.py' is a file: name it with --plugin, and here what it declares",
        ),
        ("resnet:depth=18", "unknown family 'resnet'; choose from cnn; a family of yours is in a file that --plugin"),
        ("cnn4*", "no architecture matches 'cnn4*'; did you mean 'cnn2' or 'cnn3'?"),
        ("cnn:layers=3", "cnn: unknown option 'layers'; choose from"),
    ],
)
def test_an_architecture_that_is_not_there_is_told_from_one_that_is(text: str, said: str) -> None:
    with pytest.raises(UserError) as raised:
        registered().resolve([text])
    assert str(raised.value).startswith(said), raised.value
