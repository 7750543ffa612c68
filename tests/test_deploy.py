"""compose.yaml, the Dockerfile and the files of deploy/, as far as they can be checked without Docker."""

import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from litestar.testing import TestClient
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from app.main import create_app
from app.settings import Settings
from app.warehouse.loading.migrations import migrations, rendered
from tests.support.clickhouse_users import USERS as FACADE_USERS
from tests.support.events import event, write_jsonl
from tests.support.facade import running_facade
from tests.support.server import NOWHERE, run

ROOT = Path(__file__).parents[1]
COMPOSE = shutil.which("docker-compose")
FROM_ENVIRONMENT = {
    "CLICKHOUSE_API_PASSWORD": "one",
    "CLICKHOUSE_INGEST_PASSWORD": "two",
    "CLICKHOUSE_CLUSTER_SECRET": "three",
    "CLICKHOUSE_SHARD": "1",
    "CLICKHOUSE_REPLICA": "4",
}
ALONE = {"clickhouse", "migrate", "demo-data", "api"}

MOUNTED = {
    "config.d/pypistats.xml": "clickhouse/config.xml",
    "config.d/cluster.xml": "cluster/config.xml",
    "users.d/pypistats.xml": "clickhouse/users.xml",
}
"""The mounts of compose.yaml, below /etc/clickhouse-server."""

# The parts of a server's own configuration that an engine needs.
CONFIG = "<clickhouse><users_config>{folder}/users.xml</users_config></clickhouse>"
USERS = """<clickhouse><profiles><default/></profiles><quotas><default/></quotas><users><default>
<password/><profile>default</profile><quota>default</quota><access_management>1</access_management>
</default></users></clickhouse>"""


def composed(*options: str) -> dict[str, Any]:
    """compose.yaml as docker-compose resolves it."""
    if COMPOSE is None:
        pytest.skip("docker-compose is not installed")
    done = subprocess.run(
        [COMPOSE, *options, "config"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = yaml.safe_load(done.stdout)
    return result


@pytest.mark.parametrize("options", [(), ("--profile", "cluster")])
def test_docker_compose_accepts_every_profile(options: tuple[str, ...]) -> None:
    services = composed(*options)["services"]

    assert {name for name, service in services.items() if not service.get("profiles")} == ALONE
    assert {*ALONE, "keeper", "clickhouse-1", "clickhouse-2", "api-1", "api-2", "proxy"} < set(services)


def test_services_that_others_wait_for_have_a_health_check() -> None:
    services = composed("--profile", "cluster")["services"]
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")

    for name, service in services.items():
        waited_for = service.get("depends_on", {})
        for other, how in waited_for.items() if isinstance(waited_for, dict) else []:
            if how["condition"] == "service_healthy":
                assert "healthcheck" in services[other] or ("build" in services[other] and "HEALTHCHECK" in dockerfile)
            assert set(services[other].get("profiles", [])) <= set(service.get("profiles", [])), name


def test_nothing_listens_but_on_loopback_and_everything_has_a_limit() -> None:
    for name, service in composed("--profile", "cluster")["services"].items():
        for port in service.get("ports", []):
            assert str(port).startswith("127.0.0.1:"), name
        assert service["mem_limit"], name
        if "build" in service:
            assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"]), name


def test_variables_of_the_program_are_settings() -> None:
    """The variables of ClickHouse's containers are those that its configuration reads."""
    known = {name.upper() for name in Settings.__struct_fields__}
    for name, service in composed("--profile", "cluster")["services"].items():
        variables = set(service.get("environment", {}))
        assert variables <= (known if "build" in service else set(FROM_ENVIRONMENT)), name


def test_what_is_mounted_is_there() -> None:
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    mounted = set(re.findall(r"- \./(\S+?):", text))

    there = {str(path.relative_to(ROOT)) for path in (ROOT / "deploy").rglob("*") if path.is_file()}
    assert mounted == there - {"deploy/requirements.txt"}


def pinned(file: str) -> dict[str, str]:
    """The versions in a file of requirements, by normalised name."""
    lines = re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in lines}


def test_the_image_has_the_tested_versions_and_checks_their_hashes() -> None:
    image, tested = pinned("deploy/requirements.txt"), pinned("requirements.txt")
    text = (ROOT / "deploy/requirements.txt").read_text(encoding="utf-8")
    packages = re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["build"]]

    assert image.items() <= tested.items()
    assert {canonicalize_name(Requirement(each).name) for each in wanted} <= set(image)
    assert len(packages) == len(image)
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}\b", package) for package in packages)
    assert "--require-hashes" in (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_what_only_builds_the_package_is_not_in_the_image() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    removed = set(re.search(r"pip uninstall --yes (.+)$", dockerfile, re.MULTILINE)[1].split())  # type: ignore[index]
    needed = {Requirement(each).name for each in metadata.requires("hatchling") or ()}

    assert removed == {"hatchling", *needed} - {"packaging", "tomli"}


def test_the_image_has_what_it_copies_and_nothing_else_reaches_it() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    copied = [
        name for line in re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.MULTILINE) for name in line.split()
    ]
    let_through = re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE)

    assert sorted(copied) == sorted(let_through)
    assert all((ROOT / name).exists() for name in copied)
    users = re.findall(r"^USER (.+)$", dockerfile, re.MULTILINE)
    assert users
    assert users[-1].split(":")[0] not in {"root", "0"}


