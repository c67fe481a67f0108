import pytest

from pipelines import package
from pipelines.package import packed
from stages.errors import QuernError


@pytest.fixture
def checkout(tmp_path):
    for name in ("stages/stage.py", ".git/HEAD", "runs/a/rows", "data/crawl", "pyproject.toml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def test_the_code_goes_along_and_what_is_made_from_it_stays(checkout):
    with packed({"sent/r.yaml": "name: r"}, root=checkout) as folder:
        files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
        assert (folder / "sent" / "r.yaml").read_text() == "name: r"
    assert files == {"stages/stage.py", "pyproject.toml", "sent/r.yaml"}
    assert not folder.exists()


def test_a_folder_too_big_to_send_names_what_is_big(checkout, monkeypatch):
    monkeypatch.setattr(package, "MOST_BYTES", 1000)
    (checkout / "crawl").mkdir()
    (checkout / "crawl" / "big.warc").write_bytes(bytes(2_000_000))
    with pytest.raises(QuernError, match="the biggest: crawl 2 MB"), packed(root=checkout):
        pass


def test_without_a_checkout_there_is_nothing_to_send(tmp_path):
    with pytest.raises(QuernError, match="is not a checkout of Quern"), packed(root=tmp_path):
        pass
