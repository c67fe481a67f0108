"""A look at the nodes of a cluster before a run: whether all see its folder and its input."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from stages.errors import QuernError, StorageError
from stages.files import write_bytes
from stages.places import AnyPath, is_remote, place, read_bytes, remove

PROBED_INPUTS = 20
PATIENCE_S = 120.0
REMEDY = "use a folder on a file system that all nodes mount at the same place, or an s3:// URI"


def check_nodes(root: AnyPath, inputs: Sequence[str]) -> None:
    """Refuse a run on nodes that do not all see the same files.

    Each node reads a file that this process wrote into the run folder, writes one that this
    process then reads, and looks for some of the inputs. Nodes that join later are not asked.

    Args:
        root: the run folder.
        inputs: paths of what is read.

    Raises:
        QuernError: naming the nodes and the remedy.
    """
    import ray

    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    names = {node["NodeID"]: _name(node) for node in nodes if node["Alive"]}
    if len(names) < 2:
        return
    token = secrets.token_hex(8)
    files = {node: root / f".seen-{token}-{number}" for number, node in enumerate(names)}
    mine = root / f".seen-{token}"
    local = list(dict.fromkeys(path for path in inputs if not is_remote(place(path))))
    some = local[:: max(1, len(local) // PROBED_INPUTS)]
    try:
        write_bytes(mine, token.encode())
        missing = _asked(names, {node: (mine, files[node], token, some) for node in names})
        blind = [n for n in names if missing[n] is None or not _says(files[n], token)]
    finally:
        remove([mine, *files.values()])
    if blind:
        unseen = [names[node] for node in blind]
        raise QuernError(_told(unseen, names, f"the run folder {root}", "--out"))
    for path in some:
        lacking = [names[node] for node in names if path in (missing[node] or ())]
        if lacking:
            raise QuernError(_told(lacking, names, f"the input {path}", "--read"))


def _name(node: Mapping[str, Any]) -> str:
    return f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"


def _told(without: Sequence[str], names: Mapping[str, str], what: str, option: str) -> str:
    some = ", ".join(without[:5]) + (", ..." if len(without) > 5 else "")
    count = f"{len(without)} of the {len(names)} nodes do"
    return f"{count} not see {what} that this process sees: {some}; for {option} {REMEDY}"


def _asked(names: Mapping[str, str], questions: Mapping[str, Any]) -> dict[str, list[str] | None]:
    """Return what each node answers."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    remote: Any = ray.remote(num_cpus=0, max_retries=0)(look)
    asked = {
        node: remote.options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)
        ).remote(*questions[node])
        for node in names
    }
    _, late = ray.wait(list(asked.values()), num_returns=len(asked), timeout=PATIENCE_S)
    if late:
        silent = [names[node] for node, task in asked.items() if task in late]
        raise QuernError(
            f"no answer within {PATIENCE_S:g} s from {', '.join(silent)}; look at these nodes "
            f"(`ray status`, and the logs in /tmp/ray on them), or take them out of the cluster"
        )
    return {node: ray.get(task) for node, task in asked.items()}


def look(there: AnyPath, mine: AnyPath, token: str, inputs: Sequence[str]) -> list[str] | None:
    """Return which inputs this machine does not see, or None if it does not see the run folder.

    Args:
        there: a file that holds the token where the run folder is seen.
        mine: where to write the token.
        token: of this run.
        inputs: local paths.
    """
    if not _says(there, token):
        return None
    try:
        write_bytes(mine, token.encode())
    except StorageError:
        return None
    return [path for path in inputs if not place(path).exists()]


def _says(path: AnyPath, token: str) -> bool:
    try:
        return read_bytes(path) == token.encode()
    except (OSError, StorageError):
        return False
