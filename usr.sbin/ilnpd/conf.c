/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Checks the configuration.  Nothing is started on a wrong one.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "conf.h"
#include "ilnp_addr.h"
#include "ilnp_select.h"
#include "notation.h"
#include "toml.h"

#define	EXIT_USAGE	2
#define	FILE_MAX_LEN	(1 << 20)
#define	TUN_MTU_MIN	1280
#define	TUN_MTU_MAX	65535

#define	NID_FORM	"four groups of 1 to 4 hexadecimal digits, as " \
			"0211:22ff:fe33:4455"

static void
set_defaults(struct conf *c)
{
	memset(c, 0, sizeof(*c));
	(void)strcpy(c->c_name, "ilnp");
	(void)strcpy(c->c_tun, "ilnp0");
	(void)strcpy(c->c_statedir, "/run");
	(void)strcpy(c->c_user, "nobody");
	(void)strcpy(c->c_algorithm, ilnp_sel_algs[0]->sa_name);
	c->c_offload = true;
	ilnp_conf_init(&c->c_knobs);
}

const char *
conf_algorithms(void)
{
	static char names[160];

	if (names[0] == '\0')
		for (u_int i = 0; ilnp_sel_algs[i] != NULL; i++) {
			size_t at = strlen(names);

			(void)snprintf(names + at, sizeof(names) - at, "%s%s",
			    i > 0 ? ", " : "", ilnp_sel_algs[i]->sa_name);
		}
	return (names);
}

const char *
conf_knob_range(const char *name)
{
	static char text[80];
	static const struct {
		const char *name, *unit;
		uint32_t lo, hi;
	} range[] = {
#define	X(n, def, lo, hi, unit, text)	{ #n, unit, lo, hi },
		ILNP_KNOBS(X)
#undef X
	};

	text[0] = '\0';
	if (strcmp(name, "nonce_size") == 0)
		return ("4 or 12 octets");
	if (strcmp(name, "lu_format") == 0)
		return ("12, 14 or 16 octets");
	for (size_t i = 0; i < sizeof(range) / sizeof(range[0]); i++)
		if (strcmp(range[i].name, name) == 0)
			(void)snprintf(text, sizeof(text), "%u to %u%s%s",
			    range[i].lo, range[i].hi,
			    range[i].unit[0] != '\0' ? " " : "",
			    range[i].unit);
	return (text);
}

bool
conf_denies(const struct conf *c, struct ilnp_l64 l64)
{
	for (u_int i = 0; i < c->c_ndeny; i++) {
		u_int len = c->c_deny[i].cd_len;
		uint64_t mask = len == 0 ? 0 : UINT64_MAX << (64 - len);

		if (((l64.l64 ^ c->c_deny[i].cd_prefix.l64) & mask) == 0)
			return (true);
	}
	return (false);
}

static bool
set_text(char *field, size_t room, const char *text, struct toml_fault *f)
{
	if (text[0] == '\0' || strlen(text) >= room) {
		toml_fault(f, text, "1 to %zu characters", room - 1);
		return (false);
	}
	(void)strcpy(field, text);
	return (true);
}

