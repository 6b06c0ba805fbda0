"""The connector `http` against real servers on this machine that answer slowly, wrongly, or not at all."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.until import PATIENCE_SECONDS

from afluente.core.errors import SourceError
from afluente.project.secret_reference import SecretReference
from afluente.project.settings import SourceSettings
from afluente.sources.http.read import Http, HttpSource
from afluente.sources.source import Landed, SourceContext

Settings = Callable[..., SourceSettings]
Open = Callable[..., HttpSource]


@dataclass
class Request:
    path: str
    query: dict[str, str]
    headers: dict[str, str]


@dataclass
class Reply:
    body: object = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    hangs: bool = False


class Api:
    """A server whose answers a test decides, and that remembers what it was asked."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.is_closing = threading.Event()
        self.answer: Callable[[Request], Reply] = lambda request: Reply([])
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                request = Request(parts.path, query, {k.lower(): v for k, v in self.headers.items()})
                api.requests.append(request)
                reply = api.answer(request)
                if reply.hangs:
                    api.is_closing.wait(PATIENCE_SECONDS)
                body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
                try:
                    self.send_response(reply.status)
                    for name, value in reply.headers.items():
                        self.send_header(name, value)
                    self.send_header("content-length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except (BrokenPipeError, ConnectionResetError):
                    pass

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def close(self) -> None:
        self.is_closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def api() -> Iterator[Api]:
    server = Api()
    yield server
    server.close()


@pytest.fixture
def source(api: Api, context: SourceContext, settings: Settings) -> Open:
    def make(**options: object) -> HttpSource:
        given = {"url": f"{api.url}/itens", "backoff_seconds": 0.01, **options}
        return Http().open(settings(given, connector="http"), context)

    return make


def rows_of(source: HttpSource, landed: Landed) -> list[dict[str, object]]:
    parsed = source.parse(Landed.from_json(json.loads(json.dumps(landed.to_json()))))
    return [row for batch in parsed.batches for row in batch.rows.to_pylist()]


def ids(source: HttpSource) -> list[object]:
    return [row["id"] for landed in source.read({}) for row in rows_of(source, landed)]


def error_of(source: HttpSource) -> SourceError:
    with pytest.raises(SourceError) as raised:
        list(source.read({}))
    assert raised.value.hint
    return raised.value


def test_a_list_becomes_rows_of_text_with_united_keys(api: Api, source: Open) -> None:
    api.answer = lambda request: Reply(b'[{"id": 1, "v": 10.50}, {"id": 2, "x": {"a": [1.10]}}, 7]')
    files = source()
    (landed,) = files.read({})
    assert rows_of(files, landed) == [
        {"id": "1", "v": "10.50", "x": None, "_source_row": 1},
        {"id": "2", "v": None, "x": '{"a": [1.10]}', "_source_row": 2},
    ]
    assert [r.source_row for batch in files.parse(landed).batches for r in batch.rejects] == [3]


def test_cursors_are_followed(api: Api, source: Open) -> None:
    def answer(request: Request) -> Reply:
        at = int(request.query.get("cursor", "0"))
        following = str(at + 1) if at < 2 else None
        return Reply({"data": {"itens": [{"id": at}]}, "meta": {"next": following}})

    api.answer = answer
    pagination = {"kind": "cursor", "next": "meta.next", "param": "cursor"}
    assert ids(source(records="data.itens", pagination=pagination, params={"limite": 5})) == ["0", "1", "2"]
    assert [request.query.get("limite") for request in api.requests] == ["5"] * 3


def test_cursors_may_be_addresses(api: Api, source: Open) -> None:
    def answer(request: Request) -> Reply:
        following = None if "p" in request.query else "/itens?p=2"
        return Reply({"itens": [{"id": request.query.get("p", "1")}], "next": following})

    api.answer = answer
    assert ids(source(records="itens", pagination={"kind": "cursor", "next": "next"})) == ["1", "2"]


def test_pages_are_asked_until_one_is_empty(api: Api, source: Open) -> None:
    api.answer = lambda request: Reply([{"id": request.query["p"]}] if int(request.query["p"]) < 4 else [])
    assert ids(source(pagination={"kind": "page", "param": "p"})) == ["1", "2", "3"]


@pytest.mark.parametrize("start", [0, 1])
def test_pages_are_asked_until_the_total(api: Api, source: Open, start: int) -> None:
    api.answer = lambda request: Reply({"r": [{"id": request.query["p"]}], "total": 3})
    pagination = {"kind": "page", "param": "p", "start": start, "total_pages": "total"}
    assert ids(source(records="r", pagination=pagination)) == [str(start + index) for index in range(3)]


def test_an_empty_list_is_a_unit_without_rows(api: Api, source: Open) -> None:
    assert ids(source(pagination={"kind": "page", "param": "p"})) == []
    assert len(list(source().read({}))) == 1


def test_link_headers_are_followed(api: Api, source: Open) -> None:
    def answer(request: Request) -> Reply:
        at = int(request.query.get("p", "1"))
        links = {"Link": f'<{api.url}/itens?p={at + 1}>; rel="next", <{api.url}/x>; rel="last"'} if at < 3 else {}
        return Reply([{"id": at}], headers=links)

    api.answer = answer
    assert ids(source(pagination={"kind": "link"})) == ["1", "2", "3"]


def test_the_same_records_are_nothing_new_and_others_replace_them(api: Api, source: Open) -> None:
    moment = iter(range(100))
    api.answer = lambda request: Reply({"agora": next(moment), "r": [{"id": 1}]})
    files = source(records="r")
    reading = files.read({})
    assert [landed.source for landed in reading] == ["fonte"]
    assert list(files.read(reading.position)) == []
    api.answer = lambda request: Reply({"r": [{"id": 2}]})
    assert [landed.source for landed in files.read(reading.position)] == ["fonte"]


def test_incremental_readings_send_the_greatest_value_seen(api: Api, source: Open) -> None:
    stored = [{"id": 1, "em": "2026-01-02"}, {"id": 2, "em": "2026-01-05"}]

    def answer(request: Request) -> Reply:
        return Reply([row for row in stored if str(row["em"]) > request.query.get("desde", "")])

    api.answer = answer
    files = source(incremental={"param": "desde", "field": "em", "initial": "2025-01-01"})
    reading = files.read({})
    assert [landed.source for landed in reading] == ["fonte/000001"]
    again = files.read(reading.position)
    assert list(again) == []
    stored.append({"id": 3, "em": "2026-02-01"})
    (landed,) = files.read(json.loads(json.dumps(again.position)))
    assert (landed.source, [row["id"] for row in rows_of(files, landed)]) == ("fonte/000002", ["3"])
    assert [request.query["desde"] for request in api.requests] == ["2025-01-01", "2026-01-05", "2026-01-05"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_passing_failures_are_retried(api: Api, source: Open, status: int) -> None:
    replies = iter([Reply(status=status), Reply(status=status), Reply([{"id": 1}])])
    api.answer = lambda request: next(replies)
    assert ids(source()) == ["1"]


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_obeyed_in_both_forms(api: Api, source: Open, context: SourceContext, form: str) -> None:
    from datetime import timedelta

    later = context.clock.now() + timedelta(seconds=1)
    written = "1" if form == "seconds" else format_datetime(later, usegmt=True)
    replies = iter([Reply(status=429, headers={"Retry-After": written}), Reply([{"id": 1}])])
    api.answer = lambda request: next(replies)
    started = time.monotonic()
    assert ids(source()) == ["1"]
    assert time.monotonic() - started >= 1


def test_a_retry_after_beyond_the_time_allowed_ends_at_once(api: Api, source: Open) -> None:
    api.answer = lambda request: Reply(status=429, headers={"Retry-After": "86400"})
    error = error_of(source(max_total_seconds=5))
    assert (error.code, error.retryable, len(api.requests)) == ("source.time_over", True, 1)


def test_attempts_are_bounded(api: Api, source: Open) -> None:
    api.answer = lambda request: Reply(status=503)
    error = error_of(source(max_attempts=3))
    assert (error.code, error.retryable, len(api.requests)) == ("source.unavailable", True, 3)


def test_a_slow_answer_is_retried(api: Api, source: Open) -> None:
    api.answer = lambda request: Reply([{"id": 1}], hangs=len(api.requests) == 1)
    assert ids(source(timeout_seconds=0.3, max_attempts=20)) == ["1"]
    assert len(api.requests) > 1


def test_a_server_that_is_not_there_is_unavailable(source: Open) -> None:
    assert error_of(source(url="http://127.0.0.1:1/x", max_attempts=2)).code == "source.unavailable"


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "source.request_refused"), (401, "source.login_refused"), (404, "source.not_found")],
)
def test_final_refusals_are_not_retried(api: Api, source: Open, status: int, code: str) -> None:
    api.answer = lambda request: Reply(status=status)
    error = error_of(source(params={"chave": SecretReference("env", "CHAVE")}))
    assert (error.code, error.retryable, len(api.requests)) == (code, False, 1)
    assert "CHAVE" not in error.message


