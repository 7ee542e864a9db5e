"""Everything a user can set for a run, in one frozen dataclass."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything the user can set for a run. Seconds are wall clock; paths are absolute."""

    select: str = "all"  # "all" or "marked"
    model: str | None = None  # PROVIDER/MODEL
    base_url: str | None = None
    api_key_env: str | None = None
    review: str | None = None  # "same", or PROVIDER/MODEL; ``None``: no second opinion
    max_cost: float | None = None  # US dollars for the run
    max_tokens: int | None = None  # for the run, all kinds together
    record: Path | None = None  # a cassette to write
    replay: Path | None = None  # a cassette to answer from
    is_verbose: bool = False  # pytest's own -v: bodies of model requests go to the log too
    max_attempts: int = 3
    max_clusters: int = 10
    jobs: int | None = None  # clusters repaired side by side; ``None``: as many as fit
    timeout: float = 900.0
    environment: str = "auto"  # "auto", or a name of options.ENVIRONMENTS
    image: str | None = None
    branch: str | None = None
    commit: bool = True
    reports: tuple[Path, ...] = ()
    keep: bool = False
    exit_non_zero_on_fix: bool = False
    opencode: Path | None = None  # ini only: the platform binary
    include: tuple[str, ...] = ()  # ini only: globs of git-ignored files that belong to the base
    repository_history: str = "none"  # ini only: "none", or "judge" gets the commits and tags
    env: tuple[str, ...] = ()  # ini only: names of further variables that go into a sandbox
    max_requests: int = 80  # ini only: model requests per attempt
    api_key_command: tuple[str, ...] = ()  # ini only: its words
    caps: tuple[tuple[str, float], ...] = ()  # ini only: "scope.kind" and amount
    price: tuple[float, ...] = ()  # ini only: US dollars per million tokens, as in its Form
    model_timeouts: tuple[tuple[str, float], ...] = ()  # ini only: seconds, each name once
    allow: tuple[str, ...] = ()  # ini only: globs of files that the policy leaves open
    lint: tuple[tuple[str, str], ...] = ()  # ini only: rule and level, each rule once
    regressions: str = "run"  # ini only: "run" or "all"
    prepare: str = "auto"  # ini only: "auto" or "never", before the suite has ended
    max_unjudged: float = 0.02  # ini only: share of what passed, above which a fix is held back
    minimise: bool = True  # ini only: leave out what a fix does not need
