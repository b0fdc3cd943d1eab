"""What the usual keys look like.

The shapes follow what the issuers publish and what secret scanners (gitleaks, trufflehog) look for, a little wider.
Each is searched for only where one of its markers, plain substrings, stands in the text: looking for a substring is
tens of times cheaper than running a pattern. Patterns are compiled when first needed, begin with a literal (which
``re`` skips to) and repeat only single character classes of bounded or possessive length, so none can backtrack far.
"""

import re
from functools import cache, cached_property

_BEARER = r"[A-Za-z0-9._~+/=-]"
_QUOTES = r"""(?:\\*+["']){0,3}"""
_QUOTED_QUOTES = r"""(?:\\*+["']){0,8}"""  # in JSON text there are more of them
_BLANK = r"(?:[ \t\r\n]|\\[rnt])"


def _alone(literal: str, width: int) -> str:
    r"""Nothing alphanumeric before the literal just read; the ``n`` of a ``\n`` in quoted text is not alphanumeric."""
    dots = literal + "." * (width - len(literal))
    return rf"(?:(?<![A-Za-z0-9]{dots})|(?<=\\[bfnrt]{dots})|(?<=\\u[0-9A-Fa-f]{{4}}{dots}))"


def _token(prefix: str, rest: str) -> str:
    return prefix + _alone(prefix, len(prefix)) + rest


class Shape:
    """One kind of key.

    Attributes:
        kind: What stands in its place: ``[redacted:KIND]``.
        markers: Plain substrings, one of which stands in every text that holds such a key.
    """

    def __init__(self, kind: str, markers: tuple[str, ...], pattern: str) -> None:
        self.kind = kind
        self.markers = markers
        self._source = pattern

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Its group ``secret``, or else all of it, is what must not get out."""
        return re.compile(self._source)

    @cached_property
    def _quoted_pattern(self) -> re.Pattern[str]:
        """Finds it in a text and in the JSON of it: what its parts may be is escaped in known ways or not at all."""
        return re.compile(self._source.replace(_QUOTES, _QUOTED_QUOTES))

    def may_stand_in(self, text: str) -> bool:
        """Whether a text, also one quoted as JSON, could hold such a key; cheap, and never wrongly no."""
        return any(marker in text for marker in self.markers) and self._quoted_pattern.search(text) is not None

    def replace_in(self, text: str) -> str:
        """The text without such keys."""
        return self.pattern.sub(self._replacement, text)

    def _replacement(self, match: re.Match[str]) -> str:
        mark = f"[redacted:{self.kind}]"
        if "secret" not in self.pattern.groupindex:
            return mark
        whole, start, end = match[0], match.start("secret") - match.start(), match.end("secret") - match.start()
        return whole[:start] + mark + whole[end:]


class _PrivateKey(Shape):
    """A PEM block; where its end is missing, the lines that look like one. A mere mention of the header stays."""

    def _replacement(self, match: re.Match[str]) -> str:
        mark = f"[redacted:{self.kind}]"
        if not match["end"]:
            return match["begin"] + re.sub(r"[A-Za-z0-9+/=]{40,}+", mark, match["body"])
        return mark if re.search(r"[A-Za-z0-9+/=]{32}", match["body"]) else match[0]


_AFTER_SK = (
    Shape("anthropic-key", ("sk-ant-",), _token("sk-ant-", r"[A-Za-z0-9_-]{16,}+")),
    Shape("openrouter-key", ("sk-or-",), _token("sk-or-", r"[A-Za-z0-9_-]{16,}+")),
    Shape(
        "openai-key",
        ("sk-",),
        _token(
            "sk-",
            r"(?:(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{16,}+"
            r"|[A-Za-z0-9]{20}[A-Za-z0-9_-]*+"
            r"|(?=[A-Za-z_-]{0,40}[0-9])[A-Za-z0-9_-]{24,}+)",
        ),
    ),
)
_AFTER_UNDERSCORE = (
    Shape("groq-key", ("gsk_",), _token("gsk_", r"[A-Za-z0-9]{20,}+")),
    Shape(
        "github-token",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
        "gh[pousr]_" + _alone("gh", 4) + r"[A-Za-z0-9]{20,}+",
    ),
    Shape("github-token", ("github_pat_",), _token("github_pat_", r"[A-Za-z0-9]{16}[A-Za-z0-9_]{6,}+")),
    Shape("stripe-key", ("k_live_", "k_test_"), r"[rs]k_(?:live|test)_" + _alone(".k_", 8) + r"[A-Za-z0-9]{16,}+"),
    Shape("huggingface-token", ("hf_",), _token("hf_", r"[A-Za-z0-9]{20,}+")),
)
_OTHERS = (
    Shape("google-key", ("AIza",), _token("AIza", r"[A-Za-z0-9_-]{30,}+")),
    Shape("gitlab-token", ("glpat-",), _token("glpat-", r"[A-Za-z0-9_-]{20,}+")),
    Shape("aws-key", ("AKIA",), _token("AKIA", r"[A-Z0-9]{16}(?![A-Za-z0-9])")),
    Shape("aws-key", ("ASIA",), _token("ASIA", r"[A-Z0-9]{16}(?![A-Za-z0-9])")),
    Shape(
        "aws-secret",
        ("ecret_access_key", "ecretAccessKey", "ECRET_ACCESS_KEY"),
        rf"(?:ecret_access_key|ecretAccessKey|ECRET_ACCESS_KEY){_QUOTES}{_BLANK}{{0,8}}[:=]{_BLANK}{{0,8}}{_QUOTES}"
        r"(?P<secret>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+])",
    ),
    Shape("slack-token", ("xox",), "xox" + _alone("xox", 3) + r"[abceoprs]-[A-Za-z0-9-]{10,}+"),
    Shape("slack-token", ("xapp-",), _token("xapp-", r"[A-Za-z0-9-]{20,}+")),
    Shape(
        "jwt",
        ("eyJ",),
        _token("eyJ", r"[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{8,}+"),
    ),
    _PrivateKey(
        "private-key",
        ("PRIVATE KEY",),
        r"(?P<begin>-----BEGIN [A-Z0-9 ]{0,40}?PRIVATE KEY(?: BLOCK)?-----)"
        r"(?P<body>(?:[^-]|-(?!----)){0,20000}+)(?P<end>-----END [A-Z0-9 ]{0,60}-----)?",
    ),
    Shape(
        "authorization",
        ("uthorization",),
        rf"uthorization{_alone('.uthorization', 13)}{_QUOTES}{_BLANK}{{0,8}}[:=]{_BLANK}{{0,8}}{_QUOTES}"
        rf"(?:(?i:bearer|basic|token|apikey|key|bot|oauth){_BLANK}{{1,8}}(?={_BEARER}{{8}})|(?={_BEARER}{{20}}))"
        rf"(?P<secret>(?={_BEARER}{{0,200}}[0-9=]){_BEARER}++)(?!\()",
    ),
    Shape(
        "bearer-token",
        ("earer",),
        rf"earer{_BLANK}{{1,8}}(?P<secret>(?={_BEARER}{{0,200}}[0-9]){_BEARER}{{16,}}+)",
    ),
    Shape(
        "api-key",
        ("pi-key", "pi-Key"),
        rf"pi-[kK]ey{_QUOTES}{_BLANK}{{0,8}}[:=]{_BLANK}{{0,8}}{_QUOTES}"
        rf"(?P<secret>(?={_BEARER}{{0,200}}[0-9]){_BEARER}{{16,}}+)",
    ),
    Shape(
        "password",
        ("://",),
        r"""://[^\s/:@"'<>\\{}$\[\]\x00-\x1f]{0,100}+:(?!\*+@)(?P<secret>[^\s/@"'<>\\{}$\x00-\x1f]{1,200}+)@""",
    ),
)

