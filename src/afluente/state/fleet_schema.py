"""The tables of the fleet: sites, agents, keys, transmissions, facts, verdicts, remedies, rollouts, operators.

Invariant: no row of a list and no secret stands here; tokens are kept as hashes; a transmission is loaded once.
"""

from __future__ import annotations

import sqlalchemy as sa

from afluente.state.schema import JSON_TYPE, METADATA, SERIAL_TYPE, UtcDateTime


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, UtcDateTime(), nullable=nullable)


SITES = sa.Table(
    "sites",
    METADATA,
    sa.Column("id", sa.Text(), primary_key=True),
    _text("municipality"),
    _text("uf"),
    _text("name"),
    _text("status"),
    _text("ring"),
    _text("timezone"),
    _text("contact"),
    _moment("created_at"),
    sa.Index(None, "municipality"),
    sa.Index(None, "ring"),
)
"""`status`: invited, active, paused, retired. `municipality` is the IBGE code."""

ENROLMENT_TOKENS = sa.Table(
    "enrolment_tokens",
    METADATA,
    sa.Column("token_hash", sa.Text(), primary_key=True),
    sa.Column("site", sa.Text(), sa.ForeignKey("sites.id"), nullable=False),
    _moment("created_at"),
    _moment("expires_at"),
    _moment("used_at", nullable=True),
    _text("used_by", nullable=True),
    _text("created_by"),
    _moment("revoked_at", nullable=True),
)

AGENTS = sa.Table(
    "agents",
    METADATA,
    sa.Column("id", sa.Text(), primary_key=True),
    sa.Column("site", sa.Text(), sa.ForeignKey("sites.id"), nullable=False),
    _text("status"),
    _text("install_id"),
    _text("machine_hash"),
    _text("disk_hash"),
    sa.Column("machine", JSON_TYPE, nullable=False),
    _moment("enrolled_at"),
    _moment("last_seen_at", nullable=True),
    sa.Column("sequence", sa.BigInteger(), nullable=False),
    sa.Column("heartbeat", JSON_TYPE, nullable=False),
    sa.Column("configuration_version", sa.BigInteger(), nullable=False),
    sa.Column("catalogue_version", sa.BigInteger(), nullable=False),
    _text("agent_version"),
    _text("pec_version"),
    _text("replaced_by", nullable=True),
    sa.Index(None, "site", "status"),
    sa.Index(None, "last_seen_at"),
)
"""`status`: active, replaced (a migration took its place), suspended (a clone, or revoked)."""

AGENT_KEYS = sa.Table(
    "agent_keys",
    METADATA,
    sa.Column("id", sa.Text(), primary_key=True),
    sa.Column("agent", sa.Text(), sa.ForeignKey("agents.id"), nullable=False),
    _text("public_key"),
    _moment("created_at"),
    _moment("expires_at", nullable=True),
    _moment("revoked_at", nullable=True),
    sa.Index(None, "agent"),
)

NONCES = sa.Table(
    "nonces",
    METADATA,
    sa.Column("key", sa.Text(), primary_key=True),
    sa.Column("nonce", sa.Text(), primary_key=True),
    _moment("at"),
    sa.Index(None, "at"),
)

FACTS = sa.Table(
    "facts",
    METADATA,
    sa.Column("id", SERIAL_TYPE, primary_key=True, autoincrement=True),
    sa.Column("site", sa.Text(), nullable=False),
    _text("agent", nullable=True),
    _text("code"),
    _moment("at"),
    _moment("received_at"),
    _text("origin"),
    sa.Column("evidence", JSON_TYPE, nullable=False),
    sa.Index(None, "site", "at"),
)
"""What agents saw (`origin` agent), and what the hub saw itself (`origin` hub)."""

ACTIVITY = sa.Table(
    "activity",
    METADATA,
    sa.Column("site", sa.Text(), primary_key=True),
    sa.Column("weekday", sa.Integer(), primary_key=True),
    sa.Column("hour", sa.Integer(), primary_key=True),
    sa.Column("weight", sa.Double(), nullable=False),
    _moment("updated_at"),
)
"""When a site is on, learned from its heartbeats: a decayed weight for each hour of the week, Monday 0, local time."""

