"""Numbers, months and weekdays as people read them, in Portuguese and in English."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

from afluente.core.language import Language
from afluente.core.months import LONG_MONTHS, MONTHS

WEEKDAYS = {
    "pt": ("seg", "ter", "qua", "qui", "sex", "sáb", "dom"),
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
}
LONG_WEEKDAYS = {
    "pt": ("segunda-feira", "terça-feira", "quarta-feira", "quinta-feira", "sexta-feira", "sábado", "domingo"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}


def number(value: Decimal, language: Language, *, places: int = 0) -> str:
    """`1.234,5` or `1,234.5`."""
    rounded = value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)
    text = f"{rounded or abs(rounded):,.{places}f}"
    return text.translate(str.maketrans(",.", ".,")) if language == "pt" else text


def money(value: Decimal, language: Language, *, places: int = 2) -> str:
    """`R$ 1.234,50` or `R$ 1,234.50`."""
    sign = "−" if value < 0 else ""
    return f"{sign}R$ {number(abs(value), language, places=places)}"


def percent(value: Decimal, language: Language) -> str:
    """A ratio as a percentage, without sign, of one decimal place."""
    return f"{number(abs(value) * 100, language, places=1)}%"


def signed_percent(value: Decimal, language: Language) -> str:
    sign = "+" if value > 0 else "−" if value < 0 else ""
    return f"{sign}{percent(value, language)}"


def signed_money(value: Decimal, language: Language) -> str:
    return f"+{money(value, language)}" if value > 0 else money(value, language)


def short_month(month: str, language: Language) -> str:
    """`jun/26` or `Jun 26`."""
    year, number_ = month.split("-")[:2]
    name = MONTHS[language][int(number_) - 1]
    return f"{name}/{year[2:]}" if language == "pt" else f"{name} {year[2:]}"


def long_month(month: str, language: Language) -> str:
    """`junho de 2026` or `June 2026`."""
    year, number_ = month.split("-")[:2]
    name = LONG_MONTHS[language][int(number_) - 1]
    return f"{name} de {year}" if language == "pt" else f"{name} {year}"


def band(low: Decimal, high: Decimal, language: Language) -> str:
    """`20–25%`, in whole percents that hold the band."""
    least = (low * 100).to_integral_value(rounding=ROUND_FLOOR)
    greatest = (high * 100).to_integral_value(rounding=ROUND_CEILING)
    return f"{number(least, language)}–{number(greatest, language)}%"
