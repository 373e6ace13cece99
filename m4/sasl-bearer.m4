# SPDX-License-Identifier: MIT
# sasl-bearer.m4 - the options of configure that are this project's own

# The directory libsasl2 loads plugins from: "sasl2" below its own libdir on
# Debian (multiarch), Fedora (lib64) and FreeBSD (/usr/local/lib).
AC_DEFUN([SB_SASL_PLUGIN_DIR], [
AC_ARG_WITH([saslplugindir],
  [AS_HELP_STRING([--with-saslplugindir=DIR],
    [where libsasl2 looks for plugins @<:@from pkg-config@:>@])],
  [saslplugindir=$withval],
  [PKG_CHECK_VAR([saslplugindir], [libsasl2], [plugindir])
   AS_IF([test -z "$saslplugindir"],
     [PKG_CHECK_VAR([sasl_libdir], [libsasl2], [libdir])
      saslplugindir="${sasl_libdir:-\$(libdir)}/sasl2"])])
AC_SUBST([saslplugindir])
])

AC_DEFUN([SB_SYSTEMD_UNIT_DIR], [
AC_ARG_WITH([systemdsystemunitdir],
  [AS_HELP_STRING([--with-systemdsystemunitdir=DIR],
    [where to install systemd units @<:@from pkg-config@:>@; no: none])],
  [systemdsystemunitdir=$withval],
  [PKG_CHECK_VAR([systemdsystemunitdir], [systemd], [systemdsystemunitdir])])
AS_IF([test "x$systemdsystemunitdir" = xno], [systemdsystemunitdir=])
AC_SUBST([systemdsystemunitdir])
AM_CONDITIONAL([SYSTEMD], [test -n "$systemdsystemunitdir"])
])

# SB_COMPLETION_DIR(SHELL, DIRECTORY, CONDITIONAL) - where its completion goes
AC_DEFUN([SB_COMPLETION_DIR], [
AC_ARG_WITH([$1completiondir],
  [AS_HELP_STRING([--with-$1completiondir=DIR],
    [where to install the completion of $1 @<:@$2@:>@; no: none])],
  [$1completiondir=$withval], [$1completiondir=yes])
AS_IF([test "x$$1completiondir" = xyes], [$1completiondir='$2'])
AS_IF([test "x$$1completiondir" = xno], [$1completiondir=])
AC_SUBST([$1completiondir])
AM_CONDITIONAL([$3], [test -n "$$1completiondir"])
])

# Profiles of AppArmor belong where their parser looks, and nowhere else.
AC_DEFUN([SB_APPARMOR_DIR], [
AC_ARG_WITH([apparmordir],
  [AS_HELP_STRING([--with-apparmordir=DIR],
    [install a profile for AppArmor, usually in /etc/apparmor.d @<:@no@:>@])],
  [apparmordir=$withval], [apparmordir=no])
AS_IF([test "x$apparmordir" = xyes], [apparmordir=/etc/apparmor.d])
AS_IF([test "x$apparmordir" = xno], [apparmordir=])
AC_SUBST([apparmordir])
AM_CONDITIONAL([APPARMOR], [test -n "$apparmordir"])
])

# The policy module is compiled with the files of the distribution's policy.
AC_DEFUN([SB_SELINUX], [
AC_ARG_WITH([selinux],
  [AS_HELP_STRING([--with-selinux],
    [compile and install a policy module for SELinux])],
  [], [with_selinux=no])
AS_IF([test "x$with_selinux" != xno && test ! -f /usr/share/selinux/devel/Makefile],
  [AC_MSG_ERROR([/usr/share/selinux/devel is missing: selinux-policy-dev or -devel])])
AM_CONDITIONAL([SELINUX], [test "x$with_selinux" != xno])
])

