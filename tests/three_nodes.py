"""A Ray cluster of three nodes on this machine, in a process of its own: see `three_nodes`.

Run as a program it starts the cluster, prints where it is, and obeys lines on standard input:
`remove` takes a node away without grace, `restore` brings one in its stead, the end of input ends
the cluster.
"""

import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STORE_BYTES = 80_000_000


@dataclass(frozen=True, kw_only=True)
class ThreeNodes:
    """A cluster of three nodes of one core.

    Attributes:
        address: for drivers on this machine, host:port.
        jobs: of the job server, http://host:port.
        client: of the client server, ray://host:port.
        environment: for processes that use the cluster.
        process: obeys.
    """

    address: str
    jobs: str
    client: str
    environment: dict[str, str]
    process: subprocess.Popen[str]

    def remove_node(self) -> None:
        """Take a node away that is not the head."""
        self._obeyed("remove")

    def restore_node(self) -> None:
        """Bring a node in place of one taken away, once all know that that is gone."""
        self._obeyed("restore")

    def _obeyed(self, order: str) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{order}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == f"{order}d\n"

    def quern(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the command line with the cluster's environment."""
        return subprocess.Popen(
            [sys.executable, "-m", "pipelines.cli", *arguments],
            env=self.environment,
            cwd=ROOT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )


@contextmanager
def three_nodes() -> Iterator[ThreeNodes]:
    """Give a cluster of three nodes; it is gone when the block ends."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_task_oom_retries": "2",
    }
    command = [sys.executable, __file__]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env=environment, text=True, **pipes) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            told = json.loads(process.stdout.readline())
            yield ThreeNodes(**told, environment=environment, process=process)
        finally:
            process.stdin.close()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def main() -> None:
    """Start the cluster and obey."""
    from ray.cluster_utils import Cluster

    dashboard, agent, client = _free_ports(3)
    head = {"include_dashboard": True, "dashboard_port": dashboard}
    head |= {"dashboard_agent_listen_port": agent}  # jobs go through it; others hold the default
    cluster = Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": 1,
            "object_store_memory": STORE_BYTES,
            "ray_client_server_port": client,
            **head,
        },
    )
    for _ in range(2):
        cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES, wait=False)
    cluster.wait_for_nodes()
    told = {
        "address": cluster.address,
        "jobs": f"http://{cluster.head_node.webui_url}",
        "client": f"ray://127.0.0.1:{client}",
    }
    print(json.dumps(told), flush=True)
    for order in map(str.strip, sys.stdin):
        if order == "remove":
            cluster.remove_node(max(cluster.worker_nodes, key=id), allow_graceful=False)
        else:
            cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES, wait=False)
            cluster.wait_for_nodes()
        print(f"{order}d", flush=True)
    cluster.shutdown()


if __name__ == "__main__":
    main()
