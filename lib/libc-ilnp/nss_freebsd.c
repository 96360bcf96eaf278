/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * nss_ilnp.so.1 for FreeBSD worlds that are not rebuilt:
 * `hosts: files ilnp [notfound=return tryagain=return] dns' in
 * nsswitch.conf(5).  Static programs load no modules.
 */
#include <sys/types.h>

#include <nsswitch.h>
#include <stdarg.h>
#include <stddef.h>

#define	DOOR	__attribute__((visibility("default")))

int	__ilnp_getaddrinfo(void *, void *, va_list);
DOOR ns_mtab *nss_module_register(const char *, unsigned int *,
	    nss_module_unregister_fn *);

ns_mtab *
nss_module_register(const char *source, unsigned int *n,
    nss_module_unregister_fn *unregister)
{
	static ns_mtab table[] = {
		{ NSDB_HOSTS, "getaddrinfo", __ilnp_getaddrinfo, NULL },
	};

	(void)source;
	*n = sizeof(table) / sizeof(table[0]);
	*unregister = NULL;
	return (table);
}