def test_credentials_are_sent_to_the_host_and_to_no_other(api: Api, source: Open) -> None:
    other = Api()
    try:
        token = {"bearer": SecretReference("env", "TOKEN")}
        api.answer = lambda request: Reply([{"id": 1}])
        assert ids(source(auth=token)) == ["1"]
        assert api.requests[0].headers["authorization"] == "Bearer value of TOKEN"
        basic = {"basic": {"user": "ana", "password": SecretReference("env", "SENHA")}}
        assert ids(source(auth=basic)) == ["1"]
        sent = api.requests[1].headers["authorization"].removeprefix("Basic ")
        assert base64.b64decode(sent) == b"ana:value of SENHA"

        api.answer = lambda request: Reply([{"id": 1}], headers={"Link": f'<{other.url}/x>; rel="next"'})
        assert error_of(source(auth=token, pagination={"kind": "link"})).code == "source.foreign_host"
        api.answer = lambda request: Reply(status=302, headers={"Location": f"{other.url}/x"})
        assert error_of(source(auth=token)).code == "source.foreign_host"
        assert error_of(source(params={"k": SecretReference("env", "K")})).code == "source.foreign_host"
        assert other.requests == []
        other.answer = lambda request: Reply([{"id": 9}])
        assert ids(source()) == ["9"]
    finally:
        other.close()


