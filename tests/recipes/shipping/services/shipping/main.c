#include "services/daemon/daemon.h"
#include "services/shipping/service.h"

int main(int argc, char **argv)
{
    return daemon_run(&shipping_service, argc, argv);
}
