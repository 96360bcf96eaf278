/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * What hosts of the rig are told, and what they are asked.
 */
#include <sys/param.h>
#include <sys/socket.h>
#include <sys/sysctl.h>
#include <net/if.h>
#include <net/if_mib.h>

#include "ifc.h"
#include "rig_var.h"

bool
rig_has(void)
{
	int v;
	size_t len = sizeof(v);

	return (sysctl_get(KNOBS "enable", &v, &len) >= 0);
}

struct knob {
	char	path[80];
	const char *text;
	int	value;
};

static struct knob
knob(const char *name)
{
	struct knob k = { .path = KNOBS };

	memcpy(k.path + length(k.path), name, length(name) + 1);
	return (k);
}

static int
set_knob(void *arg)
{
	const struct knob *k = arg;

	return ((k->text != NULL ? sysctl_set(k->path, k->text) :
	    sysctl_set_int(k->path, k->value)) < 0);
}

void
rig_set(enum rig_who who, const char *name, int value)
{
	struct knob k = knob(name);

	k.value = value;
	if (rig_run(who, set_knob, &k) != 0)
		check(false, "%s cannot be set to %d", name, value);
}

bool
rig_write(enum rig_who who, const char *name, const char *text)
{
	struct knob k = knob(name);

	k.text = text;
	return (rig_run(who, set_knob, &k) == 0);
}

static int
read_counter(void *arg)
{
	rig_back->n[0] = counter(arg);
	return (0);
}

uint64_t
rig_counter(enum rig_who who, const char *name)
{
	(void)rig_run(who, read_counter, (void *)(uintptr_t)name);
	return (rig_back->n[0]);
}

static int
count_connections(void *unused __unused)
{
	uint32_t n = 0;
	size_t len = sizeof(n);

	(void)sysctl_get("net.inet.tcp.pcbcount", &n, &len);
	rig_back->n[0] = n;
	return (0);
}

uint32_t
rig_hangs_up(enum rig_who who)
{
	int64_t end = now_ms() + RIG_END_MS;
	uint64_t least = UINT64_MAX;

	do {
		(void)rig_run(who, count_connections, NULL);
		if (rig_back->n[0] < least) {
			least = rig_back->n[0];
			end = now_ms() + RIG_END_MS;
		}
		sleep_ms(50);
	} while (least != 0 && now_ms() < end);
	return ((uint32_t)least);
}

struct look {
	const char *name;
	const char *part;
	int	ms;
};

static int
look_for(void *arg)
{
	const struct look *l = arg;
	int64_t end = now_ms() + l->ms;
	struct knob k = knob(l->name);

	do {
		size_t len = sizeof(rig_back->text) - 1;

		memset(rig_back->text, 0, sizeof(rig_back->text));
		(void)sysctl_get(k.path, rig_back->text, &len);
		if (contains(rig_back->text, l->part))
			return (0);
		sleep_ms(10);
	} while (now_ms() < end);
	return (1);
}

bool
rig_shows(enum rig_who who, const char *name, const char *part, int ms)
{
	struct look l = { name, part, ms };

	if (rig_run(who, look_for, &l) == 0)
		return (true);
	say("%s", rig_back->text);
	return (false);
}

static int
tell(void *unused __unused)
{
	(void)listing(KNOBS "sessions", "");
	(void)listing(KNOBS "locators", "");
	say_counters();
	return (0);
}

void
rig_tell(void)
{
	(void)rig_run(RIG_A, tell, NULL);
	(void)rig_run(RIG_B, tell, NULL);
}

bool
rig_teach(enum rig_who who)
{
	enum rig_who other = who == RIG_A ? RIG_B : RIG_A;
	char text[200];
	size_t n = rig_groups(text, RIG_NID(other), '-');

	for (int i = 0; i < rig.links[other]; i++) {
		text[n++] = ' ';
		n += rig_groups(text + n, rig_ilv(other, i).l64, '+');
	}
	text[n] = '\0';
	return (rig_write(who, "teach", text));
}

static int
count(void *arg)
{
	int mib[6] = { CTL_NET, PF_LINK, NETLINK_GENERIC, IFMIB_IFDATA,
	    if_index_of(arg), IFDATA_GENERAL };
	struct ifmibdata data;
	size_t len = sizeof(data);

	if (sysctl_mib(mib, 6, &data, &len) < 0)
		return (1);
	rig_back->n[0] = data.ifmd_data.ifi_ipackets;
	rig_back->n[1] = data.ifmd_data.ifi_ibytes;
	return (0);
}

void
rig_sent(enum rig_who who, int link, uint64_t *packets, uint64_t *octets)
{
	if (rig_run(RIG_R, count, rig.link[who][link].router) != 0)
		say("cannot count\n");
	*packets = rig_back->n[0];
	*octets = rig_back->n[1];
}
