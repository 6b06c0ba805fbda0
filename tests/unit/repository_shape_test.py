"""The repository has the shape that the architecture and the style ask for."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "afluente"
ROOMS = (
    "cli",
    "hub",
    "demo",
    "products",
    "fleet",
    "watch",
    "runs",
    "models",
    "conform",
    "sources",
    "lake",
    "engines",
    "state",
    "project",
    "core",
)
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "base"}
CODE = (PACKAGE, ROOT / "agent" / "src", ROOT / "bench", ROOT / "tools")
OURS = {"afluente", "afluente_agent", "bench", "tests", "tools"}
MOST_LINES = 500
MOST_LINES_OF_A_FUNCTION = 70
EXPLAINED_FROM_LINES = 400
TEXT_SUFFIXES = {"", ".py", ".md", ".toml", ".txt", ".in", ".sh", ".yaml", ".yml", ".sql", ".csv", ".example", ".mako"}
MACHINE_PATHS = re.compile(r"(?<![\w.])/(?:work|tmp/afl|root)/")
INDEX_HOSTS = re.compile(
    r"(?:pypi|pythonhosted|pypi-?mirror|artifactory|nexus|devpi|conda|anaconda)[\w.-]*\.(?:org|com|net|io|internal|local)"
    r"|^\s*--(?:extra-index-url|index-url|find-links|trusted-host)[ =]",
    re.IGNORECASE | re.MULTILINE,
)


def tracked() -> list[Path]:
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed if name and (ROOT / name).is_file()]


def texts() -> list[tuple[Path, str]]:
    here = Path(__file__).resolve()
    found = []
    for path in tracked():
        if path.suffix in TEXT_SUFFIXES and path.resolve() != here:
            found.append((path, path.read_text(encoding="utf-8", errors="replace")))
    return found


def modules(*folders: Path) -> list[Path]:
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def named(paths: list[Path]) -> list[str]:
    return [path.relative_to(ROOT).as_posix() for path in paths]


def test_the_rooms_are_those_of_the_architecture() -> None:
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == set(ROOMS)


def test_import_contracts_name_every_room() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    in_layers = [name.strip(" ()") for layer in layers for name in layer.split("|")]
    assert sorted(in_layers) == sorted(ROOMS)


def test_no_file_is_longer_than_its_limit() -> None:
    lengths = {path: path.read_text(encoding="utf-8").count("\n") for path in modules(*CODE, ROOT / "tests")}
    assert named([path for path, lines in lengths.items() if lines > MOST_LINES]) == []


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        f"{path.stem}.{node.name}"
        for path in modules(PACKAGE, ROOT / "agent" / "src")
        if path.parent.name != "versions"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if (node.end_lineno or 0) - node.lineno >= MOST_LINES_OF_A_FUNCTION
    ]
    assert long == [], "migrations, which are lists, are left out"


def test_no_file_has_a_name_that_says_nothing() -> None:
    assert named([path for path in modules(*CODE) if path.stem in FORBIDDEN_NAMES]) == []
    assert [path.name for path in PACKAGE.rglob("*") if path.is_dir() and path.name in FORBIDDEN_NAMES] == []


def test_every_module_says_what_lives_in_it() -> None:
    silent = [path for path in modules(*CODE) if not docstring(path)]
    assert named(silent) == []


def test_no_module_takes_a_private_name_of_another() -> None:
    takers = [
        path
        for path in modules(*CODE, ROOT / "tests")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in OURS
        if any(name.name.startswith("_") and not name.name.startswith("__") for name in node.names)
    ]
    assert named(takers) == []


def docstring(path: Path) -> str:
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""


def test_no_tracked_file_names_a_path_of_a_machine() -> None:
    assert [path.name for path, text in texts() if MACHINE_PATHS.search(text)] == []


def test_no_tracked_file_names_a_package_index() -> None:
    assert [path.name for path, text in texts() if INDEX_HOSTS.search(text)] == []


def test_nothing_that_git_ignores_is_tracked() -> None:
    tracked()
    listed = subprocess.run(
        ["git", "ls-files", "-ci", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert listed.stdout == ""


@pytest.mark.parametrize("name", ["base.txt", "dev.txt", "bench.txt", "spark.txt"])
def test_requirements_are_pinned_with_hashes(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    pins = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert pins
    assert [line for line in pins if not re.fullmatch(r"[\w.\-\[\]]+==[^\s;]+( ; .+)? \\", line)] == []
    blocks = re.split(r"\n(?=\S)", text.strip())
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_pinned_requirements_cover_what_the_project_asks_for() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lines = (ROOT / "requirements" / "dev.txt").read_text(encoding="utf-8").splitlines()
    extras = settings["project"]["optional-dependencies"]
    tested = [one for name in ("postgres", "spark", "s3", "pandas", "polars", "keyring") for one in extras[name]]
    wanted = [*settings["project"]["dependencies"], *settings["dependency-groups"]["dev"], *tested]
    assert {distribution(one) for one in wanted} - {distribution(line) for line in lines if "==" in line} == set()


def distribution(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~ ;]", requirement.strip())[0]).lower()


def test_every_decision_is_in_the_index_and_has_a_number_of_its_own() -> None:
    folder = ROOT / "docs" / "adr"
    decisions = sorted(path.name for path in folder.glob("[0-9]*.md"))
    index = (folder / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", index) == decisions
    numbers = [name[:4] for name in decisions]
    assert len(set(numbers)) == len(numbers)
    for name in decisions:
        text = (folder / name).read_text(encoding="utf-8")
        assert text.startswith(f"# {int(name[:4])}. "), name
        assert [
            head for head in ("Context", "Decision", "Alternatives", "Cost") if f"\n## {head}\n" not in text
        ] == [], name


def test_files_a_reader_looks_for_are_there() -> None:
    names = (
        "README.md",
        "README.pt-BR.md",
        "LICENSE",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "docs/GLOSSARY.md",
        ".ci/run",
    )
    assert [name for name in names if not (ROOT / name).is_file()] == []
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["README.md", "README.pt-BR.md"])
def test_the_two_commands_come_first(name: str) -> None:
    head = (ROOT / name).read_text(encoding="utf-8")[:300]
    assert re.search(r"```sh\nmake demo .*\nmake test .*\n```", head)


def test_long_files_say_why() -> None:
    long = [
        path
        for path in modules(PACKAGE)
        if path.read_text(encoding="utf-8").count("\n") > EXPLAINED_FROM_LINES and len(docstring(path)) < 200
    ]
    assert named(long) == []
