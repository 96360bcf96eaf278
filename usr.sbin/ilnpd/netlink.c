/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * rtnetlink(7) by libmnl: one socket for questions, one for events.  Decides
 * nothing.
 */
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <net/if_arp.h>

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>

#include "log.h"
#include "netlink.h"

#define	ANSWER_SECONDS	2
#define	EVENT_BUFFER	(4 << 20)

struct netlink {
	struct mnl_socket *n_ask;
	struct mnl_socket *n_events;
	struct loop	*n_loop;
	struct loop_src	n_src;
	const struct nl_ops *n_ops;
	void		*n_arg;
	uint32_t	n_seq;
	bool		n_asking;	/* an answer is being read */
	uint8_t		n_buf[65536];
};

#define	ATTRS_MAX	64

struct attrs {
	const struct nlattr *at[ATTRS_MAX];
};

static int
keep_attr(const struct nlattr *attr, void *arg)
{
	struct attrs *as = arg;
	uint16_t type = mnl_attr_get_type(attr);

	if (type < ATTRS_MAX)
		as->at[type] = attr;
	return (MNL_CB_OK);
}

static void
read_attrs(const struct nlmsghdr *nlh, size_t hdrlen, struct attrs *as)
{
	memset(as, 0, sizeof(*as));
	(void)mnl_attr_parse(nlh, (unsigned int)hdrlen, keep_attr, as);
}

static bool
get_octets(const struct attrs *as, unsigned int type, void *buf, size_t len)
{
	if (as->at[type] == NULL ||
	    mnl_attr_get_payload_len(as->at[type]) != len)
		return (false);
	memcpy(buf, mnl_attr_get_payload(as->at[type]), len);
	return (true);
}

static void
read_link(struct netlink *nl, const struct nlmsghdr *nlh)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	struct nl_link nk = { .nk_index = (u_int)ifi->ifi_index };
	struct attrs as;

	/* AF_BRIDGE and others speak of the same links in other words. */
	if (ifi->ifi_family != AF_UNSPEC)
		return;
	read_attrs(nlh, sizeof(*ifi), &as);
	if (as.at[IFLA_IFNAME] == NULL)
		return;
	(void)strncpy(nk.nk_name, mnl_attr_get_str(as.at[IFLA_IFNAME]),
	    sizeof(nk.nk_name) - 1);
	(void)get_octets(&as, IFLA_MTU, &nk.nk_mtu, sizeof(nk.nk_mtu));
	nk.nk_ether = ifi->ifi_type == ARPHRD_ETHER &&
	    get_octets(&as, IFLA_ADDRESS, nk.nk_mac, sizeof(nk.nk_mac));
	nk.nk_running = (ifi->ifi_flags & IFF_UP) != 0 &&
	    (ifi->ifi_flags & IFF_RUNNING) != 0;
	nl->n_ops->no_link(nl->n_arg, &nk, nlh->nlmsg_type == RTM_DELLINK);
}

static void
read_addr(struct netlink *nl, const struct nlmsghdr *nlh)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	struct nl_addr na = { .na_index = ifa->ifa_index,
	    .na_plen = ifa->ifa_prefixlen, .na_flags = ifa->ifa_flags,
	    .na_valid = NL_FOREVER, .na_preferred = NL_FOREVER };
	struct ifa_cacheinfo ci;
	struct attrs as;

	if (ifa->ifa_family != AF_INET6)
		return;
	read_attrs(nlh, sizeof(*ifa), &as);
	if (!get_octets(&as, IFA_ADDRESS, &na.na_addr, sizeof(na.na_addr)))
		return;
	(void)get_octets(&as, IFA_FLAGS, &na.na_flags, sizeof(na.na_flags));
	(void)get_octets(&as, IFA_PROTO, &na.na_proto, sizeof(na.na_proto));
	if (get_octets(&as, IFA_CACHEINFO, &ci, sizeof(ci))) {
		na.na_valid = ci.ifa_valid;
		na.na_preferred = ci.ifa_prefered;
	}
	nl->n_ops->no_addr(nl->n_arg, &na, nlh->nlmsg_type == RTM_DELADDR);
}

