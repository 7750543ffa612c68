"""RATE_LIMIT: so many requests for each client, said on every answer, refused beyond; the client's address is not what
anybody says it is."""

from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.serving.client import network
from app.serving.rate_limiter import RateLimiter
from app.settings import SettingError, Settings
from tests.support.answers import assert_problem
from tests.support.dataset import Dataset
from tests.support.events import event
from tests.support.server import run, served

PATH = "/api/packages/numpy/recent"
A_PROXY = "127.0.0.1"


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> int:
        return round(self.time * 1e9)


def limits(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith(("ratelimit", "retry-after"))}


def said(limited: RateLimiter, address: str = "192.0.2.1") -> tuple[bool, dict[str, str]]:
    verdict = limited.take(address)
    return verdict.is_accepted, {name.decode(): value.decode() for name, value in verdict.headers}


def test_off_by_default(dataset: Dataset) -> None:
    dataset.load([event()])
    with dataset.client() as client:
        assert limits(client.get(PATH)) == {}


def test_every_answer_says_how_far_the_limit_is(dataset: Dataset) -> None:
    """A first answer, one from memory, a 304, a HEAD, errors, a preflight, a redirect."""
    dataset.load([event()])
    with dataset.client(rate_limit="10/hour") as client:
        client.follow_redirects = False
        answers = [
            client.get(PATH),
            client.get(PATH),
            client.get(PATH, headers={"If-None-Match": "*"}),
            client.head(PATH),
            client.get("/api/packages/unheard-of/recent"),
            client.get("/nowhere"),
            client.options(PATH),
            client.post(PATH),
            client.get("/api/package/numpy/recent"),
        ]
    assert [answer.status_code for answer in answers] == [200, 200, 304, 200, 404, 404, 204, 405, 308]
    assert [limits(answer) for answer in answers] == [
        {
            "ratelimit-policy": '"default";q=10;w=3600',
            "ratelimit": f'"default";r={left};t=360',
            "ratelimit-limit": "10",
            "ratelimit-remaining": str(left),
            "ratelimit-reset": "360",
        }
        for left in range(9, 0, -1)
    ]


def test_beyond_the_limit(dataset: Dataset) -> None:
    dataset.load([event()])
    with dataset.client(rate_limit="2/hour") as client:
        answers = [client.get(PATH) for _ in range(3)]
        head = client.head(PATH)
        operators = [client.get(path) for path in ["/health", "/health?deep=1", "/metrics"] * 3]
    wait = int(answers[2].headers["retry-after"])

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 1700 < wait <= 1800
    assert_problem(answers[2], 429, "Too Many Requests", f"the limit of a client is 2/hour; try again in {wait} s")
    assert limits(answers[2]) == {
        "ratelimit-policy": '"default";q=2;w=3600',
        "ratelimit": f'"default";r=0;t={wait}',
        "ratelimit-limit": "2",
        "ratelimit-remaining": "0",
        "ratelimit-reset": str(wait),
        "retry-after": str(wait),
    }
    assert (head.status_code, head.content) == (429, b"")
    assert [(answer.status_code, limits(answer)) for answer in operators] == [(200, {}), (200, {}), (409, {})] * 3


@pytest.mark.parametrize(
    ("rate", "requests", "seconds"), [("3/second", 3, 1), ("60/minute", 60, 60), ("100/hour", 100, 3600)]
)
def test_a_period_s_requests_at_once_then_evenly(rate: str, requests: int, seconds: int) -> None:
    clock = Clock()
    limited = RateLimiter(rate, clock)

    assert [limited.take("192.0.2.1").is_accepted for _ in range(requests + 1)] == [True] * requests + [False]
    for _ in range(5):
        clock.time += seconds / requests
        assert [limited.take("192.0.2.1").is_accepted for _ in range(2)] == [True, False]
    clock.time += seconds
    assert sum(limited.take("192.0.2.1").is_accepted for _ in range(2 * requests)) == requests


@given(st.lists(st.floats(0, 3, allow_subnormal=False), min_size=1, max_size=60), st.integers(1, 7))
def test_no_more_than_twice_the_limit_in_any_period(pauses: list[float], limit: int) -> None:
    """A full bucket, and what flows into it meanwhile; a client that waits for `Retry-After` is always accepted."""
    clock = Clock()
    limited = RateLimiter(f"{limit}/second", clock)
    accepted: list[float] = []
    for pause in pauses:
        clock.time += pause
        verdict = limited.take("192.0.2.1")
        if verdict.is_accepted:
            accepted.append(clock.time)
        else:
            clock.time += verdict.wait
            assert limited.take("192.0.2.1").is_accepted
            accepted.append(clock.time)
    for first in accepted:
        assert sum(first <= time < first + 0.999 for time in accepted) < 2 * limit + 1


