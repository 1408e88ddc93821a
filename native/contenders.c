/* contenders.c: see contenders.h. */
#include "contenders.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"

static uint32_t places(const struct contenders *contenders)
{
    return contenders->sets * CONTENDER_WAYS;
}

bool contenders_init(struct contenders *contenders, uint32_t max_peers, const uint64_t seed[static 2])
{
    memset(contenders, 0, sizeof *contenders);
    contenders->random = seed[0] ^ seed[1] ^ HASH_MIX_0;
    contenders->weight = 1;
    contenders->left = 1;
    for (contenders->sets = CONTENDER_SETS_LEAST; contenders->sets < CONTENDER_SETS_MOST && places(contenders) < max_peers / 2;) {
        contenders->sets *= 2;
    }
    contenders->of = calloc(places(contenders), sizeof *contenders->of);
    return contenders->of != NULL;
}

void contenders_destroy(struct contenders *contenders)
{
    free(contenders->of);
    contenders->of = NULL;
}

void contenders_rest(struct contenders *contenders)
{
    contenders->left = UINT64_MAX;
}

/* By chance, so that no rhythm of the traffic can hide in the gaps; `weight` on average. */
static uint64_t draw_gap(struct contenders *contenders)
{
    uint64_t *state = &contenders->random;

    if (contenders->weight == 1) {
        return 1;
    }
    *state = hash_fold(*state + HASH_MIX_1, HASH_MIX_2) ^ HASH_MIX_3;
    return 1 + (*state >> 32) % (2 * (uint64_t)contenders->weight - 1);
}

/* The rows' table takes the bits below. */
static struct contender *set_of(struct contenders *contenders, uint64_t hash)
{
    return &contenders->of[(hash >> 32 & (contenders->sets - 1)) * CONTENDER_WAYS];
}

struct contender *contenders_find(struct contenders *contenders, const struct peer_key *key, uint64_t hash)
{
    struct contender *set = set_of(contenders, hash);

    for (unsigned way = 0; way < CONTENDER_WAYS; way++) {
        if (set[way].score != 0 && set[way].hash == hash && memcmp(&set[way].key, key, sizeof *key) == 0) {
            return &set[way];
        }
    }
    return NULL;
}

static struct contender *free_place(struct contender *set)
{
    for (unsigned way = 0; way < CONTENDER_WAYS; way++) {
        if (set[way].score == 0) {
            return &set[way];
        }
    }
    return NULL;
}

static void take_from_all(struct contender *set, uint32_t score)
{
    for (unsigned way = 0; way < CONTENDER_WAYS; way++) {
        set[way].score -= set[way].score < score ? set[way].score : score;
    }
}

static void count(struct contenders *contenders, const struct peer_key *key, uint64_t hash, int64_t time_ns)
{
    struct contender *found = contenders_find(contenders, key, hash);

    if (found == NULL && (found = free_place(set_of(contenders, hash))) != NULL) {
        *found = (struct contender){ .key = *key, .hash = hash };
    }
    if (found == NULL) {
        take_from_all(set_of(contenders, hash), SCORE_UNIT * contenders->weight);
        return;
    }
    found->score = score_add(found->score, contenders->weight);
    found->time_ns = time_ns;
    found->is_active = true;
}

void contenders_note(struct contenders *contenders, const struct peer_key *key, uint64_t hash, int64_t time_ns)
{
    count(contenders, key, hash, time_ns);
    if (++contenders->noted < 2 * places(contenders)) {
        contenders->left = draw_gap(contenders);
    } else {
        contenders_rest(contenders);
    }
}

void contenders_forget(struct contender *contender)
{
    *contender = (struct contender){ .score = 0 };
}

static bool is_of(const struct contender *contender, uint64_t instances)
{
    return (instances >> contender->key.instance & 1) != 0;
}

void contenders_forget_of(struct contenders *contenders, uint64_t instances, bool (*stays)(const struct peer_key *key, void *arg),
                          void *arg)
{
    for (struct contender *at = contenders->of; at < contenders->of + places(contenders); at++) {
        if (at->score != 0 && is_of(at, instances) && (stays == NULL || !stays(&at->key, arg))) {
            contenders_forget(at);
        }
    }
}

void contenders_best(const struct contenders *contenders, uint64_t instances, size_t most, struct least *out)
{
    least_begin(out, most);
    for (uint32_t index = 0; index < places(contenders); index++) {
        const struct contender *contender = &contenders->of[index];
        if (contender->is_active && contender->score != 0 && is_of(contender, instances)) {
            least_note(out, UINT32_MAX - contender->score, index);
        }
    }
    least_sort(out);
}

static void age_one(struct contender *contender, uint32_t seconds)
{
    contender->score = score_age(contender->score, seconds);
    contender->is_steady = contender->is_active;
    contender->is_active = false;
}

bool contenders_age(struct contenders *contenders, const uint32_t seconds[static CONTENDER_INSTANCES], uint64_t round_trips)
{
    const uint64_t weight = round_trips / places(contenders) + 1;
    bool any = false;

    for (struct contender *at = contenders->of; at < contenders->of + places(contenders); at++) {
        if (seconds[at->key.instance] > 0) {
            age_one(at, seconds[at->key.instance]);
        }
        any |= at->score != 0;
    }
    contenders->weight = weight < CONTENDERS_WEIGHT_MOST ? (uint32_t)weight : CONTENDERS_WEIGHT_MOST;
    contenders->noted = 0;
    contenders->left = draw_gap(contenders);
    return any;
}
