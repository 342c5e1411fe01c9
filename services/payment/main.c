#include "services/payment/service.h"
#include "services/daemon/daemon.h"

int main(int argc, char **argv)
{
    return daemon_run(&payment_service, argc, argv);
}
