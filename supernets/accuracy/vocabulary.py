"""Lines of text as token numbers, and back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Protocol, Self

from latbase.errors import InvalidInputError

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
"""The first pieces of every fairseq dictionary, which its file leaves out."""

UNKNOWN = SPECIAL.index("<unk>")

JOINT = "@@"
"""Ends a piece whose word goes on in the next piece (subword-nmt)."""


class Tokenizer(Protocol):
    """Turns lines into token numbers and back; special tokens are numbered as fairseq does."""

    @property
    def checksum(self) -> str:
        """Changes when the same line could become other tokens, or tokens another line."""

    def __len__(self) -> int:
        """Return the number of tokens, special ones included."""

    def encode(self, line: str) -> list[int]:
        """Return the tokens of a line, without an end."""

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens that have no end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """The pieces of a fairseq dictionary; a line is pieces between spaces.

    Attributes:
        pieces: by token number.
        numbers: token numbers by piece.
    """

    pieces: tuple[str, ...]
    numbers: Mapping[str, int]

    @classmethod
    def of(cls, pieces: Iterable[str]) -> Self:
        """Return the vocabulary that numbers ``pieces`` behind the special ones."""
        found = (*SPECIAL, *pieces)
        return cls(pieces=found, numbers={piece: number for number, piece in enumerate(found)})

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a ``dict.LANGUAGE.txt``: on each line a piece, a space and a count.

        Raises:
            InvalidInputError: the file cannot be read, or is no dictionary.
        """
        entries = [line.rpartition(" ") for line in read_lines(path)]
        wrong = [row for row, (_, _, count) in enumerate(entries, 1) if not count.isdigit()]
        if wrong:
            raise InvalidInputError(
                f"{path}, line {wrong[0]}: expected a piece, a space and a count; "
                "give the dictionary that fairseq wrote for the data."
            )
        return cls.of(piece for piece, _, _ in entries)

    @property
    def checksum(self) -> str:
        """Checksum of the pieces in their order."""
        return sha256("\n".join(self.pieces).encode()).hexdigest()

    def __len__(self) -> int:
        """Return the number of pieces, special ones included."""
        return len(self.pieces)

    def encode(self, line: str) -> list[int]:
        """Return the numbers of the pieces of ``line``."""
        return [self.numbers.get(piece, UNKNOWN) for piece in line.split()]

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the words that the pieces make."""
        return joined(self.pieces[token] for token in tokens)


def joined(pieces: Iterable[str]) -> str:
    """Put the words together that ``JOINT`` marks."""
    return f"{' '.join(pieces)} ".replace(f"{JOINT} ", "").strip()


def read_lines(path: Path) -> list[str]:
    r"""Return the lines of a UTF-8 text file; only ``\n`` and ``\r\n`` end one.

    Raises:
        InvalidInputError: the file cannot be read, or is empty.
    """
    try:
        text = path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"The text {path} cannot be read: {error}.") from error
    if not text:
        raise InvalidInputError(f"{path} is empty; expected one sentence on each line.")
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
