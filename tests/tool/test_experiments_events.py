# SPDX-License-Identifier: BSD-2-Clause
"""What a kernel tells while a run goes on, as the node would have told it."""

from __future__ import annotations

import pytest

from ilnptool.experiments.events import event_of


def test_events_of_a_kernel_have_the_names_of_the_node_and_our_time() -> None:
    line = (
        "1000.25 !system=ILNP subsystem=PATH type=DOWN local=0211-22ff-fe33-4455 "
        "remote=0211-22ff-fe66-7788 from=2001+0db8+000a+0001 to=2001+0db8+000b+0001"
    )
    assert event_of(line, 0.25) == {
        "event": "path_down",
        "time": 1000.0,
        "local_nid": "0211-22ff-fe33-4455",
        "remote_nid": "0211-22ff-fe66-7788",
        "local_l64": "2001+0db8+000a+0001",
        "remote_l64": "2001+0db8+000b+0001",
    }
    line = "7.5 !system=ILNP subsystem=LOCATOR type=DEL locator=2001+0db8+000a+0001"
    assert event_of(line, -1.0) == {
        "event": "loc_del",
        "time": 8.5,
        "local_l64": "2001+0db8+000a+0001",
    }


@pytest.mark.parametrize("line", ["", "7.5", "7.5 !system=IFNET type=LINK_UP", "7.5 +vtnet0 at"])
def test_what_is_no_event_of_ilnp_is_left_out(line: str) -> None:
    assert event_of(line, 0.0) is None
