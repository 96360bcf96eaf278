# SPDX-License-Identifier: BSD-2-Clause
"""The page: one HTML file with everything in it, readable and printable on its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2

from ilnptool.errors import UsageError
from ilnptool.measure.schema import RunFile, RunResult
from ilnptool.measure.store import load_run_json
from ilnptool.report import boxplots, compare, limits, nameplots, timeplots, words
from ilnptool.report.figure import Picture, save, style
from ilnptool.report.groups import Group, group_runs
from ilnptool.report.networks import Networks

REPORT_FILE = "report.html"
FIGURES = "figures"


@dataclass(frozen=True, slots=True)
class Section:
    """One group on the page: its typical run in pictures and tables."""

    group: Group
    run: RunResult
    pictures: tuple[Picture, ...]


def write_report(run_dir: Path) -> Path:
    """Writes RUN_DIR/report.html, and its figures as PNG and SVG into RUN_DIR/figures.

    Needs RUN_DIR/run.json.  Figures of an earlier report that this one does not have are removed.
    """
    file = load_run_json(run_dir)
    if not file.runs:
        raise UsageError(f"{run_dir}: run.json holds no runs, so there is nothing to report")
    groups = group_runs(file)
    networks = Networks(file)
    figures = run_dir / FIGURES
    with style():
        overview = _overview(file, groups, figures)
        sections = [_section(group, networks, figures) for group in groups]
    shown = [section for section in sections if section is not None]
    _remove_others(figures, [*overview, *(p for section in shown for p in section.pictures)])
    page = _template().render(
        file=file,
        groups=groups,
        networks=networks,
        overview=overview,
        sections=shown,
        headline=_headline(file),
        comparison=compare.rows(groups) if file.experiment == "duality" else [],
        paper=compare.PAPER,
        limits=limits.statements(file, groups),
        failed=[run for run in file.runs if run.error is not None],
    )
    target = run_dir / REPORT_FILE
    part = target.with_suffix(".html.part")
    part.write_text(page, encoding="utf-8")
    part.replace(target)
    return target


def _overview(file: RunFile, groups: Sequence[Group], directory: Path) -> list[Picture]:
    paper = file.experiment == "duality"
    drawn = (
        (metric.slug, boxplots.boxes(metric, groups, paper_limit=paper))
        for metric in boxplots.METRICS
    )
    return [save(canvas, directory, f"all-{slug}") for slug, canvas in drawn if canvas is not None]


def _section(group: Group, networks: Networks, directory: Path) -> Section | None:
    run = group.typical
    if run is None:
        return None
    drawn = (
        ("throughput", timeplots.throughput(group, run, networks)),
        ("sequence", timeplots.sequence(group, run)),
        ("names", nameplots.names(group, run, networks)),
    )
    slug = group.conditions.slug
    pictures = [save(c, directory, f"{slug}-{kind}") for kind, c in drawn if c is not None]
    return Section(group, run, tuple(pictures))


def _remove_others(directory: Path, kept: Sequence[Picture]) -> None:
    names = {path for picture in kept for path in (picture.png, picture.svg)}
    for path in directory.glob("*"):
        if path.suffix in (".png", ".svg") and path not in names:
            path.unlink()


def _headline(file: RunFile) -> list[str]:
    """The first sentences of the page: what happened, in numbers."""
    runs = [run for run in file.runs if run.error is None]
    ilnp = [run for run in runs if run.network == "ilnp"]
    said = [f"{len(runs)} of {len(file.runs)} runs were measured."]
    missing = [run.missing_bytes for run in ilnp if run.missing_bytes is not None]
    if missing:
        said.append(
            "No octet of any TCP stream over ILNP was lost."
            if not any(missing)
            else f"{sum(missing)} octets of TCP streams over ILNP were lost."
        )
    losses = [run.loss_ratio for run in ilnp if run.loss_ratio is not None]
    if losses:
        said.append(f"The worst loss of UDP over ILNP was {words.percent(max(losses))}.")
    said += _names(ilnp)
    adverts = _adverts(ilnp)
    if adverts:
        what = "Locator Update was" if adverts == 1 else "Locator Updates were"
        said.append(f"{adverts} {what} sent during the transfers.")
    checked = [run.nonce_verified for run in ilnp if run.nonce_verified is not None]
    if checked:
        said.append(
            "Every packet carried its session's nonce."
            if all(checked)
            else f"In {checked.count(False)} runs not every packet carried its session's nonce."
        )
    return said


def _names(runs: Sequence[RunResult]) -> list[str]:
    """What an experiment about names is about: silence, how soon they follow, and who got in."""
    named = [run for run in runs if run.names]
    said = []
    gaps = [run.longest_gap_s for run in named if run.longest_gap_s is not None]
    if gaps:
        said.append(f"The longest silence of a flow was {words.seconds(max(gaps))}.")
    late = nameplots.delays(named)
    if late:
        said.append(f"Names followed each change within {words.seconds(max(late))}.")
    # The flows of both directions of a run tell of the same clients.
    arrivals = {
        round((run.started_at or 0) + each.time_s, 2): each
        for run in named
        for each in run.arrivals
    }
    if arrivals:
        good, bad = nameplots.arrived(list(arrivals.values()))
        times = [x.setup_s for x in good if x.setup_s is not None]
        slow = f", the slowest after {words.seconds(max(times))}" if times else ""
        fresh = sum(x.fresh for x in arrivals.values())
        said.append(
            f"{len(good)} of {len(good) + len(bad)} clients that came by name got in{slow}; "
            f"{fresh} of them had no session from before."
        )
    return said


def _adverts(runs: Sequence[RunResult]) -> int:
    """How many advertisements were sent; one that the flows of both directions show counts once."""
    sent = {
        (update.direction, round((run.started_at or 0) + update.time_s, 4))
        for run in runs
        for update in run.locator_updates
        if update.operation == "advertisement"
    }
    return len(sent)


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ilnptool.report", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    for function in (words.worst, words.median, words.extent, words.whole, words.agreed):
        environment.filters[function.__name__] = function
    return environment.get_template("report.html.j2")
