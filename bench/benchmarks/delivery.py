"""A file delivered to OpenSSH's server on loopback, against OpenSSH's own `sftp` and paramiko."""

from __future__ import annotations

import importlib.util
import random
import shutil
import tempfile
from pathlib import Path

from bench import sshd
from bench.contender import Contender, Measurement, measure, middle, module
from bench.ours.delivery import write_hash
from bench.registry import Options
from bench.report import show_measurements

ROW_BYTES = 1000
DEFAULT_ROWS = 1_000_000
SUMMARY = "a file of 1000 bytes a row uploaded under a temporary name and renamed, sshd on loopback"
OURS, SFTP = "ours", "sftp"


def run(options: Options) -> float | None:
    """The seconds of ours over those of `sftp` in batch mode, each bringing the file to the disk (`sftp -f`)."""
    if not sshd.is_installed():
        print("  OpenSSH's sshd is not installed: nothing is measured")
        return None
    options.data.mkdir(parents=True, exist_ok=True)
    file = _file(options)
    with tempfile.TemporaryDirectory(dir=options.data, prefix="delivery-") as folder:
        scratch = Path(folder)
        with sshd.running(scratch) as server:
            print(f"  {file.stat().st_size / 1e9:.3f} GB to {server.name}")
            small = _file(Options(1, 1, options.seed, options.data))
            for contender in _contenders(small, scratch, server):
                if not contender.note:
                    _measured(contender, small, scratch, options)
            contenders = _contenders(file, scratch, server)
            taken: dict[str, list[Measurement]] = {c.name: [] for c in contenders if not c.note}
            for turn in range(options.repeats):
                for contender in contenders if turn % 2 == 0 else reversed(contenders):
                    if not contender.note:
                        taken[contender.name].append(_measured(contender, file, scratch, options))
            for contender in contenders:
                if contender.note:
                    print(f"  {contender.name:<12} {contender.note}")
    measured = {name: middle(runs) for name, runs in taken.items()}
    show_measurements(measured, rows=options.rows)
    if measured[OURS].failure or measured[SFTP].failure:
        return None
    return measured[OURS].seconds / measured[SFTP].seconds


def _measured(contender: Contender, file: Path, scratch: Path, options: Options) -> Measurement:
    inbox = scratch / "inbox"
    shutil.rmtree(inbox, ignore_errors=True)
    inbox.mkdir()
    taken = measure(contender, memory_limit_bytes=options.memory_limit_bytes)
    arrived = inbox / file.name
    if not taken.failure and (not arrived.exists() or arrived.stat().st_size != file.stat().st_size):
        raise AssertionError(f"{contender.name} did not deliver the file")
    return taken


def _contenders(file: Path, scratch: Path, server: sshd.Server) -> list[Contender]:
    inbox = scratch / "inbox"
    arguments = [str(file), str(inbox), str(server.port), server.user, str(server.key), server.host_key]
    batch = scratch / "batch"
    batch.write_text(f"put {file} {inbox}/{file.name}.tmp\nrename {inbox}/{file.name}.tmp {inbox}/{file.name}\n")
    settings = {
        "UserKnownHostsFile": str(server.known_hosts),
        "IdentityFile": str(server.key),
        "IdentitiesOnly": "yes",
        "StrictHostKeyChecking": "yes",
        "Compression": "no",
    }
    given = [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]
    sftp = ["sftp", "-q", "-F", "none", "-P", str(server.port), *given]
    address = f"{server.user}@127.0.0.1"
    has_paramiko = importlib.util.find_spec("paramiko") is not None
    installed = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(scratch / "bytecode")}
    return [
        Contender(SFTP, [*sftp, "-f", "-b", str(batch), address]),
        Contender("sftp no fsync", [*sftp, "-b", str(batch), address]),
        Contender(
            "paramiko",
            module("bench.peers.delivery_paramiko", *arguments),
            installed,
            note="" if has_paramiko else "paramiko is not installed",
        ),
        Contender(OURS, module("bench.ours.delivery", *arguments), installed),
    ]


def _file(options: Options) -> Path:
    """A file of bytes that do not compress, made once."""
    file = options.data / f"delivery-{options.rows}-{options.seed}.bin"
    if not file.exists() or file.stat().st_size != options.rows * ROW_BYTES:
        chance = random.Random(options.seed)
        with file.open("wb") as out:
            left = options.rows * ROW_BYTES
            while left > 0:
                out.write(chance.randbytes(min(left, 1 << 24)))
                left -= 1 << 24
        write_hash(file)
    with file.open("rb") as content:
        while content.read(1 << 24):
            pass
    return file
