"""The words of the e-mail about a release, in Portuguese and in English, and how it writes numbers and days.

Invariant: nothing here depends on the machine's language.
"""

from __future__ import annotations

from datetime import date

from afluente.core.language import Language, Message
from afluente.core.months import LONG_MONTHS

SUBJECT = Message("{title}: {period} (entrega {number})", "{title}: {period} (release {number})")
SUBJECT_WITHOUT_PERIOD = Message("{title} (entrega {number})", "{title} (release {number})")
CORRECTION = Message("Correção - ", "Correction - ")
GREETING = Message("Olá,", "Hello,")
READY = Message("A entrega {number} de “{title}” está pronta.", "Release {number} of “{title}” is ready.")
PERIOD = Message("Período", "Period")
FROM_TO = Message("{first} a {last}", "{first} to {last}")
REPLACES = Message(
    "Substitui a entrega {number}: use esta no lugar dela.", "It replaces release {number}: use this one instead."
)
DELIVERED = Message("O que foi entregue", "What was delivered")
OUTPUT = Message("Tabela", "Table")
ROWS = Message("Linhas", "Rows")
FILE = Message("Arquivo", "File")
SIZE = Message("Tamanho", "Size")
SHA256 = Message("sha256 (início)", "sha256 (beginning)")
EXTRA = Message("outros arquivos", "other files")
PICTURE = Message("A figura do mês", "The picture of the month")
ATTACHED = Message("Os arquivos seguem anexados.", "The files are attached.")
TOO_LARGE = Message(
    "Os arquivos passam de {size} MB e não vão anexados; estão nas outras formas de entrega combinadas.",
    "The files are larger than {size} MB and are not attached; they come by the other agreed ways.",
)
CHECK = Message(
    "Para conferir: o manifesto {name} tem sha256 {sha256}; ele traz o de cada arquivo.",
    "To verify: the manifest {name} has sha256 {sha256}; it holds that of each file.",
)
FOOTER = Message(
    "Mensagem automática. Não contém dados pessoais. Entrega {release}.",
    "Automatic message. It holds no personal data. Release {release}.",
)


def number(value: int, language: Language) -> str:
    """`1.234` in Portuguese, `1,234` in English."""
    text = f"{value:,}"
    return text.replace(",", ".") if language == "pt" else text


def size(size_bytes: int, language: Language) -> str:
    """Bytes with one decimal in the unit that fits: `1,2 kB`."""
    value, unit = float(size_bytes), "B"
    for larger in ("kB", "MB", "GB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    text = f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
    return text.replace(".", ",") if language == "pt" else text


def day(written: str, language: Language) -> str:
    """An ISO day as people write it: `30/06/2026`, `30 June 2026`; what is no day stays as it is."""
    try:
        found = date.fromisoformat(written)
    except ValueError:
        return written
    if language == "pt":
        return f"{found.day:02d}/{found.month:02d}/{found.year}"
    return f"{found.day} {LONG_MONTHS['en'][found.month - 1]} {found.year}"


def period(days: tuple[str, str], language: Language) -> str:
    """From the first to the last day; one day alone when they are the same."""
    first, last = (day(one, language) for one in days)
    return first if first == last else FROM_TO.say(language, first=first, last=last)
