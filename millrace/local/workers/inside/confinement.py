"""What a worker may touch of this machine: Linux takes away what a function needs not, before its code is loaded.

Landlock leaves a worker its code and packages to read, its own folder to write, and no other process to look into or to
signal. A mount namespace makes that folder its /tmp. https://docs.kernel.org/userspace-api/landlock.html
"""

import contextlib
import ctypes
import os
import stat
import struct
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION, _PATH_BENEATH = 1, 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_MAKE_CHAR, _MAKE_BLOCK, _TRUNCATE = 1 << 6, 1 << 11, 1 << 14
_EVERY_RIGHT = (1 << 15) - 1
_SINCE_TRUNCATE, _SINCE_SCOPES = 3, 6
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
_DEVICE = _WRITE_FILE | _READ_FILE
_SCOPED = 3  # abstract UNIX sockets, and signals
_NO_NEW_PRIVS, _NOT_DUMPABLE = 38, 4
_NEW_MOUNTS, _NEW_USER = 0x00020000, 0x10000000
_BIND, _BIND_RECURSIVE, _PRIVATE_RECURSIVE = 0x1000, 0x5000, 0x44000
_READ_ONLY_AGAIN, _LOCKED_FLAGS = 0x1021, 0xC0E
_CAPABILITIES_VERSION = 0x20080522
_KEPT_CAPABILITIES = 0b11011  # root's capabilities for owners and modes of files; Landlock limits the files
_TMP = "/tmp"  # noqa: S108 - what Lambda calls it
_SYSTEM = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store", "/proc", "/run/systemd/resolve"),
    *("/sys/devices/system/cpu", "/sys/fs/cgroup"),
    *(f"/etc/{name}" for name in ("alternatives", "ca-certificates", "crypto-policies", "pki", "ssl", "ld.so.conf.d")),
    *(f"/etc/{name}" for name in ("gai.conf", "group", "host.conf", "hosts", "ld.so.cache", "ld.so.conf", "localtime")),
    *(f"/etc/{name}" for name in ("mime.types", "nsswitch.conf", "os-release", "passwd", "protocols", "resolv.conf")),
    *(f"/etc/{name}" for name in ("services", "timezone")),
)
_DEVICES = tuple(f"/dev/{name}" for name in ("full", "null", "random", "urandom", "zero"))


def confine(readable: Iterable[str], home: str, shared: Iterable[str]) -> str:
    """Take away from this process all but a few folders; gives the folder that it may write.

    `shared` may be written, too. Call it while there is one thread: another would keep what it has.
    """
    if sys.platform != "linux":
        return home
    needed = [*readable, *shared]
    writable = [home, *shared]
    if _mount_tmp(home, needed, shared):
        home = writable[0] = _TMP
    elif not _below_tmp(needed):
        writable.append(_TMP)
    _prctl(_NO_NEW_PRIVS, 1)
    version = landlock_version()
    if version:
        _restrict(version, needed, writable)
    else:
        _prctl(_NOT_DUMPABLE, 0)
    _drop_capabilities()
    return home


def packages(links: str) -> list[str]:
    """The targets of a folder of links to packages. Looks up, too, what every worker needs to know."""
    if sys.platform == "linux":
        landlock_version(), _python()
    return [os.path.realpath(entry.path) for entry in os.scandir(links) if entry.is_symlink()]


def missing() -> str:
    """What this machine cannot take away from a worker, in words; empty where it can take away everything."""
    if sys.platform != "linux":
        return f"{sys.platform} does not confine functions: they can read and write what you can"
    if not landlock_version():
        return "this kernel has no Landlock, so functions can read and write the files that you can"
    return ""


@cache
def landlock_version() -> int:
    """The version of the kernel's Landlock; 0 where there is none."""
    found = int(_libc().syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION)))
    return max(found, 0)


@cache
def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)


