"""Which edits change the digest of a script's code, tried on a made-up package."""

from pathlib import Path

import pytest

from orderparam import code_digest as code_digest_module
from orderparam.code_digest import code_as_read, code_digest, find_edited

PROJECT = Path(__file__).resolve().parents[1]

FILES = {
    "script.py": "import numpy\nfrom toy.a import run\n\nrun()\n",
    "toy/__init__.py": '"""A toy."""\n',
    "toy/a.py": "from toy import b\nfrom toy.sub.d import value\ndef run():\n    import toy.c\n",
    "toy/b.py": 'from pathlib import Path\n\nTABLE = Path(__file__).parent / "data" / "table.bin"\n',
    "toy/c.py": "from toy import tracking\n",
    "toy/sub/__init__.py": "from toy.sub.e import E\n",
    "toy/sub/d.py": "from toy.f import value\n",
    "toy/sub/e.py": "E = 1\n",
    "toy/f.py": "value = 1\n",
    "toy/tracking.py": "import toy.behind_tracking\n",
    "toy/behind_tracking.py": "x = 1\n",
    "toy/unused.py": "x = 1\n",
    "toy/figures/__init__.py": "",
    "toy/figures/one.py": 'import toy.only_one\n\nSTYLE = "figures/one.mplstyle"\n',
    "toy/figures/two.py": "",
    "toy/only_one.py": "",
    "toy/data/table.bin": "1",
    "toy/data/other.bin": "1",
    "toy/figures/one.mplstyle": "font.size: 8\n",
}
COUNTED = [
    "script.py",
    "toy/__init__.py",
    "toy/a.py",
    "toy/b.py",
    "toy/c.py",
    "toy/sub/__init__.py",
    "toy/sub/d.py",
    "toy/sub/e.py",
    "toy/f.py",
    "toy/data/table.bin",
]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def digest(project: Path, **options: tuple[str, ...]) -> str:
    """As in a new process."""
    code_digest_module._parse.cache_clear()
    return code_digest(project / "script.py", project / "toy", **options)


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


@pytest.mark.parametrize("name", COUNTED)
def test_code_of_every_module_on_the_way_counts(project: Path, name: str) -> None:
    before = digest(project)
    append(project / name, "y = 2\n")
    assert digest(project) != before


@pytest.mark.parametrize("name", sorted(set(FILES) - set(COUNTED)))
def test_other_files_do_not_count(project: Path, name: str) -> None:
    before = digest(project)
    append(project / name, "y = 2\n")
    assert digest(project) == before


def test_ignored_module_counts_when_it_is_not_ignored(project: Path) -> None:
    before = digest(project, ignore=())
    append(project / "toy/behind_tracking.py", "y = 2\n")
    assert digest(project, ignore=()) != before


def test_comments_formatting_and_docstrings_do_not_count(project: Path) -> None:
    before = digest(project)
    (project / "toy/a.py").write_text(
        '"""Says what it is."""\n\n'
        "from toy import b\n"
        "from toy.sub.d import (\n    value,  # why\n)\n\n\n"
        'def run():\n    """Run."""\n\n    import toy.c  # now\n'
    )
    assert digest(project) == before


def test_string_that_is_no_docstring_counts(project: Path) -> None:
    append(project / "toy/f.py", 'text = "one"\n')
    before = digest(project)
    module = project / "toy/f.py"
    module.write_text(module.read_text().replace('"one"', '"two"'))
    assert digest(project) != before


@pytest.mark.parametrize("name", ["toy/figures/one.py", "toy/only_one.py", "toy/figures/one.mplstyle"])
def test_included_module_counts_with_all_that_it_uses(project: Path, name: str) -> None:
    one, two = digest(project, include=("figures.one",)), digest(project, include=("figures.two",))
    append(project / name, "y = 2\n")
    assert digest(project, include=("figures.one",)) != one
    assert digest(project, include=("figures.two",)) == two


def test_unknown_include_is_refused(project: Path) -> None:
    with pytest.raises(ValueError, match=r"figures\.three"):
        digest(project, include=("figures.three",))


def test_digest_does_not_depend_on_the_place(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    before = digest(project)
    assert digest(project.rename(tmp_path_factory.mktemp("elsewhere") / "moved")) == before


def test_moving_code_between_modules_counts(project: Path) -> None:
    """The digest is over named modules, not over a heap of texts."""
    before = digest(project)
    (project / "toy/sub/e.py").write_text(FILES["toy/f.py"])
    (project / "toy/f.py").write_text(FILES["toy/sub/e.py"])
    assert digest(project) != before


def test_cyclic_imports_end(project: Path) -> None:
    before = digest(project)
    append(project / "toy/f.py", "import toy.a\n")
    assert digest(project) != before


def test_fault_in_syntax_names_the_file(project: Path) -> None:
    append(project / "toy/f.py", "def\n")
    with pytest.raises(SyntaxError) as caught:
        digest(project)
    assert caught.value.filename == str(project / "toy/f.py")


def test_the_digests_of_all_scripts_parse_each_file_once() -> None:
    scripts = sorted((PROJECT / "workflow/scripts").glob("*.py"))
    package = PROJECT / "workflow/orderparam"
    modules = list(package.rglob("*.py"))
    before = code_digest_module._parse.cache_info().misses
    found = [code_digest(script, package) for script in scripts]
    assert len(set(found)) == len(scripts) > 0
    assert code_digest_module._parse.cache_info().misses - before <= len(scripts) + len(modules)


def test_an_edit_since_the_code_was_read_is_found_and_a_remark_is_none(tmp_path):
    script, module = tmp_path / "script.py", tmp_path / "toy/a.py"
    module.parent.mkdir()
    script.write_text("from toy import a\n")
    module.write_text("x = 1\n")
    code_digest(script, tmp_path / "toy")
    as_read = code_as_read(tmp_path)
    assert as_read.keys() == {"script.py", "toy/a.py"}
    files = [script, module, tmp_path / "toy/unknown.py", Path("/elsewhere.py")]
    assert find_edited(tmp_path, as_read, files) is None
    module.write_text("x = 1  # a remark\n")
    assert find_edited(tmp_path, as_read, files) is None
    for edited in ("x = 2\n", "x = (\n"):
        module.write_text(edited)
        assert find_edited(tmp_path, as_read, files) == module
    module.unlink()
    assert find_edited(tmp_path, as_read, files) == module
