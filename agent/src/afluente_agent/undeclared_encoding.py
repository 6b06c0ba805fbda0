"""Text of a database that does not say in what encoding its texts are (SQL_ASCII): what was written stands there as bytes.

PostgreSQL gives such texts out as they are, and refuses the first that is not UTF-8 to a session that asked for UTF-8. So
the session asks for WIN1252, in which every byte is good, and each line that is not UTF-8 is read as WIN1252, the encoding
of Windows in Portuguese.

Invariant: what is UTF-8 stays as it is; what comes out is UTF-8, with the same tabs, breaks and backslashes.
"""

from __future__ import annotations

SQL_ASCII = "SQL_ASCII"
ANY_BYTE = "WIN1252"


def as_utf8(text: bytes) -> bytes:
    """Lines of COPY's text, each in UTF-8."""
    try:
        text.decode()
    except UnicodeDecodeError:
        return b"\n".join([_line_as_utf8(line) for line in text.split(b"\n")])
    return text


def _line_as_utf8(line: bytes) -> bytes:
    for encoding in ("utf-8", "cp1252"):
        try:
            return line.decode(encoding).encode()
        except UnicodeDecodeError:
            continue
    return line.decode("latin-1").encode()
