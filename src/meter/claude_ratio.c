/* SPDX-License-Identifier: MIT */
#include "counting.h"

#include <math.h>
#include <stdint.h>

#include "base/utf8.h"

/*
 * How many tokens of Claude's a token of o200k is worth, by what a text is written in. Measured on
 * the Universal Declaration of Human Rights in 247 languages and 1,049 programs of Rosetta Code and
 * MultiPL-E, whose counts sanderland/ctok (MIT) recorded. v3: Claude 3 to 4.6; v47: from Opus 4.7
 * on.
 */
struct ratio {
    double v3, v47;
};

struct script {
    double per_token; /* characters a token of o200k */
    struct ratio ratio;
};

enum {
    LATIN,
    CYRILLIC,
    ARABIC,
    DEVANAGARI,
    HAN,
    KANA,
    HANGUL,
    HEBREW,
    ARMENIAN,
    THAI,
    TAMIL,
    KANNADA,
    MALAYALAM,
    SINHALA,
    KHMER,
    MYANMAR,
    ETHIOPIC,
    OTHER_LETTERS,
    MARKS,
    DIGITS,
    SCRIPTS
};

static const struct script scripts[SCRIPTS] = {
    [LATIN] = {4.0, {0, 0}}, /* see latin_ratio() */
    [CYRILLIC] = {2.9, {1.50, 1.50}},
    [ARABIC] = {3.0, {2.07, 2.07}},
    [DEVANAGARI] = {3.4, {2.42, 2.42}},
    [HAN] = {1.25, {1.37, 1.37}},
    [KANA] = {1.18, {1.05, 1.05}},
    [HANGUL] = {1.7, {1.75, 1.75}},
    [HEBREW] = {2.6, {1.79, 1.79}},
    [ARMENIAN] = {3.7, {2.24, 2.27}},
    [THAI] = {2.4, {2.03, 2.03}},
    [TAMIL] = {2.9, {2.41, 2.41}},
    [KANNADA] = {2.6, {4.67, 4.67}},
    [MALAYALAM] = {2.9, {3.20, 3.20}},
    [SINHALA] = {1.8, {1.78, 1.79}},
    [KHMER] = {1.65, {1.76, 1.76}},
    [MYANMAR] = {1.1, {1.57, 1.57}},
    [ETHIOPIC] = {0.56, {0.81, 0.81}},
    [OTHER_LETTERS] = {1.5, {1.60, 1.60}}, /* the middle of what was measured */
    [MARKS] = {0.7, {1.15, 1.15}},         /* emoji, arrows, boxes, typography */
    [DIGITS] = {2.0, {1.00, 1.05}},
};

/* Where scripts stand; what is between them is OTHER_LETTERS. */
static const struct {
    uint32_t first, last;
    int script;
} ranges[] = {
    {0x00a0, 0x00bf, MARKS},    {0x00c0, 0x024f, LATIN},    {0x0250, 0x036f, OTHER_LETTERS},
    {0x0400, 0x052f, CYRILLIC}, {0x0530, 0x058f, ARMENIAN}, {0x0590, 0x05ff, HEBREW},
    {0x0600, 0x06ff, ARABIC},   {0x0750, 0x077f, ARABIC},   {0x0900, 0x097f, DEVANAGARI},
    {0x0b80, 0x0bff, TAMIL},    {0x0c80, 0x0cff, KANNADA},  {0x0d00, 0x0d7f, MALAYALAM},
    {0x0d80, 0x0dff, SINHALA},  {0x0e00, 0x0e7f, THAI},     {0x1000, 0x109f, MYANMAR},
    {0x1100, 0x11ff, HANGUL},   {0x1200, 0x139f, ETHIOPIC}, {0x1780, 0x17ff, KHMER},
    {0x1e00, 0x1eff, LATIN},    {0x2000, 0x2bff, MARKS},    {0x3000, 0x303f, HAN},
    {0x3040, 0x30ff, KANA},     {0x3400, 0x9fff, HAN},      {0xac00, 0xd7af, HANGUL},
    {0xf900, 0xfaff, HAN},      {0xfb50, 0xfdff, ARABIC},   {0xfe00, 0xfe0f, MARKS},
    {0xfe70, 0xfeff, ARABIC},   {0xff00, 0xffef, HAN},      {0x1f000, 0x1faff, MARKS},
    {0x20000, 0x3ffff, HAN},
};

