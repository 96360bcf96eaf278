# SPDX-License-Identifier: BSD-2-Clause
"""Numbers of the protocol and its limits.  Generated: do not edit.

Made from ilnp.h by `python -m ilnptool.wire.gen_constants`.
"""

from typing import Final

API_VERSION: Final = 1
OPT_NONCE: Final = 0x8B
NONCE_SHORT: Final = 4
NONCE_LONG: Final = 12
NONCE_MAX: Final = 12
ICMP6_LU: Final = 156
LU_CODE: Final = 0
LU_ADVERT: Final = 1
LU_ACK: Final = 2
LU_HDRLEN: Final = 8
LU_REC_RFC: Final = 12
LU_REC_EXT14: Final = 14
LU_REC_EXT16: Final = 16
LU_COUNT_MAX: Final = 255
DNS_NID: Final = 104
DNS_L32: Final = 105
DNS_L64: Final = 106
DNS_LP: Final = 107
IDENTITY_W0: Final = 0xFD69
IDENTITY_W1: Final = 0x6C6E
IDENTITY_W2: Final = 0x702D
IDENTITY_W3: Final = 0x25FA
SO_LOCAL: Final = 120
SO_PEER: Final = 121
SO_LOCATORS: Final = 122
SO_PATHS: Final = 123
SO_CHOICE: Final = 124
SO_NONCE: Final = 125
SO_CKSUM: Final = 126
NONCE_ALWAYS: Final = 1
NONCE_INITIAL: Final = 2
SUM_RFC: Final = 1
SUM_IPV6: Final = 2
SUM_PEER: Final = 3
SL_VALID: Final = 0
SL_ACTIVE: Final = 1
SL_EXPIRED: Final = 2
SL_AGED: Final = 3
SP_NEW: Final = 0
SP_UP: Final = 1
SP_SUSPECT: Final = 2
SP_DOWN: Final = 3
CHOICE_ANY: Final = 0
CHOICE_PREFER: Final = 1
CHOICE_PIN: Final = 2
CHOICE_STRICT: Final = 3
CHOICE_REDUNDANT: Final = 4
LOCS_MAX: Final = 8
NIDS_MAX: Final = 8
PATHS_MAX: Final = 32
