"""Candidates: what a source says now, judged against what was accepted, and decided by a person where it breaches."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import polars as pl

from migstats import gate, labels, rules, vintage, warehouse
from migstats.codelists import Folders
from migstats.comparison import Comparison, Figures
from migstats.errors import DeclarationError, PermanentError
from migstats.faultpoint import reach
from migstats.reading import Moment, Read, delivered_before, is_outdated
from migstats.vintage import Counts
from migstats.warehouse import Connection

#: States of a source that wait to be accepted, the oldest first: what was served since the last load.
Generations = Sequence[Sequence[Read]]

#: Differences that are kept for the person who decides.
LARGEST = 50


@dataclass(frozen=True)
class Candidate:
    """A judged state of a source. `verdict` is None where nobody decided yet (or nobody needs to)."""

    candidate_id: str
    source: str
    release: str
    base_vintage: int | None
    breaches: int
    notices: int
    verdict: str | None = None

    @property
    def waits(self) -> bool:
        """Whether a person has to decide."""
        return self.breaches > 0 and self.verdict is None


def generations_of(reads: Sequence[Read]) -> list[list[Read]]:
    """Sort reads into states of the source: by release, and the newest landing of each slice last."""
    releases: dict[tuple[str, str], dict[str, list[Read]]] = {}
    for read in sorted(reads, key=lambda r: dt.datetime.fromisoformat(r.landed_at)):
        edition = (read.released_at if read.release else "", read.release)
        history = releases.setdefault(edition, {}).setdefault(read.slice, [])
        if history and history[-1].content_sha256 == read.content_sha256:
            history.pop()
        history.append(read)
    generations = []
    for _, slices in sorted(releases.items()):
        for back in range(max(len(history) for history in slices.values()), 0, -1):
            generations.append([history[-back] for history in slices.values() if len(history) >= back])
    return generations


def still_to_load(url: str, generations: Generations) -> list[list[Read]]:
    """Without what waited and was overtaken: another run has loaded it, or something newer, since it was read.

    The newest reading of each slice stays: where it was overtaken, that is what there is to say of this run.
    """
    newest = {_slice(read): read for reads in generations for read in reads}
    with warehouse.connect(url) as connection:
        kept = [
            [
                read
                for read, late in zip(reads, vintage.overtaken(connection, reads), strict=True)
                if not late or newest[_slice(read)] is read
            ]
            for reads in generations
        ]
    return [reads for reads in kept if reads]


def id_of(source: str, generations: Generations, base_vintage: int | None, waivers: Sequence[int] = ()) -> str:
    """Hash of what a candidate says, the vintage of its slices that it is compared with, and the waivers that are open.

    Where one of them is another, it is another candidate: it is judged, and decided, anew.
    """
    digest = sha256(f"{source}\x1f{base_vintage}".encode())
    for reads in generations:
        digest.update(vintage.load_id_of(source, reads).encode())
    for waiver in waivers:
        digest.update(f"\x1fwaiver {waiver}".encode())
    return digest.hexdigest()[:32]


def judge(
    url: str, source: str, folder: Path, generations: Generations, *, concepts: Folders, run_id: str
) -> Candidate:
    """Compare a candidate with what was accepted, keep what was found, and say whether a person has to decide.

    A candidate that was judged before keeps its findings and its decision; with a waiver that was recorded or expired
    since, it is judged anew. One that says what was accepted is not kept.
    """
    with warehouse.connect(url) as connection:
        slices = sorted({read.slice for reads in generations for read in reads})
        base = _base(connection, source, slices)
        waivers = warehouse.rows(connection, "load/open_waivers", {"source": source})
        candidate_id = id_of(source, generations, base, [waiver["waiver_id"] for waiver in waivers])
        found = find(connection, candidate_id)
        if found is not None:
            return found
        moments = [vintage.moments_of(connection, reads) for reads in generations]
        differs = any(moment.fate != "same" for each in moments for moment in each)
        of_labels = _compare_labels(folder, generations, moments)
        if not differs and not of_labels:
            return Candidate(candidate_id, source, generations[-1][0].release, base, breaches=0, notices=0)
        reach("gate.begun")
        unmoved: tuple[list[rules.Finding], pl.DataFrame] = [], pl.DataFrame()
        of_figures, largest = _compare(connection, folder, generations, concepts) if differs else unmoved
        demanded = _demanded(folder, generations[-1]) if differs else []
        findings = [*demanded, *of_figures, *of_labels]
        kept = [{**asdict(f), "waiver_id": w} for f, w in zip(findings, _waived(findings, waivers), strict=True)]
        candidate = Candidate(
            candidate_id=candidate_id,
            source=source,
            release=generations[-1][0].release,
            base_vintage=base,
            breaches=sum(f["severity"] == "breach" and f["waiver_id"] is None for f in kept),
            notices=sum(f["severity"] == "notice" for f in kept),
        )
        kept_as = {**asdict(candidate), "run_id": run_id, "slices": slices}
        warehouse.execute(connection, "load/add_candidate", kept_as)
        numbered = [{"candidate_id": candidate_id, "number": n, **f} for n, f in enumerate(kept, start=1)]
        warehouse.execute_many(connection, "load/add_finding", numbered)
        differences = [
            {"candidate_id": candidate_id, "number": n, **row} for n, row in enumerate(largest.iter_rows(named=True), 1)
        ]
        warehouse.execute_many(connection, "load/add_difference", differences)
        reach("gate.kept")
    return candidate


def _demanded(folder: Path, reads: Sequence[Read]) -> list[rules.Finding]:
    """The demand that a person approves what changes, where gate.yaml has one."""
    demand = rules.read_rules(folder).approval
    if demand is None:
        return []
    slices = ", ".join(sorted({read.slice for read in reads}))
    found = f"{sum(read.observations for read in reads)} figures"
    return [rules.Finding(rules.APPROVAL, "breach", slices, found, f"asked for by {demand.owner}", demand.reason)]


def _waived(findings: Sequence[rules.Finding], waivers: Sequence[Mapping[str, Any]]) -> list[int | None]:
    """For each finding the waiver that lets it pass, None where there is none; each waiver lets one pass."""
    left = list(waivers)
    given: list[int | None] = []
    for finding in findings:
        fitting = [waiver for waiver in left if _lets_pass(waiver, finding)]
        given.append(fitting[0]["waiver_id"] if fitting else None)
        if fitting:
            left.remove(fitting[0])
    return given


def _lets_pass(waiver: Mapping[str, Any], finding: rules.Finding) -> bool:
    """Whether a waiver is of the kind and scope of a breach, and its bound not below the size."""
    if finding.severity != "breach" or (waiver["kind"], waiver["scope"]) != (finding.kind, finding.scope):
        return False
    # A size that was read off the page and typed again has lost its last digits.
    return finding.size is None or (waiver["up_to"] is not None and finding.size <= waiver["up_to"] * (1 + 1e-5))


def _base(connection: Connection, source: str, slices: Sequence[str]) -> int | None:
    """The last vintage in which one of these slices was loaded; what is accepted of others moves no candidate."""
    key = {"source": source, "slices": list(slices)}
    found: int | None = warehouse.rows(connection, "load/latest_of_slices", key)[0]["vintage_id"]
    return found


def find(connection: Connection, candidate_id: str) -> Candidate | None:
    """A candidate that was judged before, with its decision; None for an unknown one."""
    found = warehouse.rows(connection, "load/find_candidate", {"candidate_id": candidate_id})
    if not found:
        return None
    names = ("candidate_id", "source", "release", "base_vintage", "breaches", "notices", "verdict")
    return Candidate(**{name: found[0][name] for name in names})


def _slice(read: Read) -> tuple[str, str]:
    return read.slice, read.release


def _compare(
    connection: Connection, folder: Path, generations: Generations, concepts: Folders
) -> tuple[list[rules.Finding], pl.DataFrame]:
    """Findings of each generation against the one before, and the largest differences of the last against the first."""
    its_rules, golden = rules.read_rules(folder), rules.read_golden(folder)
    lists = rules.read_lists(concepts)
    findings: list[rules.Finding] = []
    standing: dict[tuple[str, str], Figures] = {}
    largest = pl.DataFrame()
    for reads in generations:
        now = [vintage.figures(read) for read in reads]
        was = [
            standing.get(_slice(read)) or vintage.accepted_figures(connection, read, own.series)
            for read, own in zip(reads, now, strict=True)
        ]
        standing |= {_slice(read): figures for read, figures in zip(reads, now, strict=True)}
        compared = Comparison.of(Figures.concat(now), Figures.concat(was))
        findings += gate.judge(compared, its_rules, golden, lists, release=reads[0].release)
        largest = gate.largest(compared, LARGEST)
    return findings, largest


def _compare_labels(folder: Path, generations: Generations, moments: Sequence[Sequence[Moment]]) -> list[rules.Finding]:
    """Findings about labels and fields of each delivery against the one before; of slices that find the same, one."""
    pairs = list(_deliveries(generations, moments))
    if not pairs:
        return []
    its_rules = rules.read_rules(folder)
    found: dict[rules.Finding, None] = {}
    for read, before in pairs:
        now, was = vintage.labels(read.folder), vintage.labels(before)
        if now is not None and was is not None:
            found |= dict.fromkeys(labels.compare(now, was, read.dataset, its_rules.label_likeness))
    return [*gate.listed(found, its_rules)]


def _deliveries(generations: Generations, moments: Sequence[Sequence[Moment]]) -> Iterator[tuple[Read, str]]:
    """Each reading of other bytes than the one before, with the folder of that one."""
    standing: dict[tuple[str, str], Read] = {}
    for reads, each in zip(generations, moments, strict=True):
        for read, moment in zip(reads, each, strict=True):
            if is_outdated(read, moment):
                continue
            last = standing.get(_slice(read))
            if last is None:
                before = delivered_before(read, moment)
            else:
                before = last.folder if last.snapshots != read.snapshots else None
            if before is not None:
                yield read, before
            standing[_slice(read)] = read


def decide(
    url: str, candidate_id: str, *, verdict: Literal["approved", "rejected"], decided_by: str, reason: str
) -> Candidate:
    """Record who lets a candidate pass or refuses it, and why. The first decision stands.

    PermanentError for an unknown candidate, one without breach, a decision that contradicts the first one, and one
    without a name or a reason.
    """
    if not decided_by.strip() or len(reason.strip()) < 3:
        raise PermanentError("a decision needs a name and a reason (three letters or more); nothing was decided")
    with warehouse.connect(url) as connection:
        there = find(connection, candidate_id)
        if there is None:
            raise PermanentError(f"no candidate {candidate_id!r} was judged; `migstats decisions` lists the open ones")
        if not there.breaches:
            raise PermanentError(f"candidate {candidate_id} breaches nothing; there is nothing to decide")
        warehouse.execute(
            connection,
            "load/add_decision",
            {
                "candidate_id": candidate_id,
                "verdict": verdict,
                "decided_by": decided_by.strip(),
                "reason": reason.strip(),
            },
        )
        decided = find(connection, candidate_id)
        assert decided is not None
        if decided.verdict != verdict:
            raise PermanentError(
                f"candidate {candidate_id} was {decided.verdict} before; a decision is not changed: run the DAG again "
                "for a new candidate"
            )
    return decided


def waive(
    url: str,
    *,
    source: str,
    kind: str,
    scope: str,
    author: str,
    reason: str,
    expires_at: dt.datetime,
    up_to: float | None = None,
) -> int:
    """Record an exception that lets one breach of this kind and scope pass once, until it expires; its number.

    `up_to` is the largest size that it lets pass; only what cannot be measured (a golden figure that is gone) needs
    none. What the gate counts as `the rest` was not seen by anybody, and is not waived. DeclarationError says what is
    missing.
    """
    if kind not in rules.KINDS:
        raise DeclarationError(f"{kind!r} is no kind of finding; there are {', '.join(rules.KINDS)}")
    if kind == rules.APPROVAL:
        raise DeclarationError("what countries send is approved by a person each time; approve the candidate instead")
    if scope == rules.THE_REST:
        raise DeclarationError(f"{scope!r} was not shown to anybody; approve or reject the candidate instead")
    if up_to is None and kind not in rules.UNMEASURED:
        raise DeclarationError(f"a waiver of kind {kind} needs a bound: the size of the finding that may pass at most")
    if up_to is not None and not 0 <= up_to < math.inf:
        raise DeclarationError(f"a waiver lets a size of nought or more pass, not {up_to}")
    if not author.strip() or len(reason.strip()) < 10:
        raise DeclarationError("a waiver needs an author and a reason of ten letters or more")
    if expires_at <= dt.datetime.now(dt.UTC):
        raise DeclarationError(
            f"a waiver that expires on {expires_at:%Y-%m-%d %H:%M} lets nothing pass; give a later date"
        )
    with warehouse.connect(url) as connection:
        given: int = warehouse.rows(
            connection,
            "load/add_waiver",
            {
                "source": source,
                "kind": kind,
                "scope": scope,
                "up_to": up_to,
                "author": author.strip(),
                "reason": reason.strip(),
                "expires_at": expires_at,
            },
        )[0]["waiver_id"]
    return given


def accept(
    url: str,
    source: str,
    generations: Generations,
    candidate: Candidate,
    *,
    run_id: str,
    code_version: str,
    attempt_id: int | None = None,
) -> Counts:
    """Load the states of a candidate one after the other, each a vintage of its own; what came of all of them.

    The outcome of the last one is that of the attempt.
    PermanentError where the candidate breached and was not approved, or where what it was compared with is no longer
    what stands.
    """
    counts = [
        vintage.accept(
            url,
            source,
            reads,
            run_id=run_id,
            code_version=code_version,
            candidate_id=candidate.candidate_id,
            attempt_id=attempt_id if reads is generations[-1] else None,
        )
        for reads in generations
    ]
    last = counts[-1]
    accepted = any(count.outcome == "accepted" for count in counts)
    return Counts(**{**asdict(last), "outcome": "accepted" if accepted else "unchanged"})


def refuse(url: str, source: str, generations: Generations) -> None:
    """Settle the landings of a candidate that a person rejected: they do not wait to be loaded any more."""
    with warehouse.connect(url) as connection:
        for read in (read for reads in generations for read in reads):
            key = {"source": source, "slice": read.slice, "release": read.release, "landed_at": read.landed_at}
            warehouse.execute(connection, "load/settle", {**key, "load_id": None, "reason": "refused"})


def story(url: str, candidate_id: str) -> Mapping[str, Any]:
    """Everything that a person needs to decide: the candidate, its findings, its largest differences."""
    with warehouse.connect(url) as connection:
        key = {"candidate_id": candidate_id}
        found = warehouse.rows(connection, "load/find_candidate", key)
        if not found:
            raise PermanentError(f"no candidate {candidate_id!r} was judged")
        return {
            **found[0],
            "findings": warehouse.rows(connection, "load/findings", key),
            "differences": warehouse.rows(connection, "load/differences", key),
        }
