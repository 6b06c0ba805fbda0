"""The e-mail about a release: both languages, stable, and safe whatever a title holds."""

from __future__ import annotations

from dataclasses import replace
from email import message_from_bytes, policy
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from afluente.products.deliveries.delivery import DeliveryError, Package
from afluente.products.deliveries.email import phrases
from afluente.products.deliveries.email.config import parse
from afluente.products.deliveries.email.message import compose, message_id_of
from tests.integration.products_delivery_package import RELEASE_ID, make_package, make_settings

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 40
OPTIONS = {
    "server": "smtp.example.com",
    "from": "Dados <dados@example.com>",
    "to": ("ana@example.com", "b@example.com"),
}


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    folder = tmp_path_factory.mktemp("release")
    picture = folder / "mes.png"
    picture.write_bytes(PNG)
    return make_package(folder, {"vendas_mes": 1250, "vendas_dia": 7}, pictures=(picture,))


def composed(package, *, language="pt", **options):
    config = parse(make_settings("email", {**OPTIONS, **options}))
    message = compose(package, config, language=language, to=["ana@example.com", "b@example.com"])
    return message, message_from_bytes(message.as_bytes(), policy=policy.default)


def parts(message) -> dict[str, object]:
    return {part.get_content_type(): part.get_content() for part in message.walk() if not part.is_multipart()}


def test_the_message_says_what_was_delivered_in_portuguese(package) -> None:
    _, read = composed(package)
    assert read["Subject"] == "Vendas de Hungry e Ouch: 01/06/2026 a 30/06/2026 (entrega 12)"
    assert read["From"] == "Dados <dados@example.com>"
    assert read["Auto-Submitted"] == "auto-generated"
    found = parts(read)
    for text in (found["text/plain"], found["text/html"]):
        assert "Período: 01/06/2026 a 30/06/2026" in text
        assert "1.250" in text
        for file in package.files:
            assert file.name in text
            assert file.sha256[:12] in text
        assert "Não contém dados pessoais" in text


def test_the_message_says_the_same_in_english(package) -> None:
    _, read = composed(package, language="en")
    assert read["Subject"] == "Vendas de Hungry e Ouch: 1 June 2026 to 30 June 2026 (release 12)"
    for text in list(parts(read).values())[:2]:
        assert "Period: 1 June 2026 to 30 June 2026" in text
        assert "1,250" in text
        assert "no personal data" in text


def test_a_correction_names_what_it_replaces(package) -> None:
    _, read = composed(replace(package, replaces=11))
    assert read["Subject"].startswith("Correção - ")
    assert "Substitui a entrega 11" in parts(read)["text/plain"]


def test_the_picture_of_the_month_stands_inside_the_html(package) -> None:
    _, read = composed(package)
    picture = next(part for part in read.walk() if part.get_content_type() == "image/png")
    assert picture.get_content() == PNG
    assert picture.get_content_disposition() == "inline"
    assert f'src="cid:{picture["Content-ID"].strip("<>")}"' in parts(read)["text/html"]


def test_a_picture_that_is_none_is_left_out(package, tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"<svg/>")
    _, read = composed(replace(package, pictures=(tmp_path / "x.png",)))
    assert set(parts(read)) == {"text/plain", "text/html"}
    assert "cid:" not in parts(read)["text/html"]


def test_the_same_release_and_delivery_are_the_same_bytes(package) -> None:
    first, second = composed(package, attach=True)[0], composed(package, attach=True)[0]
    assert first.as_bytes() == second.as_bytes()
    assert first["Message-ID"] == message_id_of(RELEASE_ID, "entrega", "dados@example.com")
    assert first["Date"] == "Wed, 01 Jul 2026 11:30:00 +0000"


def test_message_ids_differ_by_release_and_delivery() -> None:
    ids = {message_id_of(release, name, "d@example.com") for release in ("a", "b") for name in ("x", "y")}
    assert len(ids) == 4
    assert all(one.endswith("@example.com>") for one in ids)


def test_files_are_attached_when_asked_for_and_small_enough(package) -> None:
    _, read = composed(package, attach=True)
    attached = {part.get_filename(): part for part in read.iter_attachments()}
    assert set(attached) == {file.name for file in package.files}
    assert "seguem anexados" in read.get_body(("plain",)).get_content()
    large = replace(package, files=tuple(replace(file, size_bytes=9 * 1024**2) for file in package.files))
    _, read = composed(large, attach=True)
    assert list(read.iter_attachments()) == []
    assert "não vão anexados" in read.get_body(("plain",)).get_content()


def test_a_file_that_changed_is_never_attached(tmp_path: Path) -> None:
    package = make_package(tmp_path / "r", {"vendas_mes": 2})
    package.files[0].path.write_bytes(b"other")
    with pytest.raises(DeliveryError) as caught:
        composed(package, attach=True)
    assert caught.value.code == "delivery.release_changed"


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.add(tag)


HEADERS = {
    "from",
    "to",
    "subject",
    "date",
    "message-id",
    "auto-submitted",
    "content-language",
    "mime-version",
    "content-type",
}
TITLES = st.one_of(
    st.text(max_size=80),
    st.sampled_from(
        ["a\r\nBcc: x@example.com", "a\n\nbody", "a\rb", "a\u2028b", "<script>alert(1)</script>", "=?utf-8?q?=0A?="]
    ),
)


@given(title=TITLES)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_title_adds_a_header_a_recipient_or_a_tag(package, title) -> None:
    title = title.encode("utf-8", "replace").decode()
    message, read = composed(replace(package, title=title, pictures=()))
    assert {name.lower() for name in read.keys()} == HEADERS
    assert [address.addr_spec for address in read["To"].addresses] == ["ana@example.com", "b@example.com"]
    assert str(read["Subject"]).isprintable() or not set(str(read["Subject"])) & set("\r\n\x00\u2028")
    assert read.get_content_type() == "multipart/alternative"
    tags = Tags()
    tags.feed(read.get_body(("html",)).get_content())
    assert tags.tags <= {"html", "head", "meta", "body", "p", "h2", "table", "tr", "th", "td"}


@pytest.mark.parametrize(
    ("size_bytes", "pt", "en"), [(0, "0 B", "0 B"), (1234, "1,2 kB", "1.2 kB"), (5_000_000, "5,0 MB", "5.0 MB")]
)
def test_sizes_are_written_as_people_of_each_language_do(size_bytes, pt, en) -> None:
    assert (phrases.size(size_bytes, "pt"), phrases.size(size_bytes, "en")) == (pt, en)
