"""Expansion of files, folders and patterns."""

import pytest

from stages.errors import SourceError
from stages.input_paths import expand


@pytest.fixture
def tree(tmp_path):
    for name in ("b/2.html", "b/1.html", "b/deep/3.HTM", "b/x.txt", "a.html"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    return tmp_path


def names(files, tree):
    return [str(file.path.relative_to(tree)) for file in files]


def test_a_folder_gives_its_files_at_any_depth_in_order_of_name(tree):
    files = expand([str(tree / "b")], (".html", ".htm"))
    assert names(files, tree) == ["b/1.html", "b/2.html", "b/deep/3.HTM"]
    assert {file.root for file in files} == {tree / "b"}


def test_paths_keep_the_order_in_which_they_are_given(tree):
    files = expand([str(tree / "b/2.html"), str(tree / "a.html")], (".html",))
    assert names(files, tree) == ["b/2.html", "a.html"]


def test_a_file_is_taken_whatever_its_ending(tree):
    [file] = expand([str(tree / "b/x.txt")], (".html",))
    assert file.root == tree / "b"


def test_a_pattern_is_rooted_at_the_folder_before_its_first_wildcard(tree):
    files = expand([str(tree / "b/**/*.HTM")], (".html",))
    assert names(files, tree) == ["b/deep/3.HTM"]
    assert files[0].root == tree / "b"


def test_every_path_that_names_nothing_is_listed_with_the_nearest_folder(tree):
    paths = [str(tree / "a.html"), str(tree / "no/such/x.html"), str(tree / "b/*.pdf")]
    with pytest.raises(SourceError) as caught:
        expand(paths, (".html",))
    assert str(caught.value).splitlines() == [
        "2 of 3 input paths name no file",
        f"  - {tree}/no/such/x.html: no such file or folder; "
        f"the nearest folder that exists is {tree}",
        f"  - {tree}/b/*.pdf: no file matches; the nearest folder that exists is {tree}/b",
    ]


def test_a_folder_without_such_files_says_what_was_looked_for(tree):
    with pytest.raises(SourceError, match=r"a folder without files ending in \.warc, \.zst"):
        expand([str(tree)], (".warc", ".zst"))


def test_no_paths_at_all_is_an_error():
    with pytest.raises(SourceError, match="no input: give the source at least one"):
        expand([], (".html",))


def test_a_link_to_a_file_that_is_named_too_is_refused(tree):
    (tree / "link.html").symlink_to(tree / "a.html")
    with pytest.raises(SourceError, match="named more than once"):
        expand([str(tree / "a.html"), str(tree / "link.html")], (".html",))
