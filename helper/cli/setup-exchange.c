#include "config.h"
#include "helper/cli/setup.h"
int
setup_exchange(struct setup *s)
{
	return cli_error(EX_SOFTWARE, "%s", s->program->name);
}
