"""What requests took, by model: a fold over the facts. Failed ones count: whoever was asked may want to be paid for them."""

from msgspec import Struct, field

from py_mono.protocol.attempts import AttemptFailed
from py_mono.protocol.events import Event, MessageFinished
from py_mono.protocol.messages import Usage
from py_mono.utils.money import exact, money

_NAMED = 2


class Spent(Struct):
    """What some requests took.

    Attributes:
        requests: How many there were.
        failed: Those of them that brought no reply.
        unpriced: Those of them whose price is not known.
        known_usd: US dollars that the others cost.
        usage: The sum; its cost is None as soon as one is not known.
    """

    requests: int = 0
    failed: int = 0
    unpriced: int = 0
    known_usd: float = 0.0
    usage: Usage = field(default_factory=lambda: Usage(cost_usd=0.0))

    def add(self, usage: Usage, *, failed: bool = False) -> None:
        """Count one more request."""
        self.requests += 1
        self.failed += failed
        self.unpriced += usage.cost_usd is None
        self.known_usd = exact(self.known_usd + (usage.cost_usd or 0.0)) or 0.0
        self.usage += usage

    @property
    def short_cost(self) -> str:
        """What they cost, for a narrow place: ``$0.0120``, ``free``, ``$0.0120 + unknown``, ``unknown``."""
        if not self.unpriced:
            return money(self.known_usd)
        return f"{money(self.known_usd)} + unknown" if self.known_usd else "unknown"


class Spending:
    """What the requests of a session, or of a turn, took.

    Attributes:
        models: By the model that was asked.
        total: Of all together.
    """

    def __init__(self) -> None:
        self.models: dict[str, Spent] = {}
        self.total = Spent()

    def apply(self, event: Event) -> None:
        """Take one event in; those that cost nothing are passed over."""
        kind = type(event)
        if kind is not MessageFinished and kind is not AttemptFailed:
            return  # as nearly all are
        if isinstance(event, MessageFinished):
            self._add(event.message.model, event.message.usage, failed=False)
        elif isinstance(event, AttemptFailed):
            self._add(event.model, event.usage, failed=True)

    def _add(self, model: str, usage: Usage, *, failed: bool) -> None:
        self.total.add(usage, failed=failed)
        self.models.setdefault(model, Spent()).add(usage, failed=failed)

    @property
    def cost(self) -> str:
        """What they cost: ``short_cost``, and of whom it is not known: ``$0.0120 + unknown: 2 requests of MODEL``."""
        unpriced = [(model, spent.unpriced) for model, spent in self.models.items() if spent.unpriced]
        if not unpriced:
            return self.total.short_cost
        said = [f"{_counted(number, 'request')} of {model or 'the model'}" for model, number in unpriced[:_NAMED]]
        more = [_counted(len(unpriced) - _NAMED, "more model")] if len(unpriced) > _NAMED else []
        known = "" if self.total.known_usd else "cost "
        return f"{known}{self.total.short_cost}: {', '.join(said + more)}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