SLOTS = sa.Table(
    "slots",
    METADATA,
    sa.Column("id", sa.Text(), primary_key=True),
    sa.Column("site", sa.Text(), nullable=False),
    _moment("granted_at"),
    _moment("until"),
    sa.Index(None, "until"),
    sa.UniqueConstraint("site"),
)

SLOT_QUEUE = sa.Table(
    "slot_queue",
    METADATA,
    sa.Column("site", sa.Text(), primary_key=True),
    _moment("waiting_since"),
    _moment("reserved_for"),
    sa.Column("turned_away", sa.Integer(), nullable=False),
    sa.Index(None, "waiting_since"),
)
"""Sites that asked for a slot and wait: since when, the moment they were told to come back, how often they found none."""

ADMISSION = sa.Table(
    "admission",
    METADATA,
    sa.Column("name", sa.Text(), primary_key=True),
    sa.Column("limit", sa.Double(), nullable=False),
    sa.Column("latency_ms", sa.Double(), nullable=False),
    sa.Column("baseline_ms", sa.Double(), nullable=False),
    _moment("updated_at"),
)
"""The admission window of the central database, shared by every hub process: slots at once, and what was measured."""

TRANSMISSIONS = sa.Table(
    "transmissions",
    METADATA,
    sa.Column("id", sa.Text(), primary_key=True),
    sa.Column("site", sa.Text(), sa.ForeignKey("sites.id"), nullable=False),
    _text("agent"),
    _text("list_name"),
    _text("kind"),
    _text("base"),
    sa.Column("rows", sa.BigInteger(), nullable=False),
    sa.Column("size_bytes", sa.BigInteger(), nullable=False),
    _text("sha256"),
    sa.Column("start", JSON_TYPE, nullable=False),
    _text("state"),
    sa.Column("offset", sa.BigInteger(), nullable=False),
    _text("landed_path", nullable=True),
    _moment("started_at"),
    _moment("landed_at", nullable=True),
    _moment("loaded_at", nullable=True),
    sa.Column("attempts", sa.Integer(), nullable=False),
    _moment("due_at", nullable=True),
    _text("claimed_by", nullable=True),
    _text("error_code", nullable=True),
    sa.Index(None, "site", "list_name", "started_at"),
    sa.Index(None, "state", "due_at"),
)
"""`state`: receiving, landed, loading, loaded, refused."""

BRONZE_QUEUE = sa.Table(
    "bronze_queue",
    METADATA,
    sa.Column("transmission", sa.Text(), sa.ForeignKey("transmissions.id"), primary_key=True),
    _text("site"),
    _text("list_name"),
    sa.Column("size_bytes", sa.BigInteger(), nullable=False),
    _moment("started_at"),
    _moment("queued_at"),
    sa.Column("attempts", sa.Integer(), nullable=False),
    _moment("due_at", nullable=True),
    sa.Index(None, "list_name", "started_at"),
)
"""What the central database holds and bronze not yet. A row goes when its lines are committed to the lake."""

BRONZE_TURNS = sa.Table(
    "bronze_turns",
    METADATA,
    sa.Column("list_name", sa.Text(), primary_key=True),
    _text("worker"),
    _moment("until"),
    _moment("compacted_at", nullable=True),
)
"""Which process writes a list's bronze table until when, and when the table was last compacted."""

VERDICTS = sa.Table(
    "verdicts",
    METADATA,
    sa.Column("id", sa.Text(), primary_key=True),
    sa.Column("site", sa.Text(), sa.ForeignKey("sites.id"), nullable=False),
    sa.Column("day", sa.Date(), nullable=False),
    _text("code"),
    _text("family"),
    sa.Column("confidence", sa.Double(), nullable=False),
    sa.Column("evidence", JSON_TYPE, nullable=False),
    _text("action"),
    _text("message_pt"),
    _moment("at"),
    _text("corrects", nullable=True),
    _text("status"),
    sa.Index(None, "site", "at"),
    sa.Index(None, "status"),
)
"""`status`: current, corrected (a later fact gave another verdict), closed."""

