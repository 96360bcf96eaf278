# SPDX-License-Identifier: BSD-2-Clause
# What a Kyuafile says, for atf-run: "include FILE" or "program NAME TEXT" on a
# line, where TEXT is all that is said of it.
#
# Kyuafiles are programs in Lua.  Those that but name things are read, and no
# others: a test that is left out in silence would be worse.

function bad(why) {
	print "atf-run: " FILENAME ":" FNR ": " why | "cat >&2"
	failed = 1
	exit 1
}

BEGIN {
	known = "^(name|test_suite|timeout|description|has_cleanup|is_exclusive|" \
	    "allowed_(architectures|platforms)|execenv|execenv_jail_params|" \
	    "required_(configs|disk_space|files|memory|programs|user))$"
}

{
	sub(/--.*/, "")
	gsub(/\047/, "\"")
	gsub(/[ \t]+/, " ")
	text = text $0 " "
}

# A statement may go on for lines, and ends with its bracket.
text ~ /^ *$/ { text = ""; next }
text !~ /[)}] *$/ { next }

text ~ /^ ?(syntax ?\( ?2 ?\)|test_suite ?\( ?"[^"]*" ?\)) *$/ { text = ""; next }

text ~ /^ ?include ?\( ?"[^"]*" ?\) *$/ {
	split(text, part, "\"")
	print "include " part[2]
	text = ""
	next
}

text !~ /^ ?atf_test_program ?[{][^}]*[}] *$/ { bad("only Kyua itself can read this: " text) }

{
	words = text
	sub(/^[^{]*[{]/, "", words)
	gsub(/"[^"]*"/, "", words)
	count = split(words, word, /[ ,}]+/)
	for (i = 1; i <= count; i++) {
		sub(/=.*/, "", word[i])
		if (word[i] ~ /^[a-z_.]+$/ && word[i] !~ known)
			bad("unknown property " word[i])
	}
	if (text !~ /[{, ]name ?= ?"[^"\/]+"/)
		bad("a test program without a name, or with a path for one")
	name = text
	sub(/.*[{, ]name ?= ?"/, "", name)
	sub(/".*/, "", name)
	print "program " name " " text
	text = ""
}

END {
	if (!failed && text != "")
		bad("it ends in the middle of: " text)
}
