/* Orders that flow while something else happens to the stack. */
#ifndef QUADRILLE_TESTS_INTEGRATION_LOAD_H
#define QUADRILLE_TESTS_INTEGRATION_LOAD_H

/* About 50 orders a second, PREFIX-0, PREFIX-1, ..., placed by a process of its own until load_end
 * or the end of the stack. */
void load_start(const char *prefix);

/* Lets orders flow for a while: until `count` more of them are closed. */
void load_flow(const char *prefix, int count);

/* Ends it and waits until all are closed, each confirmed, charged and mailed once; how many there
 * were. */
int load_end(const char *prefix);

#endif
