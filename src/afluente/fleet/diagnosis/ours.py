"""Ours: the hub, the central database, the catalogue or an update is the trouble, and no site is to blame.

Invariant: the message never asks the municipality to do anything.
"""

from __future__ import annotations

from afluente.core.language import Message
from afluente.fleet.diagnosis.verdict import Action, Situation


def _situation(
    code: str, titles: tuple[str, str], what_to_do: tuple[str, str], message_pt: str, action: Action = "mend_ours"
) -> Situation:
    return Situation(f"ours.{code}", "ours", Message(*titles), action, Message(*what_to_do), message_pt)


SITUATIONS = (
    _situation(
        "hub_down",
        ("o nosso servidor estava fora", "our hub was down"),
        (
            "repor o hub; os agentes voltam sozinhos, espalhados por uma hora",
            "bring the hub back; agents return spread over an hour",
        ),
        "o envio {of_day} atrasou por uma falha nossa. Não precisam fazer nada: as listas estão guardadas no servidor de vocês "
        "e chegam sozinhas.",
    ),
    _situation(
        "hub_certificate",
        ("o nosso certificado ou nome estava errado", "our own certificate or name was wrong"),
        ("renovar o certificado do hub", "renew the hub's certificate"),
        "o envio {of_day} atrasou por uma falha nossa (certificado). Não precisam fazer nada.",
    ),
    _situation(
        "hub_disk_full",
        ("a nossa área de chegada encheu", "our landing area is full"),
        ("liberar espaço na área de chegada do hub", "free space in the hub's landing folder"),
        "o envio {of_day} atrasou por uma falha nossa. Não precisam fazer nada.",
    ),
    _situation(
        "central_down",
        ("o nosso banco central estava fora ou lento", "our central database was down or slow"),
        ("repor o banco central; a carga segue de onde parou", "bring the central database back; loading goes on"),
        "o envio {of_day} espera a vez por uma lentidão nossa. Não precisam fazer nada.",
    ),
    _situation(
        "all_silent",
        ("quase toda a frota calou ao mesmo tempo", "nearly the whole fleet went silent at once"),
        (
            "conferir o hub, o DNS e o certificado nossos antes de falar com qualquer município",
            "check our hub, DNS and certificate before talking to any municipality",
        ),
        "perdemos o contato com muitos municípios ao mesmo tempo, e estamos vendo o que houve do nosso lado. Não precisam "
        "fazer nada.",
    ),
    _situation(
        "region_silent",
        ("quase todo o estado calou ao mesmo tempo", "nearly the whole state went silent at once"),
        (
            "conferir a rota e os provedores daquele estado antes de falar com os municípios",
            "check the route and the providers of that state before talking to its municipalities",
        ),
        "perdemos o contato com muitos municípios do estado ao mesmo tempo, e estamos vendo o que houve. Não precisam fazer "
        "nada.",
    ),
    _situation(
        "load_stuck",
        ("a lista chegou e a nossa carga está parada", "the list arrived and our loading stands still"),
        ("ver as cargas paradas do hub; nada se perde", "look at the hub's stuck loads; nothing is lost"),
        "as listas chegaram. Falta só uma etapa nossa; não precisam fazer nada.",
    ),
    _situation(
        "load_refused",
        ("a lista chegou e a nossa carga a recusou", "the list arrived and our loading refused it"),
        ("ver o motivo da recusa e pedir `resend`", "see why it was refused and ask for `resend`"),
        "as listas chegaram, e precisamos corrigir algo do nosso lado. Não precisam fazer nada.",
    ),
    _situation(
        "schema_drift",
        (
            "o PEC mudou de forma e o nosso catálogo não acompanha",
            "PEC changed its shape and our catalogue does not follow",
        ),
        ("publicar um catálogo para esta versão do PEC", "publish a catalogue for this version of PEC"),
        "a versão do PEC de vocês tem uma novidade que nosso programa ainda não conhece. Já estamos ajustando; não precisam "
        "fazer nada.",
    ),
    _situation(
        "query_limit",
        ("uma consulta nossa passa do limite", "a query of ours goes over its limit"),
        ("rever o limite ou a consulta no catálogo", "review the limit or the query in the catalogue"),
        "uma de nossas consultas demora demais no servidor de vocês. Vamos ajustá-la; não precisam fazer nada.",
    ),
    _situation(
        "catalogue_refused",
        ("o agente recusa o nosso catálogo", "the agent refuses our catalogue"),
        (
            "conferir a assinatura e as consultas do catálogo publicado",
            "check the published catalogue's signature and queries",
        ),
        "o envio espera um ajuste nosso. Não precisam fazer nada.",
    ),
    _situation(
        "transmission_refused",
        ("o hub recusa o envio ou responde com erro", "the hub refuses transmissions or answers with errors"),
        ("ver o código da recusa no hub", "look up the refusal's code at the hub"),
        "o envio {of_day} foi barrado por um erro nosso. Não precisam fazer nada.",
    ),
    _situation(
        "identity_refused",
        ("o hub não reconhece a assinatura do agente", "the hub does not take the agent's signature"),
        (
            "conferir a chave no hub; se a base voltou de uma cópia, mandar um novo código",
            "check the key at the hub; if its database came from a backup, send a new token",
        ),
        "o envio espera uma correção nossa no cadastro. Não precisam fazer nada por ora.",
    ),
    _situation(
        "waiting_turn",
        ("o agente espera a sua vez", "the agent waits for its turn"),
        (
            "esperar; se passar do dia, rever os limites da admissão",
            "wait; past the day, review the admission's limits",
        ),
        "o envio {of_day} está na fila e acontece sozinho. Só deixem o servidor ligado.",
        "wait",
    ),
    _situation(
        "rollout_in_progress",
        ("atualização em andamento", "update under way"),
        (
            "esperar; o vigia volta a versão se ela não falar",
            "wait; the watcher rolls back a version that does not talk",
        ),
        "o programa de envio está se atualizando sozinho. Não precisam fazer nada.",
        "wait",
    ),
    _situation(
        "update_rolled_back",
        (
            "uma versão nossa foi desfeita ou não pôde ser instalada",
            "a version of ours was rolled back or could not be installed",
        ),
        (
            "segurar a atualização (`afluente fleet update hold`) e ver o motivo",
            "hold the rollout (`afluente fleet update hold`) and see why",
        ),
        "uma atualização nossa não deu certo e foi desfeita sozinha. Não precisam fazer nada.",
    ),
    _situation(
        "update_metadata_expired",
        ("os metadados de atualização venceram", "the update metadata has expired"),
        ("assinar de novo os metadados de atualização", "sign the update metadata again"),
        "há uma manutenção nossa a fazer nas atualizações. Não precisam fazer nada.",
    ),
    _situation(
        "unexplained",
        ("o agente está vivo, não enviou e não disse por quê", "the agent lives, did not send and did not say why"),
        ("pedir `diagnose` e ler o pacote de diagnóstico", "ask for `diagnose` and read the bundle"),
        "o programa de envio está ligado, mas a lista {of_day} ainda não veio. Estamos vendo daqui; não precisam fazer nada.",
        "remedy",
    ),
)
