"""Maintenance: somebody or something on site changed what the agent needs. The situations, worded.

Invariant: every message says what happened, that the municipality did nothing wrong, and at most one thing to do.
"""

from __future__ import annotations

from afluente.core.language import Message
from afluente.fleet.diagnosis.verdict import Action, Situation


def _situation(
    code: str, titles: tuple[str, str], action: Action, what_to_do: tuple[str, str], message_pt: str
) -> Situation:
    return Situation(f"maintenance.{code}", "maintenance", Message(*titles), action, Message(*what_to_do), message_pt)


SITUATIONS = (
    _situation(
        "antivirus",
        ("o antivírus tirou um arquivo do agente", "the antivirus took a file of the agent"),
        "message_site",
        (
            "pedir uma exceção no antivírus para a pasta do agente e depois reinstalar com novo código",
            "ask for an exception for the agent's folder in the antivirus, then install again with a new token",
        ),
        "o antivírus do servidor tirou um arquivo do nosso programa. Podem restaurar o arquivo da quarentena e pôr a pasta do "
        "programa nas exceções? Se preferirem, mandamos o comando de instalação de novo.",
    ),
    _situation(
        "disk_full",
        ("disco cheio", "disk full"),
        "message_site",
        (
            "pedir que liberem espaço no servidor (lixeira, cópias antigas de backup)",
            "ask them to free space on the server (bin, old backups)",
        ),
        "o disco do servidor do PEC está cheio, e isso para o envio e pode parar o próprio PEC. Podem liberar espaço "
        "(lixeira, cópias de segurança antigas)? Depois o envio volta sozinho.",
    ),
    _situation(
        "disk_error",
        ("o disco dá erro de leitura ou escrita", "the disk gives input/output errors"),
        "call_site",
        (
            "ligar: pedir uma cópia de segurança do PEC hoje e a troca do disco",
            "call: ask for a backup of PEC today and a new disk",
        ),
        "o disco do servidor do PEC está dando erros. Por favor façam uma cópia de segurança do PEC ainda hoje e chamem quem "
        "cuida das máquinas: o disco pode estar no fim.",
    ),
    _situation(
        "folder_not_writable",
        ("o agente não pode mais escrever na sua pasta", "the agent may no longer write to its folder"),
        "message_site",
        (
            "pedir que devolvam a permissão da pasta, ou reinstalar com novo código",
            "ask for the folder's permission to be given back, or install again with a new token",
        ),
        "a permissão da pasta do nosso programa mudou no servidor e ele não consegue mais trabalhar. Mandamos o comando de "
        "instalação de novo: basta rodá-lo uma vez como administrador.",
    ),
    _situation(
        "settings_changed",
        ("a pasta ou os ajustes do agente foram mudados", "the agent's folder or settings were changed"),
        "install_again",
        (
            "mandar um novo comando de instalação; nada do que estava se perde",
            "send a new install command; nothing is lost",
        ),
        "a pasta do nosso programa foi movida ou mudada no servidor. Mandamos o comando de instalação de novo: basta rodá-lo "
        "uma vez como administrador.",
    ),
    _situation(
        "clock_wrong",
        ("o relógio da máquina está errado", "the machine's clock is wrong"),
        "message_site",
        (
            "pedir que acertem data e hora (hora automática); trocar a bateria se voltar a errar",
            "ask them to set date and time (automatic time); replace the battery if it happens again",
        ),
        "o relógio do servidor do PEC está errado. Podem acertar a data e a hora e ligar a hora automática? Isso também evita "
        "fichas do PEC com data errada.",
    ),
    _situation(
        "task_removed",
        ("a tarefa agendada foi removida do sistema", "the scheduled task was removed from the system"),
        "remedy",
        (
            "nada se o vigia a repôs; se o silêncio seguir, mandar um novo comando de instalação",
            "nothing if the watchdog put it back; if silence goes on, send a new install command",
        ),
        "uma manutenção removeu do servidor a tarefa que faz o envio. O programa tenta repô-la sozinho; se pedirmos, basta "
        "rodar de novo o comando de instalação.",
    ),
    _situation(
        "service_disabled",
        ("o serviço do agente foi desabilitado", "the agent's service was disabled"),
        "message_site",
        (
            "pedir que habilitem o serviço e perguntar o motivo, para que não volte",
            "ask them to enable the service, and why it was disabled so that it does not happen again",
        ),
        "o serviço que faz o envio foi desabilitado no servidor. Podem habilitá-lo de novo? Se ele atrapalhou alguma coisa, "
        "nos contem, que resolvemos.",
    ),
    _situation(
        "service_stopped",
        ("o serviço do agente foi parado por alguém", "somebody stopped the agent's service"),
        "message_site",
        ("pedir que iniciem o serviço ou reiniciem a máquina", "ask them to start the service or restart the machine"),
        "o serviço que faz o envio foi parado no servidor. Podem iniciá-lo, ou reiniciar a máquina quando for possível?",
    ),
    _situation(
        "pec_training",
        ("o agente vê um PEC de treinamento", "the agent sees a training PEC"),
        "call_site",
        (
            "perguntar qual é o PEC de produção e apontar o agente para ele",
            "ask which PEC is the real one and point the agent to it",
        ),
        "o servidor mostra um PEC de treinamento em vez do de produção. Podem nos dizer em que máquina está o PEC de "
        "produção?",
    ),
    _situation(
        "pec_credentials",
        ("a senha do banco do PEC mudou ou o arquivo sumiu", "PEC's database password changed or its file is gone"),
        "remedy",
        (
            "pedir `diagnose`: o agente relê as credenciais; se não bastar, novo comando de instalação",
            "ask for `diagnose`: the agent reads the credentials again; else a new install command",
        ),
        "a senha do banco de dados do PEC mudou, e nosso programa não consegue mais ler as listas. Basta rodar de novo o "
        "comando de instalação que mandamos, como administrador.",
    ),
    _situation(
        "pec_port",
        ("o banco do PEC mudou de porta", "PEC's database moved to another port"),
        "remedy",
        (
            "pedir `diagnose`: o agente acha a porta nova sozinho",
            "ask for `diagnose`: the agent finds the new port by itself",
        ),
        "o banco de dados do PEC passou a usar outra porta. Ajustamos daqui; não precisam fazer nada.",
    ),
    _situation(
        "pec_upgraded",
        ("o PEC foi atualizado", "PEC was upgraded"),
        "wait",
        (
            "esperar um dia: o agente troca de catálogo; se não enviar, pedir `resend`",
            "wait a day: the agent changes its catalogue; if it does not send, ask for `resend`",
        ),
        "vimos que o PEC foi atualizado, o que é bom. O primeiro envio depois disso demora mais; não precisam fazer nada.",
    ),
    _situation(
        "pec_missing",
        ("o PEC não está mais nesta máquina", "PEC is no longer on this machine"),
        "call_site",
        (
            "perguntar se o PEC mudou de máquina; se mudou, mandar um código de instalação para a nova",
            "ask whether PEC moved; if so, send an install token for the new machine",
        ),
        "não encontramos mais o PEC neste servidor. Ele mudou de máquina? Se mudou, mandamos o comando de instalação para a "
        "máquina nova, e nada se perde.",
    ),
    _situation(
        "pec_role",
        ("o usuário do banco do PEC pode mais do que deve", "PEC's database role may do more than it should"),
        "message_site",
        (
            "pedir que devolvam ao usuário esus_leitura só a leitura, ou reinstalar",
            "ask for the role to be made read-only again, or install again",
        ),
        "o usuário de leitura do banco do PEC ganhou permissões demais, e por segurança nosso programa não o usa. Basta rodar "
        "de novo o comando de instalação que mandamos.",
    ),
    _situation(
        "db_down",
        ("o banco de dados do PEC está parado", "PEC's database is down"),
        "message_site",
        (
            "pedir que reiniciem o serviço do PEC (ou a máquina) e vejam se o PEC abre",
            "ask them to restart PEC's service (or the machine) and see whether PEC opens",
        ),
        "o banco de dados do PEC está parado no servidor. O PEC abre para vocês? Reiniciar o serviço e-SUS-PEC, ou a máquina, "
        "costuma resolver; o envio volta sozinho.",
    ),
    _situation(
        "db_corrupted",
        ("o banco do PEC acusa dano", "PEC's database reports damage"),
        "call_site",
        (
            "ligar: cópia de segurança hoje e chamado ao suporte do e-SUS",
            "call: a backup today and a ticket at e-SUS support",
        ),
        "o banco de dados do PEC acusa um dano em parte dos dados. Por favor façam uma cópia de segurança hoje e abram um "
        "chamado no suporte do e-SUS APS.",
    ),
    _situation(
        "db_not_readable",
        ("o usuário do agente não lê mais as tabelas", "the agent's role no longer reads the tables"),
        "message_site",
        (
            "mandar um novo comando de instalação, que devolve a permissão de leitura",
            "send a new install command, which grants reading again",
        ),
        "uma atualização tirou do nosso programa a permissão de ler as listas do PEC. Basta rodar de novo o comando de "
        "instalação que mandamos, como administrador.",
    ),
    _situation(
        "db_busy",
        ("o banco do PEC está ocupado demais", "PEC's database is too busy"),
        "wait",
        (
            "esperar; se repetir, mudar o horário do envio",
            "wait; if it repeats, change the schedule",
        ),
        "o banco de dados do PEC estava ocupado demais na hora do envio. O programa tenta de novo sozinho; não precisam fazer "
        "nada.",
    ),
    _situation(
        "spool_full",
        ("a fila local encheu", "the local queue is full"),
        "remedy",
        (
            "ver por que não esvazia (rede?) e depois pedir `resend`",
            "see why it does not drain (network?), then ask for `resend`",
        ),
        "há listas demais esperando no servidor do PEC para serem enviadas. Cuidamos daqui; só deixem o servidor ligado e com "
        "internet.",
    ),
    _situation(
        "restored_backup",
        ("a máquina voltou de uma cópia de segurança", "the machine came back from a backup"),
        "remedy",
        ("pedir `resend`, para que as listas venham inteiras", "ask for `resend`, so that the lists come whole"),
        "vimos que o servidor foi restaurado de uma cópia de segurança. Pedimos daqui o envio completo; só deixem o servidor "
        "ligado.",
    ),
    _situation(
        "agent_crashed",
        ("o agente encerra com erro", "the agent ends with an error"),
        "remedy",
        (
            "pedir `diagnose` e ver o pacote de diagnóstico; se repetir, voltar a versão",
            "ask for `diagnose` and read the bundle; if it repeats, roll the version back",
        ),
        "nosso programa está encerrando com erro no servidor. Já estamos vendo daqui; por ora não precisam fazer nada.",
    ),
    _situation(
        "spool_quarantined",
        ("parte da fila local quebrou e foi refeita", "a part of the local queue broke and was made again"),
        "wait",
        (
            "esperar; se repetir, perguntar por quedas de energia ou pelo disco",
            "wait; if it repeats, ask about power cuts or the disk",
        ),
        "parte das listas guardadas no servidor se estragou, talvez numa queda de energia. O programa já as refez; não "
        "precisam fazer nada.",
    ),
    _situation(
        "disk_low",
        ("pouco espaço em disco", "little disk space"),
        "message_site",
        ("avisar antes que encha: pedir que liberem espaço", "warn before it fills: ask them to free space"),
        "o disco do servidor do PEC está quase cheio. Podem liberar espaço (lixeira, cópias de segurança antigas) nos próximos "
        "dias, antes que o PEC pare?",
    ),
)