static bool
parse_neigh(const struct nlmsghdr *nlh, struct nl_neigh *nn)
{
	const struct ndmsg *nd = mnl_nlmsg_get_payload(nlh);
	struct attrs as;

	memset(nn, 0, sizeof(*nn));
	nn->nn_index = (u_int)nd->ndm_ifindex;
	if (nd->ndm_family != AF_INET6)
		return (false);
	read_attrs(nlh, sizeof(*nd), &as);
	if (!get_octets(&as, NDA_DST, &nn->nn_addr, sizeof(nn->nn_addr)))
		return (false);
	nn->nn_valid = (nd->ndm_state & (NUD_PERMANENT | NUD_NOARP |
	    NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY)) != 0 &&
	    get_octets(&as, NDA_LLADDR, nn->nn_mac, sizeof(nn->nn_mac));
	return (true);
}

static int
read_message(const struct nlmsghdr *nlh, void *arg)
{
	struct netlink *nl = arg;
	struct nl_neigh nn;

	switch (nlh->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		read_link(nl, nlh);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		read_addr(nl, nlh);
		break;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		if (parse_neigh(nlh, &nn))
			nl->n_ops->no_neigh(nl->n_arg, &nn,
			    nlh->nlmsg_type == RTM_DELNEIGH);
		break;
	default:
		break;
	}
	return (MNL_CB_OK);
}

static void
receive_events(void *arg, uint32_t events)
{
	struct netlink *nl = arg;

	(void)events;
	for (int i = 0; i < 64; i++) {
		ssize_t n = recv(mnl_socket_get_fd(nl->n_events), nl->n_buf,
		    sizeof(nl->n_buf), MSG_DONTWAIT);

		if (n < 0 && errno == ENOBUFS) {
			log_warn("netlink events lost; asking for everything "
			    "again");
			nl->n_ops->no_resync(nl->n_arg);
			return;
		}
		if (n <= 0)
			return;
		(void)mnl_cb_run(nl->n_buf, (size_t)n, 0, 0, read_message, nl);
	}
}

static struct mnl_socket *
open_socket(unsigned int groups)
{
	struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	struct timeval tv = { .tv_sec = ANSWER_SECONDS };
	int room = EVENT_BUFFER, fd;

	if (s == NULL)
		return (NULL);
	fd = mnl_socket_get_fd(s);
	if (mnl_socket_bind(s, groups, MNL_SOCKET_AUTOPID) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) != 0) {
		(void)mnl_socket_close(s);
		return (NULL);
	}
	if (groups != 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room,
		    sizeof(room));
	return (s);
}

int
netlink_open(struct loop *loop, const struct nl_ops *ops, void *arg,
    struct netlink **nlp)
{
	struct netlink *nl = calloc(1, sizeof(*nl));
	int error;

	if (nl == NULL)
		return (ENOMEM);
	nl->n_loop = loop;
	nl->n_ops = ops;
	nl->n_arg = arg;
	nl->n_src.ls_fd = -1;
	nl->n_ask = open_socket(0);
	nl->n_events = open_socket(RTMGRP_LINK | RTMGRP_IPV6_IFADDR |
	    RTMGRP_NEIGH);
	if (nl->n_ask == NULL || nl->n_events == NULL)
		error = errno;
	else
		error = loop_add(loop, &nl->n_src,
		    mnl_socket_get_fd(nl->n_events), EPOLLIN, receive_events,
		    nl);
	if (error != 0) {
		netlink_close(nl);
		return (error);
	}
	*nlp = nl;
	return (0);
}

void
netlink_close(struct netlink *nl)
{
	loop_del(nl->n_loop, &nl->n_src);
	if (nl->n_ask != NULL)
		(void)mnl_socket_close(nl->n_ask);
	if (nl->n_events != NULL)
		(void)mnl_socket_close(nl->n_events);
	free(nl);
}

static int
read_answer(struct netlink *nl, const struct nlmsghdr *nlh, mnl_cb_t fn,
    void *arg)
{
	uint8_t buf[32768];

	for (;;) {
		ssize_t n = mnl_socket_recvfrom(nl->n_ask, buf, sizeof(buf));
		const struct nlmsghdr *first = (const void *)buf;
		int rc;

		if (n < 0)
			return (errno == EAGAIN ? ETIMEDOUT : errno);
		/* An answer to something that was only told, or timed out. */
		if (n >= (ssize_t)sizeof(*first) &&
		    first->nlmsg_seq != nlh->nlmsg_seq)
			continue;
		rc = mnl_cb_run(buf, (size_t)n, nlh->nlmsg_seq,
		    mnl_socket_get_portid(nl->n_ask), fn, arg);
		if (rc < 0)
			return (errno);
		if (rc == MNL_CB_STOP ||
		    (fn != NULL && (nlh->nlmsg_flags & NLM_F_DUMP) == 0))
			return (0);
	}
}

