"""Places: local paths, and URIs of object storage (s3://bucket/key) behind pathlib's methods.

A local place is a plain `pathlib.Path`, a remote one a `upath.UPath` over fsspec. Listings are
never cached, since other processes write there; what is read is asked for by byte range.
"""

from __future__ import annotations

import io
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TypeVar, cast
from urllib.parse import urlsplit
from urllib.request import url2pathname

from stages.errors import StorageError

if TYPE_CHECKING:
    from upath import UPath

    AnyPath = Path | UPath
else:
    AnyPath = Path  # upath is imported by those runs alone that need it

AT_ONCE: Final = 16
"""Requests to object storage under way together; a round trip takes tens of milliseconds."""
END_BYTES: Final = 256 << 10
"""What is fetched of the end of a remote file at once; smaller ones come whole."""
CLIENTS: Final = ("botocore.", "aiobotocore.", "aiohttp.")
"""Packages that raise errors of their own when storage cannot be reached."""

T = TypeVar("T")
R = TypeVar("R")


def place(text: str | AnyPath) -> AnyPath:
    """Return the path that a text names: a local one, or a UPath for a URI.

    Raises:
        StorageError: when a package for that kind of storage is missing, or none is known.
    """
    if not isinstance(text, str):
        return text
    scheme, mark, _ = text.partition("://")
    if not mark:
        return Path(text)
    if scheme == "file":
        return Path(url2pathname(urlsplit(text).path))
    try:
        from upath import UPath

        path = UPath(text.rstrip("/"), use_listings_cache=False)
        assert path.fs is not None  # made when it is asked for
    except ImportError as error:
        package = "s3fs" if scheme == "s3" else f"the fsspec package for {scheme}://"
        raise StorageError(
            f"{text} needs universal_pathlib and {package}, which cannot be imported ({error}); "
            f"install them, on every machine of the run"
        ) from error
    except ValueError as error:
        raise StorageError(f"{text}: {error}; write a local path or s3://bucket/key") from error
    return path


def is_remote(path: AnyPath) -> bool:
    """Tell whether a place lies on object storage."""
    return not isinstance(path, Path)


@contextmanager
def reached(path: AnyPath, doing: str = "read") -> Iterator[None]:
    """Turn what a remote store answers into a StorageError that says what to do.

    A file that is missing stays a FileNotFoundError, unless its bucket is missing, too.
    """
    try:
        yield
    except Exception as error:
        missing = isinstance(error, FileNotFoundError) and not lacks_bucket(error)
        if missing or not _is_from_storage(error):
            raise
        raise StorageError(f"cannot {doing} {path}: {_remedy(error)}") from error


def lacks_bucket(error: FileNotFoundError) -> bool:
    """Tell whether a file is missing because its bucket is."""
    answer = getattr(error.__cause__, "response", {})
    return bool(answer.get("Error", {}).get("Code") == "NoSuchBucket")


def _is_from_storage(error: Exception) -> bool:
    return isinstance(error, OSError) or f"{type(error).__module__}.".startswith(CLIENTS)


def _remedy(error: Exception) -> str:
    name, said = type(error).__name__, " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, FileNotFoundError):
        return f"there is no such bucket ({said}); make it, or name another"
    if isinstance(error, PermissionError):
        return f"access is denied ({said}); check the credentials and what they may do there"
    if "Credential" in name:
        return (
            f"no credentials were found ({said}); set AWS_ACCESS_KEY_ID and "
            f"AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
        )
    if "Connect" in name or isinstance(error, TimeoutError | ConnectionError):
        return f"the server is not reachable ({said}); check AWS_ENDPOINT_URL and the network"
    return f"{said}; run the same command again"


def read_bytes(path: AnyPath, start: int = 0, stop: int | None = None) -> bytes:
    """Return the bytes [start, stop) of a file, or fewer where it ends; one request if remote.

    A negative `start` counts from the end of a remote file.

    Raises:
        FileNotFoundError: when it is missing.
        StorageError: when the store cannot be reached.
    """
    if isinstance(path, Path):
        with path.open("rb") as file:
            file.seek(start)
            return file.read(-1 if stop is None else stop - start)
    if stop == start:
        return b""
    with reached(path):
        try:
            return bytes(path.fs.cat_file(path.path, start=start, end=stop))
        except OSError as error:
            if "range" in str(error).lower():  # it begins behind the end of the file
                return b""
            raise


