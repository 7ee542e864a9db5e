"""A change as a patch file, made in a scratch repository that needs nothing of the user's."""

from __future__ import annotations

import tempfile
from pathlib import Path

from pytest_agentfix.repository.git import Git
from pytest_agentfix.repository.objects import ObjectWriter, States

_FORM = (
    "--patch",
    "--binary",
    "--full-index",
    "--no-textconv",
    "--no-ext-diff",
    "--no-renames",
    "--no-color",
    "--src-prefix=a/",
    "--dst-prefix=b/",
)


def make_patch(before: States, after: States, *, oid_length: int) -> bytes:
    """Make the patch with which ``git apply`` turns ``before`` into ``after``."""
    with tempfile.TemporaryDirectory(prefix="agent-fix-") as name:
        folder = Path(name)
        git = Git(folder).at(git_dir=folder / "git", work_tree=folder).without_user_config()
        form = "sha256" if oid_length == 64 else "sha1"  # noqa: PLR2004
        git.run("init", "--quiet", "--template=", f"--object-format={form}")
        writer = ObjectWriter(git, oid_length)
        old = writer.write_tree(before, parent=None)
        new = writer.write_tree(after, parent=None)
        return git.run("diff-tree", "-r", *_FORM, old, new)
