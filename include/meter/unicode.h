/* SPDX-License-Identifier: MIT */
#ifndef METER_UNICODE_H
#define METER_UNICODE_H

#include <stdint.h>

/*
 * Character properties of Unicode 16.0, the version the encodings are defined with. Constant tables
 * (src/meter/unicode_table.c, generated); any thread.
 */

enum category {
    CAT_LU, CAT_LL, CAT_LT, CAT_LM, CAT_LO, CAT_MN, CAT_MC, CAT_ME, CAT_ND, CAT_NL,
    CAT_NO, CAT_PC, CAT_PD, CAT_PS, CAT_PE, CAT_PI, CAT_PF, CAT_PO, CAT_SM, CAT_SC,
    CAT_SK, CAT_SO, CAT_ZS, CAT_ZL, CAT_ZP, CAT_CC, CAT_CF, CAT_CS, CAT_CO, CAT_CN,
    CATEGORIES
};

/* All that the encodings' splitting rules ask of a character. */
enum char_class {
    CLASS_OTHER,
    CLASS_SPACE,   /* White_Space, but for the next */
    CLASS_NEWLINE, /* U+000A, U+000D */
    CLASS_NUMBER,  /* N */
    CLASS_UPPER,   /* Lu, Lt */
    CLASS_LOWER,   /* Ll */
    CLASS_LETTER,  /* Lm, Lo */
    CLASS_MARK,    /* M */
};

#define UNICODE_END 0x110000u /* one past the last code point */

/* One entry per 64 code points: the number of their block. Blocks of 64 follow UTF-8's own structure:
 * all but the last byte of a character choose the block, the last one the entry. */
extern const uint16_t unicode_index[UNICODE_END / 64];
extern const uint8_t unicode_blocks[][64]; /* category << 3 | class */
extern const uint8_t unicode_ascii[128];   /* class */

static inline enum category unicode_category(uint32_t cp)
{
    return (enum category)(unicode_blocks[unicode_index[cp >> 6]][cp & 63] >> 3);
}

static inline enum char_class unicode_class(uint32_t cp)
{
    return (enum char_class)(unicode_blocks[unicode_index[cp >> 6]][cp & 63] & 7);
}

/* A character of well-formed UTF-8: its class and its length in bytes. */
struct uchar {
    enum char_class cls;
    unsigned len;
};

static inline struct uchar uchar_at(const unsigned char *p)
{
    unsigned c = p[0];
    uint32_t block;
    unsigned len;

    if (c < 0x80)
        return (struct uchar){(enum char_class)unicode_ascii[c], 1};
    if (c < 0xe0) {
        block = c & 31;
        len = 2;
    } else if (c < 0xf0) {
        block = (c & 15) << 6 | (p[1] & 63);
        len = 3;
    } else {
        block = (c & 7) << 12 | (p[1] & 63u) << 6 | (p[2] & 63);
        len = 4;
    }
    c = unicode_blocks[unicode_index[block]][p[len - 1] & 63];
    return (struct uchar){(enum char_class)(c & 7), len};
}

#endif
