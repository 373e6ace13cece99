/* SPDX-License-Identifier: MIT */
/* coverage - write down what has run before a process leaves by _exit() */
#include "config.h"

void __gcov_dump(void);
_Noreturn void __real__exit(int status);
_Noreturn void __wrap__exit(int status);

/* With --enable-coverage the linker calls this in the place of _exit(). */
_Noreturn void
__wrap__exit(int status)
{
	__gcov_dump();
	__real__exit(status);
}
