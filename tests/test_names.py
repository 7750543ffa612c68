"""Package names: which are possible, and how they are written. Files and requests go by the same rule."""

import pytest

from app.names import ImpossibleNameError, normalise, normalise_prefix
from tests.support.answers import body
from tests.support.dataset import Dataset
from tests.support.events import event

NORMALISED = {
    "numpy": "numpy",
    "NumPy": "numpy",
    "scikit_learn": "scikit-learn",
    "Scikit.Learn": "scikit-learn",
    "a-_.-b": "a-b",
    "zope.interface": "zope-interface",
    "0": "0",
    "A": "a",
    "3to2": "3to2",
    "null": "null",
    "a" * 200: "a" * 200,
    "__all__": "__all__",
}
IMPOSSIBLE = [
    "",
    " ",
    "a b",
    "a ",
    "-a",
    "a-",
    "_a",
    "a.",
    "..",
    "a/b",
    "a\n",
    "a\0",
    "n\u00fcmpy",
    "\u212aeras",
    "\u0130nstall",
    "\u0660",
    "a" * 201,
    "__ALL__",
    "__all",
]


@pytest.mark.parametrize(("name", "normalised"), NORMALISED.items())
def test_a_name_is_normalised(name: str, normalised: str) -> None:
    assert normalise(name) == normalised
    assert normalise(normalised) == normalised


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_an_impossible_name_is_refused(name: str) -> None:
    with pytest.raises(ImpossibleNameError) as error:
        normalise(name)
    assert error.value.args == (name,)


@pytest.mark.parametrize(
    ("prefix", "normalised"), [("Sci", "sci"), ("scikit_", "scikit-"), ("a.", "a-"), ("a-_.", "a-"), ("A.b", "a-b")]
)
def test_a_prefix_is_normalised(prefix: str, normalised: str) -> None:
    assert normalise_prefix(prefix) == normalised


@pytest.mark.parametrize("prefix", ["", "-", "_", "__all__", "-a", "a b", "\u00fc", "a\n", "a*", "a" * 201])
def test_what_no_name_begins_with(prefix: str) -> None:
    with pytest.raises(ImpossibleNameError):
        normalise_prefix(prefix)


def test_files_and_requests_go_by_the_same_rule(dataset: Dataset) -> None:
    """A package is found by any spelling, however its events spell it; what cannot be a name counts nowhere."""
    spellings = [name for name in NORMALISED if name != "__all__"]
    (day,) = dataset.load(event(project=name) for name in [*spellings, *IMPOSSIBLE, "__all__", None])

    packages = {NORMALISED[name] for name in spellings}
    # The events spell two of the packages in two ways; what no package can be called is left out.
    assert (day.events, day.dropped, day.packages) == (len(spellings) + len(IMPOSSIBLE) + 2, len(IMPOSSIBLE) + 2, 9)
    assert len(packages) == 9
    with dataset.client() as client:
        everything = body(client.get("/api/packages/__all__/recent?period=day"))["data"]
        of_each = {name: body(client.get(f"/api/packages/{name}/recent?period=day")) for name in spellings}
        listed = {row["package"] for row in body(client.get("/api/top"))["data"]}

    assert everything == {"last_day": len(spellings)}
    assert {answer["package"] for answer in of_each.values()} == listed == packages
    assert (
        of_each["NumPy"]
        == of_each["numpy"]
        == {
            "data": {"last_day": 2},
            "package": "numpy",
            "type": "recent_downloads",
        }
    )
