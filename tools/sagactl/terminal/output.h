/* All that sagactl prints, on standard output and standard error, passes here: what strangers wrote
 * reaches no terminal as it is.
 *
 * Control characters, bidi controls and what is no UTF-8 come out escaped (utf8_show), whoever
 * printed them and with whichever function, a newline apart: who prints foreign text as one line
 * uses line_wrap or line_say (terminal.h).  The escapes are those of JSON, so that a line of JSON
 * stays one. */
#ifndef QUADRILLE_TOOLS_SAGACTL_TERMINAL_OUTPUT_H
#define QUADRILLE_TOOLS_SAGACTL_TERMINAL_OUTPUT_H

#include <stdbool.h>

/* Our own colours on their way to a terminal: a byte that no UTF-8 has, and a letter.  Elsewhere
 * they are left out. */
#define MARK "\xff"
#define MARK_GOOD MARK "g"
#define MARK_BAD MARK "b"
#define MARK_DIM MARK "d"
#define MARK_OFF MARK "o"

/* Before anything is printed. */
void output_open(void);

/* Moves a terminal's cursor to its first line and clears it. */
void output_clear(void);

/* The last: whether all of standard output was taken.  Says why when it was not. */
bool output_close(void);

#endif
