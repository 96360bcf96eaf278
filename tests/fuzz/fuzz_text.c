/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Any octets as what people write: the configuration's TOML, and a hosts file.
 */
#include <sys/mman.h>

#include <stdlib.h>
#include <unistd.h>

#include "fuzz.h"
#include "hosts.h"
#include "toml.h"

/* Takes every value; a fault of ours now and then ends the reading. */
static bool
take_value(void *arg, const struct toml_place *tp, const struct toml_value *tv,
    struct toml_fault *tf)
{
	u_int *n = arg;

	NEVER(tp->tp_table == NULL || tp->tp_sub == NULL || tp->tp_key == NULL);
	NEVER(tv->tv_kind == TOML_STRING && tv->tv_str == NULL);
	NEVER(tv->tv_kind == TOML_ARRAY && tv->tv_n > TOML_ITEMS_MAX);
	if (++*n < 100)
		return (true);
	toml_fault(tf, tp->tp_key, "at most %d values", 100);
	return (false);
}

static void
read_toml(const uint8_t *data, size_t size)
{
	struct toml_fault tf = { 0 };
	u_int n = 0;
	char *text = malloc(size + 1);

	NEVER(text == NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	if (!toml_read(text, take_value, &n, &tf))
		NEVER(tf.tf_line < 1 || tf.tf_allowed[0] == '\0');
	free(text);
}

static void
read_hosts(const uint8_t *data, size_t size)
{
	char error[HOSTS_ERROR_MAX] = "";
	struct hosts *h;
	int fd;

	ilnp_env_thread_init();
	h = hosts_alloc();
	fd = memfd_create("hosts", 0);
	NEVER(h == NULL || fd == -1);
	NEVER(write(fd, data, size) != (ssize_t)size);
	NEVER(lseek(fd, 0, SEEK_SET) != 0);
	if (!hosts_read(h, fd, "f", error)) {
		NEVER(strstr(error, "f:") != error ||
		    strstr(error, "; allowed: ") == NULL);
		NEVER(hosts_at(h, 0) != NULL);
	}
	for (u_int i = 0; hosts_at(h, i) != NULL; i++) {
		const struct host *ho = hosts_at(h, i);

		NEVER(hosts_find(h, ho->ho_nid) != ho);
		NEVER(ho->ho_n == 0 || ho->ho_n > ILNP_LOCS_MAX);
	}
	hosts_free(h);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 0 && data[0] % 2 == 0)
		read_toml(data + 1, size - 1);
	else if (size > 0)
		read_hosts(data + 1, size - 1);
	return (0);
}