/* A name that may stand in file, table and interface names. */
static bool
set_name(char *field, size_t room, const char *text, struct toml_fault *f)
{
	if (text[0] == '\0' || strlen(text) >= room ||
	    text[strspn(text, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")] != '\0' ||
	    text[0] == '.') {
		toml_fault(f, text, "1 to %zu letters, digits, _, - and .",
		    room - 1);
		return (false);
	}
	(void)strcpy(field, text);
	return (true);
}

static struct conf_if *
find_if(struct conf *c, const char *name)
{
	for (u_int i = 0; i < c->c_nifs; i++)
		if (strcmp(c->c_if[i].ci_name, name) == 0)
			return (&c->c_if[i]);
	return (NULL);
}

static bool
add_if(struct conf *c, const char *name, struct toml_fault *f)
{
	struct conf_if *ci = &c->c_if[c->c_nifs];

	if (find_if(c, name) != NULL || c->c_nifs == CONF_IFS_MAX) {
		toml_fault(f, name, "%u different interfaces at most",
		    CONF_IFS_MAX);
		return (false);
	}
	if (!set_name(ci->ci_name, sizeof(ci->ci_name), name, f))
		return (false);
	ci->ci_pref = 10;
	ci->ci_weight = 1;
	c->c_nifs++;
	return (true);
}

static bool
add_nid(struct conf *c, const char *text, struct toml_fault *f)
{
	struct ilnp_nid nid;

	if (!notation_nid(text, &nid)) {
		toml_fault(f, text, NID_FORM);
		return (false);
	}
	if (!ilnp_nid_usable(nid)) {
		toml_fault(f, text, "not zero, not a subnet anycast identifier");
		return (false);
	}
	for (u_int i = 0; i < c->c_nnids; i++)
		if (ilnp_nid_eq(c->c_nid[i], nid)) {
			toml_fault(f, text, "each NID once");
			return (false);
		}
	if (c->c_nnids == ILNP_NIDS_MAX) {
		toml_fault(f, text, "at most %d NIDs", ILNP_NIDS_MAX);
		return (false);
	}
	c->c_nid[c->c_nnids++] = nid;
	return (true);
}

/* "IF L64" or "IF L64 via ADDRESS". */
static bool
add_static(struct conf *c, const char *text, struct toml_fault *f)
{
	struct conf_static *cs = &c->c_static[c->c_nstatics];
	char ifname[IF_NAMESIZE], l64[NOTATION_LEN], via[INET6_ADDRSTRLEN], x;
	struct conf_if *ci;
	int n;

	n = sscanf(text, " %15s %39s via %45s %c", ifname, l64, via, &x);
	if ((n != 2 && n != 3) || !notation_l64(l64, &cs->cs_l64) ||
	    !ilnp_l64_usable(cs->cs_l64) ||
	    (n == 2 && strstr(text, "via") != NULL) ||
	    (n == 3 && inet_pton(AF_INET6, via, &cs->cs_via) != 1)) {
		toml_fault(f, text, "INTERFACE L64 [via ADDRESS], as "
		    "\"if1 2001:db8:1:1 via fe80::1\"");
		return (false);
	}
	ci = find_if(c, ifname);
	if (ci == NULL) {
		toml_fault(f, text, "an interface that `interfaces' names "
		    "further up");
		return (false);
	}
	if (c->c_nstatics == CONF_STATICS_MAX) {
		toml_fault(f, text, "at most %d locators", CONF_STATICS_MAX);
		return (false);
	}
	cs->cs_if = (u_int)(ci - c->c_if);
	cs->cs_routed = n == 3;
	c->c_nstatics++;
	return (true);
}

static bool
add_deny(struct conf *c, const char *text, struct toml_fault *f)
{
	struct conf_deny *cd = &c->c_deny[c->c_ndeny];
	char addr[INET6_ADDRSTRLEN], x;
	struct in6_addr in6;
	u_int len;

	if (sscanf(text, " %45[0-9a-fA-F:]/%u %c", addr, &len, &x) != 2 ||
	    len > 64 || inet_pton(AF_INET6, addr, &in6) != 1) {
		toml_fault(f, text, "PREFIX/LENGTH with a length of at most 64");
		return (false);
	}
	if (c->c_ndeny == CONF_DENY_MAX) {
		toml_fault(f, text, "at most %d prefixes", CONF_DENY_MAX);
		return (false);
	}
	cd->cd_prefix = notation_from_in6(&in6).l64;
	cd->cd_len = len;
	c->c_ndeny++;
	return (true);
}

static bool
set_knob(struct conf *c, const char *name, int64_t value, struct toml_fault *f)
{
	char bad[120];

	(void)snprintf(bad, sizeof(bad), "%s = %lld", name, (long long)value);
	switch (value < 0 ? ERANGE :
	    ilnp_conf_set(&c->c_knobs, name, (uint64_t)value)) {
	case 0:
		return (true);
	case ENOENT:
		toml_fault(f, name, "the knobs that ilnpd(8) lists");
		return (false);
	default:
		if (conf_knob_range(name)[0] == '\0')
			toml_fault(f, name, "the knobs that ilnpd(8) lists");
		else
			toml_fault(f, bad, "%s", conf_knob_range(name));
		return (false);
	}
}

static bool
set_algorithm(struct conf *c, const char *text, struct toml_fault *f)
{
	if (ilnp_sel_lookup(text) == NULL) {
		toml_fault(f, text, "%s", conf_algorithms());
		return (false);
	}
	return (set_text(c->c_algorithm, sizeof(c->c_algorithm), text, f));
}

static bool
set_mtu(struct conf *c, int64_t value, struct toml_fault *f)
{
	char bad[24];

	if (value != 0 && (value < TUN_MTU_MIN || value > TUN_MTU_MAX)) {
		(void)snprintf(bad, sizeof(bad), "%lld", (long long)value);
		toml_fault(f, bad, "0 (computed) or %d to %d", TUN_MTU_MIN,
		    TUN_MTU_MAX);
		return (false);
	}
	c->c_mtu = (uint32_t)value;
	return (true);
}

static bool
want(const struct toml_place *p, const struct toml_value *v,
    enum toml_kind kind, struct toml_fault *f)
{
	static const char *const names[] = {
		[TOML_STRING] = "a \"string\"",
		[TOML_INTEGER] = "a whole number",
		[TOML_BOOLEAN] = "true or false",
		[TOML_ARRAY] = "an array of [\"strings\"]",
	};

	char is[160];

	if (v->tv_kind == kind)
		return (true);
	switch (v->tv_kind) {
	case TOML_STRING:
		(void)snprintf(is, sizeof(is), "%s = \"%s\"", p->tp_key,
		    v->tv_str);
		break;
	case TOML_INTEGER:
		(void)snprintf(is, sizeof(is), "%s = %" PRId64, p->tp_key,
		    v->tv_int);
		break;
	case TOML_BOOLEAN:
		(void)snprintf(is, sizeof(is), "%s = %s", p->tp_key,
		    v->tv_bool ? "true" : "false");
		break;
	case TOML_ARRAY:
		(void)snprintf(is, sizeof(is), "%s = [%s%s%s]", p->tp_key,
		    v->tv_n > 0 ? "\"" : "", v->tv_n > 0 ? v->tv_item[0] : "",
		    v->tv_n > 1 ? "\", ..." : v->tv_n > 0 ? "\"" : "");
		break;
	}
	toml_fault(f, is, "%s", names[kind]);
	return (false);
}

/* Adds each string of an array. */
static bool
add_all(struct conf *c, const struct toml_value *v,
    bool (*add)(struct conf *, const char *, struct toml_fault *),
    struct toml_fault *f)
{
	for (size_t i = 0; i < v->tv_n; i++)
		if (!add(c, v->tv_item[i], f))
			return (false);
	return (true);
}

static bool
take_node(struct conf *c, const struct toml_place *p,
    const struct toml_value *v, struct toml_fault *f)
{
	const struct {
		const char *key;
		char *field;
		size_t room;
		bool name;
	} texts[] = {
		{ "name", c->c_name, sizeof(c->c_name), true },
		{ "tun", c->c_tun, sizeof(c->c_tun), true },
		{ "state_dir", c->c_statedir, sizeof(c->c_statedir), false },
		{ "control", c->c_control, sizeof(c->c_control), false },
		{ "hosts", c->c_hosts, sizeof(c->c_hosts), false },
		{ "user", c->c_user, sizeof(c->c_user), false },
	};
	const struct {
		const char *key;
		bool (*add)(struct conf *, const char *, struct toml_fault *);
	} arrays[] = {
		{ "interfaces", add_if },
		{ "nids", add_nid },
		{ "locators", add_static },
		{ "deny", add_deny },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (strcmp(p->tp_key, texts[i].key) != 0)
			continue;
		return (want(p, v, TOML_STRING, f) && (texts[i].name ?
		    set_name(texts[i].field, texts[i].room, v->tv_str, f) :
		    set_text(texts[i].field, texts[i].room, v->tv_str, f)));
	}
	for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++)
		if (strcmp(p->tp_key, arrays[i].key) == 0)
			return (want(p, v, TOML_ARRAY, f) &&
			    add_all(c, v, arrays[i].add, f));
	if (strcmp(p->tp_key, "algorithm") == 0)
		return (want(p, v, TOML_STRING, f) &&
		    set_algorithm(c, v->tv_str, f));
	if (strcmp(p->tp_key, "mtu") == 0)
		return (want(p, v, TOML_INTEGER, f) &&
		    set_mtu(c, v->tv_int, f));
	if (strcmp(p->tp_key, "offload") == 0) {
		c->c_offload = v->tv_bool;
		return (want(p, v, TOML_BOOLEAN, f));
	}
	toml_fault(f, p->tp_key, "name, interfaces, nids, hosts, locators, "
	    "deny, control, state_dir, tun, mtu, offload, algorithm, user");
	return (false);
}

static bool
take_interface(struct conf *c, const struct toml_place *p,
    const struct toml_value *v, struct toml_fault *f)
{
	struct conf_if *ci = find_if(c, p->tp_sub);
	char bad[24];

	if (ci == NULL) {
		toml_fault(f, p->tp_sub, "an interface that `interfaces' names "
		    "further up");
		return (false);
	}
	if (strcmp(p->tp_key, "disabled") == 0) {
		ci->ci_disabled = v->tv_bool;
		return (want(p, v, TOML_BOOLEAN, f));
	}
	(void)snprintf(bad, sizeof(bad), "%lld", (long long)v->tv_int);
	if (strcmp(p->tp_key, "preference") == 0) {
		if (!want(p, v, TOML_INTEGER, f))
			return (false);
		if (v->tv_int < 0 || v->tv_int > UINT16_MAX) {
			toml_fault(f, bad, "0 to %d", UINT16_MAX);
			return (false);
		}
		ci->ci_pref = (uint16_t)v->tv_int;
		return (true);
	}
	if (strcmp(p->tp_key, "weight") == 0) {
		if (!want(p, v, TOML_INTEGER, f))
			return (false);
		if (v->tv_int < 1 || v->tv_int > UINT16_MAX) {
			toml_fault(f, bad, "1 to %d", UINT16_MAX);
			return (false);
		}
		ci->ci_weight = (uint32_t)v->tv_int;
		return (true);
	}
	toml_fault(f, p->tp_key, "preference, weight, disabled");
	return (false);
}

static bool
take_value(void *arg, const struct toml_place *p, const struct toml_value *v,
    struct toml_fault *f)
{
	struct conf *c = arg;

	if (strcmp(p->tp_table, "node") == 0 && p->tp_sub[0] == '\0')
		return (take_node(c, p, v, f));
	if (strcmp(p->tp_table, "knobs") == 0 && p->tp_sub[0] == '\0')
		return (want(p, v, TOML_INTEGER, f) &&
		    set_knob(c, p->tp_key, v->tv_int, f));
	if (strcmp(p->tp_table, "interface") == 0 && p->tp_sub[0] != '\0')
		return (take_interface(c, p, v, f));
	toml_fault(f, p->tp_table[0] != '\0' ? p->tp_table : p->tp_key,
	    "[node], [knobs] and [interface.NAME]");
	return (false);
}

/*
 * Returns the text of a file, to be freed, or NULL with errno.  A file is
 * taken whole or not at all.
 */
static char *
read_text(const char *path)
{
	FILE *fp = fopen(path, "re");
	char *text = NULL;
	size_t n;

	if (fp == NULL)
		return (NULL);
	text = calloc(1, FILE_MAX_LEN + 1);
	if (text != NULL) {
		errno = 0;
		n = fread(text, 1, FILE_MAX_LEN, fp);
		if (ferror(fp) == 0 && strlen(text) != n)
			errno = EILSEQ;
		else if (n == FILE_MAX_LEN && fgetc(fp) != EOF)
			errno = EFBIG;
		if (ferror(fp) != 0 || errno != 0) {
			free(text);
			text = NULL;
		}
	}
	(void)fclose(fp);
	return (text);
}

static int
read_file(struct conf *c, const char *path)
{
	struct toml_fault f = { .tf_line = 0 };
	char *text = read_text(path);
	bool ok;

	if (text == NULL) {
		fprintf(stderr, "ilnpd: %s: %s\n", path, strerror(errno));
		return (EXIT_USAGE);
	}
	ok = toml_read(text, take_value, c, &f);
	free(text);
	if (!ok) {
		fprintf(stderr, "%s:%d: bad value %s; allowed: %s\n", path,
		    f.tf_line, f.tf_bad, f.tf_allowed);
		return (EXIT_USAGE);
	}
	return (-1);
}

static void
print_usage(FILE *fp)
{
	fprintf(fp, "usage: ilnpd [-fhvV] [-c file] [-H hosts] [-i interface] "
	    "[-k knob=value]\n             [-n name] [-N nid] [-s socket] "
	    "[-t tun] [-u user]\n");
}

static bool
take_knob(struct conf *c, const char *text, struct toml_fault *f)
{
	char name[32], x;
	long long value;

	if (sscanf(text, "%31[a-z_]=%lld%c", name, &value, &x) != 2) {
		toml_fault(f, text, "KNOB=NUMBER");
		return (false);
	}
	return (set_knob(c, name, value, f));
}

static bool
take_flag(struct conf *c, int flag, const char *text, struct toml_fault *f)
{
	switch (flag) {
	case 'H':
		return (set_text(c->c_hosts, sizeof(c->c_hosts), text, f));
	case 'i':
		return (add_if(c, text, f));
	case 'k':
		return (take_knob(c, text, f));
	case 'n':
		return (set_name(c->c_name, sizeof(c->c_name), text, f));
	case 'N':
		return (add_nid(c, text, f));
	case 's':
		return (set_text(c->c_control, sizeof(c->c_control), text, f));
	case 't':
		return (set_name(c->c_tun, sizeof(c->c_tun), text, f));
	default:
		return (set_text(c->c_user, sizeof(c->c_user), text, f));
	}
}

/* What only makes sense once everything has been read. */
static int
check_whole(struct conf *c)
{
	char path[sizeof(c->c_statedir) + sizeof(c->c_name) + 8];

	if (c->c_nifs == 0) {
		fprintf(stderr, "ilnpd: no interface named; use -i or "
		    "`interfaces = [\"...\"]' in [node]\n");
		return (EXIT_USAGE);
	}
	if (c->c_control[0] != '\0')
		return (-1);
	(void)snprintf(path, sizeof(path), "%s/ilnpd-%s.sock", c->c_statedir,
	    c->c_name);
	if (strlen(path) >= sizeof(c->c_control)) {
		fprintf(stderr, "ilnpd: %s: longer than a socket's path may "
		    "be; use -s\n", path);
		return (EXIT_USAGE);
	}
	(void)strcpy(c->c_control, path);
	return (-1);
}

int
conf_read(struct conf *c, int argc, char **argv)
{
	static const char flags[] = "c:fhH:i:k:n:N:s:t:u:vV";
	struct toml_fault f = { .tf_line = 0 };
	int ch, code;

	set_defaults(c);
	/* The file first, wherever it stands among the flags. */
	while ((ch = getopt(argc, argv, flags)) != -1) {
		switch (ch) {
		case 'c':
			code = read_file(c, optarg);
			if (code >= 0)
				return (code);
			break;
		case 'h':
			print_usage(stdout);
			return (0);
		case 'V':
			printf("ilnpd %s\n", ILNPD_VERSION);
			return (0);
		case '?':
			print_usage(stderr);
			return (EXIT_USAGE);
		default:
			break;
		}
	}
	if (optind != argc) {
		print_usage(stderr);
		return (EXIT_USAGE);
	}
	optind = 1;
	while ((ch = getopt(argc, argv, flags)) != -1) {
		if (ch == 'f')
			c->c_foreground = true;
		else if (ch == 'v')
			c->c_verbose = true;
		else if (ch != 'c' && !take_flag(c, ch, optarg, &f)) {
			fprintf(stderr, "ilnpd: -%c: bad value %s; allowed: "
			    "%s\n", ch, f.tf_bad, f.tf_allowed);
			return (EXIT_USAGE);
		}
	}
	return (check_whole(c));
}
