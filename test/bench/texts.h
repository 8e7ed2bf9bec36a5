/* SPDX-License-Identifier: MIT */
#ifndef BENCH_TEXTS_H
#define BENCH_TEXTS_H

#include "base/str.h"

/* Made-up text, the same on every machine: words that come as often as words do, few of them twice.
 */

struct dice {
    uint64_t state;
};

static inline uint32_t dice_throw(struct dice *d, uint32_t sides)
{
    d->state = d->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((d->state >> 33) % sides);
}

/* Small numbers come far more often than large ones. */
static inline uint32_t dice_skewed(struct dice *d, uint32_t sides)
{
    return dice_throw(d, dice_throw(d, sides) + 1);
}

static const char *const english_words[] = {
    "the",
    "of",
    "and",
    "to",
    "a",
    "in",
    "is",
    "that",
    "it",
    "for",
    "was",
    "on",
    "are",
    "with",
    "as",
    "they",
    "at",
    "be",
    "this",
    "from",
    "have",
    "or",
    "by",
    "one",
    "had",
    "not",
    "but",
    "what",
    "all",
    "were",
    "when",
    "we",
    "there",
    "can",
    "your",
    "which",
    "their",
    "said",
    "if",
    "will",
    "each",
    "about",
    "how",
    "many",
    "then",
    "them",
    "would",
    "like",
    "these",
    "thing",
    "see",
    "could",
    "people",
    "than",
    "first",
    "water",
    "been",
    "called",
    "who",
    "sound",
    "made",
    "after",
    "answer",
    "between",
    "country",
    "machine",
    "question",
    "thought",
    "important",
    "sometimes",
    "mountain",
    "government",
    "understand",
    "measurement",
    "particular",
    "consonant",
    "temperature",
    "electricity",
    "nevertheless",
    "bookkeeping",
    "straightforward",
    "interoperability",
    "Kubernetes",
    "PostgreSQL",
    "Tuesday",
    "Amsterdam",
    "doesn't",
    "we've",
    "3.14",
    "1,024",
    "2026-11-24",
    "e-mail",
};

static const char *const chinese_words[] = {
    "的",   "是",   "我们", "在",     "有",     "这个",     "人",       "不",         "了",
    "他们", "中国", "上",   "个",     "时间",   "到",       "说",       "们",         "为",
    "和",   "地",   "也",   "能",     "学生",   "问题",     "就",       "可以",       "主要",
    "发展", "经济", "工作", "生活",   "没有",   "因为",     "所以",     "但是",       "如果",
    "模型", "请求", "预算", "服务器", "数据库", "语言",     "世界",     "城市",       "北京",
    "今天", "明天", "技术", "研究",   "大学",   "历史",     "文化",     "音乐",       "测量",
    "温度", "机器", "银行", "火车站", "图书馆", "电子邮件", "人工智能", "二〇二六年",
};

/* One word, and now and then one that no list has. */
static inline void text_word(struct buf *b, struct dice *d, const char *const *words, size_t n)
{
    buf_str(b, words[dice_skewed(d, (uint32_t)n)]);
    if (dice_throw(d, 24) == 0)
        buf_printf(b, "%x", dice_throw(d, 1U << 20));
}

#define COUNT_OF(list) (sizeof(list) / sizeof((list)[0]))

static inline void text_english(struct buf *b, struct dice *d, size_t bytes)
{
    static const char *const joints[] = {" ", " ", " ", " ", " ", " ", " ", ", ", ". ", "\n"};

    while (b->n < bytes) {
        text_word(b, d, english_words, COUNT_OF(english_words));
        buf_str(b, joints[dice_throw(d, COUNT_OF(joints))]);
    }
}

static inline void text_chinese(struct buf *b, struct dice *d, size_t bytes)
{
    while (b->n < bytes) {
        text_word(b, d, chinese_words, COUNT_OF(chinese_words));
        if (dice_throw(d, 8) == 0)
            buf_str(b, dice_throw(d, 3) ? "，" : "。\n");
    }
}

#endif
