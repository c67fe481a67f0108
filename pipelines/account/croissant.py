"""Croissant metadata of a run's shards: JSON-LD that names every file, its sha256 and columns.

Source: Croissant Format Specification 1.1, MLCommons, http://mlcommons.org/croissant/1.1
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pyarrow as pa

from pipelines.account.summary import Summary
from stages.files import open_parquet
from stages.shard_layout import FEATURES

CONTEXT: Final[Mapping[str, Any]] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The context that the specification prescribes, word for word."""

VERSION: Final = "http://mlcommons.org/croissant/1.1"
FILES: Final = "shards"
RECORDS: Final = "samples"
PARQUET: Final = "application/x-parquet"


def croissant(summary: Summary, *, licence: str) -> dict[str, Any]:
    """Return the metadata; paths in it start where the card lies once it is published."""
    run = summary.run
    content: dict[str, Any] = {
        "@context": dict(CONTEXT),
        "@type": "sc:Dataset",
        "conformsTo": VERSION,
        "name": run.name,
        "description": run.description or run.name,
        "license": licence,
        "citeAs": f"{run.name}, made with Quern {run.versions.get('quern', '')}, {run.ended[:10]}",
        "datePublished": run.ended,
        "version": "1.0.0",
        "keywords": ["quern", *summary.profile.kinds],
        "isLiveDataset": False,
    }
    if summary.manifest is None or not summary.manifest.shards:
        return content
    shards = summary.manifest.shards
    files = [
        {
            "@type": "cr:FileObject",
            "@id": shard.file,
            "name": shard.file,
            "contentUrl": f"shards/{shard.file}",
            "contentSize": f"{shard.bytes} B",
            "encodingFormat": PARQUET,
            "sha256": shard.sha256,
        }
        for shard in shards
    ]
    together = {
        "@type": "cr:FileSet",
        "@id": FILES,
        "name": FILES,
        "description": "All shards: the files above, found beside this one.",
        "encodingFormat": PARQUET,
        "includes": "shards/*.parquet",
    }
    with open_parquet(summary.folder.shards / shards[0].file) as file:
        schema = file.schema_arrow
    records = {
        "@type": "cr:RecordSet",
        "@id": RECORDS,
        "name": RECORDS,
        "description": "One sample per record.",
        "key": {"@id": f"{RECORDS}/id"},
        "field": [_field(RECORDS, each.name, each.type, ()) for each in schema],
    }
    return {**content, "distribution": [*files, together], "recordSet": [records]}


def _field(parent: str, name: str, type_: pa.DataType, path: tuple[str, ...]) -> dict[str, Any]:
    """Return the field of a column, or of what lies inside it at a path.

    What is nested in lists of structures is left to the description: readers go no deeper.
    """
    id_ = f"{parent}/{name}"
    field: dict[str, Any] = {"@type": "cr:Field", "@id": id_, "name": id_.partition("/")[2]}
    depth, place = 0, (*path, name)
    while pa.types.is_list(type_):
        type_, depth = type_.value_type, depth + 1
    source: dict[str, Any] = {"fileSet": {"@id": FILES}, "extract": {"column": place[0]}}
    if len(place) > 1:
        source["transform"] = [{"jsonPath": ".".join(place[1:])}]
    if not path and name in FEATURES:
        source["transform"] = [{"jsonPath": "bytes"}]
        return {**field, "repeated": True, "dataType": "sc:ImageObject", "source": source}
    if depth:
        field |= {"isArray": True, "arrayShape": ",".join(["-1"] * depth)}
    if pa.types.is_struct(type_):
        shallow = [each for each in type_ if not (depth and pa.types.is_nested(each.type))]
        inside = [_field(id_, each.name, each.type, place) for each in shallow]
        description = f"Holds {', '.join(each.name for each in type_)}."
        return {**field, "description": description, "source": source, "subField": inside}
    return {**field, "dataType": _data_type(type_), "source": source}


def _data_type(type_: pa.DataType) -> str:
    if pa.types.is_integer(type_):
        return "cr:Int64" if type_.bit_width == 64 else "cr:Int32"
    if pa.types.is_floating(type_):
        return "cr:Float64" if type_.bit_width == 64 else "cr:Float32"
    return "sc:Boolean" if pa.types.is_boolean(type_) else "sc:Text"
