"""The words of every finding, in Portuguese for who is at the machine and in English beside, and its usual state.

Invariant: one entry a code; the code of a `warn` or `fail` is a fact code of the protocol with the same meaning;
`docs/fleet-doctor.md` has a row for each. One table in one file, however long, so that the words are read together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from afluente_agent.protocol import fact_codes

NOTHING_PT: Final = "Nada a fazer."
NOTHING_EN: Final = "Nothing to do."


@dataclass(frozen=True, slots=True)
class Text:
    """Words with `{names}` of the evidence."""

    state: Literal["ok", "warn", "fail", "unknown"]
    title_pt: str
    what_to_do_pt: str
    title_en: str
    what_to_do_en: str


def _ok(title_pt: str, title_en: str) -> Text:
    return Text("ok", title_pt, NOTHING_PT, title_en, NOTHING_EN)


_FINE: Final[dict[str, Text]] = {
    "ok.pec": _ok("PEC encontrado em {folder}", "PEC was found in {folder}"),
    "ok.database": _ok(
        "Banco do PEC acessível e legível (versão {version}, {kind})",
        "PEC's database answers and can be read (version {version}, {kind})",
    ),
    "ok.clock": _ok("Relógio certo", "The clock is right"),
    "ok.time_zone": _ok("Fuso horário do Brasil", "The time zone is one of Brazil's"),
    "ok.disk": _ok("Espaço em disco suficiente", "There is enough space on the disks"),
    "ok.dns": _ok("O endereço {host} é encontrado", "The name {host} resolves"),
    "ok.proxy": _ok("Caminho para a internet: {way}", "The way to the internet: {way}"),
    "ok.tls": _ok("Conexão segura sem interferência", "The secure connection is nobody else's"),
    "ok.hub": _ok("O servidor da transmissão responde", "The hub answers"),
    "ok.folder": _ok("A pasta do agente pode ser escrita", "The agent's folder can be written"),
    "ok.antivirus": _ok("Os arquivos do agente estão completos", "The agent's files are whole"),
    "ok.power": _ok("Sem sinal de queda de energia", "No sign of a power cut"),
    "ok.service": _ok("O serviço do agente está no lugar ({service})", "The agent's service is in place ({service})"),
    "ok.other_agent": _ok("Nenhum outro agente nesta máquina", "No other agent on this machine"),
    "ok.runtime": _ok("Programa do agente completo", "The agent's program is whole"),
}

_PEC: Final[dict[str, Text]] = {
    fact_codes.PEC_NOT_FOUND: Text(
        "fail",
        "O e-SUS PEC não foi encontrado neste computador",
        "Rode este programa no computador onde o e-SUS PEC está instalado; se já é ele, peça ao suporte que informe a pasta (AFLUENTE_PEC).",
        "e-SUS PEC was not found on this machine",
        "Run this on the machine where e-SUS PEC is installed; if this is it, ask support to give its folder (AFLUENTE_PEC).",
    ),
    fact_codes.PEC_SEVERAL: Text(
        "warn",
        "Há mais de uma instalação do e-SUS PEC: {folders}",
        "Veja qual delas a equipe usa no dia a dia e diga a pasta dela ao suporte (AFLUENTE_PEC).",
        "There is more than one installation of e-SUS PEC: {folders}",
        "See which one is used every day, and tell support its folder (AFLUENTE_PEC).",
    ),
    fact_codes.PEC_FOLDER_MOVED: Text(
        "warn",
        "A pasta do e-SUS PEC mudou de {before} para {now}",
        "Confirme que a pasta nova é a do PEC em uso e rode o instalador do agente de novo, como administrador.",
        "e-SUS PEC's folder changed from {before} to {now}",
        "Confirm that the new folder is that of the PEC in use, and run the agent's installer again.",
    ),
    fact_codes.PEC_STOPPED: Text(
        "fail",
        "O serviço {service} do e-SUS está parado",
        "Abra 'Serviços' do Windows (ou systemctl no Linux) e inicie {service}; se não iniciar, reinicie o computador.",
        "The e-SUS service {service} does not run",
        "Start {service} in Windows' Services (or by systemctl); if it does not start, restart the machine.",
    ),
    fact_codes.PEC_PORT_CHANGED: Text(
        "warn",
        "O banco do PEC responde na porta {now}, e não na {before}",
        "Nada a mudar no PEC: o agente usará a porta {now}. Avise o suporte se a mudança não foi de propósito.",
        "PEC's database answers on port {now} and not on {before}",
        "Nothing to change in PEC: the agent will use port {now}. Tell support if it was not on purpose.",
    ),
    fact_codes.PEC_VERSION_CHANGED: Text(
        "warn",
        "O e-SUS PEC mudou da versão {before} para a {now}",
        "Nada a fazer agora: o agente buscará as consultas da versão nova. Se as listas não chegarem, avise o suporte.",
        "e-SUS PEC changed from version {before} to {now}",
        "Nothing now: the agent will fetch the new version's queries. If lists do not arrive, tell support.",
    ),
    fact_codes.PEC_VERSION_UNKNOWN: Text(
        "warn",
        "A versão do e-SUS PEC não pôde ser lida ({version})",
        "Abra o PEC no navegador, anote a versão no rodapé da tela de entrada e envie ao suporte.",
        "The version of e-SUS PEC could not be read ({version})",
        "Open PEC in the browser, note the version at the foot of the sign-in page and send it to support.",
    ),
    fact_codes.PEC_TRAINING: Text(
        "fail",
        "Este e-SUS PEC é de treinamento: os dados não são reais",
        "Rode este programa no computador do PEC de produção do município.",
        "This e-SUS PEC is a training installation: its data are not real",
        "Run this on the machine of the municipality's production PEC.",
    ),
    fact_codes.PEC_KIND_UNKNOWN: Text(
        "warn",
        "O tipo desta instalação do e-SUS PEC não é conhecido ({kind})",
        "Confirme com o suporte do município se este é o PEC que reúne os dados de todas as unidades.",
        "The kind of this installation of e-SUS PEC is not known ({kind})",
        "Confirm with the municipality's support that this PEC gathers the data of all health units.",
    ),
    fact_codes.PEC_CREDENTIALS_MISSING: Text(
        "fail",
        "O arquivo de acesso ao banco não foi encontrado ou não pode ser lido: {file}",
        "Rode este programa como administrador; se o arquivo não existe, peça a quem instalou o PEC que o gere de novo.",
        "The credentials file is not there or cannot be read: {file}",
        "Run this as administrator; if there is no file, ask who installed PEC to make it again.",
    ),
    fact_codes.PEC_CREDENTIALS_CHANGED: Text(
        "fail",
        "O banco do PEC recusou a senha do usuário {role}",
        "Peça a quem cuida do PEC a senha atual de {role}, e confira o arquivo credenciais.txt da pasta do e-SUS.",
        "PEC's database refused the password of the role {role}",
        "Ask who looks after PEC for the present password of {role}, and check credenciais.txt in e-SUS's folder.",
    ),
    fact_codes.PEC_ROLE_REFUSED: Text(
        "fail",
        "O usuário {role} pode mais do que ler ({reason}); por segurança o agente não o usa",
        "Use o usuário de leitura esus_leitura, ou peça ao suporte que retire as permissões a mais.",
        "The role {role} may do more than read ({reason}); for safety the agent does not use it",
        "Use the read-only role esus_leitura, or ask support to take the further permissions away.",
    ),
    fact_codes.DB_DOWN: Text(
        "fail",
        "O banco do PEC não responde em {host}:{port}",
        "Inicie o serviço e-SUS-AB-PostgreSQL (ou reinicie o computador) e rode o diagnóstico de novo.",
        "PEC's database does not answer at {host}:{port}",
        "Start the service e-SUS-AB-PostgreSQL (or restart the machine) and run the doctor again.",
    ),
    fact_codes.DB_MISSING: Text(
        "fail",
        "O banco de dados '{database}' não existe neste servidor",
        "Confira com quem instalou o PEC o nome do banco (o usual é 'esus') e informe-o ao suporte.",
        "There is no database '{database}' on this server",
        "Ask who installed PEC for the database's name (usually 'esus') and tell support.",
    ),
    fact_codes.DB_NOT_PEC: Text(
        "fail",
        "O banco da porta {port} não é de um e-SUS PEC: falta a tabela {table}",
        "Diga ao suporte a pasta certa do e-SUS (AFLUENTE_PEC); pode haver outro PostgreSQL neste computador.",
        "The database on port {port} is not of an e-SUS PEC: the table {table} is not there",
        "Tell support the right folder of e-SUS (AFLUENTE_PEC); there may be another PostgreSQL on this machine.",
    ),
    fact_codes.DB_NOT_READABLE: Text(
        "fail",
        "O usuário {role} não pode ler a tabela {table}",
        "Peça a quem cuida do PEC que dê permissão de leitura (SELECT) a {role} em todas as tabelas.",
        "The role {role} may not read the table {table}",
        "Ask who looks after PEC to grant SELECT on all tables to {role}.",
    ),
    fact_codes.DB_NOT_ALLOWED: Text(
        "fail",
        "O banco do PEC não aceita conexão deste computador para {role}",
        "Peça a quem cuida do PEC que libere {role} para 127.0.0.1 no arquivo pg_hba.conf.",
        "PEC's database does not take connections of {role} from this machine",
        "Ask who looks after PEC to allow {role} from 127.0.0.1 in pg_hba.conf.",
    ),
    fact_codes.DB_RECOVERING: Text(
        "warn",
        "O banco do PEC está iniciando ou se recuperando",
        "Espere 10 minutos e rode o diagnóstico de novo; não desligue o computador.",
        "PEC's database is starting or recovering",
        "Wait 10 minutes and run the doctor again; do not switch the machine off.",
    ),
    fact_codes.DB_TOO_MANY_CONNECTIONS: Text(
        "warn",
        "O banco do PEC está sem conexões livres",
        "Espere alguns minutos e tente de novo; se continuar, reinicie o serviço e-SUS-PEC fora do horário de atendimento.",
        "PEC's database has no free connection",
        "Wait some minutes and try again; if it goes on, restart e-SUS-PEC outside opening hours.",
    ),
    fact_codes.QUERY_SCHEMA_DRIFT: Text(
        "warn",
        "O banco do PEC não tem a tabela {relation}, que as listas usam",
        "Envie este diagnóstico ao suporte: a versão do PEC pode precisar de consultas novas.",
        "PEC's database has no table {relation}, which the lists use",
        "Send this report to support: PEC's version may need new queries.",
    ),
}

_MACHINE: Final[dict[str, Text]] = {
    fact_codes.CLOCK_OFFSET: Text(
        "warn",
        "O relógio deste computador está {direction} em {amount}",
        "Ajuste data e hora e ligue 'Definir horário automaticamente' nas configurações de data e hora.",
        "This machine's clock is wrong by {offset_seconds} seconds",
        "Set the date and time, and switch 'Set time automatically' on.",
    ),
    fact_codes.CLOCK_ZONE: Text(
        "warn",
        "O fuso horário deste computador ({zone}) não é do Brasil",
        "Escolha o fuso do seu estado nas configurações de data e hora (Brasília é UTC-03:00).",
        "This machine's time zone ({zone}) is not one of Brazil's",
        "Choose your state's zone in the settings of date and time (Brasília is UTC-03:00).",
    ),
    fact_codes.DISK_LOW: Text(
        "warn",
        "Pouco espaço no disco de {where}: {free} livres",
        "Esvazie a Lixeira e apague arquivos que não são usados, até haver {needed} livres.",
        "Little space on the disk of {where}: {free} free",
        "Empty the bin and delete files that are not used, until {needed} are free.",
    ),
    fact_codes.DISK_FULL: Text(
        "fail",
        "O disco de {where} está cheio: {free} livres",
        "Libere espaço agora: o PEC também pode parar. Esvazie a Lixeira e apague arquivos que não são usados.",
        "The disk of {where} is full: {free} free",
        "Make space now: PEC may stop as well. Empty the bin and delete files that are not used.",
    ),
    fact_codes.DISK_ERROR: Text(
        "fail",
        "O disco deu erro ao gravar em {where}",
        "Faça uma cópia de segurança do PEC hoje e chame um técnico: o disco pode estar com defeito.",
        "The disk answered with an error when written in {where}",
        "Make a backup of PEC today and call a technician: the disk may be failing.",
    ),
    fact_codes.FOLDER_NOT_WRITABLE: Text(
        "fail",
        "A pasta do agente não pode ser escrita: {folder}",
        "Rode como administrador (Windows) ou com sudo (Linux), e libere a pasta no antivírus.",
        "The agent's folder cannot be written: {folder}",
        "Run as administrator (Windows) or by sudo (Linux), and exempt the folder in the antivirus.",
    ),
    fact_codes.FOLDER_SETTINGS_CHANGED: Text(
        "fail",
        "O arquivo de configuração do agente foi mudado ou está estragado: {file}",
        "Restaure o arquivo de uma cópia, ou apague-o e rode 'afluente-agent enrol' com um novo código do suporte.",
        "The agent's settings were changed or are broken: {file}",
        "Restore the file from a copy, or delete it and run 'afluente-agent enrol' with a new code of support.",
    ),
    fact_codes.AV_FILE_REMOVED: Text(
        "fail",
        "Sumiram ou estão bloqueados arquivos do agente ({file}); o antivírus {product} pode tê-los removido",
        "No antivírus, restaure da quarentena e ponha a pasta do agente nas exceções; depois rode o instalador de novo.",
        "Files of the agent vanished or are blocked ({file}); the antivirus {product} may have removed them",
        "In the antivirus, restore from quarantine and exempt the agent's folder; then run the installer again.",
    ),
    fact_codes.POWER_UNCLEAN_STOP: Text(
        "warn",
        "O computador ou o agente parou sem ser desligado corretamente (última atividade: {seen_at})",
        "Desligue pelo menu do sistema, e não no botão ou na tomada; um nobreak evita perdas.",
        "The machine or the agent stopped without being shut down (last alive: {seen_at})",
        "Shut down by the system's menu, not by the button or the plug; a UPS avoids losses.",
    ),
    fact_codes.TASK_MISSING: Text(
        "fail",
        "A tarefa ou o serviço do agente não existe mais ({name})",
        "Rode o instalador do agente de novo, como administrador; o cadastro do município é mantido.",
        "The agent's task or service is gone ({name})",
        "Run the agent's installer again, as administrator; the municipality's enrolment is kept.",
    ),
    fact_codes.SERVICE_DISABLED: Text(
        "fail",
        "A tarefa ou o serviço do agente está desativado ({name})",
        "Abra o Agendador de Tarefas ou 'Serviços', procure {name} e escolha Habilitar (início automático).",
        "The agent's task or service is disabled ({name})",
        "Open the Task Scheduler or Services, look for {name} and choose Enable (automatic start).",
    ),
    fact_codes.SERVICE_STOPPED: Text(
        "warn",
        "O serviço do agente está parado ({name})",
        "Abra o Agendador de Tarefas ou 'Serviços', procure {name} e escolha Executar ou Iniciar.",
        "The agent's service does not run ({name})",
        "Open the Task Scheduler or Services, look for {name} and choose Run or Start.",
    ),
    fact_codes.AGENT_TASK_CHANGED: Text(
        "warn",
        "A tarefa do agente foi alterada ({name}: {reason})",
        "Rode o instalador do agente de novo, como administrador; o cadastro do município é mantido.",
        "The agent's task was changed ({name}: {reason})",
        "Run the agent's installer again, as administrator; the municipality's enrolment is kept.",
    ),
    fact_codes.AGENT_OTHER: Text(
        "warn",
        "Há outro agente instalado neste computador: {folder}",
        "Desinstale o agente que não é usado; dois agentes enviam as mesmas listas.",
        "Another agent is installed on this machine: {folder}",
        "Uninstall the one that is not used; two agents send the same lists.",
    ),
    fact_codes.IDENTITY_CLONE: Text(
        "fail",
        "Esta instalação está suspensa: parece cópia de outra que continua ligada ({site})",
        "Fale com o suporte e diga qual dos dois computadores vai continuar.",
        "This installation is suspended: it seems a copy of another that still runs ({site})",
        "Talk to support and say which of the two machines goes on.",
    ),
    fact_codes.AGENT_RUNTIME: Text(
        "fail",
        "O programa do agente está incompleto ({part})",
        "Baixe o instalador de novo e rode-o como administrador.",
        "The agent's program is not whole ({part})",
        "Download the installer again and run it as administrator.",
    ),
    "doctor.later": Text(
        "unknown",
        "Ainda não foi possível verificar: {check}",
        "Resolva primeiro o outro problema ({first}) e rode o diagnóstico de novo.",
        "This could not be checked yet: {check}",
        "Solve the other problem first ({first}) and run the doctor again.",
    ),
    "doctor.unknown": Text(
        "unknown",
        "Não foi possível verificar: {check}",
        "Rode o diagnóstico de novo como administrador; se repetir, envie este resultado ao suporte.",
        "This could not be checked: {check}",
        "Run the doctor again as administrator; if it repeats, send this result to support.",
    ),
}

_LINE: Final[dict[str, Text]] = {
    fact_codes.NET_HUB_UNSET: Text(
        "warn",
        "O endereço do servidor da transmissão ainda não foi informado",
        "Rode o comando de instalação que você recebeu, inteiro: ele traz o endereço.",
        "The hub's address is not known yet",
        "Run the whole installation command that you received: it brings the address.",
    ),
    fact_codes.NET_DNS: Text(
        "fail",
        "O endereço {host} não é encontrado na internet (DNS)",
        "Abra um site qualquer no navegador; se não abrir, chame o provedor. Se abrir, peça à TI que libere {host}.",
        "The name {host} does not resolve (DNS)",
        "Open any site in the browser; if none opens, call the provider. If it opens, ask IT to allow {host}.",
    ),
    fact_codes.NET_PROXY: Text(
        "fail",
        "O proxy {proxy} não deixou passar a conexão ({status})",
        "Peça à TI da prefeitura que libere {host} sem senha no proxy {proxy}, ou informe o proxy certo com --proxy.",
        "The proxy {proxy} did not let the connection through ({status})",
        "Ask the municipality's IT to allow {host} without a password in {proxy}, or give the right one with --proxy.",
    ),
    fact_codes.NET_PROXY_OF_USER: Text(
        "warn",
        "O proxy {proxy} está só nas configurações deste usuário; o serviço do agente não o vê",
        "Rode o comando de instalação de novo com '--proxy {proxy}' no fim.",
        "The proxy {proxy} is in this user's settings only, where the agent's service does not see it",
        "Run the installation command again with '--proxy {proxy}' at its end.",
    ),
    fact_codes.NET_PROXY_AUTOMATIC: Text(
        "warn",
        "O Windows usa um script automático de proxy ({script}), que o agente não segue",
        "Pergunte à TI da prefeitura o endereço e a porta do proxy e informe com --proxy.",
        "Windows uses an automatic proxy script ({script}), which the agent does not follow",
        "Ask the municipality's IT for the proxy's address and port, and give it with --proxy.",
    ),
    fact_codes.NET_UNREACHABLE: Text(
        "fail",
        "Este computador está sem rede",
        "Confira o cabo de rede ou o Wi-Fi e o roteador; depois rode o diagnóstico de novo.",
        "This machine has no network",
        "Check the cable or Wi-Fi and the router; then run the doctor again.",
    ),
    fact_codes.NET_BLOCKED: Text(
        "fail",
        "Um firewall ou filtro bloqueia o acesso a {host} ({reason})",
        "Peça à TI da prefeitura que libere {host} na porta {port} no firewall e no antivírus.",
        "A firewall or filter blocks {host} ({reason})",
        "Ask the municipality's IT to allow {host} on port {port} in the firewall and the antivirus.",
    ),
    fact_codes.NET_REFUSED: Text(
        "fail",
        "A conexão com {host}:{port} foi recusada ({reason})",
        "Tente de novo em 10 minutos; se repetir, envie este resultado ao suporte.",
        "The connection to {host}:{port} was refused ({reason})",
        "Try again in 10 minutes; if it repeats, send this result to support.",
    ),
    fact_codes.NET_TIMEOUT: Text(
        "fail",
        "{host}:{port} não respondeu em {seconds} segundos",
        "Confira se outros sites abrem; se abrem, peça à TI da prefeitura que libere {host} na porta {port} no firewall.",
        "{host}:{port} did not answer in {seconds} seconds",
        "See whether other sites open; if so, ask the municipality's IT to allow {host} on port {port} in the firewall.",
    ),
    fact_codes.NET_SLOW: Text(
        "warn",
        "A internet está lenta: o servidor levou {milliseconds} ms para responder",
        "Nada a fazer agora: o agente envia aos poucos. Se for sempre assim, fale com o provedor.",
        "The line is slow: the hub took {milliseconds} ms to answer",
        "Nothing now: the agent sends little by little. If it is always so, talk to the provider.",
    ),
    fact_codes.NET_TLS_INTERCEPTED: Text(
        "fail",
        "Um antivírus, proxy ou firewall abre a conexão segura (certificado de: {issuer})",
        "Peça à TI que exclua {host} da inspeção de HTTPS em {product}.",
        "An antivirus, proxy or firewall opens the secure connection (certificate of: {issuer})",
        "Ask IT to exempt {host} from HTTPS inspection in {product}.",
    ),
    fact_codes.NET_TLS_ISSUER_UNKNOWN: Text(
        "warn",
        "O certificado de {host} foi emitido por quem não conhecemos: {issuer}",
        "Envie este resultado ao suporte, que dirá se o certificado é o certo.",
        "The certificate of {host} was issued by somebody we do not know: {issuer}",
        "Send this result to support, who will say whether it is the right one.",
    ),
    fact_codes.NET_TLS_EXPIRED: Text(
        "fail",
        "O certificado de {host} está fora da validade para o relógio deste computador",
        "Confira se data, hora e ano deste computador estão certos; se estão, avise o suporte.",
        "The certificate of {host} is out of its validity by this machine's clock",
        "Check that this machine's date, time and year are right; if they are, tell support.",
    ),
    fact_codes.NET_TLS_NAME: Text(
        "fail",
        "Quem respondeu por {host} tem o certificado de outro nome (emissor: {issuer})",
        "Abra um site qualquer no navegador e veja se a rede pede login; se não, envie este resultado ao suporte.",
        "Who answered for {host} has a certificate of another name (issuer: {issuer})",
        "Open any site and see whether the network asks to sign in; if not, send this result to support.",
    ),
    fact_codes.NET_TLS_FAILED: Text(
        "fail",
        "A conexão segura com {host} foi interrompida ({reason})",
        "Peça à TI da prefeitura que libere {host} na porta {port} no firewall, sem inspeção.",
        "The secure connection to {host} was cut ({reason})",
        "Ask the municipality's IT to allow {host} on port {port} in the firewall, without inspection.",
    ),
    fact_codes.SEND_HUB_ERROR: Text(
        "warn",
        "O servidor da transmissão está com problema (erro {status})",
        "Nada a fazer: o problema não é do município. O agente tentará de novo sozinho.",
        "The hub has a trouble of its own (error {status})",
        "Nothing to do: it is not the municipality's. The agent will try again by itself.",
    ),
}

TEXTS: Final[dict[str, Text]] = {**_FINE, **_PEC, **_MACHINE, **_LINE}