static int script_of(uint32_t c)
{
    size_t low = 0, high = sizeof ranges / sizeof *ranges;

    while (low < high) {
        size_t mid = (low + high) / 2;
        if (c > ranges[mid].last)
            low = mid + 1;
        else
            high = mid;
    }
    return low < sizeof ranges / sizeof *ranges && c >= ranges[low].first ? ranges[low].script
                                                                          : OTHER_LETTERS;
}

/* What a text is made of, in characters. */
struct profile {
    size_t chars[SCRIPTS];
    size_t letters, symbols; /* Latin and ASCII */
    bool kana;
};

enum { OTHER_ASCII, LETTER, DIGIT, SYMBOL, ASCII_CLASSES };

/* Points, commas and apostrophes belong to prose as much as to code. */
static const unsigned char ascii_class[128] = {
    ['!' ... '&'] = SYMBOL, ['(' ... '+'] = SYMBOL,  ['-'] = SYMBOL,         ['/'] = SYMBOL,
    ['0' ... '9'] = DIGIT,  [':' ... '@'] = SYMBOL,  ['A' ... 'Z'] = LETTER, ['[' ... '`'] = SYMBOL,
    ['a' ... 'z'] = LETTER, ['{' ... 0x7f] = SYMBOL,
};

static uint32_t decode(const char *p, size_t n)
{
    static const unsigned char masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t c = (unsigned char)p[0] & masks[n];

    for (size_t i = 1; i < n; i++)
        c = c << 6 | ((unsigned char)p[i] & 0x3f);
    return c;
}

static size_t profile_other(struct span text, struct profile *f)
{
    size_t n = utf8_valid_len(text);
    int s = n ? script_of(decode(text.p, n)) : OTHER_LETTERS;

    f->chars[s]++;
    f->letters += s == LATIN;
    f->kana |= s == KANA;
    return n ? n : utf8_invalid_len(text);
}

static void profile_text(struct span text, struct profile *f)
{
    size_t ascii[ASCII_CLASSES] = {0};

    while (text.n) {
        unsigned char c = (unsigned char)text.p[0];
        if (c < 0x80)
            ascii[ascii_class[c]]++;
        text = span_skip(text, c < 0x80 ? 1 : profile_other(text, f));
    }
    f->chars[DIGITS] += ascii[DIGIT];
    f->chars[LATIN] += ascii[LETTER] + ascii[SYMBOL] + ascii[OTHER_ASCII];
    f->letters += ascii[LETTER];
    f->symbols = ascii[SYMBOL];
}

/* Languages in Latin letters that are told by their commonest words. */
enum { NO_LANGUAGE = -1, ENGLISH, GERMAN, FRENCH, SPANISH, PORTUGUESE, LANGUAGES };

static const struct ratio languages[LANGUAGES] = {
    [ENGLISH] = {1.07, 1.56}, [GERMAN] = {1.58, 2.24},     [FRENCH] = {1.34, 1.71},
    [SPANISH] = {1.35, 1.84}, [PORTUGUESE] = {1.36, 1.85},
};

static const struct ratio code = {1.18, 1.44};

#define WORD(w)                                                                                    \
    {                                                                                              \
        w, sizeof(w) - 1                                                                           \
    }

static const struct {
    struct span word;
    int language;
} words[] = {
    {WORD("the"), ENGLISH},    {WORD("of"), ENGLISH},    {WORD("and"), ENGLISH},
    {WORD("to"), ENGLISH},     {WORD("is"), ENGLISH},    {WORD("in"), ENGLISH},
    {WORD("for"), ENGLISH},    {WORD("that"), ENGLISH},  {WORD("you"), ENGLISH},
    {WORD("it"), ENGLISH},     {WORD("with"), ENGLISH},  {WORD("this"), ENGLISH},
    {WORD("der"), GERMAN},     {WORD("die"), GERMAN},    {WORD("und"), GERMAN},
    {WORD("das"), GERMAN},     {WORD("ist"), GERMAN},    {WORD("nicht"), GERMAN},
    {WORD("ein"), GERMAN},     {WORD("zu"), GERMAN},     {WORD("mit"), GERMAN},
    {WORD("auf"), GERMAN},     {WORD("le"), FRENCH},     {WORD("les"), FRENCH},
    {WORD("et"), FRENCH},      {WORD("est"), FRENCH},    {WORD("une"), FRENCH},
    {WORD("dans"), FRENCH},    {WORD("pour"), FRENCH},   {WORD("du"), FRENCH},
    {WORD("el"), SPANISH},     {WORD("los"), SPANISH},   {WORD("las"), SPANISH},
    {WORD("y"), SPANISH},      {WORD("una"), SPANISH},   {WORD("por"), SPANISH},
    {WORD("es"), SPANISH},     {WORD("del"), SPANISH},   {WORD("os"), PORTUGUESE},
    {WORD("uma"), PORTUGUESE}, {WORD("um"), PORTUGUESE}, {WORD("em"), PORTUGUESE},
    {WORD("do"), PORTUGUESE},  {WORD("da"), PORTUGUESE}, {WORD("ao"), PORTUGUESE},
};

