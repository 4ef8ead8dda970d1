"""What was checked and what was found. Findings are kept up to a bound for each check and counted beyond it."""

from __future__ import annotations

from dataclasses import dataclass, field

#: Findings of one check whose text is kept: a broken database has millions, and the first few say what is wrong.
MAX_KEPT = 50


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it must be."""

    check: str
    text: str


@dataclass(slots=True)
class Result:
    """One check: how many things it looked at, how many of them are wrong, and the first of those in words."""

    name: str
    checked: int = 0
    found: int = 0
    texts: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        """One more finding."""
        self.found += 1
        if len(self.texts) < MAX_KEPT:
            self.texts.append(text)


@dataclass(slots=True)
class Report:
    """Everything that was checked, in order."""

    results: list[Result] = field(default_factory=list)
    #: Plugin -> why its tables were not checked.
    skipped: dict[str, str] = field(default_factory=dict)

    def result(self, name: str) -> Result:
        """The row of this check, made if there is none yet."""
        for row in self.results:
            if row.name == name:
                return row
        self.results.append(Result(name))
        return self.results[-1]

    @property
    def checked(self) -> dict[str, int]:
        """Check -> how many things it looked at."""
        return {row.name: row.checked for row in self.results}

    @property
    def findings(self) -> list[Finding]:
        """Those whose text was kept."""
        return [Finding(row.name, text) for row in self.results for text in row.texts]

    @property
    def found(self) -> int:
        """How many findings there are in all."""
        return sum(row.found for row in self.results)
