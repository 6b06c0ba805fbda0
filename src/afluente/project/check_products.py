"""What the products of a project say of its tables, its contracts and each other.

Invariant: nothing is released that a table does not declare, that names a person, or that the output's contract does
not describe column by column.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from afluente.core.errors import Place, Problem
from afluente.core.nearest import did_you_mean, nearest
from afluente.core.tables import RELEASE
from afluente.project.contract import Classification, Contract
from afluente.project.facts_columns import RESTRICTED, FactsColumn, facts_columns
from afluente.project.known import Known
from afluente.project.model import Model
from afluente.project.output_columns import output_columns
from afluente.project.product import Output, Product
from afluente.project.sql_type import logical_types_of

_NUMBERS = frozenset({"integer", "number"})
_TIMES = frozenset({"date", "timestamp"})


def check_products(
    products: Sequence[Product],
    contracts: Sequence[Contract],
    models: Sequence[Model],
    known: Known,
    *,
    unread_layers: Collection[str] = (),
    has_unread_products: bool = False,
) -> list[Problem]:
    """Every mistake of the products that needs the rest of the project.

    Tables of `unread_layers` are not missed, nor an ally while some product's file could not be read.
    """
    return _Check(products, contracts, models, known, unread_layers, has_unread_products=has_unread_products).run()


class _Check:
    def __init__(
        self,
        products: Sequence[Product],
        contracts: Sequence[Contract],
        models: Sequence[Model],
        known: Known,
        unread_layers: Collection[str],
        *,
        has_unread_products: bool,
    ) -> None:
        self._products = products
        self._outputs = {str(one.table): one for one in contracts if one.table.layer == RELEASE}
        self._contracts = contracts
        self._models = models
        self._known = known
        self._unread_layers = unread_layers
        self._has_unread_products = has_unread_products
        self._problems: list[Problem] = []

    def run(self) -> list[Problem]:
        first: dict[str, Product] = {}
        partners = {product.partner for product in self._products}
        for product in self._products:
            other = first.setdefault(product.name, product)
            if other is not product:
                message = f"product {product.name!r} stands twice, the first in {other.place}"
                self._add(product.place, "product.duplicate_name", message, "rename one")
            for ally in product.allies:
                if ally not in partners and ally != product.partner and not self._has_unread_products:
                    self._add(
                        product.place,
                        "product.unknown_ally",
                        f"product {product.name!r} has ally {ally!r}, to whom no product goes",
                        did_you_mean(ally, partners),
                        is_warning=True,
                    )
            for output in product.outputs:
                self._check_output(product, output)
            self._check_deliveries(product)
        self._check_rows_beside_cells()
        self._check_rows_beside_rows()
        self._check_contracts_used()
        return self._problems

    def _add(self, place: Place, code: str, message: str, hint: str = "", *, is_warning: bool = False) -> None:
        self._problems.append(Problem(place, code, message, hint, is_warning))

    def _check_rows_beside_cells(self) -> None:
        """The ledger cannot tell what rows say of cells: one partner gets only one of the two from a table."""
        for product in self._products:
            of_cells = {
                output.facts
                for other in self._products
                if _share_what_they_receive(product, other)
                for output in other.outputs
                if output.is_of_cells
            }
            for output in product.outputs:
                if not output.is_of_cells and output.facts in of_cells:
                    message = (
                        f"output {output.name!r} gives partner {product.partner!r} rows of {output.facts}, of which it"
                        " or an ally gets cells"
                    )
                    hint = "release one of the two, or make the rows of another table"
                    self._add(output.place_of("facts"), "product.rows_and_cells", message, hint)

    def _check_rows_beside_rows(self) -> None:
        """Classes are made within an output: two that one partner can join would make smaller ones."""
        seen: list[tuple[str, Output]] = []
        for product in self._products:
            for output in product.outputs:
                if output.is_of_cells:
                    continue
                other = next((one for partner, one in seen if partner == product.partner and _join(one, output)), None)
                if other is not None:
                    message = (
                        f"output {output.name!r} can be joined with output {other.name!r} ({other.place}) of partner"
                        f" {product.partner!r}: the same facts, or a pseudonym of the same column"
                    )
                    hint = "release the columns in one output, whose classes are made of all of them"
                    self._add(output.place, "product.rows_joined", message, hint)
                seen.append((product.partner, output))

    def _check_contracts_used(self) -> None:
        used = {output.contract for product in self._products for output in product.outputs}
        for name, contract in self._outputs.items():
            if name not in used and not self._has_unread_products:
                message = f"contract {name} describes what no output gives"
                self._add(contract.place, "product.unused_contract", message, did_you_mean(name, used), is_warning=True)

    def _check_deliveries(self, product: Product) -> None:
        check = self._known.check_delivery
        known = None if self._known.deliveries is None else tuple(self._known.deliveries)
        for delivery in product.deliveries if check is not None else ():
            if check is not None and delivery.connector and (known is None or delivery.connector in known):
                mistakes = list(check(delivery))
                if not mistakes and self._known.check_carried is not None:
                    mistakes += self._known.check_carried(product, delivery)
                self._problems += mistakes

    def _check_output(self, product: Product, output: Output) -> None:
        facts = facts_columns(output.facts, self._contracts, self._models)
        if facts is None and output.facts.layer not in self._unread_layers:
            names = {str(one.table) for one in self._contracts} | {str(one.table) for one in self._models}
            self._add(
                output.place_of("facts"),
                "project.unknown_table",
                f"output {output.name!r} is made of table {output.facts}, whose columns nothing declares",
                did_you_mean(str(output.facts), names - set(self._outputs)),
            )
        contract = self._outputs.get(output.contract)
        if contract is None and RELEASE not in self._unread_layers:
            self._add(
                output.place_of("contract"),
                "product.unknown_contract",
                f"output {output.name!r} has contract {output.contract}, which does not exist",
                did_you_mean(output.contract, self._outputs),
            )
        if facts is None:
            return
        if output.is_of_cells:
            self._check_cells(output, facts)
        else:
            self._check_rows(product, output, facts, contract)
        if contract is not None:
            self._check_contract(output, contract, facts)

    def _column(self, output: Output, name: str, facts: Mapping[str, FactsColumn], place: Place, what: str) -> None:
        if name and name not in facts:
            self._add(
                place,
                "project.unknown_column",
                f"{what} of output {output.name!r} names column {name!r}, which {output.facts} does not have",
                did_you_mean(name, facts),
            )

    def _check_type(self, name: str, wanted: frozenset[str], facts: Mapping[str, FactsColumn], place: Place) -> None:
        kind = facts[name].type if name in facts else ""
        if kind and not logical_types_of(kind) & wanted:
            names = " or ".join(sorted(wanted))
            self._add(place, "product.type", f"column {name!r} is {kind}, and must be a {names}")

    def _check_cells(self, output: Output, facts: Mapping[str, FactsColumn]) -> None:
        period = output.place_of("period")
        self._column(output, output.period_column, facts, period, "the period")
        self._check_type(output.period_column, _TIMES, facts, period)
        for key, names in (
            ("place", output.places),
            ("dimensions", output.dimensions),
            ("labels", tuple(output.labels)),
        ):
            place = output.place_of(key)
            for name in names:
                self._column(output, name, facts, place, repr(key))
                self._check_told(output, name, facts, place, key)
        for measure in output.measures:
            self._column(output, measure.column, facts, measure.place, f"measure {measure.name!r}")
            if measure.aggregation == "sum":
                self._check_type(measure.column, _NUMBERS, facts, measure.place)
        if (segment := output.segment) is not None:
            for name in (segment.column, segment.entity, segment.measure):
                self._column(output, name, facts, segment.place, "the segment")
            self._check_type(segment.measure, _NUMBERS, facts, segment.place)
        self._check_person(output, facts)

    def _check_told(self, output: Output, name: str, facts: Mapping[str, FactsColumn], place: Place, key: str) -> None:
        """A column whose values are told in each cell."""
        column = facts.get(name)
        if column is None:
            return
        if column.classification == "direct_identifier":
            message = f"{key!r} of output {output.name!r} tells column {name!r}, a direct identifier"
            self._add(place, "product.direct_identifier", message, "it never leaves; leave it out")
        elif name == output.person:
            message = f"{key!r} of output {output.name!r} tells column {name!r}, one person in each cell"
            self._add(place, "product.person", message, "leave it out: persons are only counted")
        elif column.type and "timestamp" in logical_types_of(column.type):
            message = f"{key!r} of output {output.name!r} tells column {name!r}, a time of the day"
            self._add(place, "product.period", message, "a release tells a day or a month, never an hour")

    def _check_person(self, output: Output, facts: Mapping[str, FactsColumn]) -> None:
        """Without a person to count, nothing can be held to a minimum of persons."""
        if output.person:
            self._column(output, output.person, facts, output.place_of("person"), "'person'")
            return
        personal = [name for name, column in facts.items() if column.classification in RESTRICTED]
        if "person" not in output.key_places:
            self._add(
                output.place,
                "product.no_person",
                f"output {output.name!r} does not say which column counts its persons",
                did_you_mean("cliente_id", personal) if personal else "person: COLUMN, or none when it is about nobody",
            )
        elif personal:
            self._add(
                output.place_of("person"),
                "product.no_person",
                f"output {output.name!r} is said to be about nobody, but {output.facts} has column {personal[0]!r}"
                f" of persons",
                "person: the column that counts them",
            )

    def _check_rows(
        self, product: Product, output: Output, facts: Mapping[str, FactsColumn], contract: Contract | None
    ) -> None:
        names = output.columns or (tuple(one.name for one in contract.columns) if contract is not None else ())
        place = output.place_of("columns")
        pseudonyms = {one.column for one in output.pseudonyms}
        generalised = {one.column for one in output.generalise}
        self._column(output, output.person, facts, output.place_of("person"), "'person'")
        for name in names:
            if output.columns:
                self._column(output, name, facts, place, "'columns'")
            column = facts.get(name)
            if column is None or name in pseudonyms:
                continue
            if name not in generalised and column.type and "timestamp" in logical_types_of(column.type):
                message = f"output {output.name!r} releases column {name!r}, a time of the day"
                self._add(place, "product.period", message, f"generalise: [{{column: {name}, truncate: day}}]")
            if column.classification == "direct_identifier":
                message = f"output {output.name!r} releases column {name!r}, a direct identifier"
                self._add(place, "product.direct_identifier", message, f"pseudonyms: [{name}], or leave it out")
            elif column.classification in RESTRICTED and not output.person:
                message = (
                    f"output {output.name!r} releases column {name!r}, {_said(column.classification)}, and does not"
                    " say whose rows they are"
                )
                hint = "person: COLUMN, so that classes of persons are kept large; or make it a pseudonym"
                self._add(place, "product.quasi_identifier", message, hint)
        if not output.columns:
            changed = (*(one.column for one in output.pseudonyms), *(one.column for one in output.generalise))
            for name in changed:
                if contract is not None and name not in names:
                    message = f"output {output.name!r} changes column {name!r}, which {output.contract} does not have"
                    self._add(output.place, "project.unknown_column", message, did_you_mean(name, names))
        for one in output.generalise:
            if one.step:
                self._check_type(one.column, _NUMBERS, facts, one.place)
            elif one.truncate:
                self._check_type(one.column, _TIMES, facts, one.place)
        if output.pseudonyms and product.privacy.pseudonym_key is None:
            self._add(
                output.pseudonyms[0].place,
                "product.no_pseudonym_key",
                f"output {output.name!r} makes pseudonyms, and 'privacy' has no key for them",
                "privacy: {pseudonym_key: secret:env:NAME}",
            )

    def _check_contract(self, output: Output, contract: Contract, facts: Mapping[str, FactsColumn]) -> None:
        """The contract describes the columns that the output gives, each and no other."""
        promised = {one.name: one for one in contract.columns}
        pseudonyms = {one.column for one in output.pseudonyms}
        of_facts = {name: column.type for name, column in facts.items()}
        if not output.is_of_cells and not output.columns:
            of_facts = {name: of_facts.get(name, "") for name in promised}
            for name, column in promised.items():
                if name not in facts:
                    message = f"contract {contract.table} has column {name!r}, which {output.facts} does not have"
                    self._add(column.place, "product.contract_columns", message, did_you_mean(name, facts))
        given = dict(output_columns(output, of_facts))
        for name, kind in given.items():
            if name not in promised:
                message = f"output {output.name!r} gives column {name!r}, which {contract.table} does not describe"
                hint = _missing_column(name, kind, set(promised) - set(given))
                self._add(output.place_of("contract"), "product.contract_columns", message, hint)
            elif kind and promised[name].logical_type not in (logical := logical_types_of(kind)):
                message = (
                    f"contract {contract.table}: column {name!r} is {promised[name].logical_type}, and output"
                    f" {output.name!r} gives {kind}"
                )
                hint = f"logicalType: {', '.join(sorted(logical))}"
                self._add(promised[name].place, "product.contract_type", message, hint)
        for name, column in promised.items():
            if name not in given:
                message = f"contract {contract.table} has column {name!r}, which output {output.name!r} does not give"
                self._add(column.place, "product.contract_columns", message, did_you_mean(name, given))
            elif name in pseudonyms and column.classification not in RESTRICTED:
                message = f"contract {contract.table} does not say that the pseudonym {name!r} is personal data"
                hint = "classification: quasi_identifier; pseudonyms are personal still (LGPD art. 13, paragraph 4)"
                self._add(column.place, "product.pseudonym_label", message, hint)
            elif column.classification == "direct_identifier" and output.is_of_cells:
                message = f"contract {contract.table} has column {name!r} as a direct identifier"
                self._add(column.place, "product.direct_identifier", message, "it never leaves; leave it out")


def _share_what_they_receive(one: Product, other: Product) -> bool:
    return one.partner == other.partner or other.partner in one.allies or one.partner in other.allies


def _join(one: Output, other: Output) -> bool:
    columns = {pseudonym.column for pseudonym in one.pseudonyms}
    return one.facts == other.facts or any(pseudonym.column in columns for pseudonym in other.pseudonyms)


def _said(classification: Classification) -> str:
    return {"quasi_identifier": "a quasi-identifier", "sensitive": "sensitive"}.get(classification, classification)


def _missing_column(name: str, kind: str, unused: set[str]) -> str:
    """The contract's column that may be meant, else the line that describes it."""
    if near := nearest(name, unused):
        return f"did you mean '{near}'?"
    logical = sorted(logical_types_of(kind))[:1] if kind else []
    types = f', logicalType: {logical[0]}, physicalType: "{kind}"' if logical else ", logicalType: ..."
    return f"add {{name: {name}{types}}} to its properties"
