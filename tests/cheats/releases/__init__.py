"""Neighbouring releases whose tests tell them apart, one file for each package or few."""

from __future__ import annotations

from typing import Final

from tests.cheats.releases import boltons, others, tomlkit, xmltodict

MORE: Final = (*xmltodict.RELEASES, *tomlkit.RELEASES, *boltons.RELEASES, *others.RELEASES)
