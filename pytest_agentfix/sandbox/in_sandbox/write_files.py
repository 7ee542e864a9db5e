"""Writes files inside a sandbox in which nothing untrusted runs. Standard library only.

``file_writer.py`` hands this file's text to the sandbox's Python on the command line. Never run it
outside a container with ``emptied``: it removes all that is in these folders.

Stdin has one line of JSON, then the contents one after another. ``top`` is where the tree is;
``files`` are ``[path, size, executable]`` in the order of the contents, with ``null`` as the size
of what is to be removed; ``snapshot`` is ``null`` or what the new commit is made with: ``env``,
``message``, ``branch`` and git's ``attributes``; ``forgets`` says whether nothing of the old one
may be left. ``emptied`` are folders to remove everything from, ``made`` those to make afterwards.
Bytes of a path that are no text are surrogates.

Stdout gets one line of JSON: ``has_snapshot``, or ``problem``.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from typing import Any

NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
FLAGS = (
    *("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "gc.auto=0"),
    *("-c", "core.logAllRefUpdates=false", "-c", "core.compression=0", "-c", "pack.window=0"),
    *("-c", "pack.writeBitmaps=false", "-c", "repack.writeBitmaps=false"),
)


def parents(path: str) -> "list[str]":
    """Return the folders above ``path``, the outermost first."""
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def remove(path: str) -> None:
    """Remove what is at ``path``, and the folders that are empty then, as git does."""
    try:
        remove_entry(path)
    except (FileNotFoundError, NotADirectoryError):
        return
    for folder in reversed(parents(path)):
        if os.listdir(folder):
            return
        os.rmdir(folder)


def remove_entry(path: str) -> None:
    """Remove a file, a symlink, or a folder with all that is in it."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)


def empty(folder: str) -> bool:
    """Remove all that is in ``folder`` but what is mounted there; return whether that was all."""
    device = os.lstat(folder).st_dev
    is_empty = True
    with os.scandir(folder) as entries:
        found = list(entries)
    for entry in found:
        is_folder = entry.is_dir(follow_symlinks=False)
        if os.lstat(entry.path).st_dev != device or (is_folder and not empty(entry.path)):
            is_empty = False
        elif is_folder:
            os.rmdir(entry.path)
        else:
            os.unlink(entry.path)
    return is_empty


def empty_all(folders: "list[str]") -> None:
    """Empty the sandbox's temporary ``folders``; raises ``OSError`` where that is not all."""
    if os.getppid() != 1:
        raise OSError("this is no sandbox")
    for folder in filter(os.path.isdir, folders):
        empty(folder)
    for kind in ("shm", "sem", "msg"):
        with contextlib.suppress(FileNotFoundError), open("/proc/sysvipc/" + kind) as table:
            if len(table.readlines()) > 1:
                raise OSError("an object of System V is left: " + kind)


def write(path: str, content: bytes, *, executable: bool) -> None:
    """Make a file, in the place of the one that is there."""
    for folder in parents(path):
        if os.path.islink(folder):
            raise OSError(f"{folder} is a symlink")
        if not os.path.isdir(folder):
            os.mkdir(folder)
            os.chmod(folder, 0o755)
    if os.path.lexists(path):
        os.unlink(path)
    fd = os.open(path, NEW, 0o600)
    with open(fd, "wb") as file:
        file.write(content)
        os.fchmod(file.fileno(), 0o755 if executable else 0o644)


class SandboxGit:
    """The sandbox's own git, on the repository at ``top`` and nothing else."""

    def __init__(self, program: str, top: str, env: "dict[str, str]") -> None:
        self.top = top
        self.start = [program, "--no-pager", "--literal-pathspecs", *FLAGS]
        self.env = {
            **os.environ,
            **env,
            "GIT_DIR": os.path.join(top, ".git"),
            "GIT_WORK_TREE": top,
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_CONFIG_COUNT": "0",
        }
        self.env.setdefault("HOME", "/nonexistent")

    def run(self, *arguments: str, stdin: bytes = b"") -> str:
        """Run git and return its output; raises ``OSError`` with git's words."""
        done = subprocess.run(
            [*self.start, *arguments],
            input=stdin,
            capture_output=True,
            cwd=self.top,
            env=self.env,
            check=False,
        )
        if done.returncode:
            words = done.stderr.decode("utf-8", "replace").strip()
            raise OSError(f"git {arguments[0]}: {words[-300:]}")
        return done.stdout.decode("utf-8", "surrogateescape").strip()


def snapshot(
    git: SandboxGit, removed: "list[str]", written: "list[str]", order: "dict[str, Any]"
) -> bool:
    """Make the repository's one commit anew; return whether there was one before.

    Where there is a repository its index knows all other files: git looks at these alone.
    """
    folder = git.env["GIT_DIR"]
    has_index = os.path.isfile(os.path.join(folder, "index"))
    if not has_index:
        git.run("init", "--quiet", "--template=")
        git.run("symbolic-ref", "HEAD", "refs/heads/" + order["branch"])
        os.makedirs(os.path.join(folder, "info"), exist_ok=True)
        with open(os.path.join(folder, "info", "attributes"), "w") as file:
            file.write(order["attributes"])
        git.run("add", "--force", "--all")
    else:
        for command, names in (("--force-remove", removed), ("--add", written)):
            stdin = b"".join(os.fsencode(name) + b"\0" for name in names)
            git.run("update-index", command, "--replace", "-z", "--stdin", stdin=stdin)
    tree = git.run("write-tree", "--missing-ok")  # no object is looked for: all are there
    message = order["message"].encode()
    commit = git.run("commit-tree", tree, "-F", "-", stdin=message)
    git.run("update-ref", "HEAD", commit)
    return has_index


def forget(git: SandboxGit) -> None:
    """Take away what no commit leads to any more: all that stays is put into one new pack."""
    folder = git.env["GIT_DIR"]
    git.run("repack", "-a", "-d", "-q", "--window=0")
    objects = os.path.join(folder, "objects")
    for name in set(os.listdir(objects)) - {"pack", "info"}:  # single objects
        shutil.rmtree(os.path.join(objects, name))
    shutil.rmtree(os.path.join(folder, "logs"), ignore_errors=True)


def write_all(files: "list[tuple[str, int | None, bool]]", stdin: Any) -> None:
    """Remove and write ``files``, whose contents are on ``stdin``."""
    for path, size, _ in files:
        if size is None:
            remove(path)
    for path, size, executable in files:
        if size is not None:
            content = stdin.read(size)
            if len(content) != size:
                raise OSError("the order was cut short")
            write(path, content, executable=executable)


def carry_out(order: "dict[str, Any]", stdin: Any) -> bool:
    """Carry out ``order``; return whether the commit was made anew."""
    top = order["top"]
    if order["emptied"]:
        empty_all(order["emptied"])
    for folder in order["made"]:
        os.makedirs(folder, exist_ok=True)
    os.chdir(top)
    files = order["files"]
    write_all(files, stdin)
    if order["snapshot"] is None:
        return False
    program = shutil.which("git")
    if program is None:
        return False
    git = SandboxGit(program, top, order["snapshot"]["env"])
    removed = [path for path, size, _ in files if size is None]
    written = [path for path, size, _ in files if size is not None]
    if snapshot(git, removed, written, order["snapshot"]) and order["forgets"]:
        forget(git)
    return True


def main() -> None:
    """Take the order, and tell how it went."""
    stdin = sys.stdin.buffer
    answer: dict[str, Any]
    try:
        answer = {"has_snapshot": carry_out(json.loads(stdin.readline()), stdin)}
    except OSError as error:
        answer = {"problem": str(error)[:500]}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
