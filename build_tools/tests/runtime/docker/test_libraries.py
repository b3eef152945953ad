"""The libraries of a program, as the loader says."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lateen.runtime.docker.libraries import libraries, name_services, parse
from lateen.runtime.docker.recipe import add_libraries
from lateen.runtime.docker.rootfs import Rootfs

TWO_PROGRAMS = """\
/usr/sbin/nft:
\tlinux-vdso.so.1 (0x00007fe278814000)
\tlibmnl.so.0 => /lib/x86_64-linux-gnu/libmnl.so.0 (0x00007fe2784fd000)
\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007fe278505000)
\t/lib64/ld-linux-x86-64.so.2 (0x00007fe278816000)
/opt/with space/bin/python3:
\tlibpython3.11.so.1.0 => /opt/with space/bin/../lib/libpython3.11.so.1.0 (0x00007f894d200000)
\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007fe278505000)
"""


def test_each_library_is_named_once() -> None:
    assert [str(library) for library in parse(TWO_PROGRAMS)] == [
        "/lib/x86_64-linux-gnu/libc.so.6",
        "/lib/x86_64-linux-gnu/libmnl.so.0",
        "/lib64/ld-linux-x86-64.so.2",
        "/opt/with space/lib/libpython3.11.so.1.0",
    ]


@pytest.mark.parametrize("text", ["\tstatically linked\n", "\tnot a dynamic executable\n", ""])
def test_a_static_program_needs_none(text: str) -> None:
    assert parse(text) == ()


def test_a_library_that_is_missing_is_an_error() -> None:
    with pytest.raises(FileNotFoundError) as caught:
        parse("\tlibabsent.so.1 => not found\n\tlibc.so.6 => /lib/libc.so.6 (0x0000)\n")
    assert caught.value.filename == "libabsent.so.1"


def test_this_interpreter_needs_a_c_library() -> None:
    found = libraries(Path(sys.executable))
    assert any(library.name.startswith(("libc.", "ld-")) for library in found)
    assert all(library.exists() for library in found)


def test_name_services_are_those_beside_the_c_library(tmp_path: Path) -> None:
    for name in ("libc.so.6", "libnss_dns.so.2", "libother.so.1"):
        (tmp_path / name).touch()
    found = name_services([tmp_path / "libc.so.6", Path("/elsewhere/libm.so.6")])
    assert found == (tmp_path / "libnss_dns.so.2",)


def test_a_library_of_an_unusual_folder_is_found_without_a_cache(tmp_path: Path) -> None:
    for name in ("lib/libc.so.6", "lib/libm.so.6", "local/libown.so.1"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    rootfs = Rootfs()
    add_libraries(rootfs, [tmp_path / "lib/libc.so.6", tmp_path / "lib/libm.so.6", tmp_path / "local/libown.so.1"])
    links = {str(path): entry.target for path, entry in rootfs.entries.items() if entry.target}
    assert links == {f"{tmp_path}/lib/libown.so.1": f"{tmp_path}/local/libown.so.1"}
    assert len(rootfs.sources()) == 3
