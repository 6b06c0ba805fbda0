"""argparse that speaks Portuguese: what is typed wrong at a site is told so that whoever is there can mend it.

Invariant: no value that was typed is repeated but the name of a command or an option; a token never is.
"""

from __future__ import annotations

import argparse
import re
from typing import NoReturn

_WRONG = 2
_SAID = (
    (r"invalid choice: '([a-z-]{1,30})'", "não existe o comando '{0}'"),
    (r"the following arguments are required: COMANDO", "falta o comando"),
    (r"the following arguments are required: (.+)", "falta {0}"),
    (r"argument (--[a-z-]+): expected one argument", "falta o valor de {0}"),
    (r"unrecognized arguments: (--[a-z-]+)", "não existe a opção {0}"),
)


class Parser(argparse.ArgumentParser):
    """Its own words are Portuguese; the exit status of a mistake is argparse's."""

    def format_help(self) -> str:
        told = super().format_help()
        for english, portuguese in (
            ("usage:", "uso:"),
            ("positional arguments:", "comandos:"),
            ("options:", "opções:"),
            ("show this help message and exit", "mostra esta ajuda e termina"),
            ("show program's version number and exit", "mostra a versão e termina"),
        ):
            told = told.replace(english, portuguese)
        return told

    def error(self, message: str) -> NoReturn:
        said = next(
            (words.format(*found.groups()) for pattern, words in _SAID if (found := re.search(pattern, message))),
            "o comando não foi entendido",
        )
        self.exit(_WRONG, f"Erro: {said}.\nO que fazer: veja os comandos e opções com '{self.prog} --help'.\n")
