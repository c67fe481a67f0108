"""A stand-in for the client of the Hugging Face hub: a table of files, and a cache folder."""

from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from huggingface_hub.errors import LocalEntryNotFoundError


@dataclass(kw_only=True)
class HubHere:
    """A hub.

    Attributes:
        cache: folder of what has been fetched.
        remote: names of the files of each model.
        fetched: the models that were asked for, in order.
    """

    cache: Path
    remote: dict[str, tuple[str, ...]]
    fetched: list[str] = field(default_factory=list)

    def snapshot_download(
        self,
        repo: str,
        *,
        allow_patterns: list[str] | None = None,
        local_files_only: bool = False,
    ) -> str:
        folder = self.cache / repo.replace("/", "--")
        if local_files_only:
            if not folder.is_dir():
                raise LocalEntryNotFoundError(f"{repo} is not in the cache")
            return str(folder)
        self.fetched.append(repo)
        if repo not in self.remote:
            raise LocalEntryNotFoundError(f"{repo} is nowhere")
        folder.mkdir(parents=True, exist_ok=True)
        for name in self.remote[repo]:
            if any(fnmatch(name, pattern) for pattern in allow_patterns or ["*"]):
                (folder / name).write_text("{}")
        return str(folder)
