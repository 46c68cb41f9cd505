/*
 * utf8.h
 *	  Well-formed UTF-8 (RFC 3629, section 4), one character at a time.
 */
#ifndef BK_CORE_UTF8_H
#define BK_CORE_UTF8_H

#include <stddef.h>

/*
 * Length in bytes (1 to 4) of the character at text, 0 if what stands there
 * is not well-formed: overlong forms, surrogates and values above U+10FFFF
 * are not. The text is NUL-terminated; nothing behind the NUL is read. At the
 * terminator the answer is 1.
 */
extern size_t bk_utf8_length(const char *text);

#endif