def read_back(folder: Path, *statements: str) -> list[list[list[Any]]]:
    """The rows of each statement, from an engine with the files of a node of the cluster."""
    for kind, source in (
        ("config.d", "clickhouse/config"),
        ("config.d", "cluster/config"),
        ("users.d", "clickhouse/users"),
    ):
        (folder / kind).mkdir(exist_ok=True)
        shutil.copy(ROOT / "deploy" / f"{source}.xml", folder / kind / f"{source.replace('/', '-')}.xml")
    (folder / "users.xml").write_text(USERS)
    (folder / "config.xml").write_text(CONFIG.format(folder=folder))
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.read_back", folder / "config.xml", *statements],
        cwd=ROOT,
        env=os.environ | FROM_ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(statements), done.stderr
    return answers


def test_the_engine_reads_the_configuration_of_a_node(tmp_path: Path) -> None:
    shards, macros, profiles, api, ingest, passwords = read_back(
        tmp_path,
        "SELECT cluster, shard_num, replica_num, host_name, port FROM system.clusters ORDER BY ALL",
        "SELECT macro, substitution FROM system.macros ORDER BY ALL",
        "SELECT profile_name, setting_name, value FROM system.settings_profile_elements "
        "WHERE profile_name LIKE 'pypistats%' ORDER BY ALL",
        "SHOW GRANTS FOR api",
        "SHOW GRANTS FOR ingest",
        "SELECT name, toString(auth_type) FROM system.users WHERE name != 'default' ORDER BY name",
    )

    assert shards == [["pypistats", 1, 1, "clickhouse-1", 9000], ["pypistats", 2, 1, "clickhouse-2", 9000]]
    assert macros == [["replica", "4"], ["shard", "1"]]
    assert profiles == [
        ["pypistats_api", "max_execution_time", "30"],
        ["pypistats_api", "max_memory_usage", "2000000000"],
        ["pypistats_api", "optimize_skip_unused_shards", "1"],
        ["pypistats_api", "readonly", "1"],
        ["pypistats_api", "session_timezone", "UTC"],
        ["pypistats_ingest", "max_memory_usage", "3000000000"],
    ]
    assert api == [["GRANT SELECT ON pypi.* TO api"]]
    granted = " ".join(grant for (grant,) in ingest)
    for right in ("INSERT", "CREATE TABLE", "SYSTEM SYNC REPLICA", "KILL QUERY", "CLUSTER", "REMOTE", "URL", "S3"):
        assert right in granted
    for right in ("ALL ON", "DROP", "ACCESS MANAGEMENT", "FILE", "SHUTDOWN"):
        assert right not in granted
    assert passwords == [["api", "['plaintext_password']"], ["ingest", "['plaintext_password']"]]


KEEPER_OF_TESTS = '<zookeeper replace="1"><implementation>testkeeper</implementation></zookeeper>'
"""The engine's own Keeper, in memory: it can create replicated tables, not fill them."""


