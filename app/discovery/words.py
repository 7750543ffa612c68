"""Which of many texts have a word that begins in some way, answered in microseconds."""

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence

_WORD = re.compile(r"[^\W_]+")
_AFTER_ALL = "\U0010ffff"


def words_of(text: str) -> list[str]:
    """The words of a text, in lower case: runs of letters and digits, so `flet-audio` is two."""
    return _WORD.findall(text.lower())


class Words:
    """The words of numbered texts: all (word, number) pairs side by side, so that a prefix is one slice of them."""

    def __init__(self, texts: Sequence[Iterable[str]]) -> None:
        pairs = sorted(
            {(word, number) for number, parts in enumerate(texts) for part in parts for word in words_of(part)}
        )
        self._words = [word for word, _ in pairs]
        self._numbers = array("I", (number for _, number in pairs))

    def having_all(self, prefixes: Sequence[str]) -> set[int]:
        """The numbers of the texts that have, for each prefix, a word that begins so."""
        found = self._having(prefixes[0])
        for prefix in prefixes[1:]:
            found &= self._having(prefix)
        return found

    def _having(self, prefix: str) -> set[int]:
        low = bisect_left(self._words, prefix)
        high = bisect_left(self._words, prefix + _AFTER_ALL, low)
        return set(self._numbers[low:high])
