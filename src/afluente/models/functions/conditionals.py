"""Nulls and choices."""

from __future__ import annotations

from afluente.models.functions.signature import Signature, first_type, plain_type, scalar
from afluente.models.spark_types import BOOLEAN, INT

SIGNATURES: tuple[Signature, ...] = (
    scalar("if", "boolean, common, common", lambda a: a[1].type, "CASE WHEN {0} THEN {1} ELSE {2} END"),
    scalar("coalesce", "common, common*", first_type, "coalesce({all})"),
    scalar("nvl", "common, common", first_type, "coalesce({0}, {1})"),
    scalar("ifnull", "common, common", first_type, "coalesce({0}, {1})"),
    scalar("nvl2", "any, common, common", lambda a: a[1].type, "CASE WHEN {0} IS NOT NULL THEN {1} ELSE {2} END"),
    scalar("nullif", "common, common", first_type, "CASE WHEN {0} = {1} THEN NULL ELSE {0} END"),
    scalar("isnull", "any", BOOLEAN, "({0} IS NULL)"),
    scalar("isnotnull", "any", BOOLEAN, "({0} IS NOT NULL)"),
    scalar("equal_null", "common, common", BOOLEAN, "({0} IS NOT DISTINCT FROM {1})"),
    scalar("zeroifnull", "int", INT, "coalesce({0}, 0)"),
    scalar("nullifzero", "int", INT, "nullif({0}, 0)"),
    scalar("greatest", "common, common, common*", plain_type, "greatest({all})"),
    scalar("least", "common, common, common*", plain_type, "least({all})"),
)
