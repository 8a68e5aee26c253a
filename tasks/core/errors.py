"""Errors: the input is wrong (InputError), or a technique cannot handle a model (Refusal)."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(Exception):
    """The user's input breaks a law; the command line prints the message and exits with code 2.

    The message names the file, the path in it, the law, the value and the nearest valid choice, as far as
    each is known: `conf/a.yaml: train.epochs: must be at least 1, but got 0; nearest valid choice: 1`.
    """

    def __init__(
        self,
        law: str,
        *,
        file: str | None = None,
        path: str | None = None,
        value: object = None,
        nearest: object = None,
    ) -> None:
        self.law, self.file, self.path, self.value, self.nearest = law, file, path, value, nearest
        super().__init__(law)

    def at(self, *, path: str | None = None, file: str | None = None) -> InputError:
        """The same mistake at another path or in another file; what is left out stays as it is.

        A file that the mistake names already is kept in front of its law.
        """
        is_moved = file is not None and self.file not in (None, file)
        law = f"{self.file}: {self.law}" if is_moved else self.law
        return InputError(law, file=file or self.file, path=path or self.path, value=self.value, nearest=self.nearest)

    def __str__(self) -> str:
        place = "".join(f"{part}: " for part in (self.file, self.path) if part)
        got = "" if self.value is None else f", but got {self.value!r}"
        hint = "" if self.nearest is None else f"; nearest valid choice: {self.nearest}"
        return f"{place}{self.law}{got}{hint}"


class Refusal(Exception):  # noqa: N818 - it is an answer, not a fault
    """A technique cannot handle a model, or a conversion failed its parity check; the message names the place."""


def nearest_choice(name: str, choices: Iterable[str]) -> str | None:
    """The choice most similar in spelling to `name`; None when none is similar."""
    found = difflib.get_close_matches(str(name), [str(choice) for choice in choices], n=1, cutoff=0.5)
    return found[0] if found else None


def in_one_line(error: BaseException) -> str:
    """An error as one line of at most 300 characters: class and message; of a Refusal the message alone.

    Of a message that is a traceback, only its last line.
    """
    text = str(error)
    if text.startswith("Traceback"):
        return last_line(text)
    text = " ".join(text.split())
    return (text if isinstance(error, Refusal) else f"{type(error).__name__}: {text}")[:300]


def last_line(text: str) -> str:
    """The last line that is not empty, at most 300 characters."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""
