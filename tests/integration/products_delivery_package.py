"""A small release for the tests of deliveries, with nothing behind it but its files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from afluente.core.clock import Clock, SetClock
from afluente.core.errors import Place
from afluente.core.language import Language
from afluente.products.deliveries.delivery import DeliveryContext, Package, PackageFile
from afluente.project.product import DeliverySettings, Format
from afluente.project.secret_reference import SecretReference

RELEASE_ID = "0199f3a2-7c00-7000-8000-00000000000c"
RELEASED_AT = datetime(2026, 7, 1, 11, 30, tzinfo=UTC)


def make_file(folder: Path, output: str, kind: Format, content: bytes, *, rows: int) -> PackageFile:
    path = folder / f"vendas_ouchhungry-000012-{output}.{kind}"
    path.write_bytes(content)
    return PackageFile(path.name, path, hashlib.sha256(content).hexdigest(), len(content), rows, output, kind)


def rows_of(output: str, count: int) -> list[dict[str, object]]:
    return [
        {"dia": f"2026-06-{1 + n % 30:02d}", "municipio": f"{output} {n}", "receita": n * 1.25} for n in range(count)
    ]


def json_lines(rows: list[dict[str, object]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def make_package(
    folder: Path,
    outputs: Mapping[str, int],
    *,
    title: str = "Vendas de Hungry e Ouch",
    replaces: int | None = None,
    pictures: tuple[Path, ...] = (),
) -> Package:
    """A release with as many rows of each output, as JSON lines and as CSV."""
    folder.mkdir(parents=True, exist_ok=True)
    files: list[PackageFile] = []
    for output, count in outputs.items():
        rows = rows_of(output, count)
        files.append(make_file(folder, output, "csv", b"dia,municipio,receita\n", rows=count))
        files.append(make_file(folder, output, "jsonl", json_lines(rows), rows=count))
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps({"product": "vendas_ouchhungry", "number": 12}), encoding="utf-8")
    signature = folder / "manifest.json.sig"
    signature.write_text("-----BEGIN SSH SIGNATURE-----\n", encoding="utf-8")
    return Package(
        release_id=RELEASE_ID,
        product="vendas_ouchhungry",
        title=title,
        partner="ouchhungry",
        number=12,
        replaces=replaces,
        released_at=RELEASED_AT,
        files=tuple(files),
        manifest=manifest,
        signature=signature,
        prefix="vendas_ouchhungry-000012",
        period=("2026-06-01", "2026-06-30"),
        columns={output: ("dia", "municipio", "receita") for output in outputs},
        pictures=pictures,
    )


def make_context(
    root: Path,
    secrets: Mapping[str, str] | Callable[[SecretReference], str],
    *,
    clock: Clock | None = None,
    language: Language = "pt",
) -> DeliveryContext:
    def secret(reference: SecretReference) -> str:
        return secrets(reference) if callable(secrets) else secrets[reference.target]

    return DeliveryContext(root, secret, clock or SetClock(RELEASED_AT), language)


def make_settings(connector: str, options: Mapping[str, object], **chosen: tuple[str, ...]) -> DeliverySettings:
    return DeliverySettings("entrega", connector, Place("products/vendas.yaml", 40), options=options, **chosen)


def env(name: str) -> SecretReference:
    return SecretReference("env", name)
