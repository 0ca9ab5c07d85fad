"""The derivation book of the ADaM-shaped set: every variable, its label, its source."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from heliotrope.definitions.model import Definition, Frozen

ADAM_SET = "adam_set"


class AdamVariable(Frozen):
    """One variable: its name and label as SAS transport files hold them, and its derivation."""

    name: str = Field(pattern=r"^[A-Z_][A-Z0-9_]{0,7}$")
    label: str = Field(min_length=3, max_length=40)
    type: Literal["text", "integer", "float", "date"]
    derivation: str = Field(min_length=5, description="in words")
    source: str = Field(min_length=3, description="table and column, or definition")


class AdamDataset(Frozen):
    """One dataset: what a row is, its key, its variables in order."""

    name: str = Field(pattern=r"^AD[A-Z]{1,6}$")
    label: str = Field(min_length=3, max_length=40)
    structure: str = Field(min_length=5, description="what one row is")
    key: tuple[str, ...] = Field(min_length=1)
    variables: tuple[AdamVariable, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_once(self) -> AdamDataset:
        names = [variable.name for variable in self.variables]
        if len(set(names)) < len(names) or not set(self.key) <= set(names):
            raise ValueError(f"{self.name}: a variable stands there twice, or a key is none")
        return self


class AdamParameter(Frozen):
    """A parameter code with its name, up to 8 and 40 characters."""

    code: str = Field(pattern=r"^[A-Z][A-Z0-9]{0,7}$")
    label: str = Field(min_length=3, max_length=40)


class AdamSet(Definition):
    """The datasets of the set and the codes of its parameters."""

    kind: Literal["adam"]
    laboratory_domains: tuple[str, ...] = Field(min_length=1)
    datasets: tuple[AdamDataset, ...] = Field(min_length=1)
    parameters: dict[str, AdamParameter] = Field(description="measure or parameter = its code")

    @model_validator(mode="after")
    def _codes_once(self) -> AdamSet:
        codes = [parameter.code for parameter in self.parameters.values()]
        twice = sorted({code for code in codes if codes.count(code) > 1})
        if twice:
            raise ValueError(f"{self.id}: codes given twice: {', '.join(twice)}")
        return self

    def dataset(self, name: str) -> AdamDataset:
        """Return a dataset by name; KeyError if there is none."""
        for dataset in self.datasets:
            if dataset.name == name:
                return dataset
        raise KeyError(name)
