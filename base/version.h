/* What --version prints; CHANGELOG.md says what came with it. */
#ifndef QUADRILLE_BASE_VERSION_H
#define QUADRILLE_BASE_VERSION_H

#define QUADRILLE_VERSION "0.2.0"

#endif
