/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The source "ilnp" of FreeBSD's getaddrinfo(3): inside a libc that was built
 * with lib/libc-ilnp/hooks.toml, or in the module nss_ilnp.so.1.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <netdb.h>
#include <nsswitch.h>
#include <stdarg.h>
#include <stdlib.h>

#include "ilnp_front.h"

int	__ilnp_getaddrinfo(void *, void *, va_list);

static int
status_of(enum ilnp_names_status status)
{
	switch (status) {
	case ILNP_NAMES_FOUND:
		return (NS_SUCCESS);
	case ILNP_NAMES_NONAME:
		return (NS_NOTFOUND);
	case ILNP_NAMES_NODATA:
		return (NS_ADDRFAMILY);
	case ILNP_NAMES_AGAIN:
		return (NS_TRYAGAIN);
	default:
		return (NS_UNAVAIL);
	}
}

/*
 * One block for freeaddrinfo(3): the address stands behind its addrinfo.  The
 * port is filled in by libc.
 */
static struct addrinfo *
new_info(const struct addrinfo *hints, const struct ilnp_naddr *na)
{
	bool six = na->na_family == AF_INET6;
	socklen_t len = six ? sizeof(struct sockaddr_in6) :
	    sizeof(struct sockaddr_in);
	struct addrinfo *ai = calloc(1, sizeof(*ai) +
	    sizeof(struct sockaddr_in6));

	if (ai == NULL)
		return (NULL);
	ai->ai_flags = hints->ai_flags;
	ai->ai_family = na->na_family;
	ai->ai_socktype = hints->ai_socktype;
	ai->ai_protocol = hints->ai_protocol;
	ai->ai_addrlen = len;
	ai->ai_addr = (struct sockaddr *)(void *)(ai + 1);
	ai->ai_addr->sa_len = (uint8_t)len;
	ai->ai_addr->sa_family = (sa_family_t)na->na_family;
	if (six)
		memcpy(&((struct sockaddr_in6 *)(void *)(ai + 1))->sin6_addr,
		    na->na_b, sizeof(struct in6_addr));
	else
		memcpy(&((struct sockaddr_in *)(void *)(ai + 1))->sin_addr,
		    na->na_b, sizeof(struct in_addr));
	return (ai);
}

/* Returns NULL if memory is short. */
static struct addrinfo *
list_infos(const struct ilnp_found *f, const struct addrinfo *hints)
{
	bool canon = (hints->ai_flags & AI_CANONNAME) != 0;
	struct addrinfo *first = NULL, **last = &first;
	int family = AF_UNSPEC;

	/*
	 * IPv6 first, and a name with the first address of each family, as the
	 * source "dns" has it.
	 */
	for (u_int i = 0; i < 2 * f->f_n; i++) {
		const struct ilnp_naddr *na = &f->f_addr[i % f->f_n];

		if ((na->na_family == AF_INET) != (i >= f->f_n))
			continue;
		*last = new_info(hints, na);
		if (*last != NULL && canon && na->na_family != family)
			(*last)->ai_canonname = strdup(f->f_name);
		if (*last == NULL || (canon && na->na_family != family &&
		    (*last)->ai_canonname == NULL)) {
			freeaddrinfo(first);
			return (NULL);
		}
		family = na->na_family;
		last = &(*last)->ai_next;
	}
	return (first);
}

/* Arguments: name, hints.  AI_V4MAPPED is for the next source. */
int
__ilnp_getaddrinfo(void *rv, void *mdata, va_list ap)
{
	const char *name = va_arg(ap, const char *);
	const struct addrinfo *hints = va_arg(ap, const struct addrinfo *);
	enum ilnp_names_status status;
	struct addrinfo *list = NULL;
	struct ilnp_found f;

	(void)mdata;
	if (hints->ai_family == AF_INET6 &&
	    (hints->ai_flags & AI_V4MAPPED) != 0)
		return (NS_UNAVAIL);
	status = ilnp_front_lookup(name, hints->ai_family, &f);
	if (status == ILNP_NAMES_FOUND)
		list = list_infos(&f, hints);
	ilnp_names_free(&f);
	if (status == ILNP_NAMES_FOUND && list == NULL)
		return (NS_UNAVAIL);
	if (list != NULL)
		*(struct addrinfo **)rv = list;
	return (status_of(status));
}
