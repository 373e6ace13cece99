#include "config.h"
#include "helper/cli/setup.h"
int
setup_exim(struct setup *s)
{
	return cli_error(EX_SOFTWARE, "%s", s->program->name);
}
int
setup_opensmtpd(struct setup *s)
{
	return cli_error(EX_SOFTWARE, "%s", s->program->name);
}
int
setup_sendmail(struct setup *s)
{
	return cli_error(EX_SOFTWARE, "%s", s->program->name);
}
