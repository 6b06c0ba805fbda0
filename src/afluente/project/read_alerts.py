"""`alerts:` of afluente.yaml to AlertSettings.

Invariant: every mistake is noted with its line and none raises; a literal secret never enters a message.
"""

from __future__ import annotations

import re
from typing import Final

from afluente.core.loopback import is_loopback
from afluente.project.alert_settings import (
    SECURITIES,
    SEVERITIES,
    AlertSettings,
    AppriseChannel,
    Channel,
    MailChannel,
    Way,
)
from afluente.project.fields import Fields
from afluente.project.mistakes import Mistakes
from afluente.project.secret_reference import FORMS, PREFIX, SecretReference, parse_reference
from afluente.project.yaml_node import Node

_KEYS: Final = (
    "owner",
    "repeat_hours",
    "weekly_budget",
    "quarantine_percent",
    "runbook_base",
    "channels",
)
_MAIL_KEYS: Final = ("server", "port", "security", "from", "to", "user", "password")
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[^\s@<>,;:\"()\[\]\\]+")
_LARGEST_PORT = 65535
_EXAMPLE = "channels: [{name: team, mail: {server: smtp.example.com, from: ..., to: ${env:ALERT_ADDRESSES}}}]"


def read_alerts(node: Node, mistakes: Mistakes) -> AlertSettings:
    """Read the mapping, whose variables were replaced."""
    fields = Fields(node, mistakes, "'alerts'")
    fields.only(_KEYS)
    channels: list[Channel] = []
    listed = fields.get("channels") if node.mapping else None
    if listed is None:
        mistakes.add("project.missing_key", "'alerts' has no 'channels'", node, hint=_EXAMPLE, is_key=True)
    elif not isinstance(listed.value, tuple):
        fields.wrong("channels", listed, "a list")
    else:
        for item in listed.items:
            channel = _channel(item, mistakes)
            if channel is None:
                continue
            if any(channel.name == other.name for other in channels):
                mistakes.add("project.repeated", f"channel {channel.name!r} stands twice", item)
            channels.append(channel)
    return AlertSettings(
        channels=tuple(channels),
        place=mistakes.place(node, is_key=True),
        owner=fields.text("owner"),
        repeat_hours=_positive(fields, "repeat_hours", 24.0),
        weekly_budget=fields.integer("weekly_budget", 40, minimum=1),
        quarantine_percent=_positive(fields, "quarantine_percent", 5.0),
        runbook_base=fields.text("runbook_base"),
    )


def _positive(fields: Fields, key: str, default: float) -> float:
    number = fields.number(key)
    if number is None:
        return default
    if number <= 0:
        fields.mistakes.add("project.wrong_value", f"{key!r} of {fields.what} must be above 0", fields.get(key))
        return default
    return number


def _channel(node: Node, mistakes: Mistakes) -> Channel | None:
    fields = Fields(node, mistakes, "a channel of 'alerts'")
    if not node.mapping:
        return None
    fields.only(("name", "min_severity", "mail", "apprise"))
    named = fields.require("name", hint="name: team")
    name = fields.text("name")
    if named is not None and not _NAME.fullmatch(name):
        hint = "a name is lower-case letters, digits, _ and -, and begins with a letter"
        mistakes.add("project.name", f"the channel's name {name!r} is not a name", named, hint=hint)
    mail, apprise = fields.get("mail"), fields.get("apprise")
    way: Way | None = None
    if mail is not None and apprise is not None:
        mistakes.add(
            "project.conflict", f"channel {name!r} is both mail and apprise", apprise, is_key=True, hint="keep one"
        )
    elif mail is not None:
        way = _mail(mail, mistakes, name)
    elif apprise is not None:
        way = _apprise(apprise, mistakes, name)
    else:
        mistakes.add("project.missing_key", f"channel {name!r} is neither mail nor apprise", node, hint=_EXAMPLE)
    severity = fields.choice("min_severity", SEVERITIES, "warning")
    return None if way is None else Channel(name, way, mistakes.place(node), severity)


def _mail(node: Node, mistakes: Mistakes, name: str) -> MailChannel | None:
    fields = Fields(node, mistakes, f"mail of channel {name!r}")
    if not node.mapping:
        return None
    fields.only(_MAIL_KEYS)
    fields.require("server", hint="server: smtp.example.com")
    fields.require("from", hint="from: afluente@example.com")
    fields.require("to", hint="to: ${env:ALERT_ADDRESSES}, addresses separated by commas")
    server, sender = fields.text("server"), fields.text("from")
    to = _addresses(fields, "to")
    if sender and not _ADDRESS.fullmatch(sender):
        mistakes.add("project.address", f"'from' of {fields.what} is not an e-mail address", fields.get("from"))
    security = fields.choice("security", SECURITIES, "starttls")
    if security == "none" and server and not is_loopback(server):
        hint = "security: starttls or tls; none is for a server of this machine"
        mistakes.add("project.insecure", f"{fields.what} would be sent without TLS", fields.get("security"), hint=hint)
    port = fields.integer("port", 465 if security == "tls" else 587, minimum=1)
    if port > _LARGEST_PORT:
        mistakes.add("project.wrong_value", f"port {port} of {fields.what} does not exist", fields.get("port"))
    user, password = fields.text("user"), _reference(fields, "password")
    if bool(user) != ("password" in fields):
        hint = "give both, the password as secret:env:NAME"
        mistakes.add("project.missing_key", f"{fields.what} has only one of 'user' and 'password'", node, hint=hint)
    return MailChannel(server, sender, to, port, security, user, password)


def _addresses(fields: Fields, key: str) -> tuple[str, ...]:
    node = fields.get(key)
    if node is None:
        return ()
    if node.is_scalar:
        texts = [part for part in re.split(r"[,;\s]+", str(node.value)) if part]
    else:
        texts = [str(item.value).strip() for item in node.items if item.is_scalar]
    is_told = any(problem.place == fields.mistakes.place(node) for problem in fields.mistakes.problems)
    if not texts and not is_told:
        hint = "a list, or a text with commas such as ${env:ALERT_ADDRESSES}"
        fields.mistakes.add("project.address", f"{key!r} of {fields.what} names no address", node, hint=hint)
    for number, text in enumerate(texts, start=1):
        if not _ADDRESS.fullmatch(text):
            message = f"address {number} in {key!r} of {fields.what} is not an e-mail address"
            fields.mistakes.add("project.address", message, node)
    return tuple(dict.fromkeys(texts))


def _apprise(node: Node, mistakes: Mistakes, name: str) -> AppriseChannel | None:
    fields = Fields(node, mistakes, f"apprise of channel {name!r}")
    if not node.mapping:
        return None
    fields.only(("url",))
    fields.require("url", hint="url: secret:env:APPRISE_URL")
    reference = _reference(fields, "url")
    return None if reference is None else AppriseChannel(reference)


def _reference(fields: Fields, key: str) -> SecretReference | None:
    node = fields.get(key)
    if node is None:
        return None
    if not node.raw.startswith(PREFIX):
        message = f"{key!r} of {fields.what} must be a reference to a secret"
        fields.mistakes.add("project.literal_secret", message, node, hint=FORMS)
        return None
    try:
        return parse_reference(node.raw)
    except ValueError as error:
        fields.mistakes.add("project.secret_reference", str(error), node, hint=FORMS)
        return None
