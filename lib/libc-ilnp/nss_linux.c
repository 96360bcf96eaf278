/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * libnss_ilnp.so.2 for glibc: `hosts: files ilnp [!UNAVAIL=return] dns' in
 * nsswitch.conf(5).  Packs what the front finds into the caller's memory.
 */
#include <errno.h>
#include <netdb.h>
#include <nss.h>
#include <stdlib.h>
#include <strings.h>

#include "ilnp_front.h"
#include "ilnp_teach.h"

#define	DOOR	__attribute__((visibility("default")))

DOOR enum nss_status _nss_ilnp_gethostbyname4_r(const char *name,
    struct gaih_addrtuple **pat, char *buffer, size_t room, int *errnop,
    int *herrnop, int32_t *ttlp);
DOOR enum nss_status _nss_ilnp_gethostbyname3_r(const char *name, int family,
    struct hostent *he, char *buffer, size_t room, int *errnop, int *herrnop,
    int32_t *ttlp, char **canonp);
DOOR enum nss_status _nss_ilnp_gethostbyname2_r(const char *name, int family,
    struct hostent *he, char *buffer, size_t room, int *errnop, int *herrnop);
DOOR enum nss_status _nss_ilnp_gethostbyaddr_r(const void *addr,
    socklen_t len, int family, struct hostent *he, char *buffer, size_t room,
    int *errnop, int *herrnop);

/*
 * What did not fit.  The caller comes again at once with more room, and must
 * not wait for another round trip.
 */
static _Thread_local struct stash {
	bool		s_full;
	int		s_family;
	char		s_name[ILNP_DNS_TEXT_MAX];
	struct ilnp_found s_found;
} stash;

/* The caller's memory, from its beginning to its end. */
struct pack {
	char		*p_at;
	size_t		p_left;
};

/* Returns NULL if there is no room; `align' is a power of two. */
static void *
take_room(struct pack *p, size_t size, size_t align)
{
	size_t pad = -(uintptr_t)p->p_at & (align - 1);
	void *got;

	if (size > p->p_left || pad > p->p_left - size)
		return (NULL);
	got = p->p_at + pad;
	p->p_at += pad + size;
	p->p_left -= pad + size;
	return (got);
}

static enum nss_status
fail(enum ilnp_names_status status, int *errnop, int *herrnop)
{
	switch (status) {
	case ILNP_NAMES_NONAME:
		*errnop = ENOENT;
		*herrnop = HOST_NOT_FOUND;
		return (NSS_STATUS_NOTFOUND);
	case ILNP_NAMES_NODATA:
		*errnop = ENOENT;
		*herrnop = NO_DATA;
		return (NSS_STATUS_NOTFOUND);
	case ILNP_NAMES_AGAIN:
		*errnop = EAGAIN;
		*herrnop = TRY_AGAIN;
		return (NSS_STATUS_TRYAGAIN);
	default:
		*errnop = ENOENT;
		*herrnop = NO_RECOVERY;
		return (NSS_STATUS_UNAVAIL);
	}
}

static enum nss_status
want_room(const char *name, int family, struct ilnp_found *f, int *errnop,
    int *herrnop)
{
	if (strlen(name) < sizeof(stash.s_name)) {
		stash.s_full = true;
		stash.s_family = family;
		(void)strcpy(stash.s_name, name);
		stash.s_found = *f;
	} else
		ilnp_names_free(f);
	*errnop = ERANGE;
	*herrnop = NETDB_INTERNAL;
	return (NSS_STATUS_TRYAGAIN);
}

static enum ilnp_names_status
lookup(const char *name, int family, struct ilnp_found *f)
{
	bool again = stash.s_full && stash.s_family == family &&
	    strcmp(stash.s_name, name) == 0;

	if (again)
		*f = stash.s_found;
	else if (stash.s_full)
		ilnp_names_free(&stash.s_found);
	stash.s_full = false;
	return (again ? ILNP_NAMES_FOUND : ilnp_front_lookup(name, family, f));
}

