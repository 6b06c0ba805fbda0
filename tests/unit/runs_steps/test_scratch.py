"""What a process keeps while it works goes with it, or with the next one."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from afluente.runs.steps.scratch import Scratch
from afluente.runs.steps.workspace import Workspace

WORKER = """
import sys, time
from pathlib import Path
from afluente.runs.steps.scratch import Scratch
scratch = Scratch(Path(sys.argv[1]))
(scratch.folder / "secret.csv").write_text("529.982.247-25")
print(scratch.name, flush=True)
time.sleep(600)
"""


def test_what_a_killed_process_left_goes_when_the_next_opens_and_what_a_living_one_has_stays(tmp_path: Path) -> None:
    root = tmp_path / "spill"
    processes = [
        subprocess.Popen([sys.executable, "-c", WORKER, str(root)], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    try:
        names = [process.stdout.readline().strip() for process in processes if process.stdout is not None]
        dead, living = names
        processes[0].send_signal(signal.SIGKILL)
        processes[0].wait()
        assert (root / dead / "secret.csv").exists()
        opened = Scratch(root)
        assert opened.left == (dead,)
        assert sorted(path.name for path in root.iterdir()) == sorted(
            [living, f"{living}.lock", opened.name, f"{opened.name}.lock"]
        )
        assert (root / living / "secret.csv").exists()
        opened.close()
        assert sorted(path.name for path in root.iterdir()) == sorted([living, f"{living}.lock"])
    finally:
        for process in processes:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
    Scratch(root).close()
    assert list(root.iterdir()) == []


def test_several_in_one_process_do_not_sweep_each_other(tmp_path: Path) -> None:
    first, second = Scratch(tmp_path), Scratch(tmp_path)
    assert second.left == ()
    assert first.folder.is_dir()
    first.close()
    second.close()
    assert list(tmp_path.iterdir()) == []


def test_what_spark_staged_for_a_killed_process_goes_with_its_folder(workspace: Workspace) -> None:
    spill, stage = workspace.folder / "spill", workspace.project.root / "lake" / ".stage"
    for name in ("dead", "foreign"):
        (stage / name).mkdir(parents=True)
        (stage / name / "part.parquet").write_bytes(b"PAR1")
    spill.mkdir(parents=True)
    (spill / "dead.lock").touch()
    assert workspace.scratch.left == ("dead",)
    assert [path.name for path in stage.iterdir()] == ["foreign"]
