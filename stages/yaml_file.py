"""YAML in which no key comes twice, as recipes and presets are written."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import yaml


def read_yaml(text: str) -> Any:
    """Return the content of a YAML document as plain values.

    Raises:
        yaml.YAMLError: when it is no YAML, or a mapping holds a key twice; of two equal keys YAML
            readers silently take the last, and the option above it would count for nothing.
    """
    return yaml.load(text, Loader=_UniqueKeys)


class _UniqueKeys(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Any] = set()
        for key, _ in node.value:
            name = getattr(key, "value", None)
            if isinstance(name, str) and key.tag != "tag:yaml.org,2002:merge":
                if name in seen:
                    raise yaml.constructor.ConstructorError(
                        "while reading a mapping",
                        node.start_mark,
                        f"{name!r} is given twice; keep one of the two",
                        key.start_mark,
                    )
                seen.add(name)
        return super().construct_mapping(node, deep)
