"""A new key in the place of the one in use.

Invariant: the new key stands on the disk before the hub hears of it, and the old one signs until the hub took the new;
a rotation that was cut goes on with the same new key, to which the hub gives the same answer.
"""

from __future__ import annotations

from afluente_agent.client import HubClient
from afluente_agent.identity import Identity, IdentityStore
from afluente_agent.protocol.messages import KeyAnswer, KeyRequest


def rotate(identities: IdentityStore, client: HubClient) -> Identity:
    """Give the hub a new key and use it from now on. AgentError; then the old key is still in use."""
    following = identities.prepare_next()
    answer = client.call("POST", "/v1/keys", KeyRequest(following.public_key), KeyAnswer)
    client.learn_time(answer.hub_time)
    client.identity = identities.adopt_next(key=answer.key)
    return client.identity