#define SAMPLE       (2u << 10) /* bytes that languages are told by */
#define WORDS_ENOUGH 12         /* fewer say nothing */

static bool is_word_byte(unsigned char c)
{
    return (c | 0x20) >= 'a' ? (c | 0x20) <= 'z' || c >= 0x80 : false;
}

static int word_language(struct span word)
{
    char first = (char)(word.p[0] | 0x20);

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i].word.p[0] == first && span_eq_nocase(word, words[i].word))
            return words[i].language;
    return NO_LANGUAGE;
}

/* The language whose common words make up enough of the sample; *known says whether one could tell.
 */
static int text_language(struct span sample, bool *enough)
{
    int found[LANGUAGES] = {0}, total = 0, best = 0;

    for (size_t i = 0; i < sample.n;) {
        size_t from = i;
        int l;
        while (i < sample.n && is_word_byte((unsigned char)sample.p[i]))
            i++;
        if (i == from) {
            i++;
            continue;
        }
        total++;
        l = i - from <= 5 ? word_language((struct span){sample.p + from, i - from}) : NO_LANGUAGE;
        if (l != NO_LANGUAGE)
            found[l]++;
    }
    for (int l = 1; l < LANGUAGES; l++)
        if (found[l] > found[best])
            best = l;
    *enough = total >= WORDS_ENOUGH;
    return found[best] * 12 >= total ? best : NO_LANGUAGE;
}

/*
 * A language in Latin letters without a rule of its own: the more tokens it takes in the older
 * vocabulary than in the newer, the further Claude's is from it too (a regression over 192
 * languages).
 */
static struct ratio unknown_language(struct tally *t, struct span sample)
{
    double o200k = (double)tally_text_in(t, ENC_O200K, sample);
    double cl100k = (double)tally_text_in(t, ENC_CL100K, sample);
    double older = o200k > 0 ? cl100k / o200k : 1;
    double per_token = o200k > 0 ? (double)sample.n / o200k : 4;

    return (struct ratio){fmin(fmax(0.253 + 0.875 * older - 0.016 * per_token, 1), 1.7),
                          fmin(fmax(0.259 + 0.870 * older + 0.095 * per_token, 1.2), 2.3)};
}

static struct ratio prose_ratio(struct tally *t, struct span text)
{
    struct span sample = text;
    bool enough;
    int language;

    if (sample.n > SAMPLE)
        sample.n = SAMPLE;
    while (sample.n && sample.n < text.n && (text.p[sample.n] & 0xc0) == 0x80)
        sample.n--;
    language = text_language(sample, &enough);
    if (language != NO_LANGUAGE)
        return languages[language];
    return enough ? unknown_language(t, sample) : languages[ENGLISH];
}

/* Prose has symbols as 1 in 50 of its characters, code and JSON as 1 in 8: what is between is a
 * mixture. */
static double code_share(const struct profile *f)
{
    double share = f->symbols ? (double)f->symbols / (double)(f->letters + f->symbols) : 0;

    return fmin(fmax((share - 0.03) / 0.12, 0), 1);
}

static double of_family(const struct tally *t, struct ratio r)
{
    return t->family == FAMILY_CLAUDE_47 || t->family == FAMILY_CLAUDE_5 ? r.v47 : r.v3;
}

static double latin_ratio(struct tally *t, struct span text, const struct profile *f)
{
    double share = code_share(f);
    double prose = share < 1 ? of_family(t, prose_ratio(t, text)) : 0;

    return share * of_family(t, code) + (1 - share) * prose;
}

double claude_tokens(struct tally *t, struct span text)
{
    struct profile f = {0};
    double tokens = 0, weighted = 0;

    profile_text(text, &f);
    for (int s = 0; s < SCRIPTS; s++) {
        /* Japanese: a character of Han beside kana counts as kana does. */
        const struct script *as = &scripts[s == HAN && f.kana ? KANA : s];
        double share = (double)f.chars[s] / as->per_token;
        if (!f.chars[s])
            continue;
        tokens += share;
        weighted += share * (s == LATIN ? latin_ratio(t, text, &f) : of_family(t, as->ratio));
    }
    return tokens > 0 ? (double)tally_text_in(t, ENC_O200K, text) * weighted / tokens : 0;
}
