# SPDX-License-Identifier: BSD-2-Clause
"""The report: complete with one run and with sixty, honest with missing data, and legible."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from flowmaker import AA, BB, MS, START, Ends
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from PIL import Image
from reportmaker import L64S, make_file

from ilnptool.errors import UsageError
from ilnptool.measure import (
    Arrival,
    FlowHint,
    NameChange,
    RunFile,
    RunLabels,
    analyse_run,
    failed_run,
    write_run_json,
)
from ilnptool.measure.schema import InterfaceEvent
from ilnptool.report import boxplots, compare, limits, nameplots, timeplots, words, write_report
from ilnptool.report.figure import COLOURS, Canvas, style
from ilnptool.report.groups import group_runs
from ilnptool.report.networks import Networks
from ilnptool.wire.lu import LocatorRecord, LocatorUpdate

FAILED = failed_run(FlowHint("mptcp"), RunLabels(run_index=1), "the kernel has no MPTCP")


class _Page(HTMLParser):
    """Collects what a page refers to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.references: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in ("meta", "img"):
            self.open.append(tag)
        self.references += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def _write(directory: Path, file: RunFile) -> str:
    write_run_json(directory, file)
    path = write_report(directory)
    assert path == directory / "report.html"
    return path.read_text(encoding="utf-8")


def _small(**changes: object) -> RunFile:
    return make_file(seconds=20, delays=(0,), transports=("tcp",)).model_copy(update=changes)


