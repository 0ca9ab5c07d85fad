"""Arguments of the form NAME=VALUE."""

from __future__ import annotations

from collections.abc import Sequence

from heliotrope.errors import ExitCode, UserError
from heliotrope.spark_session import SparkSettings


def read_pairs(option: str, given: Sequence[str]) -> dict[str, str]:
    """Read repeated NAME=VALUE arguments; the last of a name counts.

    >>> read_pairs("--unit", ["creatine_kinase=ukat/L"])
    {'creatine_kinase': 'ukat/L'}
    """
    pairs = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not (sign and name.strip() and value.strip()):
            raise UserError(f"{option} NAME=VALUE", text, "write both sides of '='", ExitCode.USAGE)
        pairs[name.strip()] = value.strip()
    return pairs


def read_numbers(option: str, given: Sequence[str]) -> dict[str, float]:
    """Read repeated NAME=NUMBER arguments.

    >>> read_numbers("--upper-limit", ["creatine_kinase=170"])
    {'creatine_kinase': 170.0}
    """
    numbers = {}
    for name, value in read_pairs(option, given).items():
        try:
            numbers[name] = float(value)
        except ValueError:
            raise UserError(
                f"{option} {name}=NUMBER", value, "write a number, with a point", ExitCode.USAGE
            ) from None
    return numbers


def read_spark(master: str | None, conf: Sequence[str] | None) -> SparkSettings:
    """Read ``--master`` and repeated ``--conf``.

    >>> read_spark("yarn", ["spark.executor.memory=4g"]).conf
    {'spark.executor.memory': '4g'}
    """
    return SparkSettings(master, read_pairs("--conf", conf or []))