def open_ranged(path: AnyPath, block_bytes: int = 1 << 20, size: int | None = None) -> BinaryIO:
    """Open a file for reading at random; a remote one is read ahead by `block_bytes`.

    Args:
        path: the file.
        block_bytes: read beyond what was asked for, bytes.
        size: of the file if it is known, which saves asking for it.

    Raises:
        FileNotFoundError: when it is missing.
        StorageError: when the store cannot be reached.
    """
    if isinstance(path, Path):
        return path.open("rb")
    end = None
    if size is None:
        end = read_bytes(path, -END_BYTES)
        if len(end) < END_BYTES:  # all of it, at the cost of one request
            return io.BytesIO(end)
    with reached(path):
        known = path.fs.info(path.path)["size"] if size is None else size
        file = path.fs.open(
            path.path, "rb", block_size=block_bytes, cache_type="readahead", size=known
        )
    return cast(BinaryIO, io.BufferedReader(_Reached(path, file, end), 64 << 10))


class _Reached(io.RawIOBase):
    """A remote file: its end is fetched once, as formats with a footer go there and back again.

    Errors are told as a StorageError, which nobody takes for damage.
    """

    def __init__(self, path: AnyPath, file: Any, end: bytes | None) -> None:
        self._path, self._file, self._end = path, file, end
        self._end_start = max(int(file.size) - END_BYTES, 0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return int(self._file.tell())

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return int(self._file.seek(offset, whence))

    def readinto(self, buffer: Any) -> int:
        with reached(self._path):
            data = self._read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _read(self, count: int) -> bytes:
        at = self.tell()
        if at < self._end_start:
            return bytes(self._file.read(count))
        if self._end is None:
            self._file.seek(self._end_start)
            self._end = bytes(self._file.read())
        data = self._end[at - self._end_start :][:count]
        self._file.seek(at + len(data))
        return data


def upload(file: BinaryIO, path: AnyPath) -> None:
    """Store a local file, which may have lost its name, under a remote one; whole or not at all.

    Raises:
        StorageError: when the store does not take it.
    """
    assert not isinstance(path, Path)
    file.flush()
    with reached(path, "write"):
        path.fs.put_file(f"/dev/fd/{file.fileno()}", path.path)


def remove(paths: Iterable[AnyPath]) -> None:
    """Remove files, those among them that are there; one request for all that are remote.

    Raises:
        StorageError: when the store cannot be reached.
    """
    remote = []
    for path in paths:
        if isinstance(path, Path):
            path.unlink(missing_ok=True)
        else:
            remote.append(path)
    if remote:
        with reached(remote[0], "remove"):
            try:
                remote[0].fs.rm([path.path for path in remote])
            except FileNotFoundError:
                return


def make_folder(path: AnyPath) -> None:
    """Make a folder and those above it; object storage has none, and no bucket is made."""
    if isinstance(path, Path):
        path.mkdir(parents=True, exist_ok=True)


def exists(path: AnyPath) -> bool:
    """Tell whether there is a file or folder.

    Raises:
        StorageError: when the store cannot be reached.
    """
    with reached(path):
        return path.exists()


def names_in(folder: AnyPath) -> frozenset[str]:
    """Return the names in a folder, none when it is missing; one listing.

    Raises:
        StorageError: when the store cannot be reached.
    """
    if isinstance(folder, Path):
        return frozenset(os.listdir(folder) if folder.is_dir() else ())
    return frozenset(info["name"].rstrip("/").rpartition("/")[2] for info in listed(folder))


def listed(folder: AnyPath) -> list[dict[str, Any]]:
    """Return what fsspec tells of each entry of a remote folder: name, size, type, ...

    Raises:
        StorageError: when the store cannot be reached.
    """
    assert not isinstance(folder, Path)
    with reached(folder):
        try:
            return list(folder.fs.ls(folder.path, detail=True))
        except FileNotFoundError as error:
            if lacks_bucket(error):
                raise
            return []


def at_once(function: Callable[[T], R], items: Iterable[T], *, remote: bool) -> Iterator[R]:
    """Yield the results in order; of remote work, some calls ahead are under way together."""
    if not remote:
        yield from map(function, items)
        return
    rest = iter(items)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        waiting: deque[Future[R]] = deque(
            pool.submit(function, item) for item in islice(rest, AT_ONCE)
        )
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(pool.submit(function, item) for item in islice(rest, 1))
            yield result
