# Installs the Afluente agent: AFLUENTE_HUB and AFLUENTE_TOKEN say where and with which code. May be run again.
# AFLUENTE_SHA256, when given, is what the archive must be; AFLUENTE_TO is where the program goes.
$ErrorActionPreference = "Stop"
$ProgressPreference = "SilentlyContinue"
[Net.ServicePointManager]::SecurityProtocol = [Net.ServicePointManager]::SecurityProtocol -bor [Net.SecurityProtocolType]::Tls12
$hub = $env:AFLUENTE_HUB
if (-not $hub) { throw "falta AFLUENTE_HUB" }
$identity = [Security.Principal.WindowsPrincipal][Security.Principal.WindowsIdentity]::GetCurrent()
if (-not $identity.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) {
    throw "Abra o PowerShell como administrador e rode de novo."
}
$to = if ($env:AFLUENTE_TO) { $env:AFLUENTE_TO } else { Join-Path $env:ProgramFiles "Afluente Agente" }
$program = Join-Path $to "afluente-agent.exe"
if (-not (Test-Path $program)) {
    Write-Host "Baixando o agente..."
    $work = Join-Path $env:TEMP ("afluente-" + [Guid]::NewGuid().ToString("N"))
    New-Item -ItemType Directory -Path $work | Out-Null
    try {
        $archive = Join-Path $work "agent.zip"
        $address = "$hub/updates/afluente-agent-windows-amd64.zip"
        for ($try = 1; ; $try++) {
            try { Invoke-WebRequest -UseBasicParsing -Uri $address -OutFile $archive; break }
            catch { if ($try -ge 20) { throw "Não foi possível baixar o agente. Confira a internet e o proxy." }; Start-Sleep 3 }
        }
        if ($env:AFLUENTE_SHA256 -and (Get-FileHash $archive -Algorithm SHA256).Hash -ne $env:AFLUENTE_SHA256) {
            throw "O arquivo baixado não é o esperado e não foi instalado."
        }
        Expand-Archive -Path $archive -DestinationPath $work
        New-Item -ItemType Directory -Force -Path $to | Out-Null
        Copy-Item -Recurse -Force (Join-Path $work "afluente-agent\*") $to
    }
    finally { Remove-Item -Recurse -Force $work }
}
$data = Join-Path $env:ProgramData "afluente-agent"
New-Item -ItemType Directory -Force -Path $data | Out-Null
# SYSTEM and administrators alone, by their ids, which are the same in every language.
& icacls.exe $data /inheritance:r /grant:r "*S-1-5-18:(OI)(CI)F" "*S-1-5-32-544:(OI)(CI)F" | Out-Null
$token = $env:AFLUENTE_TOKEN
Remove-Item Env:AFLUENTE_TOKEN -ErrorAction SilentlyContinue
$token | & $program install --hub $hub --token - @args
exit $LASTEXITCODE
