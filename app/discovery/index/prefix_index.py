"""Prefix search: which of many texts have a word that begins with a prefix, in microseconds."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence, Set

_WORD = re.compile(r"[^\W_]+")
_LAST_CHARACTER = "\U0010ffff"


def tokenize(text: str) -> list[str]:
    """The words of a text, in lower case: runs of letters and digits, so `flet-audio` is two."""
    return _WORD.findall(text.lower())


class PrefixIndex:
    """The words of numbered texts, as sorted (word, number) pairs, so that a prefix is one slice of them."""

    def __init__(self, texts: Sequence[Iterable[str]]) -> None:
        pairs = sorted(
            {(word, number) for number, parts in enumerate(texts) for part in parts for word in tokenize(part)}
        )
        self._words = [word for word, _ in pairs]
        self._numbers = [number for _, number in pairs]

    def find(self, prefixes: Sequence[str], among: Set[int] | None = None) -> Set[int]:
        """The numbers of the texts, all or `among` some, that have a word for each of the prefixes."""
        # The rarest prefix first: each step only narrows the result.
        for low, high in sorted(map(self._range, prefixes), key=lambda ends: ends[1] - ends[0]):
            numbers = self._numbers[low:high]
            among = frozenset(numbers) if among is None else frozenset(among).intersection(numbers)
        return among or frozenset()

    def _range(self, prefix: str) -> tuple[int, int]:
        low = bisect_left(self._words, prefix)
        return low, bisect_left(self._words, prefix + _LAST_CHARACTER, low)
