"""Connectivity: the machine works and the hub cannot be reached from it."""

from __future__ import annotations

from afluente.core.language import Message
from afluente.fleet.diagnosis.cause import Cause, rule_of
from afluente.fleet.diagnosis.verdict import Situation
from afluente_agent.protocol import fact_codes

SITUATIONS = (
    Situation(
        "connectivity.no_network",
        "connectivity",
        Message("máquina sem rede", "machine without a network"),
        "message_site",
        Message(
            "pedir que confiram o cabo ou o Wi-Fi do servidor; o envio volta sozinho",
            "ask them to check the server's cable or Wi-Fi; sending resumes by itself",
        ),
        "o servidor do PEC está ligado, mas sem internet. Podem conferir o cabo de rede, o Wi-Fi e o roteador? Quando a "
        "internet voltar, o envio recomeça sozinho.",
    ),
    Situation(
        "connectivity.dns",
        "connectivity",
        Message("o DNS não encontra o nosso endereço", "DNS does not find our address"),
        "ask_network",
        Message(
            "pedir à rede que libere o nosso nome no DNS, ou use 1.1.1.1/8.8.8.8 no servidor",
            "ask the network people to let our name through DNS, or use 1.1.1.1/8.8.8.8 on the server",
        ),
        "o servidor do PEC tem rede, mas não consegue achar o nosso endereço (DNS). Podem pedir a quem cuida da rede que "
        "confira o DNS do servidor? Nada precisa ser reinstalado.",
    ),
    Situation(
        "connectivity.proxy",
        "connectivity",
        Message("o proxy barra a saída", "the proxy stops the way out"),
        "ask_network",
        Message(
            "pedir à rede a liberação do nosso endereço no proxy (sem senha), ou os dados novos do proxy",
            "ask the network people to let our address through the proxy without a password, or for its new settings",
        ),
        "o proxy da rede está barrando o envio do servidor do PEC. Podem pedir a quem cuida da rede que libere o nosso "
        "endereço sem senha, ou nos avisar se o proxy mudou?",
    ),
    Situation(
        "connectivity.tls_intercepted",
        "connectivity",
        Message(
            "a rede troca o nosso certificado (inspeção TLS)", "the network replaces our certificate (TLS inspection)"
        ),
        "ask_network",
        Message(
            "pedir à rede que tire o nosso endereço da inspeção, ou instale o certificado dela no sistema",
            "ask for our address to be left out of inspection, or for its root to be installed in the system",
        ),
        "o firewall ou o antivírus da rede está abrindo a conexão segura do envio, e por segurança paramos. Podem pedir a "
        "quem cuida da rede que deixe o nosso endereço fora da inspeção HTTPS?",
    ),
    Situation(
        "connectivity.refused",
        "connectivity",
        Message("conexão recusada (firewall)", "connection refused (firewall)"),
        "ask_network",
        Message(
            "pedir à rede a liberação da saída HTTPS (porta 443) para o nosso endereço",
            "ask the network people to allow HTTPS (port 443) to our address",
        ),
        "o firewall está recusando a conexão do servidor do PEC conosco. Podem pedir a quem cuida da rede que libere a "
        "saída HTTPS (porta 443) para o nosso endereço?",
    ),
    Situation(
        "connectivity.timeout",
        "connectivity",
        Message("sem resposta no caminho (firewall ou internet fora)", "no answer on the way (firewall or line down)"),
        "ask_network",
        Message(
            "conferir se outros sites abrem no servidor; se abrem, pedir a liberação no firewall",
            "see whether other sites open on the server; if they do, ask for the firewall to be opened",
        ),
        "o servidor do PEC tenta falar conosco e ninguém responde no caminho. Outros sites abrem nele? Se abrem, podem pedir "
        "a quem cuida da rede que libere o nosso endereço no firewall?",
    ),
    Situation(
        "connectivity.slow_link",
        "connectivity",
        Message("internet lenta: o envio anda devagar", "slow line: sending crawls"),
        "wait",
        Message(
            "esperar: o envio segue de onde parou; se durar dias, mudar o horário para a noite",
            "wait: sending goes on where it stopped; if it lasts days, move the schedule to the night",
        ),
        "a internet do servidor do PEC está lenta, e o envio segue aos poucos, de onde parou. Se puderem, deixem o servidor "
        "ligado até mais tarde hoje.",
    ),
)

_BACK = (fact_codes.NET_RESTORED,)

CAUSES = (
    Cause("connectivity.no_network", (fact_codes.NET_UNREACHABLE,), 400, 0.85, undone_by=_BACK, is_network=True),
    Cause(
        "connectivity.proxy", (fact_codes.NET_PROXY,), 410, 0.88, ("proxy", "status"), undone_by=_BACK, is_network=True
    ),
    Cause(
        "connectivity.refused",
        (fact_codes.NET_BLOCKED,),
        415,
        0.8,
        ("port", "reason"),
        undone_by=_BACK,
        is_network=True,
    ),
    Cause(
        "connectivity.tls_intercepted",
        (fact_codes.NET_TLS_INTERCEPTED,),
        420,
        0.9,
        ("issuer", "reason"),
        undone_by=_BACK,
        is_network=True,
    ),
    Cause(
        "connectivity.tls_intercepted",
        (fact_codes.NET_TLS_FAILED, fact_codes.NET_TLS_NAME, fact_codes.NET_TLS_ISSUER_UNKNOWN),
        425,
        0.6,
        ("issuer", "reason"),
        undone_by=_BACK,
        is_network=True,
    ),
    Cause("connectivity.dns", (fact_codes.NET_DNS,), 430, 0.82, ("host",), undone_by=_BACK, is_network=True),
    Cause(
        "connectivity.refused", (fact_codes.NET_REFUSED,), 440, 0.75, ("host", "port"), undone_by=_BACK, is_network=True
    ),
    Cause("connectivity.slow_link", (fact_codes.NET_SLOW,), 445, 0.75, ("milliseconds",), is_network=True),
    Cause(
        "connectivity.timeout",
        (fact_codes.NET_TIMEOUT, fact_codes.NET_CONNECTION_LOST),
        450,
        0.7,
        ("host", "port", "stage"),
        undone_by=_BACK,
        is_network=True,
    ),
)

RULES = tuple(map(rule_of, CAUSES))