def _done(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _prctl(option: int, value: int) -> None:
    _done(_libc().prctl(option, value, 0, 0, 0), f"prctl {option}")


def _restrict(version: int, readable: Iterable[str], writable: Iterable[str]) -> None:
    every = _EVERY_RIGHT if version >= _SINCE_TRUNCATE else (1 << 12 + version) - 1
    attributes = struct.pack("=QQQ", every, 0, _SCOPED if version >= _SINCE_SCOPES else 0)
    attributes = attributes[: 24 if version >= _SINCE_SCOPES else 8]
    rules = _done(_libc().syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0), "Landlock")
    try:
        for path in {*_SYSTEM, *_python(), str(Path(__file__).parent), *readable}:
            _allow(rules, path, _READ)
        for path in _DEVICES:
            _allow(rules, path, _DEVICE)
        for path in writable:
            _allow(rules, path, every & ~_MAKE_CHAR & ~_MAKE_BLOCK)
        _done(_libc().syscall(_RESTRICT_SELF, rules, 0), "Landlock")
    finally:
        os.close(rules)


@cache
def _python() -> list[str]:
    """The interpreter and its standard library, and the virtual environment that it was started from."""
    environment = Path(sys.executable).parent.parent
    return [sys.base_prefix, *([str(environment)] if (environment / "pyvenv.cfg").exists() else [])]


def _allow(rules: int, path: str, access: int) -> None:
    with contextlib.suppress(FileNotFoundError, PermissionError):  # not on this machine, or closed to the worker anyway
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
                access &= _OF_FILES
            rule = struct.pack("=Qi", access, descriptor)
            _done(_libc().syscall(_ADD_RULE, rules, _PATH_BENEATH, rule, 0), f"Landlock, {path}")
        finally:
            os.close(descriptor)


def _mount_tmp(home: str, needed: Iterable[str], shared: Iterable[str]) -> bool:
    """Make a folder this process's /tmp, with what it needs of the machine's. False without the right to do that."""
    user, group = os.getuid(), os.getgid()
    if _libc().unshare(_NEW_MOUNTS if user == 0 else _NEW_MOUNTS | _NEW_USER):
        return False
    descriptors = {path: os.open(path, os.O_PATH) for path in _below_tmp(needed)}
    try:
        if user:
            _map_user(user, group)
        _mount("none", "/", _PRIVATE_RECURSIVE)
        _mount(home, _TMP, _BIND)
        for path, descriptor in descriptors.items():
            _make_like(descriptor, Path(path))
            _mount(f"/proc/self/fd/{descriptor}", path, _BIND_RECURSIVE)
            if path not in shared:  # or it could be written as a part of /tmp
                _mount("none", path, _READ_ONLY_AGAIN | os.statvfs(path).f_flag & _LOCKED_FLAGS)
    except PermissionError:
        return False  # for example in a container, or with AppArmor
    finally:
        for descriptor in descriptors.values():
            os.close(descriptor)
    return True


def _below_tmp(paths: Iterable[str]) -> list[str]:
    """The paths below /tmp, without those below another one."""
    found: list[str] = []
    for path in sorted(path for path in paths if path.startswith(f"{_TMP}/")):
        if not any(f"{path}/".startswith(f"{outer}/") for outer in found):
            found.append(path)
    return found


def _make_like(descriptor: int, path: Path) -> None:
    """Make the folder or file on which another of that kind is mounted."""
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        path.mkdir(parents=True, exist_ok=True)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def _mount(source: str, target: str, flags: int) -> None:
    _done(_libc().mount(source.encode(), target.encode(), None, flags, None), f"mount {target}")


def _map_user(user: int, group: int) -> None:
    """https://man7.org/linux/man-pages/man7/user_namespaces.7.html."""
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def _drop_capabilities() -> None:
    """Keep of root's capabilities those over files."""
    head = struct.pack("=Ii", _CAPABILITIES_VERSION, 0)
    held = ctypes.create_string_buffer(24)
    _done(_libc().capget(head, held), "capget")
    low = struct.unpack("=6I", held.raw)[1] & _KEPT_CAPABILITIES
    _done(_libc().capset(head, struct.pack("=6I", low, low, 0, 0, 0, 0)), "capset")
