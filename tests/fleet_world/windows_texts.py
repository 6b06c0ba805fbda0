"""Texts as the tools of Windows print them, in Portuguese and in English."""

from __future__ import annotations

SC_RUNNING_PT = """
NOME_DO_SERVIÇO: e-SUS-AB-PostgreSQL
        TIPO                       : 10  WIN32_OWN_PROCESS
        ESTADO                     : 4  RUNNING
                                        (STOPPABLE, NOT_PAUSABLE, ACCEPTS_SHUTDOWN)
        CÓDIGO_DE_SAÍDA_DO_WIN32   : 0  (0x0)
"""
SC_STOPPED_EN = """
SERVICE_NAME: e-SUS-PEC
        TYPE               : 10  WIN32_OWN_PROCESS
        STATE              : 1  STOPPED
        WIN32_EXIT_CODE    : 1077  (0x435)
"""
SC_ABSENT_PT = "[SC] EnumQueryServicesStatus:OpenService FALHA 1060:\n\nO serviço especificado não existe.\n"
SC_DISABLED = """
[SC] QueryServiceConfig ÊXITO

NOME_DO_SERVIÇO: e-SUS-PEC
        TIPO               : 10  WIN32_OWN_PROCESS
        TIPO_DE_INÍCIO     : 4   DISABLED
        NOME_DO_CAMINHO_BINÁRIO : "C:\\Program Files\\e-SUS\\webserver\\bin\\wrapper.exe" -s conf\\wrapper.conf
"""
REG_QUERY = """
HKEY_CURRENT_USER\\Software\\Microsoft\\Windows\\CurrentVersion\\Internet Settings
    ProxyEnable    REG_DWORD    0x1
    ProxyServer    REG_SZ    http=proxy.prefeitura.local:3128;https=proxy.prefeitura.local:3129
    ProxyOverride    REG_SZ    *.gov.br;192.168.*;<local>
"""
REG_EXPORT = """Windows Registry Editor Version 5.00

[HKEY_CURRENT_USER\\Software\\Microsoft\\Windows\\CurrentVersion\\Internet Settings]
"ProxyEnable"=dword:00000000
"AutoConfigURL"="http://wpad.prefeitura.local/proxy.pac"
"""
NETSTAT_PT = """
Conexões ativas

  Proto  Endereço local         Endereço externo       Estado          PID
  TCP    0.0.0.0:5433           0.0.0.0:0              LISTENING       2310
  TCP    127.0.0.1:5433         127.0.0.1:50123        ESTABLISHED     2310
  TCP    [::]:8080              [::]:0                 ESCUTANDO       4021
"""
EVENT = (
    "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><EventID>41</EventID>"
    "<TimeCreated SystemTime='2026-10-06T03:12:44.1234567Z'/></System></Event>"
)
