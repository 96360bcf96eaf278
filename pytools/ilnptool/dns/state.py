# SPDX-License-Identifier: BSD-2-Clause
"""What is remembered of a name between two runs: what it is to hold, what it holds, what failed."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ilnptool.dns.rrset import OwnerSet
from ilnptool.errors import EnvironmentMissing, IlnpError, UsageError

SCHEMA_VERSION = 1


@dataclass(slots=True)
class DnsState:
    """The memory of one name."""

    path: Path
    wanted: tuple[OwnerSet, ...] = ()
    published: tuple[OwnerSet, ...] = ()  # what the server confirmed last
    published_at: float | None = None  # seconds since 1970
    failures: int = 0  # in a row, since the last success
    failure: str | None = None
    failed_at: float | None = None

    @property
    def pending(self) -> bool:
        """Whether the server still has to be told."""
        return self.wanted != self.published

    def holds(self, owner: str, rdtype: str) -> tuple[str, ...]:
        """Return what we put at a name and the server confirmed."""
        for each in self.published:
            if each.owner == owner:
                return each.rdata(rdtype)
        return ()

    def as_json(self) -> dict[str, Any]:
        return {
            "schema_version": SCHEMA_VERSION,
            "wanted": [x.as_json() for x in self.wanted],
            "published": [x.as_json() for x in self.published],
            "published_at": self.published_at,
            "failures": self.failures,
            "failure": self.failure,
            "failed_at": self.failed_at,
        }

    def save(self) -> None:
        """Write the file; whoever reads it sees the old one or the new one, never a part."""
        part = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with part.open("w") as file:
                file.write(json.dumps(self.as_json(), indent=1) + "\n")
                file.flush()
                os.fsync(file.fileno())
            part.replace(self.path)
        except OSError as err:
            raise EnvironmentMissing(f"{self.path}: cannot be written: {err.strerror}") from err


def load_state(path: Path) -> DnsState:
    """Read a state file; one that is not there is an empty one."""
    try:
        value = json.loads(path.read_text())
        if value["schema_version"] != SCHEMA_VERSION:
            raise UsageError(
                f"{path}: schema_version {value['schema_version']!r}; this program reads "
                f"{SCHEMA_VERSION}; remove the file, it will be made anew"
            )
        return DnsState(
            path,
            tuple(OwnerSet.from_json(x) for x in value["wanted"]),
            tuple(OwnerSet.from_json(x) for x in value["published"]),
            value["published_at"],
            int(value["failures"]),
            value["failure"],
            value["failed_at"],
        )
    except FileNotFoundError:
        return DnsState(path)
    except OSError as err:
        raise EnvironmentMissing(f"{path}: {err.strerror}") from err
    except IlnpError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as err:
        raise UsageError(
            f"{path}: not a state file of ours; remove it, it will be made anew"
        ) from err