def test_the_engine_makes_the_tables_of_a_node(tmp_path: Path) -> None:
    """Without `ON CLUSTER`, for which the engine has no queue, and without alterations, which need a Keeper."""
    statements = [
        rendered(migration, "pypi", "pypistats").replace(" ON CLUSTER pypistats", "") for migration in migrations()
    ]
    shutil.rmtree(tmp_path / "config.d", ignore_errors=True)
    (tmp_path / "config.d").mkdir()
    (tmp_path / "config.d" / "zz-keeper.xml").write_text(f"<clickhouse>{KEEPER_OF_TESTS}</clickhouse>")
    made = [s for s in statements if not s.lstrip("-").count("ALTER TABLE")]

    *_, tables, paths = read_back(
        tmp_path,
        "CREATE DATABASE pypi",
        "USE pypi",
        *made,
        "SELECT name, engine FROM system.tables WHERE database = 'pypi' ORDER BY name",
        "SELECT table, zookeeper_path, replica_name FROM system.replicas ORDER BY table",
    )

    assert tables == [
        ["asked", "ReplicatedMergeTree"],
        ["downloads_daily", "Distributed"],
        ["downloads_daily_local", "ReplicatedMergeTree"],
        ["fetched_days", "ReplicatedMergeTree"],
        ["followed", "ReplicatedMergeTree"],
        ["incoming", "Distributed"],
        ["incoming_local", "ReplicatedMergeTree"],
        ["loads", "ReplicatedMergeTree"],
        ["overall_daily", "Distributed"],
        ["overall_daily_local", "ReplicatedMergeTree"],
        ["rankings", "ReplicatedMergeTree"],
        ["schema_versions", "ReplicatedMergeTree"],
    ]
    # What is sharded has a path for each shard; of a journal all nodes are replicas.
    assert paths == [
        ["asked", "/clickhouse/tables/all/pypi/asked", "1-4"],
        ["downloads_daily_local", "/clickhouse/tables/1/pypi/downloads_daily_local", "4"],
        ["fetched_days", "/clickhouse/tables/all/pypi/fetched_days", "1-4"],
        ["followed", "/clickhouse/tables/all/pypi/followed", "1-4"],
        ["incoming_local", "/clickhouse/tables/1/pypi/incoming_local", "4"],
        ["loads", "/clickhouse/tables/all/pypi/loads", "1-4"],
        ["overall_daily_local", "/clickhouse/tables/1/pypi/overall_daily_local", "4"],
        ["rankings", "/clickhouse/tables/all/pypi/rankings", "1-4"],
        ["schema_versions", "/clickhouse/tables/all/pypi/schema_versions", "1-4"],
    ]


def test_keeper_listens_where_the_nodes_look_for_it() -> None:
    keeper = ElementTree.parse(ROOT / "deploy/keeper/keeper_config.xml")
    node = ElementTree.parse(ROOT / "deploy/cluster/config.xml")

    assert keeper.findtext("keeper_server/tcp_port") == node.findtext("zookeeper/node/port")
    services = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
    hosts = {node.findtext("zookeeper/node/host"), *(host.text for host in node.iter("host"))}
    assert hosts == {"keeper", "clickhouse-1", "clickhouse-2"} <= set(services)


def test_the_proxy_stands_before_both_processes() -> None:
    text = (ROOT / "deploy/proxy/nginx.conf").read_text(encoding="utf-8")

    assert re.findall(r"server (api-\d):(\d+)", text) == [("api-1", "8000"), ("api-2", "8000")]
    assert text.count("{") == text.count("}")


def config_with_rights(folder: Path, user: str, *more: str) -> Path:
    """The configuration of an engine whose own user has the rights that deploy/clickhouse/users.xml gives a user."""
    users = ElementTree.parse(ROOT / "deploy/clickhouse/users.xml")
    grants = [*(str(grant.text) for grant in users.findall(f"users/{user}/grants/query")), *more]
    rights = "<grants>" + "".join(f"<query>{grant}</query>" for grant in grants) + "</grants>"
    (folder / f"users-of-{user}.xml").write_text(USERS.replace("<access_management>1</access_management>", rights))
    config = folder / f"{user}.xml"
    config.write_text(
        f"<clickhouse><users_config>{folder}/users-of-{user}.xml</users_config><access_control_improvements>"
        "<select_from_system_db_requires_grant>true</select_from_system_db_requires_grant>"
        "<table_engines_require_grant>true</table_engines_require_grant>"
        "</access_control_improvements></clickhouse>"
    )
    return config


