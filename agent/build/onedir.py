"""Builds the agent as a folder that runs without Python: `python agent/build/onedir.py [--into DIR]`.

Run it on the system it is for: Windows makes `afluente-agent.exe`, Linux `afluente-agent`. Needs pyinstaller.
The folder holds `build.json` with its size in bytes and the seconds of a start (`--version`, the median of five), and
`files.txt`, the list of all its files: the doctor looks for each, since an antivirus takes files away without a word.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent / "src"
NAME = "afluente-agent"
LEFT_OUT = (
    "tkinter", "unittest", "pydoc", "doctest", "test", "lib2to3", "pip", "setuptools", "pkg_resources",
    "numpy", "pandas", "pyarrow", "IPython", "rich", "pygments", "click", "trio", "anyio.pytest_plugin", "h2", "socksio",
    "boto3", "botocore", "s3transfer", "dateutil", "bcrypt", "google", "azure", "sigstore", "PyKCS11", "asn1crypto",
    "zstandard.backend_cffi", "uvloop",
)  # fmt: skip
ROOT_NAME, ROOT_PLACE = "trusted-root.json", "afluente_agent/update"
START = "from afluente_agent.cli import main\n\nraise SystemExit(main())\n"


def root_beside(trusted_root: Path, work: Path) -> tuple[str, ...]:
    """The words that put a hub's first root beside the code of updates, where the agent looks for it."""
    signed = json.loads(trusted_root.read_text(encoding="utf-8"))["signed"]
    if signed["_type"] != "root":
        raise SystemExit(f"{trusted_root} is no root of updates; it is metadata/1.root.json of the hub's repository")
    copy = work / ROOT_NAME
    copy.write_bytes(trusted_root.read_bytes())
    return ("--add-data", f"{copy}{os.pathsep}{ROOT_PLACE}")


def build(into: Path, trusted_root: Path | None = None) -> Path:
    """The folder of the program."""
    with tempfile.TemporaryDirectory(prefix="afluente-build-") as work:
        script = Path(work) / "afluente_agent_start.py"
        script.write_text(START, encoding="utf-8")
        command = [
            *(sys.executable, "-m", "PyInstaller", str(script), "--name", NAME, "--onedir", "--console", "--noconfirm"),
            *("--distpath", str(into), "--workpath", work, "--specpath", work, "--paths", str(SOURCE)),
            *("--collect-submodules", "afluente_agent", "--collect-submodules", "asyncpg", "--log-level", "WARN"),
            *(() if sys.platform == "win32" else ("--strip",)),
            *(word for name in LEFT_OUT for word in ("--exclude-module", name)),
            *(() if trusted_root is None else root_beside(trusted_root, Path(work))),
        ]
        subprocess.run(command, check=True)
    return into / NAME


def measured(folder: Path) -> dict[str, float | int | str]:
    """What the folder weighs and how long it takes to start."""
    program = next(path for path in (folder / NAME, folder / f"{NAME}.exe") if path.exists())
    seconds = []
    for _ in range(6):
        began = time.perf_counter()
        subprocess.run([program, "--version"], check=True, capture_output=True)
        seconds.append(time.perf_counter() - began)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return {"program": program.name, "size_bytes": size, "start_seconds": round(statistics.median(seconds[1:]), 3)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, default=HERE / "dist")
    parser.add_argument("--trusted-root", type=Path, help="metadata/1.root.json of the hub that the bundle is for")
    given = parser.parse_args()
    folder = build(given.into, given.trusted_root)
    told = measured(folder)
    (folder / "build.json").write_text(json.dumps(told) + "\n", encoding="utf-8")
    sys.path.insert(0, str(SOURCE))
    from afluente_agent.bundle_files import write_bundle_list

    write_bundle_list(folder)
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
