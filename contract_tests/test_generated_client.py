"""The Python client that openapi-python-client generates from openapi.yaml, against a server."""

import importlib
import json
import subprocess
from collections.abc import Iterator
from types import ModuleType

import pytest

from tests.support.contract import CONTRACT

ROOT = CONTRACT.parent
GENERATOR = ROOT / ".venv" / "contract" / "python" / "bin" / "openapi-python-client"

pytestmark = pytest.mark.skipif(not GENERATOR.exists(), reason="`make check` installs openapi-python-client")


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """The generated package."""
    folder = tmp_path_factory.mktemp("generated")
    options = ["--meta", "none", "--fail-on-warning", "--config", ROOT / ".ci" / "openapi-python-client.yaml"]
    generate = [GENERATOR, "generate", "--path", CONTRACT, "--output-path", folder / "pypistats_client", *options]
    subprocess.run(generate, check=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield importlib.import_module("pypistats_client")


@pytest.mark.parametrize(
    ("operation", "arguments", "model"),
    [
        ("package.get_recent_downloads", {"package": "NumPy"}, "RecentDownloads"),
        ("package.get_overall_downloads", {"package": "numpy"}, "OverallSeries"),
        ("package.get_system_downloads", {"package": "numpy"}, "SystemSeries"),
        ("package.get_country_downloads", {"package": "numpy"}, "CountrySeries"),
        ("package.get_summary", {"package": "numpy"}, "Summary"),
        ("package.get_package", {"package": "numpy"}, "Package"),
        ("package.get_readme", {"package": "numpy"}, "PackageDocument"),
        ("package.get_summary", {"package": "unheard-of"}, "Problem"),
        ("packages.list_packages", {"q": "num"}, "PackageList"),
        ("packages.get_recent_downloads_of_many", {"package": ["numpy", "unheard-of"]}, "RecentDownloadsOfMany"),
        ("packages.get_top_packages", {}, "TopPackages"),
        ("packages.search_packages", {"q": "num"}, "SearchResults"),
        ("operations.get_health", {}, "Health"),
    ],
)
def test_its_models_have_all_of_an_answer(
    generated: ModuleType, base_url: str, operation: str, arguments: dict[str, object], model: str
) -> None:
    ask = importlib.import_module(f"{generated.__name__}.api.{operation}").sync_detailed
    with generated.Client(base_url=base_url) as client:
        answer = ask(client=client, **arguments)

    assert type(answer.parsed).__name__ == model
    assert one_spelling(answer.parsed.to_dict()) == one_spelling(json.loads(answer.content))


def one_spelling(value: object) -> object:
    """Timestamps in one spelling: `+00:00` is `Z`."""
    return json.loads(json.dumps(value).replace("+00:00", "Z"))
