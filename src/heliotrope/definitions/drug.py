"""What each drug is: its canonical (WHO) name, its class, its brands and spellings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from heliotrope.definitions.model import Definition, Flag, Frozen

if TYPE_CHECKING:
    from heliotrope.definitions.load import Rulebook

DrugClass = Literal[
    "glucocorticoid",
    "immunosuppressant",
    "antimalarial",
    "jak_inhibitor",
    "depleting",
    "biologic",
    "cytotoxic",
    "immunoglobulin",
    "premedication",
]


class Code(Frozen):
    """A code of a drug, keyed by its system, since code strings of two systems collide."""

    system: Literal["ATC", "RxNorm"]
    code: str
    flag: Flag
    replaced_by: str | None = Field(default=None, description="legacy: the code in use now")
    route: str | None = Field(default=None, description="the route the code implies")


class PlausibleDose(Frozen):
    """The highest dose that is not asked about, per dose unit (a warning, not a refusal)."""

    unit: str
    high: float = Field(gt=0)
    routes: tuple[str, ...] = Field(default=(), description="only these routes; empty: any")


class Drug(Frozen):
    """One drug under its canonical name."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    drug_class: DrugClass
    is_cytotoxic: bool = False
    systemic_routes: tuple[str, ...] = ()
    synonyms: tuple[str, ...] = Field(default=(), description="brands, spellings, abbreviations")
    codes: tuple[Code, ...] = ()
    plausible_doses: tuple[PlausibleDose, ...] = ()

    @property
    def is_glucocorticoid(self) -> bool:
        """Say whether the drug is a steroid."""
        return self.drug_class == "glucocorticoid"

    @model_validator(mode="after")
    def _a_legacy_code_leads_on(self) -> Drug:
        current = {(code.system, code.code) for code in self.codes if code.replaced_by is None}
        for code in self.codes:
            if code.replaced_by is not None and (code.system, code.replaced_by) not in current:
                raise ValueError(f"{self.id}: {code.code} is replaced by a code not listed")
        return self


class DrugSet(Definition):
    """The drugs of one family, in one file.

    ``not_this`` lists names that look like a drug of the set and are another (anti-D is not IVIG).
    """

    kind: Literal["drugs"]
    systemic_routes: tuple[str, ...]
    not_this: tuple[str, ...] = ()
    drugs: tuple[Drug, ...] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _routes_hold_for_each_drug(cls, content: object) -> object:
        if not isinstance(content, dict) or not isinstance(content.get("drugs"), (list, tuple)):
            return content
        routes = content.get("systemic_routes", ())
        drugs = [
            {"systemic_routes": routes, **drug} if isinstance(drug, dict) else drug
            for drug in content["drugs"]
        ]
        return {**content, "drugs": drugs}


def drugs_of(rulebook: Rulebook) -> dict[str, Drug]:
    """Return every drug by its canonical name; a study's own file replaces a shipped drug."""
    sets = sorted(rulebook.of_kind(DrugSet), key=lambda item: (item.is_local, item.id))
    return dict(sorted((drug.id, drug) for item in sets for drug in item.drugs))
