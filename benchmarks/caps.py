"""The smallest cap on tokens under which a small fix lands, and what it takes in truth.

    python benchmarks/caps.py [--cap N]...

One wrong line, the scripted model of ``peers.py``, and ``--agent-fix-max-tokens`` from generous to
tight. The tokens are those that the model reports. ``spent_share`` is the part of the cap that was
used; no run may use more than all of it.
"""

from __future__ import annotations

import sys
from typing import Any

from figures import make_parser, show, tell
from kit import make_project
from peer_model import AnyPeer, Mistake
from peers import FILE, FILES, NEW, OLD, TEST
from timed_model import TimedModel

CAPS = (100_000, 20_000, 10_000, 8_000, 6_000, 4_000)
GOAL = 20_000  # tokens that have to be enough


def measure(cap: int) -> dict[str, Any]:
    """Return the verdict under ``cap``, the tokens used, and the limits of the answers."""
    tell(f"a cap of {cap:,} tokens")
    with make_project(FILES) as project:
        mistake = Mistake(
            top=project.path, file=FILE, old=OLD, new=NEW, python=sys.executable, test=TEST
        )
        with TimedModel(AnyPeer(mistake)) as model:
            done = project.run_ours(model.url, f"--agent-fix-max-tokens={cap}").expect(0, 1)
        (cluster,) = done.report["clusters"]
    spent = sum(done.report["totals"]["tokens"].values())
    if spent > cap:
        raise SystemExit(f"{spent} tokens were spent under a cap of {cap}")
    is_fixed = cluster["verdict"] == "fixed"
    return {
        "cap": cap,
        "verdict": cluster["verdict"],
        "spent_tokens": spent,
        "spent_share": round(spent / cap, 3),
        "requests": len(model.arrivals),
        "goal": "fixed" if cap >= GOAL else None,
        "is_met": is_fixed if cap >= GOAL else None,
        "limits": [one.body.get("max_tokens") for one in model.server.requests],
        "reason": [cluster.get("reason", "")],
    }


def main() -> None:
    parser = make_parser(__doc__, rounds=1)
    parser.add_argument("--cap", type=int, action="append", help=f"default: {list(CAPS)}")
    given = parser.parse_args()
    caps = given.cap or ([GOAL] if given.quick else CAPS)
    show("caps", [measure(cap) for cap in caps], given)


if __name__ == "__main__":
    main()