REMEDIES = sa.Table(
    "remedies",
    METADATA,
    sa.Column("id", sa.Text(), primary_key=True),
    sa.Column("site", sa.Text(), sa.ForeignKey("sites.id"), nullable=False),
    _text("kind"),
    sa.Column("parameters", JSON_TYPE, nullable=False),
    _text("status"),
    _text("by_whom"),
    _text("reason"),
    _moment("created_at"),
    _moment("sent_at", nullable=True),
    _moment("done_at", nullable=True),
    _text("detail"),
    sa.Index(None, "site", "status"),
)
"""`status`: waiting, sent, done, failed, refused, cancelled."""

DOCUMENTS = sa.Table(
    "documents",
    METADATA,
    sa.Column("kind", sa.Text(), primary_key=True),
    sa.Column("name", sa.Text(), primary_key=True),
    sa.Column("version", sa.BigInteger(), primary_key=True),
    _text("body"),
    _text("key"),
    _text("signature"),
    _text("by_whom"),
    _moment("created_at"),
)
"""Signed configurations (`name` is a site, or `default`) and catalogues (`name` is `default`)."""

SITE_CONFIGURATIONS = sa.Table(
    "site_configurations",
    METADATA,
    sa.Column("site", sa.Text(), sa.ForeignKey("sites.id"), primary_key=True),
    sa.Column("version", sa.BigInteger(), nullable=False),
    sa.Column("based_on", sa.BigInteger(), nullable=False),
    sa.Column("terms", JSON_TYPE, nullable=False),
    _text("body"),
    _text("key"),
    _text("signature"),
    _moment("made_at"),
)
"""The configuration that the hub made for a site out of the published version `based_on` and what it knows of it."""

ROLLOUTS = sa.Table(
    "rollouts",
    METADATA,
    sa.Column("id", sa.Text(), primary_key=True),
    _text("version"),
    _text("status"),
    _text("ring"),
    sa.Column("rings", JSON_TYPE, nullable=False),
    _moment("started_at"),
    _moment("ring_started_at"),
    _moment("ended_at", nullable=True),
    _text("by_whom"),
    _text("reason"),
)
"""`status`: going, held, rolled_back, done. `ring` is the one that updates now."""

ROLLOUT_AGENTS = sa.Table(
    "rollout_agents",
    METADATA,
    sa.Column("rollout", sa.Text(), sa.ForeignKey("rollouts.id"), primary_key=True),
    sa.Column("agent", sa.Text(), sa.ForeignKey("agents.id"), primary_key=True),
    _text("ring"),
    _text("status"),
    _moment("at"),
    _text("detail"),
)
"""`status`: offered, downloaded, running, healthy, rolled_back, failed."""

OPERATORS = sa.Table(
    "operators",
    METADATA,
    sa.Column("name", sa.Text(), primary_key=True),
    _text("token_hash"),
    _text("role"),
    _moment("created_at"),
    _moment("expires_at", nullable=True),
    _moment("revoked_at", nullable=True),
    sa.UniqueConstraint("token_hash"),
)
"""`role`: reader, operator, administrator."""

HOLIDAYS = sa.Table(
    "holidays",
    METADATA,
    sa.Column("municipality", sa.Text(), primary_key=True),
    sa.Column("day", sa.Date(), primary_key=True),
    _text("name"),
    _text("kind"),
    _text("by_whom"),
)
"""What the calendar does not know: municipal holidays and optional days. `kind`: holiday, optional, workday.
An empty municipality is the whole country, two letters a state."""

ACCESS_LOG = sa.Table(
    "access_log",
    METADATA,
    sa.Column("id", SERIAL_TYPE, primary_key=True, autoincrement=True),
    _moment("at"),
    _text("actor"),
    _text("action"),
    _text("subject"),
    _text("outcome"),
    sa.Index(None, "at"),
    sa.Index(None, "subject"),
)
"""Who looked at or touched which site's data (LGPD art. 37)."""
