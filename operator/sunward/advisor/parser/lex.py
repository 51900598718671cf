"""Words to tokens: names, quantities, times and phrases, each with its piece of the request."""

from __future__ import annotations

from collections.abc import Sequence

from sunward.advisor.parser.lexing.clocks import Clocks
from sunward.advisor.parser.lexing.groups import Groups
from sunward.advisor.parser.lexing.quantities import Quantities
from sunward.advisor.parser.names import NameIndex
from sunward.advisor.parser.tokens import Token


class Lexer(Groups, Clocks, Quantities):
    """One pass over the words of a request."""

    def run(self) -> list[Token]:
        """All tokens in order."""
        readers = (
            self._name,
            self._clock,
            self._quantity,
            self._all,
            self._others,
            self._phrase,
            self._part,
            self._rest,
        )
        while self.at < len(self.words):
            next(reader for reader in readers if reader())
        return self.tokens


def lex(text: str, index: NameIndex) -> Sequence[Token]:
    """The tokens of a cleaned request."""
    return Lexer(text, index).run()
