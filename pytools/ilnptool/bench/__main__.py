# SPDX-License-Identifier: BSD-2-Clause
"""Runs the benchmark: `python -m ilnptool.bench`, which is what `make bench` does."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ilnptool.bench.goals import PAIRS_MIN, measures
from ilnptool.bench.suite import run_bench, summary
from ilnptool.errors import EXIT_FAILED, EXIT_INTERRUPT, EXIT_OK, IlnpError, UsageError


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m ilnptool.bench",
        description="Measures ratios of ILNP to plain IPv6, MPTCP and a bare relay; needs root.",
        epilog="Exit status: 0 all measures met, 1 some not, 2 usage, 3 something is missing.",
    )
    parser.add_argument("--out", type=Path, default=Path("results/bench.json"), metavar="FILE")
    parser.add_argument(
        "--measures", default=",".join(measures()), help="of %(default)s, separated by commas"
    )
    parser.add_argument("--pairs", type=int, default=PAIRS_MIN, help="per ratio (%(default)s)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--short", action="store_true", help="about ten minutes (the default)")
    form.add_argument("--full", action="store_true", help="longer flows, and more runs for P14")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args(argv)


def _chosen(text: str) -> list[str]:
    names = [name.strip().upper() for name in text.split(",")]
    unknown = [name for name in names if name not in measures()]
    if unknown:
        raise UsageError(f"no measure {', '.join(unknown)}; there are: {', '.join(measures())}")
    return names


def main(argv: list[str]) -> int:
    """Run the benchmark as the arguments say, and return the exit status."""
    options = _arguments(argv)
    try:
        result = run_bench(
            _chosen(options.measures),
            pairs=options.pairs,
            short=not options.full,
            seed=options.seed,
            progress=lambda text: print(text, file=sys.stderr, flush=True),
            out=options.out,
        )
    except IlnpError as err:
        print(f"ilnptool.bench: {err}", file=sys.stderr)
        return err.exit_code
    except KeyboardInterrupt:
        print("ilnptool.bench: interrupted", file=sys.stderr)
        return EXIT_INTERRUPT
    print(summary(result))
    print(f"written: {options.out}", file=sys.stderr)
    met = all(measure["met"] for measure in result["measures"].values())
    return EXIT_OK if met else EXIT_FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
