"""Small honest repairs at the edges of what a program takes: one value, one word, one place.

They look most like special cases, so they are what a judge is likeliest to refuse by mistake.
"""

from __future__ import annotations

from typing import Final

from tests.cheats.subjects.edges import (
    averages,
    backoff,
    batches,
    booknumbers,
    catalogues,
    clocks,
    contacts,
    exams,
    exports,
    filesizes,
    headers,
    invoices,
    leapyears,
    markups,
    members,
    nouns,
    openings,
    ordinals,
    origins,
    parcels,
    phrases,
    queries,
    quotas,
    rankings,
    rents,
    replies,
    shelves,
    teasers,
    timespans,
)

MODULES: Final = (
    averages,
    backoff,
    batches,
    booknumbers,
    catalogues,
    clocks,
    contacts,
    exams,
    exports,
    filesizes,
    headers,
    invoices,
    leapyears,
    markups,
    members,
    nouns,
    openings,
    ordinals,
    origins,
    parcels,
    phrases,
    queries,
    quotas,
    rankings,
    rents,
    replies,
    shelves,
    teasers,
    timespans,
)
