"""Models on the Hugging Face hub: which files are wanted, whether they are here, fetching them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stages.errors import MissingWeightsError

MODEL_FILES: Final = ("*.json", "*.safetensors", "*.txt", "*.jinja")
"""What of a transformers model is fetched; other forms of the same weights stay behind."""
MODEL_NEEDS: Final = ("config.json", "*.safetensors")
TOKENIZER_FILES: Final = ("preprocessor_config.json", "tokenizer.json")
OPEN_CLIP_FILES: Final = ("*.json", "*.txt", "open_clip_model.safetensors")
OPEN_CLIP_NEEDS: Final = ("open_clip_config.json", "open_clip_model.safetensors")


@dataclass(frozen=True, kw_only=True)
class Download:
    """Files of a model on the hub.

    Attributes:
        repo: its name, "organisation/name".
        files: names and patterns of the files that are fetched.
        needs: names and patterns that must all be found for the model to be whole.
    """

    repo: str
    files: tuple[str, ...] = MODEL_FILES
    needs: tuple[str, ...] = MODEL_NEEDS

    def folder(self) -> Path | None:
        """Return the folder in the local cache that holds the files; None when one is missing."""
        from huggingface_hub import snapshot_download  # 0.3 s that other operators do not need
        from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

        try:
            found = snapshot_download(self.repo, local_files_only=True)
        except (LocalEntryNotFoundError, HFValidationError):
            return None
        folder = Path(str(found))
        return folder if not missing_files(folder, self.needs) else None

    def fetch(self) -> Path:
        """Fetch what is missing into the local cache and return its folder there.

        Raises:
            MissingWeightsError: when the hub cannot be reached, has no such model or will not
                give it; the message says what to do.
        """
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HFValidationError

        try:
            found = snapshot_download(self.repo, allow_patterns=list(self.files))
        except (OSError, HFValidationError) as error:
            raise MissingWeightsError(self._told(error)) from error
        folder = Path(str(found))
        if missing := missing_files(folder, self.needs):
            raise MissingWeightsError(
                f"model {self.repo!r} has no {missing[0]} on the hub; name a model that has"
            )
        return folder

    def _told(self, error: Exception) -> str:
        reason = " ".join(str(error).split())[:200]
        return (
            f"model {self.repo!r} cannot be fetched ({type(error).__name__}: {reason}); check its "
            f"name and, for a model behind a licence, `hf auth login`; on a machine without the "
            f"web run `quern models fetch` where there is one and copy the cache folder, or name "
            f"a folder that holds the model in the recipe"
        )


def missing_files(folder: Path, needs: tuple[str, ...] = MODEL_NEEDS) -> list[str]:
    """Return the names and patterns that match no file, and the parts that an index names."""
    missing = [each for each in needs if not any(folder.glob(each))]
    for index in sorted(folder.glob("*.safetensors.index.json")):
        named = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
        missing += [name for name in sorted(set(named)) if not (folder / name).is_file()]
    return missing


def model_folder(name: str) -> Path:
    """Return the folder of a transformers model: itself, or in the hub's cache.

    Raises:
        MissingWeightsError: when it is not on this machine, or not whole.
    """
    if Path(name).is_dir():
        if missing := missing_files(Path(name)):
            raise MissingWeightsError(f"model folder {name!r} holds no {missing[0]}")
        return Path(name)
    folder = Download(repo=name).folder()
    if folder is None:
        raise MissingWeightsError(
            f"model {name!r}: {' and '.join(MODEL_NEEDS)} are not on this machine; fetch it with "
            f"`quern models fetch RECIPE`, or name a folder that holds them"
        )
    return folder


def model_downloads(*names: str) -> tuple[Download, ...]:
    """Return what of the hub the transformers models need; folders need nothing."""
    return tuple(Download(repo=name) for name in names if not Path(name).is_dir())


def tokenizer_downloads(name: str) -> tuple[Download, ...]:
    """Return what of the hub `stages.tokenizer.load_tokenizer` needs; a folder needs nothing."""
    if Path(name).is_dir():
        return ()
    return (Download(repo=name, files=TOKENIZER_FILES, needs=TOKENIZER_FILES),)


def open_clip_downloads(model: str, pretrained: str) -> tuple[Download, ...]:
    """Return what of the hub an open_clip model needs.

    Args:
        model: "hf-hub:NAME", or the name of a shape that open_clip knows.
        pretrained: whose weights of that shape, as open_clip names them; "" for none.
    """
    if model.startswith("hf-hub:"):
        repo = model.removeprefix("hf-hub:")
        return (Download(repo=repo, files=OPEN_CLIP_FILES, needs=OPEN_CLIP_NEEDS),)
    if not pretrained or Path(pretrained).is_file():
        return ()
    from open_clip import get_pretrained_cfg  # type: ignore[import-untyped, unused-ignore]

    name: str = (get_pretrained_cfg(model, pretrained) or {}).get("hf_hub", "")
    if not name:
        raise MissingWeightsError(
            f"open_clip has no weights {pretrained!r} of {model!r} on the hub; "
            f"`open_clip.list_pretrained()` names all, or give a file of weights"
        )
    repo, _, file = name.rpartition("/")
    weights = file or "open_clip_model.safetensors"
    return (Download(repo=repo, files=(weights, "*.json"), needs=(weights,)),)