# libqrencode is used where it is there, unless it is not wanted.
AC_DEFUN([SB_QRENCODE], [
AC_ARG_WITH([qrencode],
  [AS_HELP_STRING([--without-qrencode],
    [do not show QR codes at a sign-in @<:@if libqrencode is there@:>@])],
  [], [with_qrencode=check])
AS_IF([test "x$with_qrencode" != xno],
  [PKG_CHECK_MODULES([QRENCODE], [libqrencode >= 3.4],
    [AC_DEFINE([HAVE_QRENCODE], [1], [Define to 1 to show QR codes.])],
    [AS_IF([test "x$with_qrencode" = xyes],
      [AC_MSG_ERROR([libqrencode was not found])])])])
])

# Linux only; elsewhere there is nothing to be used. Nor where every process must
# write counts of what has run, at its end, into files of the build.
AC_DEFUN([SB_SANDBOX], [
AC_REQUIRE([SB_COVERAGE])
AC_ARG_ENABLE([sandbox],
  [AS_HELP_STRING([--disable-sandbox],
    [limit the processes neither by seccomp nor by Landlock])],
  [], [AS_IF([test "x$enable_coverage" = xno],
    [enable_sandbox=yes], [enable_sandbox=no])])
AC_ARG_WITH([libseccomp],
  [AS_HELP_STRING([--without-libseccomp],
    [do not limit system calls, only files @<:@needed on Linux@:>@])],
  [], [with_libseccomp=yes])
sandbox=no
AS_CASE([$host_os], [linux*], [], [enable_sandbox=no])
AS_IF([test "x$enable_sandbox" != xno], [
  AC_DEFINE([SANDBOX], [1], [Define to 1 to limit processes by the kernel.])
  sandbox=landlock
  AS_IF([test "x$with_libseccomp" != xno], [
    PKG_CHECK_MODULES([SECCOMP], [libseccomp >= 2.5])
    AC_DEFINE([HAVE_SECCOMP], [1], [Define to 1 to use libseccomp.])
    sandbox="seccomp, landlock"])])
])