def test_redirects_on_the_same_host_are_followed_and_bounded(api: Api, source: Open) -> None:
    api.answer = lambda request: (
        Reply(status=301, headers={"Location": "/novo"}) if request.path == "/itens" else Reply([{"id": 1}])
    )
    assert ids(source(auth={"bearer": SecretReference("env", "T")})) == ["1"]
    api.answer = lambda request: Reply(status=302, headers={"Location": "/itens"})
    assert error_of(source()).code == "source.redirects"


def test_loops_are_noticed(api: Api, source: Open) -> None:
    api.answer = lambda request: Reply({"r": [{"id": 1}], "next": "igual"})
    cursor = {"kind": "cursor", "next": "next", "param": "c"}
    assert error_of(source(records="r", pagination=cursor)).code == "source.pagination_loop"
    api.answer = lambda request: Reply([{"id": 1}])
    assert error_of(source(pagination={"kind": "page", "param": "p"})).code == "source.pagination_loop"
    api.answer = lambda request: Reply([{"id": 1}], headers={"Link": '</itens>; rel="next"'})
    assert error_of(source(pagination={"kind": "link"})).code == "source.pagination_loop"


def test_pages_and_bytes_are_bounded(api: Api, source: Open) -> None:
    api.answer = lambda request: Reply([{"id": request.query["p"]}])
    assert error_of(source(pagination={"kind": "page", "param": "p"}, max_pages=3)).code == "source.too_many_pages"
    api.answer = lambda request: Reply(b'["' + b"x" * 1_100_000 + b'"]')
    assert error_of(source(max_page_mb=1)).code == "source.page_too_large"


def test_an_answer_that_is_not_what_was_declared_is_an_error(api: Api, source: Open) -> None:
    api.answer = lambda request: Reply(b"<html>")
    assert error_of(source()).code == "source.response_unreadable"
    api.answer = lambda request: Reply({"itens": []})
    error = error_of(source(records="item"))
    assert (error.code, "'itens'" in error.hint) == ("source.records_missing", True)


def test_every_wrong_option_is_reported(settings: Settings) -> None:
    wrong = {
        "url": "ftp://x",
        "method": "POST",
        "auth": {"bearer": "abc"},
        "pagination": {"kind": "cursors"},
        "pagenation": {},
    }
    problems = Http().check(settings(wrong, connector="http"))
    assert {problem.code for problem in problems} == {
        "source.option_invalid",
        "source.literal_secret",
        "source.option_unknown",
    }
    assert len(problems) == 5
    with_password = Http().check(settings({"url": "http://u:p@x/"}, connector="http"))
    assert [problem.code for problem in with_password] == ["source.literal_secret"]
