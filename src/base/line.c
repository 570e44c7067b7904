#include "base/line.h"

#include <ctype.h>
#include <stdbool.h>

/* U+0080 to U+009F in UTF-8: some terminals take them for what ESC and a letter are. */
static bool is_wide_control(const unsigned char *text) {
        return text[0] == 0xc2 && text[1] >= 0x80 && text[1] <= 0x9f;
}

void line_blank_controls(char *text) {
        for (; *text; text++)
                if (iscntrl((unsigned char)*text))
                        *text = '?';
                else if (is_wide_control((const unsigned char *)text))
                        text[0] = text[1] = '?';
}

/* Bytes of the character that begins at `text`, by the table of RFC 3629, section 4; 0 where none does. */
static unsigned character_bytes(const unsigned char *text) {
        unsigned char first = text[0], low = 0x80, high = 0xbf;
        if (first < 0x80)
                return 1;
        if (first < 0xc2 || first > 0xf4)
                return 0;
        switch (first) {
        case 0xe0: low = 0xa0; break;  /* else there is a shorter form */
        case 0xed: high = 0x9f; break; /* surrogates */
        case 0xf0: low = 0x90; break;
        case 0xf4: high = 0x8f; break; /* beyond U+10FFFF */
        default: break;
        }
        unsigned bytes = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
        if (text[1] < low || text[1] > high)
                return 0;
        for (unsigned i = 2; i < bytes; i++)
                if ((text[i] & 0xc0) != 0x80)
                        return 0;
        return bytes;
}

void line_mend_utf8(char *text) {
        while (*text) {
                unsigned bytes = character_bytes((const unsigned char *)text);
                if (!bytes)
                        *text = '?';
                text += bytes ? bytes : 1;
        }
}
