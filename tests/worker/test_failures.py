"""What a record says of an error: its kind and first line, or where it came from; never nothing."""

from __future__ import annotations

import pytest

from bench.worker.failures import reason


def raised(error: BaseException) -> BaseException:
    with pytest.raises(type(error)) as caught:
        raise error
    return caught.value


@pytest.mark.parametrize(
    "error, expected",
    [
        (ValueError("wrong\nand more"), "ValueError: wrong"),
        (RuntimeError("\n   Some tensors share memory: \n a, b"), "RuntimeError: Some tensors share memory:"),
    ],
)
def test_it_is_the_first_line_that_has_words(error: Exception, expected: str) -> None:
    assert reason(raised(error)) == f"{expected} (test_failures.py:12 in raised)"
    assert reason(error.with_traceback(None)) == expected


@pytest.mark.parametrize("message", ["", "\n \n"])
def test_an_error_without_words_says_where_it_was_raised(message: str) -> None:
    said = reason(raised(AssertionError(message)))
    assert said.startswith("AssertionError: no message (test_failures.py:")
    assert said.endswith(" in raised)")


def test_one_that_was_never_raised_says_that_it_has_no_message() -> None:
    assert reason(KeyboardInterrupt()) == "KeyboardInterrupt: no message"
