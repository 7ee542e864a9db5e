from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_agentfix.gateway.cassettes import PathPlaceholders
from pytest_agentfix.gateway.cassettes.path_placeholders import merge_names

HERE = PathPlaceholders(top="/home/ann/proj", others={"home": "/home/ann", "tmp": "/tmp"})
ODD = PathPlaceholders(top='/srv/a "b"/büro\\x', others={"home": "/srv", "tmp": "/tmp/@{top}"})

pieces = st.sampled_from(
    [
        "/home/ann/proj",
        "/home/ann",
        "/tmp",
        "/srv",
        str(ODD.top),
        "@{",
        "@{top}",
        "@{top/a}",
        "}",
        '"',
        "\\",
        "\\n",
        "/",
        "{",
        "[",
        ",",
        ":",
        "é",
        "\n",
        " ",
        "x",
        json.dumps(str(ODD.top)),
    ]
)
texts = st.lists(pieces | st.text(max_size=4), max_size=12).map("".join)
values = st.recursive(
    texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
placeholders = st.sampled_from([HERE, ODD])


@settings(deadline=None)
@given(texts, placeholders)
def test_every_text_comes_back(text: str, here: PathPlaceholders) -> None:
    assert here.restore(here.hide(text)) == text


@settings(deadline=None)
@given(
    st.lists(values) | st.dictionaries(texts, values),
    placeholders,
    st.sampled_from("au"),
    st.integers(0, 1),
)
def test_every_json_comes_back(value: Any, here: PathPlaceholders, step: str, depth: int) -> None:
    text = json.dumps(value, ensure_ascii=step == "a")
    whole = json.dumps([text], ensure_ascii=step == "a") if depth else text

    found = json.loads(here.restore(here.hide(whole)))

    assert (json.loads(found[0]) if depth else found) == value


@settings(deadline=None)
@given(st.lists(st.sampled_from(["@{top}", "@{home}", " x ", '"', "é", "\\"])), st.integers(0, 2))
def test_it_is_valid_json_with_the_paths_of_any_machine(parts: list[str], depth: int) -> None:
    def build(place: PathPlaceholders) -> tuple[str, str]:
        names = {"@{top}": str(place.top), "@{home}": str(place.others["home"])}
        text = plain = " ".join(names.get(part, part) for part in parts)
        for _ in range(depth):
            text = json.dumps([text])
        return plain, text

    moved = ODD.restore(HERE.hide(build(HERE)[1]))
    for _ in range(depth):
        [moved] = json.loads(moved)

    assert moved == build(ODD)[0]


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("/home/ann/proj", "@{top}"),
        ("in /home/ann/proj.", "in @{top}."),
        ("/home/ann/proj/a.py:3", "@{top}/a.py:3"),
        ("/home/ann/project", "@{home}/project"),
        ("/home/ann/proj.git", "@{home}/proj.git"),
        ("/home/anna", "/home/anna"),
        ("/var/tmp/x", "/var/tmp/x"),
        ("cc -I/tmp/x -L/home/ann", "cc -I@{tmp}/x -L@{home}"),
        ("file:///tmp/x", "file://@{tmp}/x"),
        (r"one\n/home/ann/proj", r"one\n@{top}"),
        ("@{top} @{", "@{}top} @{}"),
        ('{"a": "/tmp/x"}', '{"a": "@{tmp/u}/x"}'),
        ('[1] see /tmp "', '[1] see @{tmp} "'),
        (r'["{\"a\": \"/tmp\"}"]', r'["{\"a\": \"@{tmp/uu}\"}"]'),
    ],
)
def test_what_is_a_path(text: str, hidden: str) -> None:
    assert HERE.hide(text) == hidden


def test_in_matching_the_escaping_does_not_count() -> None:
    assert merge_names("@{top/ua} @{home} @{}top/a}") == "@{top} @{home} @{}top/a}"


def test_in_matching_one_place_may_have_several_names() -> None:
    text = "@{top-real/u}/a @{base-python}/b /tmp/c @{tmp}/d @{home}/tmp @{}top-real}"

    assert merge_names(text) == "@{top}/a @{python}/b @{tmp}/c @{tmp}/d @{home}/tmp @{}top-real}"


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("#!/usr/bin/env python", "#!/usr/bin/env python"),
        ("/usr/share/dict /usr", "/usr/share/dict /usr"),
        ("/usr/bin/python3 -m pytest", "@{python}/bin/python3 -m pytest"),
        ('["/usr/lib/python3.11/json"]', '["@{python/u}/lib/python3.11/json"]'),
        ("/tmp/x", "/tmp/x"),
        ("@{python}", "@{}python}"),
    ],
)
def test_what_all_machines_have_is_hidden_where_python_is(text: str, hidden: str) -> None:
    here = PathPlaceholders(
        top="/home/ann/proj",
        others={"python": "/usr", "tmp": "/tmp"},
        common=frozenset({"/usr", "/tmp"}),
    )

    assert here.hide(text) == hidden
    assert here.restore(hidden) == text
    assert here.restore("@{tmp}/y @{python}/bin/pip") == "/tmp/y /usr/bin/pip"


def test_what_says_nothing_is_no_place() -> None:
    here = PathPlaceholders(top="/", others={"home": "", "tmp": "tmp"})

    assert here.hide("/ tmp /x @{top}") == "/ tmp /x @{}top}"
    assert here.restore("@{top} @{home/a} @{other/x}") == "@{top} @{home/a} @{other/x}"


@pytest.mark.parametrize("name", ["", "Top", "a b", "}"])
def test_names_of_places(name: str) -> None:
    with pytest.raises(ValueError, match="is no name of a place"):
        PathPlaceholders(top="/x", others={name: "/y"})
