"""An argument parser that answers a bad argument in one line and exits with status 2."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from archs.errors import nearest
from bench.spec.output.lines import say_error


class Parser(argparse.ArgumentParser):
    """An `argparse.ArgumentParser` that prints one line on stderr, without the usage, and exits with status 2."""

    def error(self, message: str) -> NoReturn:
        say_error(" ".join(message.split()))
        sys.exit(2)

    def parse_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        """Do as argparse does, and name the option that a word too many was meant for."""
        given = sys.argv[1:] if args is None else list(args)
        found, left_over = self.parse_known_args(given, namespace)
        if left_over:
            self.error(self._too_many(left_over[0], given))
        return found

    def _too_many(self, word: str, given: Sequence[str]) -> str:
        """Say what is wrong with a word that belongs to no option, or to one that has its value already."""
        options = self._options()
        if word.startswith("-"):
            return f"unknown option {word!r}{nearest(word.partition('=')[0], options)}"
        if any(not action.option_strings for action in self._actions):  # then it need not be the option before it
            return f"{word!r} is one argument too many"
        groups: list[tuple[str, list[str]]] = [("", [])]  # option → the words after it
        for text in given:
            name, equals, value = text.partition("=")
            if name in options:
                groups.append((name, [value] if equals else []))
            else:
                groups[-1][1].append(text)
        for name, words in groups:
            takes = 1 if name and options[name].nargs is None else 0
            if word in words[takes:]:
                return self._about(name, words, options.get(name))
        return f"{word!r} is one argument too many"

    def _about(self, name: str, words: Sequence[str], action: argparse.Action | None) -> str:
        """Say that an option has too many words after it."""
        if action is None:
            return f"{words[0]!r} follows no option{nearest(f'--{words[0]}', self._options(), 0.7)}"
        if action.nargs is not None:
            return f"argument {name}: takes no value, but {words[0]!r} follows"
        if callable(action.type):
            try:
                action.type(" ".join(words))  # what takes one value may know what several are meant to be
            except (argparse.ArgumentTypeError, ValueError) as error:
                return f"argument {name}: {error}"
        many = f"argument {name}: takes one value, but {len(words)} follow ({', '.join(map(repr, words))})"
        if isinstance(action, argparse._AppendAction):
            return f"{many}; repeat the option: {' '.join(f'{name} {word}' for word in words)}"
        return f"{many}; quote one that holds spaces"

    def _options(self) -> dict[str, argparse.Action]:
        """Return the options by name, with those of sub-commands."""
        found = dict(self._option_string_actions)
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                for command in action.choices.values():
                    found |= command._option_string_actions
        return found


def integer(low: int, high: int) -> Callable[[str], int]:
    """Return an argparse type for whole numbers from `low` to `high`."""

    def convert(text: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,12}", text) or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {low:,} to {high:,}")
        return int(text)

    return convert


def listed(words: Sequence[str]) -> list[str]:
    """Return the words of a list whether they came apart or joined by commas; a word of commas alone stays."""
    return [part for word in words for part in ([part for part in word.split(",") if part.strip()] or [word])]