def test_the_rights_of_the_two_users_suffice_and_are_no_more(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "events.jsonl", [event(), event("2026-03-09 12:00:00 UTC")])
    # The facade passes sent data to the engine as a file; a server does not.
    config = config_with_rights(tmp_path, "ingest", "GRANT READ ON FILE")
    with running_facade(Path(f"{tmp_path}/data?config-file={config}")) as facade:
        variables = {"CLICKHOUSE_URL": facade.url, "CLICKHOUSE_USER": "admin", "CLICKHOUSE_DATABASE": "pypi"}
        variables["CLICKHOUSE_PASSWORD"] = FACADE_USERS["admin"].password
        for command in (["migrate"], ["ingest", "events.jsonl"], ["ingest", "--replace", "events.jsonl"], ["check"]):
            done = run(*command, cwd=tmp_path, **variables)
            assert "error" not in done.stderr, (command, done.stderr)
        other = run("migrate", cwd=tmp_path, **variables | {"CLICKHOUSE_DATABASE": "other"})
        assert (other.returncode, "ACCESS_DENIED" in other.stderr) == (1, True)

    config = config_with_rights(tmp_path, "api")
    with running_facade(Path(f"{tmp_path}/data?config-file={config}")) as facade:
        variables["CLICKHOUSE_URL"] = facade.url
        settings = Settings.from_environment(variables | {"PYPI_API_URL": NOWHERE})
        with TestClient(create_app(settings)) as client:
            for path in (
                "packages/numpy/overall",
                "packages/numpy/summary",
                "recent?package=numpy",
                "top",
                "search?q=n",
            ):
                assert client.get(f"/api/{path}").status_code == 200, path
            assert client.get("/health?deep=1").json()["schema"] == "current"
        refused = run("ingest", "--replace", "events.jsonl", cwd=tmp_path, **variables)
        assert (refused.returncode, "ACCESS_DENIED" in refused.stderr) == (1, True)


def health_check(port: int) -> list[str]:
    """The Dockerfile's command, for a server on another port, by this interpreter."""
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    found = re.search(r"^HEALTHCHECK .*\\\n +CMD (\[.*\])$", dockerfile, re.MULTILINE)
    assert found
    python, *command = json.loads(found[1].replace("8000", str(port)))
    assert python == "python"
    return [sys.executable, *command]


@pytest.mark.parametrize(("status", "exit_status"), [(200, 0), (503, 1)])
def test_the_health_check_asks_the_server_and_no_proxy(status: int, exit_status: int) -> None:
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        proxies = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"), NOWHERE)
        checked = subprocess.run(
            health_check(server.server_address[1]),
            env={**os.environ, **proxies, "NO_PROXY": "", "no_proxy": ""},
            capture_output=True,
            check=False,
        )
        server.shutdown()

    assert (checked.returncode, asked) == (exit_status, ["/health"]), checked.stderr


def test_the_health_check_fails_where_nobody_answers() -> None:
    assert subprocess.run(health_check(9), capture_output=True, check=False).returncode == 1


def unit() -> str:
    """The unit that docs/deploy.md shows."""
    text = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    return text.partition("```ini\n")[2].partition("```")[0]


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    program = "/opt/pypistats/bin/pypistats-server"
    assert f"ExecStart={program} serve\n" in unit()
    (tmp_path / "pypistats.service").write_text(unit().replace(program, shutil.which("true") or ""), encoding="utf-8")
    command = [analyze, "verify", "--man=no", str(tmp_path / "pypistats.service")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_settings_of_the_unit(tmp_path: Path) -> None:
    """With the folders that systemd makes."""
    token = tmp_path / "credentials" / "github-token"
    token.parent.mkdir()
    token.write_text("ghp_of-the-tests\n")
    folders = {"%S": "/var/lib", "%C": "/var/cache", "%d": str(token.parent)}
    text = re.sub("%[SCd]", lambda found: folders[found[0]], unit())
    environment = dict(
        item.split("=", 1) for line in re.findall(r"^Environment=(.*)$", text, re.MULTILINE) for item in line.split()
    )
    assert environment.pop("MPLCONFIGDIR").startswith("/var/cache/pypistats")
    assert {name.removesuffix("_FILE").lower() for name in environment} <= set(Settings.__struct_fields__)
    settings = Settings.from_environment(environment)

    assert settings.clickhouse_url == "chdb:///var/lib/pypistats"
    assert settings.local_index_cache_dir == "/var/cache/pypistats"
    assert settings.public_url == "https://example.com/pypistats"
    assert settings.github_token.reveal() == "ghp_of-the-tests"
