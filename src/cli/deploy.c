/* varve deploy: a child's contracts on a parent, and rollup.json for everybody. */
#include "layer/deploy.h"

#include "cli/commands.h"
#include "cli/layer2.h"
#include "client/probe.h"

#include <stdio.h>
#include <string.h>

static enum status show_parent(struct eth *parent, struct err *err)
{
    struct probe probe;
    struct finding findings[PROBE_FINDINGS];
    TRY(probe_parent(parent, &probe, err));
    usize count = probe_findings(&probe, findings);
    say("The parent at %s", eth_name(parent));
    for (usize i = 0; i < count; i++)
        say("  %-27s %s%s%s", findings[i].name, findings[i].value,
            findings[i].follows[0] != 0 ? ": " : "", findings[i].follows);
    for (usize i = 0; i < count; i++)
        if (findings[i].is_bad)
            return fail(err, ST_INVALID, "no child can be there: %s", findings[i].follows);
    return ST_OK;
}

static void show_step(void *self, const struct deploy_step *step)
{
    (void)self;
    say("  %zu/%zu %-31s %s", step->number, step->count, step->contract,
        address_write(step->who).text);
}

/* Addresses that were not said are `otherwise`. */
static enum status choose(const char *flag, const char *text, address otherwise, address *out,
                          struct err *err)
{
    *out = otherwise;
    return text[0] == 0 ? ST_OK : layer2_address(flag, text, out, err);
}

static enum status read_options(const struct layer2_settings *settings, struct deploy_options *out,
                                struct err *err)
{
    address key = out->signer->who;
    out->preset = deploy_preset(settings->preset);
    out->blob_prices = strcmp(settings->data_in, "blobs") == 0;
    if (!out->blob_prices && strcmp(settings->data_in, "calldata") != 0)
        return fail(err, ST_INVALID, "--data is calldata or blobs, not \"%s\"", settings->data_in);
    out->ownerless = strcmp(settings->owner, "none") == 0;
    if (out->preset == NULL)
        return fail(err, ST_INVALID, "--preset is standard or dev, not \"%s\"", settings->preset);
    TRY(choose("--owner", out->ownerless ? "" : settings->owner, key, &out->owner, err));
    TRY(choose("--sequencer", settings->sequencer, key, &out->sequencer, err));
    return choose("--fee-recipient", settings->fees, out->sequencer, &out->fee_recipient, err);
}

/* The file names contracts that hold money: nothing replaces it. */
static enum status check_is_new(struct layer2_run *run, struct err *err)
{
    struct file *file;
    const struct files *files = run->files;
    enum status st = files->open(files->self, run->settings->out, FILE_READ, &file, err);
    if (st == ST_MISSING)
        return ST_OK;
    TRY(st);
    files->close(files->self, file);
    return fail(err, ST_INVALID, "%s is there already: name another with --out",
                run->settings->out);
}

static void show_end(const struct layer2_settings *settings, const struct rollup *rollup)
{
    say("\nChain %lu is on chain %lu; %s says how.", rollup->chain_id, rollup->parent_chain_id,
        settings->out);
    say("  Portal      %s", address_write(rollup->portal).text);
    say("  Bridge      %s", address_write(rollup->standard_bridge).text);
    say("  Settlement  %s", address_write(rollup->settlement).text);
    say("  Sequencer   %s", address_write(rollup->sequencer).text);
    say("\nRun it with the sequencer's key:\n  varve node --rollup %s --parent %s "
        "--role sequencer,batcher,proposer --key KEY --datadir FOLDER --http.port 9545",
        settings->out, settings->parent);
}

static enum status deploy_on(struct layer2_run *run, struct eth *parent,
                             const struct signer *signer, struct err *err)
{
    const struct layer2_settings *settings = run->settings;
    struct rollup rollup;
    struct deploy_options options = {.parent = parent,
                                     .signer = signer,
                                     .files = run->files,
                                     .path = settings->out,
                                     .chain_id = settings->chain_id,
                                     .gas_limit = settings->gas_limit,
                                     .progress = show_step};
    TRY(read_options(settings, &options, err));
    TRY(show_parent(parent, err));
    say("\nContracts, from %s", address_write(signer->who).text);
    TRY(deploy(&options, &rollup, &run->arena, err));
    show_end(settings, &rollup);
    return ST_OK;
}

static enum status run_deploy(struct layer2_run *run, struct err *err)
{
    const struct layer2_settings *settings = run->settings;
    struct key_choice key;
    struct eth *parent = NULL;
    TRY(check_is_new(run, err));
    TRY(key_choose(settings->key, settings->from, run->files, &key, err));
    enum status st = layer2_reach(settings->parent, &parent, err);
    if (st == ST_OK)
        st = deploy_on(run, parent, &key.signer, err);
    eth_free(parent);
    key_choice_end(&key);
    return st;
}

int deploy_main(int argc, char **argv)
{
    static const struct layer2_words words = {
        .name = "deploy",
        .usage = "--key KEY [FLAG VALUE]...",
        .help = "Puts a child chain's contracts on a parent. Stopped in the middle, the same line "
                "goes on.",
        .command = DEPLOY,
        .run = run_deploy};
    return layer2_main(&words, argc, argv);
}
