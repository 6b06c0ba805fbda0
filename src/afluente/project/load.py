"""The files of a project read into one Project, or every mistake of all of them at once.

Invariant: a Project that comes out has no mistakes; whatever the files hold, the only other outcome is CheckFailed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from afluente.core.errors import CheckFailed, Place, Problem
from afluente.core.tables import RELEASE
from afluente.project.check_products import check_products
from afluente.project.contract import Contract
from afluente.project.cross_check import cross_check
from afluente.project.fleet_catalogue import FILE as CATALOGUE
from afluente.project.fleet_catalogue import FleetList, read_fleet_lists
from afluente.project.known import NOTHING_KNOWN, Known
from afluente.project.mistakes import Mistakes
from afluente.project.model import Model
from afluente.project.product import Product
from afluente.project.read_contract import read_contract
from afluente.project.read_model import read_model, split_model
from afluente.project.read_product import read_product
from afluente.project.read_settings import FILE, Settings, read_settings
from afluente.project.settings import Project
from afluente.project.yaml_cache import YamlCache, sha256
from afluente.project.yaml_node import Node
from afluente.project.yaml_text import MAX_BYTES, decode_text, parse_yaml

CONTRACT_SUFFIXES = (".odcs.yaml", ".odcs.yml")
MODEL_SUFFIX = ".sql"
PRODUCT_SUFFIXES = (".yaml", ".yml")


def load_project(
    root: Path, *, environment: Mapping[str, str], typed_in: Path, known: Known = NOTHING_KNOWN
) -> Project:
    """Read the project in `root`; CheckFailed holds every mistake, sorted by file and line.

    `environment` answers `${env:NAME}`; a relative source path that came from it is taken from `typed_in`.
    """
    reading = _Reading(root, environment, typed_in, known)
    problems = reading.read()
    settings = reading.settings
    if settings is None or any(not problem.is_warning for problem in problems):
        raise CheckFailed(problems)
    return Project(
        root=root,
        name=settings.name,
        timezone=settings.timezone,
        language=settings.language,
        lake=settings.lake,
        state=settings.state,
        engine=settings.engine,
        sources=settings.sources,
        schedules=settings.schedules,
        contracts=tuple(one for one in reading.contracts if one.table.layer != RELEASE),
        models=tuple(reading.models),
        place=settings.place,
        products=tuple(reading.products),
        alerts=settings.alerts,
        fleet=settings.fleet,
        output_contracts=tuple(one for one in reading.contracts if one.table.layer == RELEASE),
    )


def check_project(
    root: Path, *, environment: Mapping[str, str], typed_in: Path, known: Known = NOTHING_KNOWN
) -> list[Problem]:
    """Every mistake and warning of the project in `root`, sorted by file and line; touches no data."""
    return _Reading(root, environment, typed_in, known).read()


@dataclass(slots=True)
class _Reading:
    """One reading of a project's files."""

    root: Path
    environment: Mapping[str, str]
    typed_in: Path
    known: Known
    settings: Settings | None = None
    contracts: list[Contract] = field(default_factory=list)
    models: list[Model] = field(default_factory=list)
    products: list[Product] = field(default_factory=list)
    has_unread_products: bool = False
    problems: list[Problem] = field(default_factory=list)
    fleet_lists: list[FleetList] = field(default_factory=list)
    unread_layers: set[str] = field(default_factory=set)

    def read(self) -> list[Problem]:
        if not (self.root / FILE).is_file():
            hint = "run it in a project's folder, name one with -C, or make one with afluente init NAME"
            return [Problem(Place(FILE), "project.not_found", f"{FILE} does not exist in {self.root}", hint)]
        cache = YamlCache(self.root)
        self._file(self.root / FILE, cache, self._settings)
        if self.settings is not None and self.settings.fleet is not None:
            for folder in self.settings.fleet.catalogues:
                before = len(self.fleet_lists)
                self._file(self.root / folder / CATALOGUE, cache, self._catalogue)
                if len(self.fleet_lists) == before:
                    self.unread_layers.add("bronze")
            self.settings = replace(self.settings, fleet=replace(self.settings.fleet, lists=tuple(self.fleet_lists)))
        for path in self._listed("contracts", CONTRACT_SUFFIXES):
            before = len(self.contracts)
            self._file(path, cache, self._contract)
            if len(self.contracts) == before:
                self.unread_layers |= {"silver", "quarantine", "repairs", RELEASE}
        for path in self._listed("models", (MODEL_SUFFIX,)):
            before = len(self.models)
            self._file(path, cache, self._model)
            if len(self.models) == before:
                self.unread_layers.add("gold")
        for path in self._listed("products", PRODUCT_SUFFIXES):
            before = len(self.products)
            self._file(path, cache, self._product)
            self.has_unread_products |= len(self.products) == before
        if self.settings is not None:
            self.problems += check_products(
                self.products,
                self.contracts,
                self.models,
                self.known,
                unread_layers=self.unread_layers,
                has_unread_products=self.has_unread_products,
            )
            self.problems += cross_check(
                self.settings, self.contracts, self.models, self.known, unread_layers=self.unread_layers
            )
        cache.save()
        self.problems = sorted(
            dict.fromkeys(self.problems),
            key=lambda one: (one.place.file != FILE, one.place.file, one.place.line, one.place.column, one.code),
        )
        return self.problems

    def _listed(self, folder: str, suffixes: tuple[str, ...]) -> Iterable[Path]:
        """The files of a folder in order, with a warning for those whose name is not read."""
        try:
            entries = sorted((self.root / folder).iterdir())
        except FileNotFoundError:
            return
        except OSError as error:
            self.problems.append(
                Problem(Place(folder), "project.unreadable", f"the folder cannot be read: {error.strerror}")
            )
            return
        for path in entries:
            if path.name.startswith(".") or path.is_dir():
                continue
            if path.name.endswith(suffixes):
                yield path
            elif path.suffix in (".yaml", ".yml", ".sql"):
                self.problems.append(
                    Problem(
                        Place(f"{folder}/{path.name}"),
                        "project.not_read",
                        f"the file is not read, its name does not end in {suffixes[0]}",
                        f"rename it to {path.name.split('.')[0]}{suffixes[0]}",
                        is_warning=True,
                    )
                )

    def _file(self, path: Path, cache: YamlCache, reader: Callable[[bytes, Mistakes, YamlCache], None]) -> None:
        mistakes = Mistakes(path.relative_to(self.root).as_posix())
        try:
            with path.open("rb") as file:
                content = file.read(MAX_BYTES + 1)
            reader(content, mistakes, cache)
        except OSError as error:
            mistakes.add("project.unreadable", f"the file cannot be read: {error.strerror}")
        except CheckFailed as failed:
            self.problems += failed.problems
        self.problems += mistakes.problems

    def _settings(self, content: bytes, mistakes: Mistakes, cache: YamlCache) -> None:
        digest = sha256(content)
        node = cache.get(digest) or parse_yaml(content, mistakes)
        self.settings = read_settings(
            node, mistakes, environment=self.environment, typed_in=self.typed_in, known=self.known
        )
        if not all(source.into for source in self.settings.sources):
            self.unread_layers.add("bronze")
        _keep(cache, digest, node, mistakes)

    def _catalogue(self, content: bytes, mistakes: Mistakes, cache: YamlCache) -> None:
        digest = sha256(content)
        node = cache.get(digest) or parse_yaml(content, mistakes)
        known = {one.name for one in self.fleet_lists}
        self.fleet_lists += [one for one in read_fleet_lists(node, mistakes) if one.name not in known]
        _keep(cache, digest, node, mistakes)

    def _contract(self, content: bytes, mistakes: Mistakes, cache: YamlCache) -> None:
        digest = sha256(content)
        cached = cache.get(digest)
        node = cached or parse_yaml(content, mistakes)
        self.contracts += read_contract(
            node, mistakes, text_sha256=digest, known=self.known, is_known_valid=cached is not None
        )
        _keep(cache, digest, node, mistakes)

    def _model(self, content: bytes, mistakes: Mistakes, cache: YamlCache) -> None:
        digest = sha256(content)
        text, line, sql, sql_line = split_model(decode_text(content, mistakes.file), mistakes)
        node = cache.get(digest) or parse_yaml(text.encode(), mistakes, first_line=line)
        model = read_model(node, sql, sql_line, mistakes, text_sha256=digest)
        if model is not None:
            self.models.append(model)
        _keep(cache, digest, node, mistakes)

    def _product(self, content: bytes, mistakes: Mistakes, cache: YamlCache) -> None:
        digest = sha256(content)
        node = cache.get(digest) or parse_yaml(content, mistakes)
        product = read_product(
            node,
            mistakes,
            text_sha256=digest,
            known=self.known,
            environment=self.environment,
            typed_in=self.typed_in,
        )
        if product is not None:
            self.products.append(product)
        _keep(cache, digest, node, mistakes)


def _keep(cache: YamlCache, digest: str, node: Node, mistakes: Mistakes) -> None:
    if digest not in cache and all(problem.is_warning for problem in mistakes.problems):
        cache.put(digest, node)
