#!/bin/sh
# Installs the Afluente agent: AFLUENTE_HUB and AFLUENTE_TOKEN say where and with which code. May be run again.
# AFLUENTE_SHA256, when given, is what the archive must be; AFLUENTE_TO is where the program goes.
set -eu
: "${AFLUENTE_HUB:?falta AFLUENTE_HUB}"
to="${AFLUENTE_TO:-/opt/afluente-agent}"
name="afluente-agent-linux-$(uname -m).tar.gz"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
if [ ! -x "$to/afluente-agent" ]; then
  echo "Baixando o agente..."
  tries=0
  until curl -fsSL -C - --retry 3 --connect-timeout 20 -o "$work/$name" "$AFLUENTE_HUB/updates/$name"; do
    tries=$((tries + 1))
    if [ "$tries" -ge "${AFLUENTE_TRIES:-20}" ]; then
      echo "Não foi possível baixar o agente. Confira a internet e o proxy, e rode de novo." >&2
      exit 1
    fi
    sleep 3
  done
  if [ -n "${AFLUENTE_SHA256:-}" ]; then
    if ! echo "$AFLUENTE_SHA256  $work/$name" | sha256sum -c - >/dev/null 2>&1; then
      echo "O arquivo baixado não é o esperado e não foi instalado." >&2
      exit 1
    fi
  fi
  mkdir -p "$work/program" "$(dirname "$to")"
  tar -xzf "$work/$name" -C "$work/program" --strip-components=1 --no-same-owner
  rm -rf "$to.new"
  cp -R "$work/program" "$to.new"
  rm -rf "$to"
  mv "$to.new" "$to"
fi
token="${AFLUENTE_TOKEN:-}"
unset AFLUENTE_TOKEN
printf '%s\n' "$token" | "$to/afluente-agent" install --hub "$AFLUENTE_HUB" --token - "$@"
