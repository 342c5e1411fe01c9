#include "services/order/service.h"
#include "services/runtime/daemon.h"

int main(int argc, char **argv)
{
    return daemon_run(&order_service, argc, argv);
}
