/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * What ifconfig(8) does with interfaces of the network stack we are in.
 */
#ifndef _KT_IFC_H_
#define	_KT_IFC_H_

#include <net/if.h>

#include "net.h"

/* A socket for requests, and one of them about an interface. */
int	if_control(void);
struct ifreq if_about(const char *name);

/* 0 if there is none of that name. */
int	if_index_of(const char *name);

bool	if_switch(const char *name, bool up);
bool	if_give(const char *name, struct ilv address);
bool	if_lend(const char *name, struct ilv address, uint32_t seconds);
bool	if_listen(const char *name);	/* to Router Advertisements */
result	if_destroy(const char *name);

#endif /* !_KT_IFC_H_ */
