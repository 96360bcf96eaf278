# SPDX-License-Identifier: BSD-2-Clause
"""A source tree of our own that looks like FreeBSD to the hook tool, and hooks for it."""

from __future__ import annotations

from pathlib import Path

SOURCE = """\
/* A file of ours in the style of FreeBSD. */
#include <sys/param.h>

#include <netinet/thing.h>

static int	thing_open(struct thing *, int);

/*
 * Mentions thing_open() and return (error); in a comment.
 */
static int
thing_open(struct thing *t, int flags)
{
	int error = 0;

#ifdef LOUD
	if (flags & THING_LOUD) {
#else
	if (flags != 0) {
#endif
		error = thing_shout(t,
			flags);
	}
	/* All is well. */
	return (error);
}

void
thing_close(struct thing *t)
{
	thing_free(t);
	return (error);
}
"""

OPTIONS = """\
# options of the thing
THING			opt_thing.h
OTHER			opt_other.h
"""

HOOKS = """\
[[hook]]
id = "include"
why = "Declares the hook."
file = "sys/thing.c"
anchor = "#include <netinet/thing.h>"
where = "after"
text = '''
#include <ours.h>
'''

[[hook]]
id = "shout"
why = "After a call that goes over two lines."
file = "sys/thing.c"
function = "thing_open"
anchor = "error = thing_shout("
where = "after"
text = '''
		ours(t);
'''

[[hook]]
id = "return"
why = "Above a comment."
file = "sys/thing.c"
function = "thing_open"
anchor = "return (error);"
where = "before"
text = '''
	if (ours_too(t))
		return (0);

'''

[[hook]]
id = "option"
why = "A file that is not C."
file = "sys/conf/options"
anchor = "THING opt_thing.h"
where = "after"
text = '''
OURS			opt_ours.h
'''
"""


def make_tree(root: Path, *, version: int = 1400507, revision: str = "14.0") -> Path:
    """Make a tree of the three files the hooks touch or that tell its release."""
    for name, text in {
        "sys/sys/param.h": f"#undef X\n#define __FreeBSD_version {version}\n",
        "sys/conf/newvers.sh": f'TYPE="FreeBSD"\nREVISION="{revision}"\nBRANCH="STABLE"\n',
        "sys/conf/options": OPTIONS,
        "sys/thing.c": SOURCE,
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def snapshot(root: Path) -> dict[str, str]:
    """Return the content of all files below `root`."""
    return {
        str(path.relative_to(root)): path.read_text()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
