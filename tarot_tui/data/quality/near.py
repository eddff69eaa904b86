"""Texts that are almost the same, found without comparing each with each.

Every text is cut into overlapping pieces (3 characters where most are Chinese, Japanese or Korean, 7 elsewhere:
neither needs word boundaries). One-permutation MinHash (Li, Owen & Zhang 2012) keeps the smallest hash in each of 32
bins; texts that agree in all bins of a band are compared exactly, by the Jaccard similarity of their pieces. With 8
bands of 4 bins, two texts of similarity 0.85 meet with a probability above 0.99.
"""

from __future__ import annotations

import re
import zlib
from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterator

#: From which share of common pieces on two texts count as almost the same.
SIMILAR = 0.85

_BINS = 32
_BANDS = 8
_WIDE = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")
_LONGEST = 20_000
#: Texts of one bucket that a text is compared with at most: boilerplate must not make this quadratic.
_COMPARED = 8


class NearDuplicates:
    """Texts are added one by one and forgotten; ``text_of(place)`` brings one back for the exact comparison."""

    def __init__(self, text_of: Callable[[int], str]) -> None:
        self._text_of = text_of
        self._bands = [array("Q") for _ in range(_BANDS)]
        self._kept: OrderedDict[int, frozenset[int]] = OrderedDict()

    def __len__(self) -> int:
        """How many texts were added."""
        return len(self._bands[0])

    def add(self, text: str) -> None:
        """The next text; the first has place 0."""
        smallest: list[int] = [0] * _BINS
        # From the largest to the smallest, so that the smallest of each bin is what stays.
        for piece in sorted(pieces(text), reverse=True):
            smallest[piece % _BINS] = piece
        width = _BINS // _BANDS
        for number, keys in enumerate(self._bands):
            band = smallest[number * width : (number + 1) * width]
            # A band of empty bins says nothing, and all short texts would meet in it.
            keys.append(hash(tuple(band)) & 0xFFFFFFFFFFFFFFFF if any(band) else 0)

    def groups(self) -> list[list[int]]:
        """The places of texts that are almost the same as the first of their group, in order."""
        leader = list(range(len(self)))
        for place, other in self._pairs():
            first, second = sorted((_root(leader, place), _root(leader, other)))
            if first != second and self._alike(first, second):
                leader[second] = first
        groups: dict[int, list[int]] = {}
        for place in range(len(self)):
            if (root := _root(leader, place)) != place:
                groups.setdefault(root, [root]).append(place)
        return sorted(groups.values())

    def _pairs(self) -> Iterator[tuple[int, int]]:
        """Pairs that share a band, each text with the first few of its bucket."""
        for keys in self._bands:
            order = sorted(range(len(keys)), key=keys.__getitem__)  # stable: ascending within a bucket
            bucket: list[int] = []
            key = 0
            for place in order:
                if keys[place] != key:
                    key, bucket = keys[place], []
                if key:
                    yield from ((place, other) for other in bucket)
                    if len(bucket) < _COMPARED:
                        bucket.append(place)

    def _alike(self, one: int, other: int) -> bool:
        a, b = self._pieces_of(one), self._pieces_of(other)
        common = len(a & b)
        return common >= SIMILAR * (len(a) + len(b) - common)

    def _pieces_of(self, place: int) -> frozenset[int]:
        if place not in self._kept:
            self._kept[place] = frozenset(pieces(self._text_of(place)))
            if len(self._kept) > 2000:
                self._kept.popitem(last=False)
        return self._kept[place]


def pieces(text: str) -> set[int]:
    """Hashes of the overlapping pieces of ``text``; case, blanks and punctuation do not count."""
    letters = "".join(filter(str.isalnum, text[:_LONGEST].lower()))
    length = 3 if 2 * len(_WIDE.findall(letters)) > len(letters) else 7
    data = letters.encode("utf-16-le", "surrogatepass")
    last = max(len(data) - 2 * length, 0)
    return {zlib.crc32(data[begin : begin + 2 * length]) for begin in range(0, last + 1, 2)}


def _root(leader: list[int], place: int) -> int:
    while leader[place] != place:
        leader[place] = place = leader[leader[place]]
    return place
