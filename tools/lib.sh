# SPDX-License-Identifier: MIT
# lib.sh - what the scripts of this directory share; made to be sourced
# shellcheck shell=sh disable=SC2034

tools=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
top=$(dirname -- "$tools")
jobs=$(nproc 2>/dev/null || echo 2)

say()
{
	printf '%s\n' "$*"
}

phase()
{
	printf '== phase: %s\n' "$*"
}

die()
{
	printf '%s: %s\n' "$(basename -- "$0")" "$*" >&2
	exit 1
}

have()
{
	command -v "$1" >/dev/null 2>&1
}

as_root()
{
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		have sudo || die "not root, and there is no sudo, for: $*"
		sudo "$@"
	fi
}

# node_ready - whether there is a Node.js of 18 or later, and npm
node_ready()
{
	have node && have npm &&
		node -e 'process.exit(parseInt(process.versions.node) >= 18 ? 0 : 1)'
}

# modules_ready - whether the test provider is installed as its lock file says
modules_ready()
{
	oidc=$top/tests/lib/oidc
	[ -d "$oidc/node_modules/oidc-provider" ] &&
		cmp -s "$oidc/package-lock.json" "$oidc/node_modules/.installed"
}

# modules_install - oidc-provider for the tests, from its lock file
modules_install()
{
	modules_ready && return 0
	node_ready || return 1
	(cd "$top/tests/lib/oidc" &&
		npm ci --ignore-scripts --no-audit --no-fund --loglevel=error &&
		cp package-lock.json node_modules/.installed)
}

# configured DIR OPTION... - (re)configure a build directory when it is needed
configured()
{
	dir=$1
	shift
	mkdir -p "$dir"
	if [ ! -f "$dir/Makefile" ] || [ "$*" != "$(cat "$dir/.options" 2>/dev/null)" ]; then
		(cd "$dir" && "$top/configure" "$@") || return 1
		printf '%s\n' "$*" >"$dir/.options"
	fi
}

# release_archive OUTDIR - "make dist", in $BUILDDIR if that is a build directory; sets
#   out      the absolute path of OUTDIR, which is made
#   work     a directory that goes when the script ends
#   version  the release
#   archive  the path of what was made
release_archive()
{
	mkdir -p "$1"
	out=$(cd -- "$1" && pwd)
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	trap 'exit 1' HUP INT TERM
	# as root the tests have processes of other users, too
	chmod 755 "$work"
	umask 022
	build=${BUILDDIR-}
	if [ -z "$build" ]; then
		bootstrapped
		build=$work/build
		configured "$build" --quiet
	fi
	make -s -C "$build" dist
	version=$(sed -n 's/^AC_INIT(\[.*\], \[\(.*\)\])$/\1/p' "$top/configure.ac")
	archive=$build/sasl-bearer-$version.tar.xz
}

# bootstrapped - make configure, unless it is newer than what it is made from
bootstrapped()
{
	if [ -x "$top/configure" ] && [ -f "$top/Makefile.in" ] &&
		[ -f "$top/build-aux/tap-driver.sh" ] &&
		[ -z "$(find "$top/configure.ac" "$top/Makefile.am" "$top/m4/sasl-bearer.m4" \
			-newer "$top/Makefile.in")" ]; then
		return 0
	fi
	"$top/bootstrap"
}
