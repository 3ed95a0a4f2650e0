"""Paths that are kept below a root, and files that are kept to their own user."""

import errno
import os
import shlex
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from core.errors import InvalidInput
from core.log import get_logger

_SHOWN_CHARACTERS = 80
_LINK = (errno.ELOOP, errno.EMLINK, errno.ENOTDIR)  # what opening a link without following it says


def resolve_below(root: Path, path: Path | str) -> Path:
    """Return the real path, with every link resolved: the root or something below it. A relative
    path starts at the root. Raises `InvalidInput` for a path that leads elsewhere, and for a text
    that is no path."""
    try:
        real = root.resolve()
        found = (real / path).resolve()
    except (OSError, RuntimeError, ValueError):  # a name too long, a loop of links, a zero byte
        raise InvalidInput(f"{show_path(path)} is not a path: choose one below {root}.") from None
    if not found.is_relative_to(real):
        raise InvalidInput(f"{show_path(path)} leads out of {real}: choose a path below it.")
    return found


def resolve_named(folder: Path, path: str) -> Path:
    """Return the real path of the file in `folder` that has the name at the end of `path`, wherever
    that leads. Raises `InvalidInput` where it has none, and for a link that leads elsewhere."""
    name = Path(path).name
    if not is_name(name):
        raise InvalidInput(f"{show_path(path)} names no file: it was altered.")
    return resolve_below(folder, name)


@contextmanager
def open_folder(root: Path, folder: Path) -> Iterator[int]:
    """Give a handle of a folder that is the root or lies below it, opened step by step with no
    link followed, so that nothing which is swapped in meanwhile leads elsewhere. Raises
    `InvalidInput` for a folder outside the root, and `OSError` for one that cannot be opened."""
    real = root.resolve()
    steps = resolve_below(real, folder).relative_to(real).parts
    handle = os.open(real, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for step in steps:
            inner = os.open(step, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=handle)
            os.close(handle)
            handle = inner
        yield handle
    finally:
        os.close(handle)


def open_regular(folder: int, name: str) -> BinaryIO:
    """Return a file of an opened folder, to be read. Raises `InvalidInput` for a link, for what is
    no regular file, such as a pipe or a device, for a name that is more than a name, and where the
    file cannot be opened."""
    if not is_name(name):
        raise InvalidInput(f"{show_path(name)} is not the name of a file: rename it.")
    try:  # without waiting, as opening a pipe would for somebody who writes to it
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError as error:
        if error.errno in _LINK:
            raise InvalidInput(
                f"{show_path(name)} is a link, which is not followed: put the file itself there."
            ) from None
        raise InvalidInput(
            f"{show_path(name)} cannot be read ({error.strerror}): let Plumbline's user read it."
        ) from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise InvalidInput(f"{show_path(name)} is not a regular file: put a file there.")
    return os.fdopen(handle, "rb")


def is_name(text: str) -> bool:
    """Return whether a text names something in a folder, and nothing in another one.

    >>> is_name("a.csv"), is_name(".."), is_name("a/b"), is_name("/etc")
    (True, False, False, False)
    """
    return text not in ("", ".", "..") and "/" not in text and "\0" not in text


def show_path(path: Path | str) -> str:
    """Return a path as a message shows it, on one line and shortened.

    >>> show_path("a/b"), show_path("a" * 100)[-3:]
    ("'a/b'", "a…'")
    """
    text = str(path)
    plain = text if text.isprintable() else ascii(text)[1:-1]
    shortened = plain if len(plain) <= _SHOWN_CHARACTERS else plain[: _SHOWN_CHARACTERS - 1] + "…"
    return f"'{shortened}'"


_OTHERS = 0o077

log = get_logger(__name__)


def keep_private() -> None:
    """Let every file and folder that this process and its children make be its user's alone; the
    first thing that each process of ours does."""
    os.umask(_OTHERS)


def check_home(home: Path) -> bool:
    """Return whether the home folder is its user's alone; where others may enter one that was made
    otherwise, warn with the command that ends it."""
    private = not home.stat().st_mode & _OTHERS if home.exists() else True
    if not private:
        command = shlex.join(["chmod", "-R", "go-rwx", str(home)])
        log.warning("home_open_to_other_users", home=str(home), command=command)
    return private
