"""The wheel works by itself, outside the checkout: everything that the program reads is in it."""

import subprocess
import sys
from pathlib import Path

import httpx

from tests.support.server import REPOSITORY, environment, served


def test_it_serves_from_where_it_is_installed(tmp_path: Path) -> None:
    built = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(REPOSITORY)]
    subprocess.run(built, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("pypistats_server-*.whl")
    installed = tmp_path / "installed"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(installed), str(wheel)]
    subprocess.run(install, check=True, capture_output=True, timeout=120)

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    settings = {"PYTHONPATH": str(installed), "CLICKHOUSE_URL": "chdb://data"}
    where = subprocess.run(
        [sys.executable, "-c", "import app; print(app.__file__)"],
        cwd=elsewhere,
        env=environment(**settings),
        capture_output=True,
        text=True,
        check=True,
    )
    assert where.stdout.strip() == str(installed / "app" / "__init__.py")
    with served(cwd=elsewhere, **settings) as base:
        contract = httpx.get(f"{base}/openapi.yaml")
        assert contract.content == (REPOSITORY / "openapi.yaml").read_bytes()
        assert httpx.get(f"{base}/api/packages/numpy/recent").status_code == 503