_MARKED = tuple((marker, shape) for shape in _OTHERS for marker in shape.markers)
_LONG_AFTER_UNDERSCORE = re.compile(r"_[A-Za-z0-9]{16}")


def shapes_in(text: str) -> list[Shape]:
    """Those that could stand in a text, also one quoted as JSON; never leaves out one that does.

    In the order in which they are looked for: what an earlier one took, a later one does not see.
    """
    likely = list(_AFTER_SK) if "sk-" in text else []
    if "_" in text and _LONG_AFTER_UNDERSCORE.search(text):
        likely += _AFTER_UNDERSCORE
    likely += dict.fromkeys([shape for marker, shape in _MARKED if marker in text])
    return [shape for shape in likely if shape.may_stand_in(text)]


_BEGUN = (
    r"(?:(?<![A-Za-z0-9])(?:sk-|[rs]k_(?:live|test)_|gsk_|gh[pousr]_|github_pat_|hf_|AIza|glpat-|A[KS]IA|xox|xapp-|eyJ)"
    r"[A-Za-z0-9_.-]*+"
    r"|(?:uthorization|earer|pi-[kK]ey|ecret_access_key|ecretAccessKey|ECRET_ACCESS_KEY)"
    rf"{_QUOTES}{_BLANK}{{0,8}}[:=]?{_BLANK}{{0,8}}{_QUOTES}(?:(?i:bearer|basic|token|apikey|key|bot|oauth){_BLANK}{{1,8}})?{_BEARER}*+"
    r"|://[^\s/@\"'<>\\{}$\x00-\x1f]{1,300}+"
    r"|-----BEGIN [A-Z0-9 ]{0,40}?PRIVATE KEY(?: BLOCK)?-----(?:[^-]|-(?!----)){0,20000}+)$"
)
_AT_ITS_END = 4_096
_LONGEST_PEM = 24_000


def begun(text: str) -> int:
    """Where at the end of a text that goes on there may be a part of such a key; its length where there is none."""
    looked_at = _LONGEST_PEM if "PRIVATE KEY" in text[-_LONGEST_PEM:] else _AT_ITS_END
    end = text[-looked_at:]
    if not any(marker in end for marker in _MARKERS):
        return len(text)
    found = _begun().search(end)
    return len(text) - len(end) + found.start() if found else len(text)


@cache
def _begun() -> re.Pattern[str]:
    """Compiled when it is first needed."""
    return re.compile(_BEGUN)


_MARKERS = (
    *("sk-", "k_live_", "k_test_", "gsk_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "hf_"),
    *(marker for marker, _ in _MARKED),
)
