#include "services/inventory/service.h"
#include "services/daemon/daemon.h"

int main(int argc, char **argv)
{
    return daemon_run(&inventory_service, argc, argv);
}