enum nss_status
_nss_ilnp_gethostbyname4_r(const char *name, struct gaih_addrtuple **pat,
    char *buffer, size_t room, int *errnop, int *herrnop, int32_t *ttlp)
{
	struct pack p = { buffer, room };
	struct gaih_addrtuple *tuple = NULL;
	enum ilnp_names_status status;
	struct ilnp_found f;
	char *canon = NULL;

	status = lookup(name, AF_UNSPEC, &f);
	if (status != ILNP_NAMES_FOUND) {
		ilnp_names_free(&f);
		return (fail(status, errnop, herrnop));
	}
	tuple = take_room(&p, f.f_n * sizeof(*tuple), _Alignof(void *));
	if (tuple != NULL)
		canon = take_room(&p, strlen(f.f_name) + 1, 1);
	if (canon == NULL)
		return (want_room(name, AF_UNSPEC, &f, errnop, herrnop));
	(void)strcpy(canon, f.f_name);
	for (u_int i = 0; i < f.f_n; i++) {
		tuple[i] = (struct gaih_addrtuple){ .name = canon,
		    .family = f.f_addr[i].na_family,
		    .next = i + 1 < f.f_n ? &tuple[i + 1] : NULL };
		memcpy(tuple[i].addr, f.f_addr[i].na_b,
		    sizeof(tuple[i].addr));
	}
	if (*pat != NULL)
		**pat = tuple[0];
	else
		*pat = tuple;
	if (ttlp != NULL)
		*ttlp = (int32_t)f.f_ttl;
	ilnp_names_free(&f);
	*errnop = 0;
	*herrnop = NETDB_SUCCESS;
	return (NSS_STATUS_SUCCESS);
}

/* Fills a hostent from memory that has been taken.  Returns false if short. */
static bool
fill_hostent(const struct ilnp_found *f, int family, struct pack *p,
    struct hostent *he)
{
	size_t len = family == AF_INET ? sizeof(struct in_addr) :
	    sizeof(struct in6_addr);
	char **list = take_room(p, (f->f_n + 2) * sizeof(*list),
	    _Alignof(void *));
	uint8_t *addr = take_room(p, f->f_n * len, _Alignof(uint32_t));
	char *canon = take_room(p, strlen(f->f_name) + 1, 1);

	if (list == NULL || addr == NULL || canon == NULL)
		return (false);
	(void)strcpy(canon, f->f_name);
	*he = (struct hostent){ .h_name = canon, .h_aliases = &list[f->f_n + 1],
	    .h_addrtype = family, .h_length = (int)len,
	    .h_addr_list = list };
	for (u_int i = 0; i < f->f_n; i++) {
		list[i] = (char *)addr + i * len;
		memcpy(list[i], f->f_addr[i].na_b, len);
	}
	list[f->f_n] = list[f->f_n + 1] = NULL;
	return (true);
}

enum nss_status
_nss_ilnp_gethostbyname3_r(const char *name, int family, struct hostent *he,
    char *buffer, size_t room, int *errnop, int *herrnop, int32_t *ttlp,
    char **canonp)
{
	struct pack p = { buffer, room };
	enum ilnp_names_status status;
	struct ilnp_found f;

	status = lookup(name, family, &f);
	if (status != ILNP_NAMES_FOUND) {
		ilnp_names_free(&f);
		return (fail(status, errnop, herrnop));
	}
	if (!fill_hostent(&f, family, &p, he))
		return (want_room(name, family, &f, errnop, herrnop));
	if (ttlp != NULL)
		*ttlp = (int32_t)f.f_ttl;
	if (canonp != NULL)
		*canonp = he->h_name;
	ilnp_names_free(&f);
	*errnop = 0;
	*herrnop = NETDB_SUCCESS;
	return (NSS_STATUS_SUCCESS);
}

enum nss_status
_nss_ilnp_gethostbyname2_r(const char *name, int family, struct hostent *he,
    char *buffer, size_t room, int *errnop, int *herrnop)
{
	return (_nss_ilnp_gethostbyname3_r(name, family, he, buffer, room,
	    errnop, herrnop, NULL, NULL));
}

/*
 * Identity addresses are ours alone: the node may know a name for one, and no
 * name server is to be asked, which would learn with whom we speak.
 */
enum nss_status
_nss_ilnp_gethostbyaddr_r(const void *addr, socklen_t len, int family,
    struct hostent *he, char *buffer, size_t room, int *errnop, int *herrnop)
{
	struct pack p = { buffer, room };
	struct ilnp_naddr na = { .na_family = AF_INET6 };
	struct ilnp_found f = { .f_n = 1, .f_addr = &na };
	struct in6_addr a;
	int error = EAFNOSUPPORT;

	if (family == AF_INET6 && len == sizeof(a)) {
		memcpy(&a, addr, sizeof(a));
		error = ilnp_teach_name(&a, f.f_name);
	}
	if (error == EAFNOSUPPORT)
		return (fail(ILNP_NAMES_UNAVAIL, errnop, herrnop));
	if (error != 0)
		return (fail(ILNP_NAMES_NONAME, errnop, herrnop));
	memcpy(na.na_b, addr, sizeof(na.na_b));
	if (!fill_hostent(&f, family, &p, he)) {
		*errnop = ERANGE;
		*herrnop = NETDB_INTERNAL;
		return (NSS_STATUS_TRYAGAIN);
	}
	*errnop = 0;
	*herrnop = NETDB_SUCCESS;
	return (NSS_STATUS_SUCCESS);
}
