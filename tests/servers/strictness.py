"""What a server refuses, as rules that can be asked of a request's body: each with where it is told of, and the server's own words."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from tests.servers.fake_http import Answer, FakeServer, Request

Body = Mapping[str, Any]


class Rule(NamedTuple):
    """One thing that a server insists on.

    Attributes:
        name: Short.
        source: Where the rule, or its error, is told of.
        find: The errors that the server answers a body with.
    """

    name: str
    source: str
    find: Callable[[Body], Iterable[str]]


class Violation(NamedTuple):
    """A rule that a body breaks, and what the server says to that."""

    rule: str
    text: str


def broken(rules: Iterable[Rule], body: Body) -> list[Violation]:
    """Every violation of the rules, in their order."""
    return [Violation(rule.name, text) for rule in rules for text in rule.find(body)]


class StrictServer(FakeServer):
    """A fake server that refuses what the real one refuses, before it takes its next answer.

    Attributes:
        violations: What was found in all requests.
    """

    violations: list[Violation]

    def check(self, request: Request) -> list[Violation]:
        """What is wrong with a request."""
        raise NotImplementedError

    def refusal(self, text: str) -> Answer:
        """The answer to a request that breaks a rule."""
        raise NotImplementedError

    def _answer(self, request: Request) -> Answer:
        asks = any(key in request.body for key in (b'"messages"', b'"contents"'))
        found = self.check(request) if asks else []
        self.violations = [*getattr(self, "violations", ()), *found]
        return self.refusal(found[0].text) if found else super()._answer(request)


def twice(values: Iterable[Any]) -> Iterator[Any]:
    """Those that came before."""
    seen = set()
    for value in values:
        if value in seen:
            yield value
        seen.add(value)
