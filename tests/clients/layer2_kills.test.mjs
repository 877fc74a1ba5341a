// Each role of a layer 2 killed by itself, under load: the sequencer and the batcher (one process, because batches
// are this process's own blocks) at any time and right after something was sent, the proposer likewise; and both
// before each write, sync and rename of their journal and checkpoint. What must hold at the end is counted on the
// parent, transaction by transaction.
//   VARVE_KILLS=100: so many kills of each role instead of a few.
import { test, describe } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { parseAbi } from 'viem';
import { generatePrivateKey } from 'viem/accounts';
import { bin, ether, foundry, keys, startNode, until } from './node.mjs';
import { ask, clients, deposit, sendDeposit, settled, startParent } from './stack.mjs';

const kills = Number(process.env.VARVE_KILLS ?? 3);
const vaults = ['0x4200000000000000000000000000000000000011', '0x4200000000000000000000000000000000000019'];
const events = parseAbi([
  'event BatchAppended(uint64 indexed index, uint8 kind, bytes32 batchAcc, bytes32 dataHash, uint64 inboxPos, bytes32 inboxAcc, uint64 originNumber, bytes32 originHash, uint64 time)',
  'event ClaimProposed(uint256 indexed id, bytes32 indexed claimHash, bytes32 indexed parentClaim, address proposer, (uint256 chainId, bytes32 parentClaim, bytes32 output, uint64 number, uint64 batchCount, bytes32 batchAcc, uint64 inboxPos, bytes32 inboxAcc, bytes32 programHash, uint64 version) claim)',
]);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const [owner, batcherKey, proposerKey, userKey] = keys;

