"""The names in the documentation's backticks are those of the code."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
APP = ROOT / "app"
PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", ROOT / "bench" / "README.md"]
PATH = re.compile(r"\w[\w.-]*(?:/[\w.-]+)*(?:\.(?:py|sql|xml|conf|yaml|md|toml|html|css|js)|/)")
NOT_IN_THE_REPOSITORY = {"done/", "failed/"}
OF_OTHERS = {
    "proxy_buffer_size",
    "proxy_read_timeout",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "to_parquet",
    "write_parquet",
}
NAME = re.compile(r"(?:[a-z_][a-z0-9_]*\.)*(\w+)(\(.*\))?")
SQL = re.compile(r"\s*(?:SELECT|INSERT|CREATE|DESCRIBE|EXISTS|ALTER|KILL|SYSTEM)\s")


def spans(page: Path) -> list[str]:
    """What stands in backticks, but for blocks of code."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"`([^`]+)`", text)


@cache
def repository_files() -> list[str]:
    folders = [ROOT / name for name in ("app", "bench", "contract_tests", "deploy", "docs", "examples", "tests")]
    paths = [*folders, *(path for folder in folders for path in folder.rglob("*")), *ROOT.glob("*.*")]
    return [f"/{path.relative_to(ROOT)}{'/' if path.is_dir() else ''}" for path in paths]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_paths_exist(page: Path) -> None:
    """A path may be given from any folder on."""
    paths = {span for span in spans(page) if PATH.fullmatch(span)} - NOT_IN_THE_REPOSITORY

    assert [path for path in sorted(paths) if not any(file.endswith(f"/{path}") for file in repository_files())] == []


@cache
def code_names() -> frozenset[str]:
    """The names in Python code, and the words of its strings, of SQL and of configuration; comments do not count."""
    names: set[str] = set()
    for path in APP.rglob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        for node in nodes:
            match node:
                case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    names.add(name)
                case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                    names.add(name)
                case ast.Constant(value=str(text)) if id(node) not in docstrings:
                    names.update(re.findall(r"\w+", text))
    others = [*APP.rglob("*.sql"), *(ROOT / "deploy").rglob("*.xml"), ROOT / "examples" / "alerts.yaml"]
    for path in others:
        names.update(re.findall(r"\w+", re.sub(r"^\s*--.*$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)))
    return frozenset(names)


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_names_are_in_the_code(page: Path) -> None:
    named = {
        match[1]
        for span in spans(page)
        if (match := NAME.fullmatch(span))
        and (match[2] or "_" in match[1].strip("_") or re.search(r"[a-z][A-Z]", match[1]))
    }

    # Settings are fields in lower case; the Prometheus client appends `_total` to counters; JSON keys may be camelCase.
    spellings = {
        name: {name, name.lower(), name.removesuffix("_total"), re.sub(r"(?<=[a-z])[A-Z]", r"_\g<0>", name).lower()}
        for name in sorted(named - OF_OTHERS)
    }
    assert [name for name, known in spellings.items() if not known & code_names()] == []


def test_every_module_with_sql_is_named() -> None:
    """docs/architecture.md lists the modules in which SQL stands beside the .sql files."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    paragraph = text.split("- **SQL** ")[1].split("\n- **")[0]
    named = set(re.findall(r"`(warehouse/[\w/]+\.py)`", paragraph)) - {"warehouse/sql.py"}

    assert named == {
        str(path.relative_to(APP))
        for path in (APP / "warehouse").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value)
    }
