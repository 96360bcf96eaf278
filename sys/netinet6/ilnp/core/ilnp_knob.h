/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Knobs: one row each, expanded for the configuration struct, the sysctl tree,
 * the node's control socket, the manual pages and ilnptool.
 *
 *	X(name, default, lowest, highest, unit, sentence)
 *
 * Every value is a uint32_t.
 */
#ifndef _ILNP_KNOB_H_
#define	_ILNP_KNOB_H_

#include "ilnp_types.h"

#define	ILNP_KNOBS(X)							\
	X(nonce_size, 4, 4, 12, "octets", "Length of our nonces: 4 or 12") \
	X(nonce_policy, 0, 0, 1, "", "0: nonce on every packet; 1: not on TCP segments past the start or a move") \
	X(nonce_initial, 8, 1, 1000, "packets", "With nonce_policy 1: packets that carry the nonce at the start") \
	X(nonce_shared, 0, 0, 1, "", "1: answer with the initiator's nonce, as early implementations do") \
	X(post_move_nonce, 60, 1, 600, "s", "With nonce_policy 1: how long after a move all packets carry the nonce") \
	X(cksum, 0, 0, 2, "", "TCP and UDP sums we send: 0 RFC 6741, 1 as IPv6, 2 as the peer does") \
	X(cksum_strict, 0, 0, 1, "", "1: accept only the kind of checksum that we send") \
	X(fallback, 1, 0, 1, "", "1: use plain IPv6 toward hosts that do not speak ILNP") \
	X(fallback_wait, 2500, 100, 60000, "ms", "Silence after which a new correspondent is taken for plain IPv6") \
	X(fallback_ttl, 60, 1, 86400, "s", "How long an idle correspondent is remembered as plain IPv6") \
	X(maxlocs, 8, 1, ILNP_LOCS_MAX, "locators", "Remote locators kept per session") \
	X(maxpaths, 16, 1, ILNP_PATHS_MAX, "paths", "Locator pairs used per session") \
	X(lu_format, 12, 12, 16, "octets", "Locator Update record: 12 (RFC 6743), 14 or 16 (extended)") \
	X(lu_soft_code, 0, 0, 255, "", "ICMPv6 code of a soft Locator Update; 0: not used") \
	X(lu_max, 64, 1, ILNP_LU_COUNT_MAX, "locators", "Larger Locator Updates are dropped") \
	X(lu_gap, 100, 0, 10000, "ms", "Least time between Locator Updates to or from one correspondent") \
	X(lu_sends, 7, 1, 20, "", "How often an unacknowledged Locator Update is sent") \
	X(lu_lifetime, 300, 1, 65535, "s", "Longest lifetime announced for a locator") \
	X(lu_retain, 30, 0, 3600, "s", "How long a locator the peer withdrew is still taken, with nonce, as source") \
	X(handover, 0, 0, 1, "", "0: soft, a disabled locator still receives until acknowledged and quiet; 1: hard") \
	X(quiet, 1000, 0, 60000, "ms", "Soft handover: silence on an old locator before it is let go") \
	X(probe_busy, 250, 20, 60000, "ms", "Interval of probes on a path that carries data") \
	X(probe_idle, 1000, 100, 600000, "ms", "Interval of probes on a path that carries none") \
	X(probe_fails, 3, 1, 20, "", "Unanswered probes that take a path DOWN") \
	X(sess_max, 65536, 16, 4194304, "sessions", "Sessions kept; fixed when the cache is made") \
	X(half_max, 4096, 8, 1048576, "sessions", "Sessions kept that their peer has not confirmed") \
	X(pair_max, 4, 1, 64, "sessions", "Confirmed sessions kept for one pair of NIDs") \
	X(sess_idle, 1800, 1, 86400, "s", "Idle time after which a session may be freed") \
	X(busy_time, 10, 1, 3600, "s", "How long after its last packet a session is still probed")

struct ilnp_conf {
#define	X(name, def, lo, hi, unit, text)	uint32_t name;
	ILNP_KNOBS(X)
#undef X
};

/* Sets every knob to its default. */
void	ilnp_conf_init(struct ilnp_conf *);

/*
 * Returns 0, ENOENT if there is no such knob, ERANGE if the value is outside
 * its range, EINVAL if it is inside but means nothing (a nonce of 7 octets).
 */
int	ilnp_conf_set(struct ilnp_conf *, const char *name, uint64_t value);

#endif /* !_ILNP_KNOB_H_ */
