/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Reads the hosts file and keeps what it says, found by NID.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "hosts.h"
#include "ilnp_addr.h"
#include "notation.h"

#define	BUCKETS		4096
#define	HOSTS_MAX	65536
#define	PREF_DEFAULT	10
#define	LINE_MAX_LEN	512

#define	LINE_FORM	"I-LV NAME [PREFERENCE [LIFETIME]]"
#define	ILV_FORM	"L64.NID as 2001+0db8+0001+0001.0211-22ff-fe33-4455 " \
			"or NID.L64 as 0211-22ff-fe33-4455.2001+0db8+0001+0001"

struct entry {
	struct entry	*e_next;
	struct host	e_host;
};

struct table {
	u_int		t_n;
	u_int		t_room;
	struct entry	**t_all;
	struct entry	*t_bucket[BUCKETS];
};

struct hosts {
	uint64_t	h_key[2];	/* who teaches must not aim at a bucket */
	struct table	*h_table;
};

static void
free_table(struct table *t)
{
	for (u_int i = 0; i < t->t_n; i++)
		free(t->t_all[i]);
	free(t->t_all);
	free(t);
}

struct hosts *
hosts_alloc(void)
{
	struct hosts *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return (NULL);
	ilnp_env_random(h->h_key, sizeof(h->h_key));
	h->h_table = calloc(1, sizeof(*h->h_table));
	if (h->h_table == NULL) {
		free(h);
		return (NULL);
	}
	return (h);
}

void
hosts_free(struct hosts *h)
{
	free_table(h->h_table);
	free(h);
}

static struct entry **
bucket_of(const struct hosts *h, struct table *t, struct ilnp_nid nid)
{
	return (&t->t_bucket[ilnp_hash(h->h_key, &nid.nid, 1) % BUCKETS]);
}

static struct host *
find(const struct hosts *h, struct table *t, struct ilnp_nid nid)
{
	struct entry *e = *bucket_of(h, t, nid);

	while (e != NULL && !ilnp_nid_eq(e->e_host.ho_nid, nid))
		e = e->e_next;
	return (e == NULL ? NULL : &e->e_host);
}

/* The host of a NID, made if need be; NULL if there is no room. */
static struct host *
need(const struct hosts *h, struct table *t, struct ilnp_nid nid)
{
	struct host *ho = find(h, t, nid);
	struct entry **b, *e;

	if (ho != NULL || t->t_n == HOSTS_MAX)
		return (ho);
	if (t->t_n == t->t_room) {
		u_int room = t->t_room == 0 ? 64 : t->t_room * 2;
		struct entry **all = realloc(t->t_all, room * sizeof(*all));

		if (all == NULL)
			return (NULL);
		t->t_all = all;
		t->t_room = room;
	}
	e = calloc(1, sizeof(*e));
	if (e == NULL)
		return (NULL);
	e->e_host.ho_nid = nid;
	b = bucket_of(h, t, nid);
	e->e_next = *b;
	*b = e;
	t->t_all[t->t_n++] = e;
	return (&e->e_host);
}

/* Returns false if the host has no room for one more locator. */
static bool
put_locator(struct host *ho, const struct ilnp_lurec *rec)
{
	for (u_int i = 0; i < ho->ho_n; i++)
		if (ilnp_l64_eq(ho->ho_rec[i].lr_l64, rec->lr_l64)) {
			ho->ho_rec[i] = *rec;
			return (true);
		}
	if (ho->ho_n == ILNP_LOCS_MAX)
		return (false);
	ho->ho_rec[ho->ho_n++] = *rec;
	return (true);
}

static bool
read_number(const char *text, unsigned long max, uint32_t *value)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(text, &end, 10);
	if (errno != 0 || *end != '\0' || text[0] < '0' || text[0] > '9' ||
	    v > max)
		return (false);
	*value = (uint32_t)v;
	return (true);
}

/* What is wrong with a line: the word and what it may be. */
struct fault {
	const char	*bad;
	const char	*allowed;
};

static bool
refuse(struct fault *f, const char *bad, const char *allowed)
{
	f->bad = bad;
	f->allowed = allowed;
	return (false);
}

