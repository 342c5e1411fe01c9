#include "services/order/service.h"
#include "services/daemon/daemon.h"

int main(int argc, char **argv)
{
    return daemon_run(&order_service, argc, argv);
}