/*
 * Sends a request and reads its answer to the end; who is called back for it
 * may not ask in turn.  Returns 0 or an errno.
 */
static int
ask(struct netlink *nl, struct nlmsghdr *nlh, mnl_cb_t fn, void *arg)
{
	int error;

	ILNP_ASSERT(!nl->n_asking);
	nlh->nlmsg_seq = ++nl->n_seq;
	if (mnl_socket_sendto(nl->n_ask, nlh, nlh->nlmsg_len) < 0)
		return (errno);
	nl->n_asking = true;
	error = read_answer(nl, nlh, fn, arg);
	nl->n_asking = false;
	return (error);
}

static struct nlmsghdr *
put_header(void *buf, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	return (nlh);
}

int
netlink_list_links(struct netlink *nl)
{
	uint8_t buf[256];
	struct nlmsghdr *nlh = put_header(buf, RTM_GETLINK, NLM_F_DUMP);

	(void)mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	return (ask(nl, nlh, read_message, nl));
}

int
netlink_list_addrs(struct netlink *nl)
{
	uint8_t buf[256];
	struct nlmsghdr *nlh = put_header(buf, RTM_GETADDR, NLM_F_DUMP);
	struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));

	ifa->ifa_family = AF_INET6;
	return (ask(nl, nlh, read_message, nl));
}

static struct nlmsghdr *
put_addr(void *buf, uint16_t type, uint16_t flags, const struct nl_addr *na)
{
	struct nlmsghdr *nlh = put_header(buf, type, flags | NLM_F_ACK);
	struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));

	ifa->ifa_family = AF_INET6;
	ifa->ifa_prefixlen = na->na_plen;
	ifa->ifa_index = na->na_index;
	mnl_attr_put(nlh, IFA_LOCAL, sizeof(na->na_addr), &na->na_addr);
	mnl_attr_put(nlh, IFA_ADDRESS, sizeof(na->na_addr), &na->na_addr);
	return (nlh);
}

int
netlink_addr_put(struct netlink *nl, const struct nl_addr *na)
{
	uint8_t buf[256];
	struct nlmsghdr *nlh = put_addr(buf, RTM_NEWADDR,
	    NLM_F_CREATE | NLM_F_REPLACE, na);
	struct ifa_cacheinfo ci = { .ifa_valid = na->na_valid,
	    .ifa_prefered = na->na_preferred };

	mnl_attr_put_u32(nlh, IFA_FLAGS, na->na_flags);
	mnl_attr_put_u8(nlh, IFA_PROTO, na->na_proto);
	mnl_attr_put(nlh, IFA_CACHEINFO, sizeof(ci), &ci);
	return (ask(nl, nlh, NULL, NULL));
}

int
netlink_addr_del(struct netlink *nl, const struct nl_addr *na)
{
	uint8_t buf[256];

	return (ask(nl, put_addr(buf, RTM_DELADDR, 0, na), NULL, NULL));
}

int
netlink_link_mtu(struct netlink *nl, u_int index, uint32_t mtu)
{
	uint8_t buf[256];
	struct nlmsghdr *nlh = put_header(buf, RTM_NEWLINK, NLM_F_ACK);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));

	ifi->ifi_index = (int)index;
	mnl_attr_put_u32(nlh, IFLA_MTU, mtu);
	return (ask(nl, nlh, NULL, NULL));
}

