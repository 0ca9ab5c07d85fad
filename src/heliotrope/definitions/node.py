"""The closed union of node kinds of which every rule is made; no arithmetic, no variables.

Nodes without nodes under them answer from the records (a leaf, cut-off states, a banded score,
time off treatment); the others combine what their nodes say in Kleene logic; two of them look
back over the visits before (confirmed, sustained).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from heliotrope.definitions.model import Frozen

NodeId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]

Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]

Better = Literal["low", "high"]

Operator = Literal["<", "<=", ">", ">="]

Quantity = Literal[
    "value",
    "upper_limits",
    "worsening",
    "relative_worsening",
    "improvement",
    "relative_improvement",
]

CHANGES = ("worsening", "relative_worsening", "improvement", "relative_improvement")
RELATIVE = ("relative_worsening", "relative_improvement")

Treatment = Literal["glucocorticoid", "immunosuppressant", "immunoglobulin"]


class Caution(Frozen):
    """An age under which a leaf may be out of reach for a healthy child; flagged, never changed."""

    under_age_years: int = Field(gt=0)
    word: str


class Alternative(Frozen):
    """A measure that stands in for the first one of a leaf, with its own threshold and scale."""

    measure: str
    threshold: float | None = Field(default=None, description="none: that of the leaf")
    scale_maximum: float | None = None
    caution: Caution | None = None


class Leaf(Frozen):
    """One measure against one threshold.

    ``quantity`` is the value itself, the value in upper limits of normal, its ``worsening`` or
    ``improvement`` against the reference (in the measure's unit), or either as
    ``relative_...`` (in percent of the reference; a reference of 0 is not evaluable).
    ``scale_maximum`` is the top of the scale the threshold was published for: a study that
    declares another one gets no answer from this leaf.

    ``otherwise`` names measures that may stand in; ``choice`` says which one counts: the first
    that was recorded (for a change: at the reference too), the enzyme that was most abnormal at
    baseline and is then kept, or the one most abnormal at the visit, so that one which is normal
    means that all recorded ones are.
    """

    node: Literal["leaf"]
    id: NodeId
    measure: str
    quantity: Quantity = "value"
    better: Better
    operator: Operator
    threshold: float
    unit: str
    scale_maximum: float | None = None
    caution: Caution | None = None
    otherwise: tuple[Alternative, ...] = ()
    choice: Literal["first_recorded", "most_abnormal_at_baseline", "most_abnormal"] = (
        "first_recorded"
    )

    @property
    def candidates(self) -> tuple[Alternative, ...]:
        """The measures that may count, the first one first, thresholds filled in."""
        first = Alternative(
            measure=self.measure, scale_maximum=self.scale_maximum, caution=self.caution
        )
        return tuple(
            item
            if item.threshold is not None
            else item.model_copy(update={"threshold": self.threshold})
            for item in (first, *self.otherwise)
        )

    def threshold_of(self, measure: str | None) -> float:
        """The threshold of one of the candidates; the leaf's own for its first measure, or None."""
        for item in self.otherwise:
            if item.measure == measure and item.threshold is not None:
                return item.threshold
        return self.threshold

    @property
    def cautions(self) -> tuple[str, ...]:
        """The words of caution the leaf can give."""
        return tuple(item.caution.word for item in self.candidates if item.caution)

    @model_validator(mode="after")
    def _chooses_once(self) -> Leaf:
        names = [item.measure for item in self.candidates]
        if len(set(names)) < len(names):
            raise ValueError(f"{self.id}: a measure cannot stand in for itself")
        return self


class CutOff(Frozen):
    """One class of an index: the label it gives up to (or from) a value."""

    label: Word
    operator: Operator
    threshold: float


class CutOffStates(Frozen):
    """An index cut into named classes, read in order; the last label takes the rest.

    Met where the class is one of ``met``; the class itself is the label of the state.
    """

    node: Literal["cut_off_states"]
    id: NodeId
    measure: str
    better: Better
    unit: str
    scale_maximum: float | None = None
    states: tuple[CutOff, ...] = Field(min_length=1)
    otherwise: Word
    met: tuple[Word, ...] = Field(min_length=1)

    @property
    def labels(self) -> tuple[str, ...]:
        """Every class, in order."""
        return (*(state.label for state in self.states), self.otherwise)

    @model_validator(mode="after")
    def _is_ordered(self) -> CutOffStates:
        if len(set(self.labels)) < len(self.labels):
            raise ValueError(f"{self.id}: every class has a label of its own")
        if not set(self.met) < set(self.labels):
            raise ValueError(f"{self.id}: some, and not all, of the classes are met")
        met = self.labels[: len(self.met)]
        if set(self.met) != set(met):
            raise ValueError(f"{self.id}: the classes that are met come first")
        return self

    @property
    def met_cut(self) -> CutOff:
        """The cut-off between the classes that are met and the others."""
        return self.states[len(self.met) - 1]


class BandedScore(Frozen):
    """A degree of a banded score (its components, bands and points are a definition of their own).

    ``scores``: the definitions that may answer, the first evaluable one counts. Met when the
    score with missing measures as 0 reaches the degree; not met when it cannot be reached even
    with missing measures at their maximum; else not evaluable.
    """

    node: Literal["banded_score"]
    id: NodeId
    scores: tuple[str, ...] = Field(min_length=1)
    reach: Word = Field(description="name of the degree, e.g. minimal")


class OffTreatment(Frozen):
    """Days without any of the treatments, up to the visit, against one threshold.

    A day on which one of them is given counts 0. ``glucocorticoid`` is any systemic steroid,
    pulses included; ``immunosuppressant`` every other followed drug; ``immunoglobulin`` any route.
    """

    node: Literal["off_treatment"]
    id: NodeId
    treatments: tuple[Treatment, ...] = Field(min_length=1)
    operator: Literal["<", ">="]
    days: int = Field(gt=0)


class AllOf(Frozen):
    """Met when every node is met."""

    node: Literal["all_of"]
    id: NodeId
    of: tuple[Node, ...] = Field(min_length=1)


class AnyOf(Frozen):
    """Met when one node is met."""

    node: Literal["any_of"]
    id: NodeId
    of: tuple[Node, ...] = Field(min_length=1)


class AtLeast(Frozen):
    """Met when every essential node and at least ``count`` of the others are met."""

    node: Literal["at_least"]
    id: NodeId
    count: int = Field(ge=1)
    essential: tuple[Node, ...] = ()
    of: tuple[Node, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _is_possible(self) -> AtLeast:
        if self.count > len(self.of):
            raise ValueError(f"{self.id}: {self.count} of {len(self.of)} can never be met")
        return self


class Confirmed(Frozen):
    """Met on the second of two consecutive visits that have the measures and meet the node.

    Not met on the first of the two and after recovery; not evaluable on a visit that cannot be
    judged, and such a visit neither confirms nor interrupts. The tolerance: where
    ``at_least_days`` is given, the visits that meet the node must span that many days (a visit
    too soon after the first does not confirm yet, but one not met in between starts anew); visits
    further apart than ``at_most_days`` are not consecutive.
    """

    node: Literal["confirmed"]
    id: NodeId
    of: Annotated[Node, Field(description="what both visits must meet")]
    at_least_days: int | None = Field(default=None, ge=1)
    at_most_days: int | None = Field(default=None, ge=1)


class Sustained(Frozen):
    """Met on a visit up to which the node was met for so many days, at every visit in between.

    The days run from the first visit of an unbroken row of visits that meet the node to this
    visit, which must meet it too; nothing is claimed for the time before the first or after the
    last. A visit that cannot be judged neither counts nor interrupts. Visits further apart than
    ``longest_gap_days`` break the row, because nobody looked in between.

    Not met where this visit does not meet the node, or an earlier one did not within the period.
    Not evaluable where this visit cannot be judged, or where the row is too short and no visit
    within the period contradicts it: the child may have met the node all along.
    """

    node: Literal["sustained"]
    id: NodeId
    of: Annotated[Node, Field(description="what every visit must meet")]
    at_least_days: int = Field(ge=1)
    longest_gap_days: int | None = Field(default=None, ge=1)


Node = Annotated[
    Leaf
    | CutOffStates
    | BandedScore
    | OffTreatment
    | AllOf
    | AnyOf
    | AtLeast
    | Confirmed
    | Sustained,
    Field(discriminator="node"),
]

Answer = Leaf | CutOffStates | BandedScore | OffTreatment
ANSWERS = (Leaf, CutOffStates, BandedScore, OffTreatment)


def children(node: Node) -> tuple[Node, ...]:
    """Return the nodes right under a node; essential ones first."""
    if isinstance(node, ANSWERS):
        return ()
    match node:
        case Confirmed() | Sustained():
            return (node.of,)
        case AtLeast():
            return (*node.essential, *node.of)
        case AllOf() | AnyOf():
            return node.of


def walk(node: Node, parent: str | None = None) -> Iterator[tuple[Node, str | None]]:
    """Go through a tree from the top, with the name of the node above each."""
    yield node, parent
    for child in children(node):
        yield from walk(child, node.id)
