"""One file uploaded by paramiko as its own documentation and maintainers advise for speed: pipelined writes, large
windows, the fastest cipher first, no compression: `python -m bench.peers.delivery_paramiko FILE FOLDER PORT USER KEY HOST_KEY`.
"""

from __future__ import annotations

import base64
import socket
import sys
from pathlib import Path

WINDOW_BYTES = 1 << 30


def upload(file: Path, folder: str, port: int, user: str, key: Path, host_key: str) -> None:
    import paramiko

    with socket.create_connection(("127.0.0.1", port)) as connected:
        transport = paramiko.Transport(connected, default_window_size=WINDOW_BYTES, default_max_packet_size=1 << 18)
        options = transport.get_security_options()
        fast = [name for name in ("aes128-gcm@openssh.com", "aes128-ctr") if name in options.ciphers]
        options.ciphers = [*fast, *(name for name in options.ciphers if name not in fast)]
        algorithm, blob = host_key.split()[:2]
        pinned = paramiko.Ed25519Key(data=base64.b64decode(blob)) if algorithm == "ssh-ed25519" else None
        transport.connect(hostkey=pinned, username=user, pkey=paramiko.Ed25519Key.from_private_key_file(str(key)))
        sftp = paramiko.SFTPClient.from_transport(transport)
        assert sftp is not None
        sftp.put(str(file), f"{folder}/{file.name}.tmp", confirm=True)
        sftp.posix_rename(f"{folder}/{file.name}.tmp", f"{folder}/{file.name}")
        sftp.close()
        transport.close()


if __name__ == "__main__":
    file, folder, port, user, key, host_key = sys.argv[1:]
    upload(Path(file), folder, int(port), user, Path(key), host_key)