@pytest.fixture(scope="module")
def six_runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The report of one run of each kind, which takes a while to draw, and its page."""
    folder = tmp_path_factory.mktemp("six")
    return folder, _write(folder, make_file(seconds=20))


def _stands_on_its_own(folder: Path, text: str, pictures: int) -> None:
    page = _Page(text)
    assert page.open == []
    assert "script" not in page.tags
    assert page.tags.count("img") == pictures
    assert all(reference.startswith("data:image/svg+xml;base64,") for reference in page.references)
    assert "http" not in re.sub(r"data:[^\"]*", "", text)
    figures = folder / "figures"
    assert len(list(figures.glob("*.png"))) == len(list(figures.glob("*.svg"))) == pictures
    for png in figures.glob("*.png"):
        with Image.open(png) as image:
            assert image.width > 500
            assert image.convert("L").getextrema() == (0, 255)


def test_report_stands_on_its_own(six_runs: tuple[Path, str]) -> None:
    _stands_on_its_own(*six_runs, 4 + 12)


def test_report_of_many_runs_stands_on_its_own(tmp_path: Path) -> None:
    text = _write(tmp_path, make_file(runs=10, delays=(0,), seconds=20))
    _stands_on_its_own(tmp_path, text, 4 + 4)


def test_single_run_has_time_plots_and_no_comparison_of_runs(tmp_path: Path) -> None:
    text = _write(tmp_path, _small())
    names = sorted(path.name for path in (tmp_path / "figures").glob("*.png"))
    assert names == ["tcp-mn-cn-0ms-sequence.png", "tcp-mn-cn-0ms-throughput.png"]
    assert "needs two runs" in text


def test_page_says_what_matters(six_runs: tuple[Path, str]) -> None:
    _, text = six_runs
    for words_ in (
        "What this does not show",
        "How each metric is defined",
        "Beside the published numbers",
        "10.4 Mb/s",
        "at most 0.04 Mb/s (0.4\N{NO-BREAK SPACE}%)",
        "<th>iperf3</th><td>3.12</td>",
        "seed 7",
        "Nothing was measured with MPTCP",
        "No octet of any TCP stream over ILNP was lost.",
    ):
        assert words_ in text


def test_other_experiments_are_not_held_against_the_paper(tmp_path: Path) -> None:
    text = _write(tmp_path, _small(experiment="one-four-one"))
    assert "Beside the published numbers" not in text
    assert "paper: below" not in text


def test_failed_runs_are_named_and_counted(tmp_path: Path) -> None:
    file = _small()
    text = _write(tmp_path, file.model_copy(update={"runs": (*file.runs, FAILED)}))
    assert "1 of 2 runs were measured." in text
    assert "the kernel has no MPTCP" in text
    assert "1 of 2 runs failed and have no numbers" in text
    assert "only no run with numbers" in text


def test_only_failed_runs_still_give_a_page(tmp_path: Path) -> None:
    text = _write(tmp_path, _small(runs=(FAILED,)))
    assert "0 of 1 runs were measured." in text
    assert "img" not in _Page(text).tags


def test_run_without_series_leaves_its_pictures_out(tmp_path: Path) -> None:
    file = _small()
    bare = file.runs[0].model_copy(
        update={
            "series": None,
            "sequence": (),
            "paths": (),
            "throughput_mbps": None,
            "bad_checksums": None,
            "locator_updates": (),
        }
    )
    text = _write(tmp_path, file.model_copy(update={"runs": (bare,)}))
    assert "no checksum could be verified" in text
    assert "a transfer, not a handover" in text


def test_update_seen_by_the_flows_of_both_directions_counts_once(tmp_path: Path) -> None:
    run = _small().runs[0]
    other = run.model_copy(
        update={"started_at": (run.started_at or 0) + 0.031, "direction": "cn-mn"}
    )
    moved = tuple(u.model_copy(update={"time_s": u.time_s - 0.031}) for u in run.locator_updates)
    other = other.model_copy(update={"locator_updates": moved})
    text = _write(tmp_path, _small(runs=(run, other)))
    assert "8 Locator Updates were sent" in text


def test_results_without_runs_are_refused(tmp_path: Path) -> None:
    write_run_json(tmp_path, _small(runs=()))
    with pytest.raises(UsageError, match="no runs"):
        write_report(tmp_path)


def test_text_of_others_cannot_become_markup(tmp_path: Path) -> None:
    run = FAILED.model_copy(update={"error": "<script>alert(1)</script>"})
    assert "<script" not in _write(tmp_path, _small(runs=(run,)))


def test_figures_of_an_earlier_report_go_and_the_rest_stays(tmp_path: Path) -> None:
    figures = tmp_path / "figures"
    figures.mkdir()
    (figures / "old.png").write_bytes(b"")
    (figures / "notes.txt").write_text("mine")
    _write(tmp_path, _small())
    assert not (figures / "old.png").exists()
    assert (figures / "notes.txt").exists()


def test_same_results_give_the_same_report(tmp_path: Path) -> None:
    one = _write(tmp_path / "one", _small())
    two = _write(tmp_path / "two", _small())
    assert one == two


def test_captures_become_a_report(tmp_path: Path) -> None:
    ends = Ends()
    for number in range(3000):
        ends.both(START + number * MS, ends.datagram(number, (AA, BB)[number & 1]))
    ends.both(START + 1000 * MS, ends.update(LocatorUpdate(1, (LocatorRecord(BB, 1, 2),))))
    mn, cn = ends.write(tmp_path, snap=160)
    run = analyse_run(mn, cn, hint=FlowHint("udp"), labels=RunLabels(run_index=1))
    text = _write(tmp_path, _small(runs=(run,)))
    assert "1 of 1 runs were measured. The worst loss of UDP over ILNP was 0" in text
    assert "1 Locator Update was sent during the transfers." in text
    assert "bb (2001:2:bb:bb::/64)" in text


# --- legibility


def _canvases(file: RunFile) -> Iterator[Canvas]:
    groups, networks = group_runs(file), Networks(file)
    for metric in boxplots.METRICS:
        canvas = boxplots.boxes(metric, groups, paper_limit=True)
        if canvas is not None:
            yield canvas
    for group in groups:
        run = group.typical
        assert run is not None
        for made in (timeplots.throughput(group, run, networks), timeplots.sequence(group, run)):
            if made is not None:
                yield made


@pytest.mark.parametrize(
    "file",
    [
        pytest.param(_small(), id="one-run"),
        pytest.param(
            make_file(
                runs=6,
                transports=("tcp", "udp", "mptcp"),
                directions=("mn-cn", "cn-mn"),
                seconds=20,
                networks=4,
            ),
            id="108-runs",
        ),
    ],
)
def test_no_text_leaves_its_figure_or_covers_another(file: RunFile) -> None:
    with style():
        for canvas in _canvases(file):
            agg = FigureCanvasAgg(canvas.figure)
            agg.draw()
            frame = canvas.figure.bbox
            boxes = [(t, t.get_window_extent()) for t in _texts(canvas)]
            for text, box in boxes:
                inside = frame.x0 <= box.x0 and box.x1 <= frame.x1
                inside &= frame.y0 <= box.y0 and box.y1 <= frame.y1
                assert inside, f"{canvas.question}: {text.get_text()!r} leaves the figure"
            for index, (text, box) in enumerate(boxes):
                for other, its in boxes[index + 1 :]:
                    assert Bbox.intersection(box, its) is None, (
                        f"{canvas.question}: {text.get_text()!r} covers {other.get_text()!r}"
                    )


def _texts(canvas: Canvas) -> list[Text]:
    """All texts that are drawn: matplotlib keeps labels of ticks beyond the axes, undrawn."""
    beyond = set()
    for axis in (canvas.axes.xaxis, canvas.axes.yaxis):
        low, high = axis.get_view_interval()
        for place, label in zip(axis.get_majorticklocs(), axis.get_majorticklabels(), strict=True):
            if not low <= place <= high:
                beyond.add(label)
    found = canvas.figure.findobj(Text)
    return [
        t
        for t in found
        if isinstance(t, Text) and t.get_text() and t.get_visible() and t not in beyond
    ]


def test_crowded_events_go_to_rows_of_their_own() -> None:
    assert timeplots._rows([0.0, 0.01, 0.02, 0.5]) == [0, 1, 2, 0]


def test_every_network_keeps_its_colour() -> None:
    networks = Networks(make_file(networks=4, seconds=10))
    assert [networks.colour(l64) for l64 in L64S] == list(COLOURS[:4])
    assert networks.label(L64S[0]) == "aa (2001:2:aa:aa::/64)"
    assert networks.label("2001+0002+00ff+00ff") == "2001:2:ff:ff::/64"
    assert len({(networks.colour(x), networks.line(x)) for x in L64S}) == 4


# --- numbers


def test_rates_leave_out_a_last_bin_that_is_not_full() -> None:
    run = _small().runs[0]
    assert run.series is not None
    whole = timeplots.rates(run.series, 20.0)
    cut = timeplots.rates(run.series, 19.9)
    assert (len(whole[0][1]), len(cut[0][1])) == (40, 39)
    total = sum(values[0] for _, values in whole)
    assert total == sum(n.bytes[0] for n in run.series.networks) * 8 / 0.5 / 1e6


def test_typical_run_is_the_one_nearest_the_median() -> None:
    runs = make_file(runs=3, delays=(0,), transports=("tcp",), seconds=10).runs
    rates = (9.0, 10.0, 10.1)
    runs = tuple(
        run.model_copy(update={"throughput_mbps": rate})
        for run, rate in zip(runs, rates, strict=True)
    )
    (group,) = group_runs(_small(runs=runs))
    assert group.typical is not None
    assert group.typical.throughput_mbps == 10.0


def test_comparison_takes_the_worst_spread_and_the_worst_ratio() -> None:
    file = make_file(runs=2, delays=(0, 20), transports=("tcp",), seconds=10)
    rates = (10.0, 10.02, 10.0, 10.09)
    runs = tuple(
        run.model_copy(update={"throughput_mbps": rate, "misorder_ratio": rate / 1000})
        for run, rate in zip(file.runs, rates, strict=True)
    )
    rows = compare.rows(group_runs(file.model_copy(update={"runs": runs})))
    assert rows[0].here.startswith("0.090 Mb/s")
    assert "20 ms" in rows[0].here
    assert rows[0].verdict == "higher"
    assert (rows[3].here.split(" (")[0], rows[3].verdict) == ("1.01\N{NO-BREAK SPACE}%", "higher")


def test_notes_of_the_measurement_are_passed_on() -> None:
    file = make_file(runs=2, delays=(0,), transports=("udp",), seconds=10)
    note = "the sender's capture lacks 2 datagrams that were received"
    runs = tuple(run.model_copy(update={"notes": (note,)}) for run in file.runs)
    said = limits.statements(file.model_copy(update={"runs": runs}), group_runs(file))
    assert f"{note} (so in 2 runs)." in said


@pytest.mark.parametrize(
    ("ratio", "written"),
    [(None, "–"), (0.0, "0 %"), (1.0, "100 %"), (0.00012, "0.012 %"), (1e-7, "below 0.001 %")],
)
def test_ratios_are_written_in_per_cent(ratio: float | None, written: str) -> None:
    assert words.percent(ratio).replace("\N{NO-BREAK SPACE}", " ") == written


def _named(**changes: object) -> RunFile:
    """Results of an experiment about names: the first network is left for the second."""
    file = _small(experiment="renumber")
    names = [
        NameChange(time_s=at, name="server.lab.test.", l64s=tuple(L64S[i] for i in held))
        for at, held in ((-3, (0,)), (5, (0, 1)), (12, (1,)))
    ]
    arrivals = [
        Arrival(time_s=at, l64s=(L64S[0],), fresh=at < 8, lookup_s=0.01, setup_s=0.05)
        for at in (1, 4, 7, 10)
    ]
    arrivals.append(Arrival(time_s=13, l64s=(L64S[0],), fresh=False, error="timed out"))
    found = {"names": tuple(names), "arrivals": tuple(arrivals), "longest_gap_s": 2.5, **changes}
    return file.model_copy(
        update={"runs": tuple(run.model_copy(update=found) for run in file.runs)}
    )


def test_names_and_arrivals_are_told_and_drawn(tmp_path: Path) -> None:
    text = _write(tmp_path, _named())
    assert "The longest silence of a flow was 2.50" in text
    assert "4 of 5 clients that came by name got in" in text
    assert "take turns" in text
    assert any(path.name.endswith("-names.png") for path in (tmp_path / "figures").iterdir())
    assert "names" not in {path.stem.split("-")[-1] for path in _figures(tmp_path / "b")}


def _figures(directory: Path) -> list[Path]:
    _write(directory, _small())
    return list((directory / "figures").iterdir())


def test_names_follow_the_change_before() -> None:
    events = tuple(
        InterfaceEvent(time_s=at, interface="new", action="enabled") for at in (4.5, 11.0)
    )
    run = _named(events=events).runs[0]
    assert nameplots.delays([run]) == [0.5, 1.0]


def test_spans_are_cut_at_the_ends_of_the_run() -> None:
    changes = _named().runs[0].names
    assert nameplots.spans(changes, 20.0) == {
        ("server.lab.test.", L64S[0]): [(0.0, 12)],
        ("server.lab.test.", L64S[1]): [(5, 20.0)],
    }
    assert nameplots.spans(changes, 3.0) == {("server.lab.test.", L64S[0]): [(0.0, 3.0)]}
