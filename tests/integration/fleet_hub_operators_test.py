"""The operators' door over HTTP: roles on every address, the access log, and a description that holds."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from tests.fleet_world.hub_world import hub
from tests.fleet_world.signing_agent import heartbeat

from afluente_agent.protocol.messages import HeartbeatAnswer, RemedyDone, from_json, to_json
from afluente.core.errors import RunError
from afluente.fleet import access, operators
from afluente.hub.operators_app import operators_app
from afluente.hub.settings import HubSettings
from afluente.hub.threads import Threads
from afluente.state.fleet_schema import SITE_CONFIGURATIONS

PATIENT = HubSettings(wrong_tokens_a_minute=100_000)
NO_AGENT = "0198a3c2-0000-7000-8000-000000000000"
OPEN_TO_ALL = {"/health", "/openapi.json"}


class RolloutsInMemory:
    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []

    def listed(self):
        return [{"id": "x", "status": "going"}]

    def start(self, version, *, by, reason):
        self.asked.append(("start", version, by))
        return {"version": version}

    def hold(self, rollout, *, by, reason):
        self.asked.append(("hold", rollout, by))
        return {}

    def resume(self, rollout, *, by, reason):
        return {}

    def roll_back(self, rollout, *, by, reason):
        return {}


@pytest.fixture
def world(database, tmp_path):
    with hub(database, tmp_path, settings=PATIENT, rollouts=RolloutsInMemory(), diagnose=lambda: []) as started:
        yield started


def routes(world) -> list[tuple[str, str, str]]:
    """Every (method, path, role) of the door; the role is empty where the address names none."""
    described = world.client.get(f"{world.server.operators_address}/openapi.json").json()
    return [
        (method.upper(), path, operation.get("x-role", ""))
        for path, operations in described["paths"].items()
        for method, operation in operations.items()
    ]


def filled(path: str) -> str:
    return (
        path.replace("{site}", "a")
        .replace("{name}", "nobody")
        .replace("{bundle}", "01900000-0000-7000-8000-000000000001")
        .replace("{agent}", "01900000-0000-7000-8000-000000000001")
        .replace("{remedy}", "01900000-0000-7000-8000-000000000001")
        .replace("{rollout}", "01900000-0000-7000-8000-000000000001")
    )


def test_the_description_tells_every_address_of_the_door(world):
    threads = Threads(world.database, PATIENT)
    app = operators_app(world.parts, threads)
    threads.close()
    addresses = {path for _, path, _ in routes(world)} | {"/openapi.json"}

    def walk(found) -> set[str]:
        paths = set()
        for route in found:
            if hasattr(route, "path"):
                paths.add(route.path)
        return paths

    assert walk(app.routes) <= addresses
    assert len(addresses) > 30


def test_every_address_refuses_who_has_no_token_a_wrong_one_or_too_small_a_role(world):
    seen = 0
    for method, path, role in routes(world):
        if path in OPEN_TO_ALL:
            continue
        assert role in operators.ROLES, path
        address = world.server.operators_address + filled(path)
        body = {} if method == "POST" else None
        for headers in ({}, {"Authorization": "Bearer afo_wrong"}, {"Authorization": "Basic YTph"}):
            answer = world.client.request(method, address, headers=headers, json=body)
            assert (answer.status_code, answer.json()["code"]) == (401, "operator.unauthorized"), path
        for other in operators.ROLES:
            answer = world.operate(other, method, filled(path), body)
            is_enough = operators.ROLES.index(other) >= operators.ROLES.index(role)
            assert (answer.status_code != 403) == is_enough, (method, path, other)
            seen += 1
    assert seen >= 3 * 30


def test_only_administrators_touch_keys_documents_updates_and_operators(world):
    roles = {path: role for _, path, role in routes(world)}
    for path in ("/v1/documents", "/v1/rollouts"):
        assert world.operate("operator", "POST", path, {}).status_code == 403
    for path in ("/v1/agents/{agent}/suspend", "/v1/agents/{agent}/revoke-keys", "/v1/operators/{name}/revoke"):
        assert roles[path] == "administrator"


def test_a_revoked_or_expired_token_opens_nothing(world):
    body = {"reason": "left the house"}
    assert world.operate("administrator", "POST", "/v1/operators/reader/revoke", body).status_code == 200
    assert world.operate("reader", "GET", "/v1/sites").status_code == 401


def test_guessing_operator_tokens_is_slowed_down(database, tmp_path):
    with hub(database, tmp_path, settings=HubSettings(wrong_tokens_a_minute=3)) as world:
        address = f"{world.server.operators_address}/v1/sites"
        answers = [world.client.get(address, headers={"Authorization": f"Bearer {n}"}) for n in range(4)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]


def test_who_looked_at_a_site_and_who_was_refused_stand_in_the_access_log(world):
    world.token("a")
    world.operate("reader", "GET", "/v1/sites/a/facts")
    world.operate("reader", "GET", "/v1/sites/nowhere")
    world.operate("reader", "GET", "/v1/operators")
    with world.database.read() as connection:
        log = [(one.actor, one.action, one.subject, one.outcome) for one in access.listed(connection)]
    assert ("reader", "GET /v1/sites/{site}/facts", "a", "done") in log
    assert ("reader", "GET /v1/sites/{site}", "nowhere", "fleet.unknown_site") in log
    assert ("reader", "GET /v1/operators", "", "operator.forbidden") in log


def test_sites_and_tokens_in_bulk_then_a_remedy_given_done_and_audited(world):
    wanted = [{"id": f"m{n}", "municipality": "3550308", "uf": "SP", "name": f"M {n}"} for n in range(30)]
    assert world.operate("operator", "POST", "/v1/sites", {"sites": wanted}).json() == [one["id"] for one in wanted]
    made = world.operate("operator", "POST", "/v1/tokens", {"sites": ["m0", "m1"]}).json()
    assert [one["site"] for one in made] == ["m0", "m1"]
    agent = world.enrol("m0")
    asked = {"kind": "resend", "parameters": {"list": "hypertension"}, "reason": "a list is missing"}
    remedy = world.operate("operator", "POST", "/v1/sites/m0/remedies", asked).json()
    again = world.operate("operator", "POST", "/v1/sites/m0/remedies", asked).json()
    assert again["id"] == remedy["id"]
    for _ in range(2):
        beaten = from_json(HeartbeatAnswer, world.call(agent, "POST", "/v1/heartbeat", to_json(heartbeat())).content)
        assert [(one.id, one.kind, one.parameters) for one in beaten.remedies] == [
            (remedy["id"], "resend", {"list": "hypertension"})
        ]
    done = heartbeat(2, remedies=(RemedyDone(remedy["id"], "done"),))
    world.call(agent, "POST", "/v1/heartbeat", to_json(done))
    site = world.operate("reader", "GET", "/v1/sites/m0").json()
    assert (site["site"]["status"], site["remedies"]) == ("active", [])
    audit = world.operate("administrator", "GET", "/v1/audit").json()
    assert audit["holds"]
    assert {"remedy.asked", "remedy.done"} <= {entry["action"] for entry in audit["entries"]}


def test_a_sites_plan_of_the_week_is_told(world):
    world.token("a")
    assert world.operate("reader", "GET", "/v1/sites/a").json()["send_plan"] is None
    plan = {"zone_minutes": -180, "times": ["14:05"] * 5 + ["", ""]}
    terms = {"plan": plan, "sealed_to": "", "secret": ""}
    signed = {"body": "{}", "key": "", "signature": "", "made_at": datetime.now(UTC)}
    with world.database.write() as connection:
        row = {"site": "a", "version": 2, "based_on": 1, "terms": terms, **signed}
        connection.execute(SITE_CONFIGURATIONS.insert().values(**row))
    assert world.operate("reader", "GET", "/v1/sites/a").json()["send_plan"] == plan


def test_a_configuration_is_published_and_comes_with_the_next_heartbeat(world):
    agent = world.enrol()
    given = {"kind": "configuration", "name": "default", "body": '{"heartbeat_seconds": 600}'}
    assert world.operate("administrator", "POST", "/v1/documents", given).json()["version"] == 2
    answer = from_json(HeartbeatAnswer, world.call(agent, "POST", "/v1/heartbeat", to_json(heartbeat())).content)
    assert answer.configuration is not None
    assert '"heartbeat_seconds":600' in answer.configuration.body
    newest = heartbeat(2, configuration_version=2)
    answer = from_json(HeartbeatAnswer, world.call(agent, "POST", "/v1/heartbeat", to_json(newest)).content)
    assert answer.configuration is None


@pytest.mark.parametrize("body", ["[]", "{ ", '"x"', '{"a": NaN}', '{"a": "\\ud800"}', '{"a": "\\u0000"}', "[" * 5000])
def test_what_is_no_json_object_is_not_signed(world, body):
    given = {"kind": "catalogue", "name": "default", "body": body}
    answer = world.operate("administrator", "POST", "/v1/documents", given)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_document")


def test_an_agent_is_suspended_and_reinstated(world):
    agent = world.enrol()
    path = f"/v1/agents/{agent.agent}"
    assert world.operate("administrator", "POST", f"{path}/suspend", {"reason": "looks odd"}).status_code == 200
    assert world.call(agent, "POST", "/v1/heartbeat", to_json(heartbeat())).json()["code"] == "suspended"
    assert world.operate("administrator", "POST", f"{path}/suspend", {"reason": "again"}).status_code == 409
    assert world.operate("administrator", "POST", f"{path}/reinstate", {"reason": "was right"}).status_code == 200
    assert world.call(agent, "POST", "/v1/heartbeat", to_json(heartbeat())).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "words"),
    [
        ("GET", "/v1/sites/nowhere", None, "não há local 'nowhere'"),
        ("POST", "/v1/tokens", {"sites": ["nowhere"]}, "não há local 'nowhere'"),
        ("POST", f"/v1/agents/{NO_AGENT}/suspend", {"reason": "looks odd"}, f"não há agente '{NO_AGENT}'"),
        ("POST", "/v1/operators/bia/revoke", {"reason": "left us"}, "não há operador 'bia' com token válido"),
        (
            "POST",
            "/v1/documents",
            {"kind": "configuration", "name": "default", "body": '{"pseudonym_key": "x"}'},
            "o documento (configuration) traz 'pseudonym_key', que qualquer um que o veja poderia ler",
        ),
    ],
)
def test_operators_are_refused_in_portuguese_and_in_english(world, method, path, body, words):
    answer = world.operate("administrator", method, path, body)
    assert answer.status_code in (404, 409), answer.text
    assert answer.json()["message_pt"] == words
    assert answer.json()["message_en"] != words


def test_holidays_are_set_and_removed(world):
    day = {"municipality": "3550308", "day": "2026-01-25", "name": "Aniversário", "kind": "holiday"}
    assert world.operate("operator", "POST", "/v1/holidays", day).status_code == 200
    assert [one["name"] for one in world.operate("reader", "GET", "/v1/holidays").json()] == ["Aniversário"]
    assert world.operate("operator", "POST", "/v1/holidays/remove", day).json() == {"removed": 1}


def test_rollouts_are_steered_in_the_operators_name(world):
    given = {"version": "1.2.0", "reason": "mends a defect"}
    assert world.operate("administrator", "POST", "/v1/rollouts", given).json() == {"version": "1.2.0"}
    assert world.parts.rollouts.asked == [("start", "1.2.0", "administrator")]


def test_a_defect_of_the_hub_shows_nothing_of_itself(database, tmp_path):
    def broken():
        raise ValueError("a secret of the inside")

    def busy():
        raise RunError("state.locked", "the inside", retryable=True)

    for diagnose, status in ((broken, 500), (busy, 503)):
        with hub(database, tmp_path, diagnose=diagnose) as world:
            answer = world.operate("operator", "POST", "/v1/diagnosis")
        assert answer.status_code == status
        assert "inside" not in answer.text
        assert answer.json()["hub_time"] > 0
        with database.read() as connection:
            assert access.listed(connection)[0].outcome == answer.json()["code"]


def test_the_doors_are_two_ports_and_neither_answers_for_the_other(world):
    assert world.server.agents_address != world.server.operators_address
    assert world.client.post(f"{world.server.operators_address}/v1/heartbeat").status_code == 404
    answer = world.client.get(
        f"{world.server.agents_address}/v1/sites", headers={"Authorization": f"Bearer {world.tokens['administrator']}"}
    )
    assert answer.status_code == 404


@pytest.mark.filterwarnings("ignore")
def test_what_is_described_is_what_is_answered(world):
    world.token("a")
    schema = schemathesis.openapi.from_url(f"{world.server.operators_address}/openapi.json")
    headers = {"Authorization": f"Bearer {world.tokens['administrator']}"}
    from schemathesis import checks as known
    from schemathesis.specs.openapi import checks

    for operation in schema.get_all_operations():
        case_of = operation.ok().as_strategy()
        if operation.ok().path in ("/v1/operators", "/v1/operators/{name}/revoke"):
            continue

        @settings(
            max_examples=5,
            deadline=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
            database=None,
        )
        @__import__("hypothesis").given(case=case_of)
        def run(case) -> None:
            case.call_and_validate(
                headers=headers,
                checks=[
                    known.not_a_server_error,
                    checks.status_code_conformance,
                    checks.content_type_conformance,
                    checks.response_schema_conformance,
                ],
            )

        run()
