"""What every definition has in common: identity, version, source and how sure we are of it."""

from __future__ import annotations

import hashlib
import json
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Flag = Literal["V", "V2", "R", "C", "P", "UNKNOWN"]


class Frozen(BaseModel):
    """A strict, immutable piece of a definition: unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Source(Frozen):
    """Where a number was published, and whether it was read there.

    ``flag``: V read in the source named; V2 read in a secondary text; R recalled, not read;
    C sources disagree; P a decision of this project, not a published value.
    """

    citation: str = Field(min_length=3)
    flag: Flag
    doi: str | None = None
    pubmed: str | None = None
    pmc: str | None = None
    table: str | None = None


class Definition(Frozen):
    """The head of every definition file.

    Missing or unread sources: ``verified`` may be true only if every source is flagged V.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    kind: str
    title: str = Field(min_length=3)
    wording: str = Field(min_length=10, description="in words a clinician recognises")
    verified: bool
    sources: tuple[Source, ...] = ()
    notes: tuple[str, ...] = ()
    node_words: dict[str, str] = Field(
        default_factory=dict, description="what each node of its trace is called"
    )
    is_local: bool = Field(default=False, description="from a study's own folder")

    @property
    def stamp(self) -> str:
        """The version as a run writes it: a study's own definition is marked local.

        >>> Definition(id="own", version="1.0.0", kind="rule", title="ours", wording="our own rule",
        ...     verified=False, is_local=True).stamp
        '1.0.0+local'
        """
        return f"{self.version}+local" if self.is_local else self.version

    @model_validator(mode="after")
    def _verified_needs_sources(self) -> Definition:
        if self.verified and not self.sources:
            raise ValueError(f"{self.id}: verified = true needs a source")
        if self.verified and any(source.flag != "V" for source in self.sources):
            raise ValueError(f"{self.id}: verified = true, but not every source is flagged V")
        return self

    @property
    def sha256(self) -> str:
        """Hash of everything the definition says."""
        content = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()
