"""Reading a catalogue literal: in every form, and damaged in every way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_agentfix.gateway.providers import catalogue
from pytest_agentfix.gateway.providers.catalogue import (
    CatalogueModel,
    CatalogueProvider,
    _load,
    read_catalogue,
)
from pytest_agentfix.gateway.providers.prices import Price, Prices

LITERAL = """,mine:{id:"mine",env:["A","B"],npm:"n",api:'https://x/{"}',models:{
"m.1":{id:"m.1",name:"a \\"}\\x41\\u{1f600}\\n",tool_call:!1,limit:{context:1e6,output:.5e4},
cost:{input:.5,output:2,reasoning:3,cache_read:0,
context_over_200k:{input:1,output:4}},provider:{npm:"p"}},
m2:{id:"m2",tool_call:!0,limit:{context:8192,output:void 0},cost:{input:1,output:2,
tiers:[{input:4,output:5,cache_write:6,tier:{type:"context",size:256000}},
{input:2,output:3,tier:{type:"context",size:32000}}],context_over_200k:{input:9,output:9}}},
m3:{id:"m3",cost:{input:-1,output:2}},m4:7,m5:{limit:[],cost:{input:1e400,output:1}}}},next:{"""


def read(folder: Path, text: str, provider: str = "mine") -> CatalogueProvider | None:
    path = folder / "binary"
    path.write_bytes(b"\x7fELF\0\xff" + text.encode() + b"\0\xfe")
    return read_catalogue(path, provider)


def test_every_form_of_a_literal(tmp_path: Path) -> None:
    first = Price(input=0.5, output=3, cache_read=0, cache_write=0.5)
    above = Price(input=1, output=4, cache_read=1, cache_write=1)
    second = Price(input=1, output=2, cache_read=1, cache_write=1)
    low = Price(input=2, output=3, cache_read=2, cache_write=2)
    high = Price(input=4, output=5, cache_read=4, cache_write=6)

    assert read(tmp_path, LITERAL.replace(",m5:{limit:[],cost:{input:1e400,output:1}}", "")) == (
        CatalogueProvider(
            id="mine",
            api='https://x/{"}',
            npm="n",
            env=("A", "B"),
            models={
                "m.1": CatalogueModel(
                    id="m.1",
                    npm="p",
                    context_limit=1_000_000,
                    output_limit=5_000,
                    prices=Prices(base=first, tiers=((200_000, above),)),
                    can_call_tools=False,
                ),
                "m2": CatalogueModel(
                    id="m2",
                    context_limit=8192,
                    prices=Prices(base=second, tiers=((32_000, low), (256_000, high))),
                ),
                "m3": CatalogueModel(id="m3"),
            },
        )
    )


@pytest.mark.parametrize(
    "damage",
    [
        "",
        ',mine:{id:"mine",env:[',
        ',mine:{id:"mine",env:[]',
        ',mine:{id:"mine",env:[},models:{}}',
        ',mine:{id:"mine",env:[],models:f(1)}',
        ',mine:{id:"mine",env:[],api:`${a}`}',
        ',mine:{id:"mine",env:[],api:"\\u{110000}"}',
        ',mine:{id:"mine",env:[],a:1 2}',
        ',mine:{id:"mine",env:["unclosed]}',
        ',mine:{id:"mine",env:[' + "[" * 100_000,
    ],
    ids=range(10),
)
def test_damage_is_nothing(tmp_path: Path, damage: str) -> None:
    assert read(tmp_path, damage) is None


def test_a_later_literal_counts_when_the_first_is_none(tmp_path: Path) -> None:
    text = ',mine:{id:"mine",env:[(' + ',"mine":{id:"mine",env:["A"]}'

    assert read(tmp_path, text) == CatalogueProvider(id="mine", env=("A",))


NEEDLE = ':{id:"mine",env:['
WINDOW = 64


@pytest.mark.parametrize("place", range(WINDOW - len(NEEDLE) - 1, WINDOW + 2))
def test_a_literal_across_the_border_of_two_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    """Each candidate is tried once: the invalid ones before the literal, and the literal."""
    monkeypatch.setattr(catalogue, "_WINDOW", WINDOW)
    tried: list[str] = []

    def load(text: str) -> object:
        tried.append(text)
        return _load(text)

    monkeypatch.setattr(catalogue, "_load", load)
    path = tmp_path / "binary"
    fillers = "-" * place, "-" * (2 * WINDOW - len(NEEDLE))
    path.write_text(f'{fillers[0]}{NEEDLE}({fillers[1]}{NEEDLE}"A"]}}{NEEDLE}"B"]}}')

    assert read_catalogue(path, "mine") == CatalogueProvider(id="mine", env=("A",))
    assert [text[len(NEEDLE) - 1 :][:4] for text in tried] == ["(---", '"A"]']


@pytest.mark.parametrize("name", ["", "a b", 'a",env:["', "../a", "x" * 100])
def test_odd_names(tmp_path: Path, name: str) -> None:
    assert read(tmp_path, LITERAL, name) is None


def test_no_file_and_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()

    assert read_catalogue(tmp_path / "missing", "mine") is None
    assert read_catalogue(tmp_path / "empty", "mine") is None
    assert read_catalogue(tmp_path, "mine") is None


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)  # fmt: skip


@given(st.dictionaries(st.text(), VALUES, max_size=5))
def test_json_is_read_as_it_is(value: dict[str, Any]) -> None:
    assert _load(json.dumps(value) + ",rest:{") == value


@given(st.text(alphabet="{}[]:,\"\\`'!01aux.e- \n"))
def test_any_text_is_data_or_nothing(text: str) -> None:
    _load("{" + text)