/** A child on `parent`, and the roles' processes. */
async function start(parent) {
  const folder = mkdtempSync(`${tmpdir()}/varve-roles-`);
  const file = `${folder}/rollup.json`;
  const to = clients({ parent: { chainId: 900 }, child: {} }, parent.url, parent.url).wallets(batcherKey).address;
  execFileSync(bin, ['deploy', '--parent', parent.url, '--key', owner, '--preset', 'dev', '--sequencer', to, '--out', file], { stdio: 'ignore' });
  const rollup = JSON.parse(readFileSync(file, 'utf8'));
  // A more careful batcher and an eager proposer: as often as their pace goes by these windows.
  writeFileSync(file, JSON.stringify({ ...rollup, windows: { ...rollup.windows, forcedRead: 12, challenge: 4 } }));
  const run = (name, role, key, program = bin) => startNode({
    program, word: 'node', datadir: `${folder}/${name}`, blockTime: 20,
    args: ['--rollup', file, '--parent', parent.url, ...(role ? ['--role', role, '--key', key] : [])],
  });
  const roles = {
    sequencer: (program) => run('sequencer', 'sequencer,batcher', batcherKey, program),
    proposer: (program) => run('proposer', 'proposer', proposerKey, program),
  };
  const running = { sequencer: await roles.sequencer(), proposer: await roles.proposer() };
  const all = {
    folder, parent, rollup, running, run,
    restart: async (name, program) => { running[name] = await roles[name](program); },
    stack: () => clients(rollup, parent.url, running.sequencer.url),
    stop: async () => {
      for (const node of Object.values(running)) await node.kill('SIGKILL');
      await parent.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return all;
}

/** Transfers of 1 wei, one after the other, until `stop.now`: hashes of those with a receipt. */
async function transfer(all, to, stop) {
  const confirmed = [];
  while (!stop.now) {
    try {
      const { l2, wallets } = all.stack();
      const user = wallets(userKey);
      const nonce = await l2.getTransactionCount({ address: user.address, blockTag: 'pending' });
      const request = await user.l2.signTransaction({ account: user.l2.account, to, value: 1n, gas: 21_000n, nonce, maxFeePerGas: 10n ** 12n, maxPriorityFeePerGas: 1n, chainId: 901, type: 'eip1559' });
      const hash = await ask(all.running.sequencer.url, 'eth_sendRawTransaction', request);
      await until(() => stop.now || ask(all.running.sequencer.url, 'eth_getTransactionReceipt', hash), 3_000);
      if (!stop.now) confirmed.push(hash);
    } catch { await sleep(50); } // killed, or not up yet
  }
  return confirmed;
}

/** Waits until the journal of that process's sender grows: something was signed and is about to be sent. */
async function somethingSent(all, name, ms) {
  const size = () => { try { return statSync(`${all.folder}/${name}/sender.log`).size; } catch { return 0; } };
  const before = size(), deadline = Date.now() + ms;
  while (size() === before && Date.now() < deadline) await sleep(2);
}

/** Blocks of a child as `url` has them, by hash, up to `last`. */
async function hashes(url, last) {
  const list = [];
  for (let number = 0; number <= last; number++) list.push((await ask(url, 'eth_getBlockByNumber', `0x${number.toString(16)}`, false)).hash);
  return list;
}

/** What one account has sent to `to` on the parent: { succeeded, reverted }, and how many transactions in all. */
async function sentOnParent({ l1 }, from, to) {
  const out = { succeeded: 0, reverted: 0, others: 0 };
  const last = await l1.getBlockNumber();
  for (let number = 1n; number <= last; number++) {
    const { transactions } = await l1.getBlock({ blockNumber: number, includeTransactions: true });
    for (const tx of transactions) {
      if (tx.from.toLowerCase() !== from.toLowerCase()) continue;
      if (tx.to?.toLowerCase() !== to.toLowerCase()) { out.others++; continue; }
      const { status } = await l1.getTransactionReceipt({ hash: tx.hash });
      out[status === 'success' ? 'succeeded' : 'reverted']++;
    }
  }
  return out;
}

/** Lets `name` run as `when` says, kills it, and starts it again. */
const killing = (name, when) => async (all) => {
  await when(all);
  await all.running[name].kill('SIGKILL');
  if (Math.random() < 0.5) await sleep(Math.random() * 1_000);
  await all.restart(name);
};

/**
 * Runs `name` under strace, which kills it before the nth call of one kind on its journal or its checkpoint, and starts
 * it again without. Where so many calls do not come for 10 s, it is killed then.
 */
const cutting = (name) => async (all, round) => {
  const calls = ['pwrite64', 'fdatasync', 'rename'];
  const call = calls[round % calls.length], nth = 1 + Math.floor(round / calls.length);
  const program = `${all.folder}/cut.sh`, data = `${all.folder}/${name}`;
  const files = ['sender.log', 'derived', 'derived.new'].map((file) => `-P ${data}/${file}`).join(' ');
  writeFileSync(program, `#!/bin/sh\nexec strace -f -o /dev/null ${files} -e inject=${call}:signal=KILL:when=${nth} ${bin} "$@"\n`, { mode: 0o755 });
  await all.running[name].kill('SIGKILL');
  const started = all.restart(name, program).catch(() => null); // it may be killed before it answers
  await started;
  const node = all.running[name];
  const ended = await Promise.race([node.exit, sleep(10_000)]);
  if (ended) all.cuts++;
  else process.kill(Number(readFileSync(`/proc/${node.pid}/task/${node.pid}/children`, 'utf8').trim()), 'SIGKILL');
  await node.exit;
  await all.restart(name);
};

/** Runs `killOnce` again and again under load, and counts everything at the end. */
async function killAgainAndAgain(parent, killOnce, report) {
  const all = Object.assign(await start(parent), { cuts: 0 });
  const stop = { now: false };
  try {
    const stack = all.stack();
    const to = stack.wallets(generatePrivateKey()).address;
    const { address: user } = stack.wallets(userKey);
    const minted = ether;
    await deposit(stack, user, minted);
    const load = transfer(all, to, stop);
    const deposits = [];
    for (let round = 0; round < kills; round++) {
      deposits.push(await sendDeposit(stack, stack.user, to, 1n));
      await killOnce(all, round);
      for (const node of Object.values(all.running)) assert.doesNotMatch(node.output(), /damaged|no use|CORRUPT/);
    }
    for (const hash of deposits) assert.equal((await stack.l1.waitForTransactionReceipt({ hash })).status, 'success');
    await until(async () => (await ask(all.running.sequencer.url, 'varve_status')).itemsRead === kills + 1, 20_000, 'the last deposit');
    stop.now = true;
    const confirmed = await load;
    const { number } = await settled(all.running.sequencer.url, 60_000);
    const { l1, l2, rollup } = all.stack();

    for (const hash of confirmed) assert.ok(await ask(all.running.sequencer.url, 'eth_getTransactionReceipt', hash), `${hash} was confirmed and is gone`);
    const { items, itemsRead, batches, lostTransactions } = await ask(all.running.sequencer.url, 'varve_status');
    assert.deepEqual([itemsRead, items, lostTransactions], [kills + 1, kills + 1, 0], 'each deposit once');
    const nonce = await l2.getTransactionCount({ address: user });
    assert.ok(nonce >= confirmed.length);
    assert.equal(await l2.getBalance({ address: to }), BigInt(kills + nonce), 'each deposit and each transfer once');

    const appended = await l1.getLogs({ address: rollup.parent.inbox, event: events[0], fromBlock: 0n });
    assert.deepEqual(appended.map(({ args }) => Number(args.index)), Array.from({ length: batches }, (_, i) => i));
    const appends = await sentOnParent(all.stack(), stack.wallets(batcherKey).address, rollup.parent.inbox);
    assert.deepEqual(appends, { succeeded: batches, reverted: 0, others: 0 }, 'each batch was sent once, and nothing else was');

    await until(async () => { // the last block is claimed
      const list = await l1.getLogs({ address: rollup.parent.settlement, event: events[1], fromBlock: 0n });
      return Number(list.at(-1)?.args.claim.number ?? 0n) >= number;
    }, 30_000, 'the last claim');
    const claimed = (await l1.getLogs({ address: rollup.parent.settlement, event: events[1], fromBlock: 0n })).filter(({ args }) => args.id > 0n);
    const proposals = await sentOnParent(all.stack(), stack.wallets(proposerKey).address, rollup.parent.settlement);
    assert.deepEqual(proposals, { succeeded: claimed.length, reverted: 0, others: 0 }, 'each claim was sent once, and nothing else was');
    const numbers = claimed.map(({ args }) => args.claim.number);
    assert.ok(numbers.every((n, i) => i === 0 || n > numbers[i - 1]), `no claim twice: ${numbers}`);
    assert.ok(claimed.every(({ args }, i) => i === 0 || args.parentClaim === claimed[i - 1].args.claimHash), 'each continues the one before');

    let supply = 0n;
    for (const address of [user, to, ...vaults]) supply += await l2.getBalance({ address });
    assert.equal(supply, await l1.getBalance({ address: rollup.parent.portal }), 'ether is conserved');
    const follower = await all.run('follower');
    try {
      for (const { url } of [follower, all.running.proposer]) {
        await until(async () => (await ask(url, 'varve_status')).safe.number >= number, 60_000, 'the follower');
        assert.deepEqual(await hashes(url, number), await hashes(all.running.sequencer.url, number));
      }
    } finally { await follower.kill('SIGKILL'); }
    report(`${kills} kills: ${number} blocks, ${confirmed.length} transfers confirmed, ${items} deposits, ${batches} batches, ${claimed.length} claims, ${all.cuts} cuts`);
    return all.cuts;
  } catch (error) { // with what the processes say of themselves
    const say = async ({ url, output }) => `${JSON.stringify(await ask(url, 'varve_status').catch(String))}\n${output().slice(-2_000)}`;
    error.message += `\n${await say(all.running.sequencer)}\n${await say(all.running.proposer)}`;
    throw error;
  } finally {
    stop.now = true;
    await all.stop();
  }
}

const any = () => sleep(100 + Math.random() * 3_000);
const justSent = (name) => async (all) => {
  await somethingSent(all, name, 15_000);
  await sleep(Math.random() * 50);
};

describe('roles killed one by one under load', { concurrency: true }, () => {
  // Blocks that come slower than batches are made: what was sent before a kill is still under way after it.
  const slow = () => startNode({ blockTime: 4_000 });
  for (const [what, parent, killOnce] of [
    ['the sequencer, at any time', () => startNode({ blockTime: 500 }), killing('sequencer', any)],
    ['the batcher, within 50 ms of sending', slow, killing('sequencer', justSent('sequencer'))],
    ['the proposer, at any time and within 50 ms of sending', slow, killing('proposer', (all) => (Math.random() < 0.5 ? any() : justSent('proposer')(all)))],
  ])
    test(`${what}, ${kills} times: nothing is done twice, nothing is lost`, { timeout: 60_000 + kills * 25_000 },
      async (t) => killAgainAndAgain(await parent(), killOnce, (figures) => t.diagnostic(figures)));

  const strace = existsSync('/usr/bin/strace') ? false : 'strace is not there';
  for (const name of ['sequencer', 'proposer']) // on anvil with blocks that are soon final: checkpoints
    test(`the ${name}'s process, cut before ${kills} writes, syncs and renames`, { timeout: 60_000 + kills * 25_000, skip: strace }, async (t) => {
      const parent = await startParent(foundry('anvil'), ['--slots-in-an-epoch', '1']);
      const cuts = await killAgainAndAgain(parent, cutting(name), (figures) => t.diagnostic(figures));
      assert.ok(cuts >= Math.min(kills, 3) - 1, `${cuts} of ${kills} cuts came`);
    });
});