def test_what_is_said_is_what_happens() -> None:
    clock = Clock()
    limited = RateLimiter("4/minute", clock)
    for left in (3, 2, 1, 0):
        accepted, headers = said(limited)
        assert (accepted, headers["ratelimit-remaining"], headers["ratelimit-reset"]) == (True, str(left), "15")
    clock.time += 5
    accepted, headers = said(limited)
    assert (accepted, headers["ratelimit-reset"]) == (False, "10")
    clock.time += 10
    assert said(limited)[0]


def test_clients_do_not_disturb_each_other() -> None:
    limited = RateLimiter("1/hour", Clock())

    assert [limited.take(address).is_accepted for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1")] == [
        True,
        True,
        False,
    ]


def test_memory_is_bounded() -> None:
    """Who has not asked for longest is forgotten, not who came first."""
    limited = RateLimiter("5/hour", Clock(), max_clients=3)
    for address in ("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.1", "192.0.2.4"):
        limited.take(address)

    assert len(limited) == 3
    assert said(limited, "192.0.2.1")[1]["ratelimit-remaining"] == "2"
    assert said(limited, "192.0.2.2")[1]["ratelimit-remaining"] == "4"


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8:0:0:ffff::2", True),
        ("2001:db8::1", "2001:DB8:0:0::1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("unknown", "no address", True),
        ("", "x" * 10_000, True),
        ("192.0.2.1", "unknown", False),
    ],
)
def test_who_is_one_client(one: str, other: str, is_same: bool) -> None:
    assert (network(one) == network(other)) is is_same


@pytest.mark.parametrize("rate", ["on", "0/second", "-1/second", "1/day", "1.5/second", "1/second\n", "100", "/hour"])
def test_a_rate_that_is_none_is_refused(rate: str) -> None:
    with pytest.raises(SettingError, match=r"^RATE_LIMIT="):
        Settings.from_environment({"RATE_LIMIT": rate})


@pytest.mark.parametrize("proxies", ["*", "nginx", "10.0.0.0/33", "10.0.0.1/24", "10.0.0.1 10.0.0.2"])
def test_a_proxy_that_is_no_address_is_refused(proxies: str) -> None:
    with pytest.raises(SettingError, match=r"^FORWARDED_ALLOW_IPS: "):
        Settings(forwarded_allow_ips=proxies).proxies()


def test_proxies_are_addresses_and_networks() -> None:
    assert Settings(forwarded_allow_ips=" 10.0.0.1, 2001:db8::/32,").proxies() == ["10.0.0.1", "2001:db8::/32"]


def asked(base: str, *forwarded: str, **headers: str) -> int:
    """How many requests this client has left afterwards."""
    more: list[tuple[str, str]] = [("X-Forwarded-For", value) for value in forwarded]
    answer = httpx.get(f"{base}/nowhere", headers=[*more, *headers.items()])
    return int(answer.headers["ratelimit-remaining"])


def test_nobody_is_believed_by_default(tmp_path: Any) -> None:
    """Not even on the same machine: any user may be on it."""
    with served(cwd=tmp_path, CLICKHOUSE_URL="chdb://data", RATE_LIMIT="3/hour") as base:
        assert asked(base, "192.0.2.1") == 2
        assert asked(base, "192.0.2.2") == 1
        assert asked(base, Forwarded="for=192.0.2.3") == 0
        assert httpx.get(f"{base}/nowhere", headers={"X-Forwarded-For": "192.0.2.4"}).status_code == 429
        assert httpx.get(f"{base}/nowhere", headers={"X-Forwarded-For": "192.0.2.5"}).status_code == 429
    log = (tmp_path / "serve.log").read_text()
    assert log.count("127.0.0.1 sends X-Forwarded-For and is limited as one client") == 1


def test_the_last_address_that_is_no_proxy_counts(tmp_path: Any) -> None:
    """What stands before it is whatever the client has made up."""
    settings = {"CLICKHOUSE_URL": "chdb://data", "RATE_LIMIT": "9/hour", "FORWARDED_ALLOW_IPS": f"{A_PROXY},10.0.0.0/8"}
    with served(cwd=tmp_path, **settings) as base:
        assert asked(base, "192.0.2.1") == 8
        assert asked(base, "198.51.100.7, 192.0.2.1") == 7
        assert asked(base, "198.51.100.8", "192.0.2.1") == 6
        assert asked(base, "192.0.2.1, 10.1.2.3") == 5
        assert asked(base, "192.0.2.1:4711") == 4
        assert asked(base, "192.0.2.2") == 8
        assert asked(base, "[2001:db8::1]:443") == 8
        assert asked(base, "2001:db8::2") == 7
        # Only one header is believed: a proxy that sets that one passes on the other as it comes.
        assert asked(base, Forwarded="for=192.0.2.3") == 8
        assert asked(base, Forwarded="for=192.0.2.4") == 7


def test_a_server_refuses_to_start_with_a_proxy_that_is_none(tmp_path: Any) -> None:
    result = run("serve", cwd=tmp_path, CLICKHOUSE_URL="chdb://data", FORWARDED_ALLOW_IPS="*")

    assert result.returncode == 1
    assert "FORWARDED_ALLOW_IPS: '*' is no address and no network" in result.stderr