AC_DEFUN([SB_STATE_DIRS], [
AC_ARG_WITH([runtimedir],
  [AS_HELP_STRING([--with-runtimedir=DIR],
    [the directory of the system's socket @<:@/run/sasl-bearer@:>@])],
  [bearer_rundir=$withval], [bearer_rundir=/run/sasl-bearer])
AC_ARG_WITH([user],
  [AS_HELP_STRING([--with-user=NAME],
    [the user of the system's helper @<:@sasl-bearer@:>@])],
  [bearer_user=$withval], [bearer_user=sasl-bearer])
AC_SUBST([bearer_rundir])
AC_SUBST([bearer_user])
])

# Add each flag the compiler takes to a variable.
AC_DEFUN([SB_TRY_CFLAGS], [
for flag in $2; do
  AC_MSG_CHECKING([whether $CC takes $flag])
  save_CFLAGS=$CFLAGS
  CFLAGS="$CFLAGS -Werror $flag"
  AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
    [AC_MSG_RESULT([yes]); $1="$$1 $flag"], [AC_MSG_RESULT([no])])
  CFLAGS=$save_CFLAGS
done
])

AC_DEFUN([SB_HARDENING], [
AC_REQUIRE([SB_COVERAGE])
AC_ARG_ENABLE([hardening],
  [AS_HELP_STRING([--disable-hardening],
    [build without the compiler's and linker's protections])],
  [], [enable_hardening=yes])
AC_ARG_ENABLE([sanitizers],
  [AS_HELP_STRING([--enable-sanitizers=LIST],
    [build with sanitizers, for example address,undefined])],
  [], [enable_sanitizers=no])
HARDENING_CFLAGS=
HARDENING_LDFLAGS=
PIE_CFLAGS=
PIE_LDFLAGS=
AS_IF([test "x$enable_hardening" = xyes], [
  SB_TRY_CFLAGS([HARDENING_CFLAGS], [-fstack-protector-strong -fstack-clash-protection -fcf-protection -ftrivial-auto-var-init=zero])
  SB_TRY_CFLAGS([HARDENING_LDFLAGS], [-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack])
  SB_TRY_CFLAGS([PIE_CFLAGS], [-fPIE])
  SB_TRY_CFLAGS([PIE_LDFLAGS], [-pie])
  AS_IF([test "x$enable_sanitizers$enable_coverage" = xnono],
    [HARDENING_CFLAGS="$HARDENING_CFLAGS -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2"])
])
AC_SUBST([HARDENING_CFLAGS])
AC_SUBST([HARDENING_LDFLAGS])
AC_SUBST([PIE_CFLAGS])
AC_SUBST([PIE_LDFLAGS])
])

AC_DEFUN([SB_SANITIZERS], [
AC_REQUIRE([SB_HARDENING])
SANITIZER_FLAGS=
AS_IF([test "x$enable_sanitizers" != xno],
  [SANITIZER_FLAGS="-fsanitize=$enable_sanitizers -fno-sanitize-recover=all -fno-omit-frame-pointer"])
AC_SUBST([SANITIZER_FLAGS])
AM_CONDITIONAL([SANITIZERS], [test "x$enable_sanitizers" != xno])
])

# Which lines the tests run. Children leave by _exit(), so it is wrapped; before
# an exec gcc itself sees to the counts, but not in strict C.
AC_DEFUN([SB_COVERAGE], [
AC_ARG_ENABLE([coverage],
  [AS_HELP_STRING([--enable-coverage],
    [build for "make coverage" (needs gcc and gcovr)])],
  [], [enable_coverage=no])
COVERAGE_CFLAGS=
COVERAGE_LDFLAGS=
AS_IF([test "x$enable_coverage" != xno],
  [CFLAGS="-g -O0"
   COVERAGE_CFLAGS="-std=gnu11 -fprofile-arcs -ftest-coverage -fprofile-update=atomic"
   COVERAGE_LDFLAGS="-fprofile-arcs -Wl,--wrap=_exit"])
AC_SUBST([COVERAGE_CFLAGS])
AC_SUBST([COVERAGE_LDFLAGS])
AM_CONDITIONAL([COVERAGE], [test "x$enable_coverage" != xno])
])

# libFuzzer brings its own main(); without it each target reads stdin.
AC_DEFUN([SB_FUZZING], [
AC_ARG_ENABLE([fuzzing],
  [AS_HELP_STRING([--enable-fuzzing],
    [build tests/fuzz for libFuzzer (needs clang)])],
  [], [enable_fuzzing=no])
FUZZ_CFLAGS=
FUZZ_LDFLAGS=
AS_IF([test "x$enable_fuzzing" = xyes],
  [FUZZ_CFLAGS="-fsanitize=fuzzer-no-link"
   FUZZ_LDFLAGS="-fsanitize=fuzzer"
   AC_DEFINE([FUZZING], [1], [Define when libFuzzer drives tests/fuzz])])
AC_SUBST([FUZZ_CFLAGS])
AC_SUBST([FUZZ_LDFLAGS])
])

AC_DEFUN([SB_WARNINGS], [
AC_ARG_ENABLE([werror],
  [AS_HELP_STRING([--enable-werror], [let a warning fail the build])],
  [], [enable_werror=no])
WARNING_CFLAGS=
SB_TRY_CFLAGS([WARNING_CFLAGS], [-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef -Wvla -Wformat=2 -Wconversion -Wsign-conversion -Wimplicit-fallthrough])
AS_IF([test "x$enable_werror" = xyes], [WARNING_CFLAGS="$WARNING_CFLAGS -Werror"])
AC_SUBST([WARNING_CFLAGS])
])

# The archive of a release is the same bytes whoever makes it, when and where: the
# files' time is the last commit's or, without git, the time that an archive has
# given to NEWS. Where tar is not GNU's, automake's own command stays.
AC_DEFUN([SB_DIST], [
AS_IF([tar --sort=name --version >/dev/null 2>&1],
  [am__tar='tar --format=ustar --sort=name --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --mtime=@$(dist_time) -chf - "$$tardir"'])
])
