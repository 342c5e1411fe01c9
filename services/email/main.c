#include "services/email/service.h"
#include "services/daemon/daemon.h"

int main(int argc, char **argv)
{
    return daemon_run(&email_service, argc, argv);
}
