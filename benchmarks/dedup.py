"""Texts to keep-or-drop decisions, near-duplicates at 0.75, beside other tools.

    python -m benchmarks.dedup [--texts 10000] [--rounds 3] [--peer-python NAME=PYTHON ...]

Speed is texts per CPU second on one core, from texts in memory to decisions. The texts hold what
`benchmarks/clusters.py` plants: clusters of 2 to 1,000, edited pairs, texts cut short, white
space alone, shared boilerplate. Of texts that are the same, all but one should go: recall is the
share that does; lost, groups of which none is left. Of those that only look so, none should go:
wrong is the share that goes, beyond one that might have stayed for all. `--peer-python` names the
Python of an environment that has rensa, datasketch, datatrove, text-dedup or data-juicer; each
runs in processes of its own, as Quern does, and reports its largest resident memory.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.clusters import Group, planted
from benchmarks.dedup_peers import PEERS, THRESHOLD, measured
from stages.dedup.graph import forest_of_edges, merged
from stages.dedup.minhash import MinHashDedup
from stages.dedup.nodes import elements_of, rows_of, units_of
from stages.media import MediaStore
from stages.record import document, table_of, text_part
from stages.stage import EDGES, Batch, Bucket, Projection

BUCKETS = 4
UNIT = 5000
PEER = Path(__file__).with_name("dedup_peers.py")


def quern(texts: list[str]) -> set[int]:
    """Return the texts that MinHashDedup drops; the steps of a run, in memory."""
    rows = [
        {"id": f"{i:032x}", "kind": "text", "messages": document([text_part(text)])}
        for i, text in enumerate(texts)
    ]
    store = MediaStore(root=Path("media"))
    operator = MinHashDedup(threshold=THRESHOLD)
    projections = [
        operator.project(Batch(table=table_of(rows[at : at + UNIT]), store=store))
        for at in range(0, len(rows), UNIT)
    ]
    place = Bucket(index=0, media=store.root, beside=lambda unit: beside(projections[unit]))
    forests = []
    for number in range(BUCKETS):
        edges = operator.decide(_bucket(operator, projections, number), place)
        forests.append(forest_of_edges(*(edges.column(n).to_numpy() for n in EDGES.names)))
    members = _members(operator, projections, merged(forests))
    decisions = operator.judge(members, replace(place, units=len(projections))).to_pydict()
    entries = zip(decisions["unit"], decisions["row"], decisions["keep"], strict=True)
    return {unit * UNIT + row for unit, row, keep in entries if not keep}


def beside(projection: Projection) -> pa.Table:
    assert projection.beside is not None
    return projection.beside


def _bucket(operator: MinHashDedup, projections: list[Projection], number: int) -> pa.Table:
    parts = []
    for unit, projection in enumerate(projections):
        mine = operator.partition(projection.rows, BUCKETS) == number
        rows = projection.rows.filter(pa.array(mine))
        parts.append(rows.append_column("unit", pa.array(np.full(rows.num_rows, unit), pa.int32())))
    return pa.concat_tables(parts)


def _members(operator: MinHashDedup, projections: list[Projection], forest: Any) -> pa.Table:
    tables = []
    for unit, projection in enumerate(projections):
        mine = units_of(forest.node) == unit
        row, element = rows_of(forest.node[mine]), elements_of(forest.node[mine])
        table = operator.members(beside(projection), row, element)
        columns = {
            "unit": pa.array(np.full(len(row), unit), pa.int32()),
            "row": row,
            "element": element,
            "cluster": forest.label[mine],
            "score": forest.score[mine],
        }
        for name, column in columns.items():
            table = table.append_column(name, pa.array(column))
        tables.append(table)
    return pa.concat_tables(tables)


def judged(dropped: set[int], groups: list[Group]) -> dict[str, float]:
    """Return by kind the share that went of those that should, or should not, and `lost`."""
    gone: dict[str, list[int]] = {}
    lost = 0
    for group in groups:
        size, left = len(group.members), len(set(group.members) - dropped)
        lost += group.same and left == 0
        share = gone.setdefault(group.kind, [0, 0])
        share[0] += size - (max(left, 1) if group.kind != "alone" else left)
        share[1] += size - (group.kind != "alone")
    return {**{kind: went / of for kind, (went, of) in gone.items()}, "lost": lost}


def report(texts: list[str], groups: list[Group], runs: Mapping[str, list[dict[str, Any]]]) -> None:
    """Print speeds and memory, then what went of every kind."""
    counts = {g.kind: sum(len(h.members) for h in groups if h.kind == g.kind) for g in groups}
    print(f"{len(texts)} texts, {sum(map(len, texts)) / 1e6:.1f} MB")
    for same in (True, False):
        kinds = dict.fromkeys(g.kind for g in groups if g.same == same)
        what = "should go but for one" if same else "should stay"
        print(f"{what}: " + "; ".join(f"{kind} ({counts[kind]} texts)" for kind in kinds))
    print("\n| | texts per CPU s: median | lowest | highest | peak MB |\n|-|-|-|-|-|")
    for name, done in runs.items():
        rates = sorted(len(texts) / run["seconds"] for run in done)
        peak = max(run["peak_mb"] for run in done)
        print(
            f"| {name} | {statistics.median(rates):,.0f} | {rates[0]:,.0f} | {rates[-1]:,.0f} "
            f"| {peak:,.0f} |"
        )
    scores = {name: judged(set(done[0]["dropped"]), groups) for name, done in runs.items()}
    for same, title in ((True, "recall"), (False, "wrong")):
        kinds = list(dict.fromkeys(g.kind for g in groups if g.same == same))
        kinds += ["lost"] if same else []
        print(f"\n| {title} | " + " | ".join(kinds) + " |\n|" + "-|" * (len(kinds) + 1))
        for name, found in scores.items():
            print(f"| {name} | " + " | ".join(f"{found[kind]:.4g}" for kind in kinds) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=10000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer-python", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--alone", metavar="TEXTS.json", help="be Quern's own process")
    options = parser.parse_args()
    if options.alone:
        quern(["compile this"] * 2)
        print(measured(quern, json.loads(Path(options.alone).read_text())))
        return
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    texts, groups = planted(options.texts, threshold=THRESHOLD)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(texts, file)
        file.flush()
        commands = {"quern": [sys.executable, "-m", "benchmarks.dedup", "--alone", file.name]}
        for named in options.peer_python:
            name, _, python = named.partition("=")
            if name not in PEERS:
                parser.error(f"--peer-python {name}: name one of {', '.join(PEERS)}")
            commands[name] = [python, str(PEER), name, file.name]
        runs: dict[str, list[dict[str, Any]]] = {name: [] for name in commands}
        for _ in range(options.rounds):
            for name, command in commands.items():
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
                runs[name].append(json.loads(done.stdout.splitlines()[-1]))
    report(texts, groups, runs)


if __name__ == "__main__":
    main()
