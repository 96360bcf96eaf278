# SPDX-License-Identifier: BSD-2-Clause
"""ILNPv6 on the wire, written independently of the C core.

Bytes in, values out, and back: nothing here opens a socket or keeps state.  Only the numbers in
`constants` are shared with the C sources, from whose header they are generated.
"""