static bool
read_line(const struct hosts *h, struct table *t, char *line, struct fault *f)
{
	struct ilnp_lurec rec = { .lr_pref = PREF_DEFAULT };
	char *word[5], *save = NULL;
	struct ilnp_ilv ilv;
	struct host *ho;
	u_int n = 0;

	line[strcspn(line, "#\r\n")] = '\0';
	for (char *w = strtok_r(line, " \t", &save); w != NULL;
	    w = strtok_r(NULL, " \t", &save)) {
		if (n == 4)
			return (refuse(f, w, LINE_FORM));
		word[n++] = w;
	}
	if (n == 0)
		return (true);
	if (!notation_ilv(word[0], &ilv))
		return (refuse(f, word[0], ILV_FORM));
	if (!ilnp_l64_usable(ilv.l64))
		return (refuse(f, word[0], "an L64 of 2000::/3 or fc00::/7"));
	if (!ilnp_nid_usable(ilv.nid))
		return (refuse(f, word[0],
		    "a NID that is not zero and no subnet anycast identifier"));
	if (n == 1)
		return (refuse(f, "end of line", LINE_FORM));
	if (strlen(word[1]) >= HOSTS_NAME_MAX)
		return (refuse(f, word[1], "a name of at most 63 characters"));
	if (n > 2 && !read_number(word[2], UINT16_MAX, &rec.lr_pref))
		return (refuse(f, word[2], "a preference from 0 to 65535"));
	if (n > 3 && !read_number(word[3], UINT32_MAX, &rec.lr_life))
		return (refuse(f, word[3], "a lifetime in seconds, 0 for no "
		    "end"));
	ho = need(h, t, ilv.nid);
	if (ho == NULL)
		return (refuse(f, word[0], "at most 65536 correspondents"));
	(void)strcpy(ho->ho_name, word[1]);
	rec.lr_l64 = ilv.l64;
	if (!put_locator(ho, &rec))
		return (refuse(f, word[0], "at most 8 locators for a NID"));
	return (true);
}

/* Those that were taught stay, unless the file knows their NID. */
static bool
keep_taught(const struct hosts *h, struct table *t)
{
	for (u_int i = 0; i < h->h_table->t_n; i++) {
		const struct host *was = &h->h_table->t_all[i]->e_host;
		struct host *ho;

		if (!was->ho_taught || find(h, t, was->ho_nid) != NULL)
			continue;
		ho = need(h, t, was->ho_nid);
		if (ho == NULL)
			return (false);
		*ho = *was;
	}
	return (true);
}

bool
hosts_read(struct hosts *h, int fd, const char *path,
    char error[HOSTS_ERROR_MAX])
{
	struct table *t = calloc(1, sizeof(*t));
	struct fault f = { "memory", "a machine with more of it" };
	char line[LINE_MAX_LEN];
	unsigned int number = 0;
	size_t len;
	bool ok = t != NULL;
	FILE *fp = fdopen(fd, "r");

	if (fp == NULL)
		(void)close(fd);
	ok = ok && fp != NULL;
	while (ok && fgets(line, sizeof(line), fp) != NULL) {
		number++;
		len = strlen(line);
		if (len == sizeof(line) - 1)
			ok = refuse(&f, "line", "at most 510 characters");
		else if (len == 0 || (line[len - 1] != '\n' && !feof(fp)))
			ok = refuse(&f, "NUL", "text");
		else
			ok = read_line(h, t, line, &f);
	}
	if (ok && ferror(fp) != 0)
		ok = refuse(&f, strerror(errno), "a readable file");
	ok = ok && keep_taught(h, t);
	if (fp != NULL && !ok)
		(void)snprintf(error, HOSTS_ERROR_MAX,
		    "%s:%u: bad value %s; allowed: %s", path, number, f.bad,
		    f.allowed);
	else if (!ok)
		(void)snprintf(error, HOSTS_ERROR_MAX, "%s: %s", path,
		    strerror(errno));
	if (fp != NULL)
		(void)fclose(fp);
	if (!ok) {
		if (t != NULL)
			free_table(t);
		return (false);
	}
	free_table(h->h_table);
	h->h_table = t;
	return (true);
}

int
hosts_teach(struct hosts *h, struct ilnp_nid nid, const struct ilnp_lurec *rec,
    u_int n)
{
	struct host *ho = need(h, h->h_table, nid);

	if (ho == NULL)
		return (h->h_table->t_n == HOSTS_MAX ? ENOSPC : ENOMEM);
	ho->ho_taught = true;
	ho->ho_n = 0;
	for (u_int i = 0; i < n; i++)
		if (!put_locator(ho, &rec[i]))
			return (ENOSPC);
	return (0);
}

const struct host *
hosts_find(const struct hosts *h, struct ilnp_nid nid)
{
	return (find(h, h->h_table, nid));
}

const struct host *
hosts_at(const struct hosts *h, u_int i)
{
	return (i < h->h_table->t_n ? &h->h_table->t_all[i]->e_host : NULL);
}
