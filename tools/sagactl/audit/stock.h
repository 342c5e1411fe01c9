/* Does the stock hold what reservations say? */
#ifndef QUADRILLE_TOOLS_SAGACTL_AUDIT_STOCK_H
#define QUADRILLE_TOOLS_SAGACTL_AUDIT_STOCK_H

#include "database/database.h"
#include "tools/sagactl/audit/report.h"

/* Compares SKU by SKU, within one statement of the inventory's database: right at any moment,
 * whatever is under way. */
enum status audit_stock(struct database *database, struct report *report, struct error *error);

#endif