/* Before it is up: later the kernel would have made one already. */
static int
stop_linklocal(struct netlink *nl, u_int index)
{
	uint8_t buf[256];
	struct nlmsghdr *nlh = put_header(buf, RTM_NEWLINK, NLM_F_ACK);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	struct nlattr *spec, *in6;

	ifi->ifi_index = (int)index;
	spec = mnl_attr_nest_start(nlh, IFLA_AF_SPEC);
	in6 = mnl_attr_nest_start(nlh, AF_INET6);
	mnl_attr_put_u8(nlh, IFLA_INET6_ADDR_GEN_MODE,
	    IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(nlh, in6);
	mnl_attr_nest_end(nlh, spec);
	return (ask(nl, nlh, NULL, NULL));
}

int
netlink_link_up(struct netlink *nl, u_int index, uint32_t mtu)
{
	uint8_t buf[256];
	struct nlmsghdr *nlh = put_header(buf, RTM_NEWLINK, NLM_F_ACK);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	int error = stop_linklocal(nl, index);

	if (error != 0)
		return (error);
	ifi->ifi_index = (int)index;
	ifi->ifi_flags = ifi->ifi_change = IFF_UP;
	mnl_attr_put_u32(nlh, IFLA_MTU, mtu);
	return (ask(nl, nlh, NULL, NULL));
}

static struct nlmsghdr *
put_neigh(void *buf, uint16_t type, uint16_t flags, u_int index,
    const struct in6_addr *a)
{
	struct nlmsghdr *nlh = put_header(buf, type, flags);
	struct ndmsg *nd = mnl_nlmsg_put_extra_header(nlh, sizeof(*nd));

	nd->ndm_family = AF_INET6;
	nd->ndm_ifindex = (int)index;
	mnl_attr_put(nlh, NDA_DST, sizeof(*a), a);
	return (nlh);
}

static int
take_neigh(const struct nlmsghdr *nlh, void *arg)
{
	if (nlh->nlmsg_type == RTM_NEWNEIGH)
		(void)parse_neigh(nlh, arg);
	return (MNL_CB_OK);
}

int
netlink_neigh_get(struct netlink *nl, struct nl_neigh *nn)
{
	uint8_t buf[256];

	return (ask(nl, put_neigh(buf, RTM_GETNEIGH, 0, nn->nn_index,
	    &nn->nn_addr), take_neigh, nn));
}

void
netlink_neigh_use(struct netlink *nl, u_int index, const struct in6_addr *a)
{
	uint8_t buf[256];
	struct nlmsghdr *nlh = put_neigh(buf, RTM_NEWNEIGH,
	    NLM_F_CREATE | NLM_F_REPLACE, index, a);
	struct ndmsg *nd = mnl_nlmsg_get_payload(nlh);

	nd->ndm_flags = NTF_USE;
	nlh->nlmsg_seq = ++nl->n_seq;
	(void)mnl_socket_sendto(nl->n_ask, nlh, nlh->nlmsg_len);
}

struct route_search {
	u_int		rs_index;
	u_int		rs_found;
	struct in6_addr	rs_router;
};

static int
take_route(const struct nlmsghdr *nlh, void *arg)
{
	const struct rtmsg *rt = mnl_nlmsg_get_payload(nlh);
	struct route_search *rs = arg;
	struct in6_addr gateway;
	struct attrs as;
	u_int oif;

	if (nlh->nlmsg_type != RTM_NEWROUTE || rt->rtm_family != AF_INET6 ||
	    rt->rtm_dst_len != 0 || rt->rtm_type != RTN_UNICAST)
		return (MNL_CB_OK);
	read_attrs(nlh, sizeof(*rt), &as);
	if (get_octets(&as, RTA_OIF, &oif, sizeof(oif)) &&
	    oif == rs->rs_index &&
	    get_octets(&as, RTA_GATEWAY, &gateway, sizeof(gateway)) &&
	    (rs->rs_found == 0 ||
	    memcmp(&gateway, &rs->rs_router, sizeof(gateway)) != 0)) {
		rs->rs_found++;
		rs->rs_router = gateway;
	}
	return (MNL_CB_OK);
}

int
netlink_router(struct netlink *nl, u_int index, struct in6_addr *router)
{
	struct route_search rs = { .rs_index = index };
	uint8_t buf[256];
	struct nlmsghdr *nlh = put_header(buf, RTM_GETROUTE, NLM_F_DUMP);
	struct rtmsg *rt = mnl_nlmsg_put_extra_header(nlh, sizeof(*rt));
	int error;

	rt->rtm_family = AF_INET6;
	error = ask(nl, nlh, take_route, &rs);
	if (error != 0)
		return (error);
	if (rs.rs_found != 1)
		return (ENOENT);
	*router = rs.rs_router;
	return (0);
}
