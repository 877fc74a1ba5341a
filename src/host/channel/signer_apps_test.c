#include "channel/signer_apps.h"

#include "harness/test.h"

/* Begun, and over. */
static enum status play(struct signed_apps *apps, u64 number, u64 expiry_s)
{
    struct signer_app app = {.expiry_s = expiry_s};
    struct err why;
    store_be64(app.id.b, number);
    enum status st = signed_apps_begin(apps, &app, &why);
    signed_apps_end(apps, app.id);
    return st;
}

TEST(thousands_of_apps_that_are_over_take_no_more_room_and_none_is_begun_again)
{
    enum { GAMES = 3 * APPS_OVER_MOST, EACH_S = 10 };
    static struct signed_apps apps;
    for (u64 i = 1; i <= GAMES; i++)
        CHECK(play(&apps, i, EACH_S * i) == ST_OK);
    CHECK(apps.first == NULL && apps.over.count == APPS_OVER_MOST);
    for (u64 i = 1; i <= GAMES; i++)
        CHECK(play(&apps, i, EACH_S * i) == ST_INVALID);
    CHECK(play(&apps, GAMES + 1, EACH_S * GAMES) == ST_OK); /* one that has not been */
    CHECK(play(&apps, GAMES + 2, EACH_S) == ST_INVALID);    /* it would have to be known yet */
    signed_apps_free(&apps);
}

TEST(apps_that_are_over_are_so_after_a_restart)
{
    enum { MORE = 10, FROM_S = 1000 };
    static struct signed_apps apps, again;
    for (u64 i = 1; i <= APPS_OVER_MOST + MORE; i++)
        CHECK(play(&apps, i, FROM_S + i) == ST_OK);
    CHECK(play(&again, APPS_OVER_MOST, FROM_S + APPS_OVER_MOST) == ST_OK); /* told of once more */
    for (usize i = 0; i < apps.over.count; i += APPS_OVER_MOST / 2) /* as records have them */
        signed_apps_add_over(&again, &apps.over.list[i], APPS_OVER_MOST / 2, apps.over.until_s);
    CHECK(again.over.count == APPS_OVER_MOST && again.over.until_s == FROM_S + MORE);
    for (u64 i = 1; i <= APPS_OVER_MOST + MORE; i++)
        CHECK(play(&again, i, FROM_S + i) == ST_INVALID);
    CHECK(play(&again, 0, 5 * FROM_S) == ST_OK);
    signed_apps_free(&apps);
    signed_apps_free(&again);
}
