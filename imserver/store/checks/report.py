"""The report of all checks. Findings of each check are kept up to a bound and only counted beyond it."""

from __future__ import annotations

from dataclasses import dataclass, field

#: Findings of one check whose text is kept: a broken database has millions, and the first few say what is wrong.
MAX_KEPT = 50


@dataclass(frozen=True, slots=True)
class Finding:
    """One violation of an invariant."""

    check: str
    text: str


@dataclass(slots=True)
class Result:
    """The result of one check: the number of things checked, the number of findings, and the first findings in words."""

    name: str
    checked: int = 0
    found: int = 0
    texts: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        """Add a finding."""
        self.found += 1
        if len(self.texts) < MAX_KEPT:
            self.texts.append(text)


@dataclass(slots=True)
class Report:
    """The results of all checks, in order."""

    results: list[Result] = field(default_factory=list)
    #: Feature or plugin -> why its tables were not checked.
    skipped: dict[str, str] = field(default_factory=dict)

    def result(self, name: str) -> Result:
        """The result of this check, made if there is none yet."""
        for row in self.results:
            if row.name == name:
                return row
        self.results.append(Result(name))
        return self.results[-1]

    @property
    def checked(self) -> dict[str, int]:
        """Check -> number of things it looked at."""
        return {row.name: row.checked for row in self.results}

    @property
    def findings(self) -> list[Finding]:
        """The findings whose text was kept."""
        return [Finding(row.name, text) for row in self.results for text in row.texts]

    @property
    def found(self) -> int:
        """The number of all findings."""
        return sum(row.found for row in self.results)
