"""Platform and ABI of a file, by its name: as `packaging.utils` parses it."""

from collections.abc import Callable
from random import Random

import pytest

from app.warehouse.loading.shapes import FIELDS
from app.warehouse.sql import read_sql
from tests.support.dataset import Dataset
from tests.support.fixtures import Backend
from tests.support.oracle import tags_of
from tests.support.scale import sized

pytestmark = pytest.mark.only_backend(Backend.EMBEDDED)

OTHERS = [field.raw for field in FIELDS if field.raw != "raw_filename"]

NAMES = ["numpy", "a_b", "a.b", "a__b", "ünï", "", "a b", "A1", "a-b"]
VERSIONS = [
    "1.0",
    "2.0.0rc1",
    "1!2.0.post1",
    "1.0+local.1",
    "v1",
    "1.0.dev3",
    "1.0_a_1",
    "1.0.rev2",
    "1..0",
    "x",
    "",
    " 1",
]
VERSIONS += ["1.0A1", "1.0c2", "1.0preview", "1.0post", "1.0-1", "1.0+", "1.0+a_b", "1.0alpha.beta", " 1"]
BUILDS = ["1", "1abc", "0", "abc", "", "२"]
PYTHONS = ["py3", "py2.py3", "cp313", "3", "", "py 3", "cp313.", "ü"]
ABIS = ["none", "abi3", "cp313t", "CP39", "abi3.none", "none.abi3", "none.none", "", ".none"]
PLATFORMS = ["any", "win_amd64", "manylinux_2_17_x86_64.manylinux2014_x86_64", "macosx_11_0_arm64", "b.a.b", "ANY", ""]
ENDS = [".whl", ".WHL", ".whl.whl", ".tar.gz", ".zip", ".tar.bz2", ".exe", ".whl.metadata", "\n.whl", ""]

KINDS = ["0 1 3 4 5", "0 1 2 3 4 5", "0 1", "0", "1 3 4 5", "0 1 2 2 3 4 5", "0 1 5"]
"""Which of the parts a name has, and in what order."""


def filename(random: Random) -> str:
    """A name; every other one is that of a wheel if its parts are a wheel's."""
    is_odd = random.random() < 0.5
    parts = [random.choice(values if is_odd else values[:2]) for values in (NAMES, VERSIONS, BUILDS, PYTHONS, ABIS)]
    parts.append(random.choice(PLATFORMS))
    kind = random.choice(KINDS if is_odd else KINDS[:2])
    return "-".join(parts[int(number)] for number in kind.split()) + (random.choice(ENDS) if is_odd else ".whl")


@pytest.fixture(scope="module")
def parsed(make_dataset: Callable[[], Dataset]) -> Callable[[list[str]], list[tuple[str, str]]]:
    """Platform and ABI as the SQL of loads has them."""
    dataset = make_dataset()
    nulls = ", ".join(f"CAST(NULL, 'LowCardinality(Nullable(String))') AS {name}" for name in OTHERS)
    raw = f"SELECT '' AS source, NULL::Nullable(Date32) AS day, 1 AS downloads, {nulls}, "
    raw += "toLowCardinality(toNullable(arrayJoin({names:Array(String)}))) AS raw_filename"
    sql = f"SELECT platform, abi FROM ({read_sql('loading/sql/events.sql').replace('{{raw_events}}', raw)})"

    def ask(names: list[str]) -> list[tuple[str, str]]:
        with dataset.engine.client() as client:
            return [tuple(row) for row in client.query(sql, parameters={"names": names}).result_rows]

    return ask


@pytest.mark.parametrize("seed", range(sized(2, 20)))
def test_names_are_parsed_as_the_specification_says(
    parsed: Callable[[list[str]], list[tuple[str, str]]], seed: int
) -> None:
    random = Random(seed)
    names = [filename(random) for _ in range(1_000)]

    expected = {name: (tags_of(name, "platform"), tags_of(name, "abi")) for name in names}

    assert dict(zip(names, parsed(names), strict=True)) == expected
    assert len(set(expected.values())) > 10


@pytest.mark.parametrize(
    ("name", "platform", "abi"),
    [
        ("numpy-2.1.0-cp313-cp313t-macosx_11_0_arm64.whl", "macosx_11_0_arm64", "cp313t"),
        (
            "numpy-2.1.0-cp313-cp313-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
            "manylinux2014_x86_64.manylinux_2_17_x86_64",
            "cp313",
        ),
        ("flet-0.80.0-py3-none-any.whl", "any", "none"),
        ("cryptography-46.0.0-1-cp311-abi3-win_amd64.whl", "win_amd64", "abi3"),
        ("numpy-2.1.0.tar.gz", "sdist", "sdist"),
        ("numpy-2.1.0.linux-x86_64.tar.gz", "other", "other"),
        ("numpy-2.1.0-py3.9.egg", "other", "other"),
        ("numpy-2.1.0-cp313-cp313-win_amd64.whl.metadata", "other", "other"),
    ],
)
def test_a_name(parsed: Callable[[list[str]], list[tuple[str, str]]], name: str, platform: str, abi: str) -> None:
    assert parsed([name]) == [(platform, abi)]
