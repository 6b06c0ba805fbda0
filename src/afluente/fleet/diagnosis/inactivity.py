"""Inactivity: nobody is there, or the machine is off, or it is another one. Often there is nothing to do.

Invariant: without evidence the answer is the honest one, "off or without internet", with half a confidence.
"""

from __future__ import annotations

from afluente.core.language import Message
from afluente.fleet.diagnosis.verdict import Action, Situation

NOTHING = ("nada a fazer", "nothing to do")


def _situation(
    code: str, titles: tuple[str, str], action: Action, what_to_do: tuple[str, str], message_pt: str
) -> Situation:
    return Situation(f"inactivity.{code}", "inactivity", Message(*titles), action, Message(*what_to_do), message_pt)


SITUATIONS = (
    _situation(
        "national_holiday",
        ("feriado nacional", "national holiday"),
        "nothing",
        NOTHING,
        "{on_day} é feriado nacional ({holiday}); o envio segue no próximo dia de trabalho. Não precisam fazer nada.",
    ),
    _situation(
        "state_holiday",
        ("feriado estadual", "state holiday"),
        "nothing",
        NOTHING,
        "{on_day} é feriado no estado ({holiday}); o envio segue no próximo dia de trabalho. Não precisam fazer nada.",
    ),
    _situation(
        "municipal_holiday",
        ("feriado municipal", "municipal holiday"),
        "nothing",
        NOTHING,
        "{on_day} é feriado no município ({holiday}); o envio segue no próximo dia de trabalho. Não precisam fazer nada.",
    ),
    _situation(
        "optional_day",
        ("ponto facultativo", "optional day"),
        "nothing",
        NOTHING,
        "{on_day} é ponto facultativo ({holiday}); se o servidor for ligado, o envio acontece sozinho. Não precisam fazer nada.",
    ),
    _situation(
        "bridge_day",
        ("ponte de feriado", "bridge between a holiday and the weekend"),
        "nothing",
        ("nada por ora; ver de novo no próximo dia de trabalho", "nothing for now; look again on the next day of work"),
        "{on_day} é véspera ou dia seguinte de feriado e o servidor parece desligado. Não precisam fazer nada.",
    ),
    _situation(
        "weekend",
        ("fim de semana", "weekend"),
        "nothing",
        NOTHING,
        "é fim de semana e o servidor parece desligado; o envio segue no próximo dia de trabalho. Não precisam fazer nada.",
    ),
    _situation(
        "outside_hours",
        (
            "fora do horário em que a máquina costuma estar ligada",
            "outside the hours in which the machine is usually on",
        ),
        "wait",
        ("esperar o horário de costume ({opens})", "wait for its usual hour ({opens})"),
        "o servidor costuma ligar às {opens}; o envio acontece sozinho depois disso. Não precisam fazer nada.",
    ),
    _situation(
        "never_on_this_weekday",
        ("a máquina não costuma ser ligada neste dia da semana", "the machine is not usually on on this weekday"),
        "nothing",
        NOTHING,
        "o servidor não costuma ser ligado neste dia da semana; o envio segue no próximo. Não precisam fazer nada.",
    ),
    _situation(
        "not_installed",
        ("ainda não instalado", "not installed yet"),
        "install_again",
        (
            "mandar o comando de instalação de novo e perguntar se houve dificuldade",
            "send the install command again and ask whether there was a difficulty",
        ),
        "ainda não vimos a instalação do programa de envio. É um comando só, no servidor do PEC, e leva alguns minutos; "
        "respondam aqui se algo deu errado.",
    ),
    _situation(
        "migration",
        ("migração para outra máquina", "migration to another machine"),
        "wait",
        ("esperar o primeiro envio completo da máquina nova", "wait for the first full sending of the new machine"),
        "vimos que o PEC mudou de máquina e a instalação deu certo. O primeiro envio é completo e demora mais; só deixem o "
        "servidor ligado.",
    ),
    _situation(
        "cloned_disk",
        ("disco clonado: duas máquinas com uma identidade", "cloned disk: two machines with one identity"),
        "call_site",
        (
            "perguntar qual é a máquina de produção; desinstalar na outra e reinstalar nela com novo código",
            "ask which machine is the real one; uninstall on the other and install again with a new token",
        ),
        "duas máquinas estão falando como se fossem a mesma (disco copiado), e por segurança paramos o envio. Qual delas é a "
        "do PEC de produção? Mandamos o comando para ela.",
    ),
    _situation(
        "power_cut",
        ("queda de energia", "power cut"),
        "wait",
        (
            "esperar: a máquina volta e o envio recomeça; se repetir, sugerir um nobreak",
            "wait: the machine comes back and sending resumes; if it repeats, suggest a UPS",
        ),
        "o servidor desligou de repente, como numa queda de energia. O envio recomeça sozinho de onde parou; confiram só se o "
        "PEC abre normalmente.",
    ),
    _situation(
        "turned_off",
        ("a máquina foi desligada em ordem", "the machine was shut down in order"),
        "message_site",
        (
            "pedir que deixem o servidor ligado no horário do envio, ou mudar o horário",
            "ask them to leave the server on at the hour of sending, or change the schedule",
        ),
        "o servidor do PEC foi desligado antes do envio. Podem deixá-lo ligado no horário de trabalho? Se outro horário for "
        "melhor, ajustamos daqui.",
    ),
    _situation(
        "was_off",
        ("a máquina ficou desligada ou dormindo no horário", "the machine was off or asleep in its hours"),
        "wait",
        (
            "nada por ora: ela voltou; se repetir, pedir que fique ligada no horário do envio",
            "nothing for now: it came back; if it repeats, ask for it to be left on",
        ),
        "o servidor do PEC ficou desligado no horário do envio e já voltou; o envio segue sozinho. Não precisam fazer nada.",
    ),
    _situation(
        "asleep",
        ("a máquina dorme (suspensão)", "the machine sleeps"),
        "message_site",
        ("pedir que desliguem a suspensão automática", "ask them to turn off automatic sleep"),
        "o servidor do PEC entra em suspensão no horário do envio. Podem desligar a suspensão automática nas opções de "
        "energia?",
    ),
    _situation(
        "off_or_no_internet",
        ("máquina desligada ou sem internet", "machine off or without internet"),
        "message_site",
        (
            "mandar a mensagem; se o silêncio passar de dois dias de trabalho, ligar",
            "send the message; call if the silence lasts more than two days of work",
        ),
        "não temos sinal do servidor do PEC desde {last_seen}. Ele está ligado e com internet? Assim que voltar, o envio "
        "acontece sozinho.",
    ),
    _situation(
        "long_silence",
        ("silêncio de muitos dias: trocada, formatada ou sem uso", "silent for many days: replaced, wiped or unused"),
        "call_site",
        (
            "ligar; se a máquina foi trocada ou formatada, mandar um novo comando de instalação",
            "call; if the machine was replaced or wiped, send a new install command",
        ),
        "não temos sinal do servidor do PEC desde {last_seen}. Ele foi trocado ou formatado? Se foi, mandamos o comando de "
        "instalação de novo, e nada se perde.",
    ),
    _situation(
        "sending_now",
        ("o envio está em andamento", "sending is under way"),
        "wait",
        ("esperar: o envio anda", "wait: sending moves"),
        "o envio {of_day} está em andamento. Só deixem o servidor ligado.",
    ),
)
