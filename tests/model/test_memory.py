# SPDX-License-Identifier: BSD-2-Clause
"""The memory that the core gets in a user process, as the node has it.

The sanitizers under which the other tests of the core run bring their own.
"""

from __future__ import annotations

import ctypes
import itertools

import pytest
from ilnpcore import library, memory

LINE = 64
BLOCK = 2 << 20
FILL = 0xA5
SIZES = (1, 16, 63, 64, 65, 440, 448, 4095, 4096, 4097, 100_000, BLOCK - 1, BLOCK, 3 * BLOCK + 5)


def allocate(size: int) -> int:
    alloc = library().ilnp_env_alloc
    alloc.restype = ctypes.c_void_p
    return int(alloc(ctypes.c_size_t(size)))


def release(address: int, size: int) -> None:
    library().ilnp_env_free(ctypes.c_void_p(address), ctypes.c_size_t(size))


@pytest.mark.parametrize("size", SIZES)
def test_memory_lies_at_a_line_is_zero_and_nobody_elses(size: int) -> None:
    before = memory()
    taken: list[int] = []
    for _ in range(3):
        address = allocate(size)
        assert address % (BLOCK if size >= BLOCK else LINE) == 0
        assert ctypes.string_at(address, size) == bytes(size)
        ctypes.memset(address, FILL, size)
        taken.append(address)
    assert memory() == before + 3 * size
    assert all(b - a >= size for a, b in itertools.pairwise(sorted(taken)))
    for address in taken:
        release(address, size)
    assert memory() == before


def test_what_was_given_back_is_used_again_and_zero_again() -> None:
    first = allocate(448)
    ctypes.memset(first, FILL, 448)
    release(first, 448)
    again = allocate(440)
    assert again == first
    assert ctypes.string_at(again, 440) == bytes(440)
    release(again, 440)


def test_small_objects_fill_block_after_block() -> None:
    before = memory()
    many = [allocate(4096) for _ in range(2 * BLOCK // 4096 + 1)]
    assert all(b - a >= 4096 for a, b in itertools.pairwise(sorted(many)))
    for address in many:
        release(address, 4096)
    assert memory() == before
