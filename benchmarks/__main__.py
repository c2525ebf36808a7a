"""`python -m benchmarks`: prints ratios to bare floors; `--check` fails when one is above its budget."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import psutil

from benchmarks.compare import Compared, compare
from benchmarks.comparisons import COMPARISONS
from benchmarks.dataset import Dataset, build_dataset
from benchmarks.formats import measure_formats, measure_spelling
from benchmarks.imports import measure_import
from benchmarks.micro import measure_steps
from benchmarks.policy import measure_policy
from benchmarks.revocation import measure_block, measure_revocation
from benchmarks.servers import find_mongod
from benchmarks.start import measure_start
from benchmarks.validating import measure_validation
from fhir_server.storage.embedded import EmbeddedMongo

BUDGETS = Path(__file__).with_name("budgets.json")
SHAPES = ((1, 4), (2, 4))
MEASURES = (
    "steps",
    "validation",
    "formats",
    "start",
    "revocation",
    "block",
    "policy",
    *(comparison.name for comparison in COMPARISONS),
    "import",
)


def main() -> None:
    """Measures what was asked for, prints it, and checks it when told to."""
    options = _options()
    wanted = options.only or list(MEASURES)
    found: dict[str, float] = {}
    if "steps" in wanted:
        measure_steps()
    if "validation" in wanted:
        found |= measure_validation()
    if "formats" in wanted:
        found |= measure_spelling()
    if set(wanted) - {"steps", "validation"}:
        found |= _measure_servers(options, wanted)
    if options.json:
        Path(options.json).write_text(json.dumps(found, indent=2) + "\n")
    if not _within_budgets(found) and options.check:
        sys.exit(1)


def _measure_servers(options: argparse.Namespace, wanted: list[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as name, EmbeddedMongo(Path(name)) as mongo:
        folder = Path(name)
        mongod = find_mongod(mongo.port)
        data = build_dataset(mongo.uri, folder)
        if "formats" in wanted:
            found |= measure_formats(data)
        if "start" in wanted:
            found |= measure_start(data, folder)
        if "revocation" in wanted:
            found |= measure_revocation(data, folder)
        if "block" in wanted:
            found |= measure_block(data, folder)
        if "policy" in wanted:
            found |= measure_policy(data, mongod)
        found |= _compare(options, wanted, data, mongod, folder)
        if "import" in wanted:
            found |= measure_import(data, mongod, folder, os.environ.get("FHIR_BENCH_BUNDLES", ""))
    return found


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail when a budget is exceeded")
    parser.add_argument("--rounds", type=int, default=25, help="rounds of each comparison")
    parser.add_argument("--only", nargs="+", choices=MEASURES, help="measure these")
    parser.add_argument("--one-worker", action="store_true", help="compare with one worker only")
    parser.add_argument("--json", metavar="FILE", help="write the figures that have budgets here")
    return parser.parse_args()


def _compare(
    options: argparse.Namespace, wanted: list[str], data: Dataset, mongod: psutil.Process, folder: Path
) -> dict[str, float]:
    chosen = [comparison for comparison in COMPARISONS if comparison.name in wanted]
    found: dict[str, float] = {}
    for workers, threads in SHAPES[:1] if options.one_worker else SHAPES:
        if chosen:
            print(f"\n{workers} x {threads}: medians of {options.rounds} rounds, CPU in µs per request")
            print(
                _ROW.format(
                    "",
                    "",
                    "server",
                    "mongod",
                    "req/s",
                    "p50 ms",
                    "p99 ms",
                    "CPU / floor (min-max)",
                    "with mongod",
                )
            )
        rows = compare(chosen, data, mongod, folder, shape=(workers, threads), rounds=options.rounds)
        for row in rows:
            _print(row)
            if row.application != "floor":
                found[f"{row.comparison} {row.application} {row.shape}"] = row.ratios[len(row.ratios) // 2]
    return found


_ROW = "{:10} {:10} {:>8} {:>8} {:>7} {:>7} {:>7}  {:22} {}"


def _print(row: Compared) -> None:
    ratio, total = row.ratios, row.total_ratios
    middle = len(ratio) // 2
    print(
        _ROW.format(
            row.comparison,
            row.application,
            *(f"{row.middle(name):.0f}" for name in ("server_us", "mongod_us", "rate")),
            *(f"{row.middle(name):.1f}" for name in ("p50_ms", "p99_ms")),
            f"{ratio[middle]:.2f} ({ratio[0]:.2f}-{ratio[-1]:.2f})",
            f"{total[middle]:.2f}",
        ),
        flush=True,
    )


def _within_budgets(found: dict[str, float]) -> bool:
    budgets = json.loads(BUDGETS.read_text())
    tests: dict[str, Callable[[float, float], bool]] = {
        "at_most": lambda value, limit: value <= limit,
        "at_least": lambda value, limit: value >= limit,
    }
    kept = True
    print()
    for kind, limits in budgets.items():
        for name, limit in limits.items():
            for key in (key for key in found if key == name or key.startswith(f"{name} ")):
                within = tests[kind](found[key], limit)
                kept = kept and within
                words = kind.replace("_", " ")
                print(f"{'within' if within else 'ABOVE '} budget: {key} {found[key]:.2f} ({words} {limit})")
    return kept


if __name__ == "__main__":
    main()
