#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Installs what the project needs: Debian packages of the groups named on the
# command line, and a virtual environment in .venv.  Says what it installs,
# touches nothing that is there already.
#
#	tools/setup.sh GROUP...		GROUP: run, test, docs, kernel, guest
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
list=$top/tools/debian-packages.txt
venv=$top/.venv
extras=
missing=

for group in "$@"; do
	case $group in
	run|guest) ;;
	test|docs|kernel) extras=${extras:+$extras,}$group ;;
	*) echo "setup: no group '$group'; there are: run test docs kernel guest" >&2
	   exit 2 ;;
	esac
	if command -v dpkg-query >/dev/null; then
		for p in $(awk -v g="$group" '$1 == g { print $2 }' "$list"); do
			dpkg-query -W -f '${Status}' "$p" 2>/dev/null |
			    grep -q 'ok installed' || missing="$missing $p"
		done
	fi
done

if [ -n "$missing" ]; then
	if [ "$(id -u)" -ne 0 ]; then
		echo "setup: root is needed to install Debian packages:$missing" >&2
		exit 3
	fi
	echo "setup: installing Debian packages:$missing"
	export DEBIAN_FRONTEND=noninteractive
	# The tests start name servers of their own; the machine's stay off.
	policy=/usr/sbin/policy-rc.d
	if [ ! -e "$policy" ]; then
		trap 'rm -f "$policy"' EXIT
		trap 'exit 130' INT TERM
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod 755 "$policy"
	fi
	apt-get update -qq
	# shellcheck disable=SC2086
	apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

# What was installed for more groups does for fewer.
sum=$(cksum <"$top/pyproject.toml")
have=$(cat "$venv/.setup" 2>/dev/null || :)
case $have in
*" $sum") have=,${have%% *}, ;;
*) have= ;;
esac
wanted=${have:+no}
for extra in $(echo "$extras" | tr , ' '); do
	case $have in
	*,"$extra",*) ;;
	*) wanted= ;;
	esac
done
if [ "$wanted" != no ]; then
	[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
	echo "setup: installing ilnptool${extras:+ with $extras} into .venv"
	"$venv/bin/pip" install -q --disable-pip-version-check \
	    -e "$top${extras:+[$extras]}"
	echo "$extras $sum" >"$venv/.setup"
fi
