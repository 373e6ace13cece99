#include "config.h"
#include "helper/cli/setup.h"
int
setup_imtest(struct setup *s)
{
	return cli_error(EX_SOFTWARE, "%s", s->program->name);
}
int
setup_ldapsearch(struct setup *s)
{
	return cli_error(EX_SOFTWARE, "%s", s->program->name);
}
int
setup_generic(struct setup *s)
{
	return cli_error(EX_SOFTWARE, "%s", s->program->name);
}
