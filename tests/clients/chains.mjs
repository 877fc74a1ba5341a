// The chains that channels are tested on, with one face: varve's L1, a layer 2 on it, and anvil.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { keccak256, toEventSelector, toHex } from 'viem';
import { mnemonicToAccount, privateKeyToAccount } from 'viem/accounts';
import { deploy, hex } from './channels.mjs';
import { addresses, foundry, freePort, keys, mnemonic, startNode, until } from './node.mjs';
import { ask, startStack } from './stack.mjs';

/** Whose transactions make a layer 2's blocks; no test has its key. */
const { address: beater } = mnemonicToAccount(mnemonic, { addressIndex: 9 });

/** What there is on every chain: questions, and what others than daemons send. */
function face(url) {
  const rpc = (method, ...params) => ask(url, method, ...params);
  const newest = () => rpc('eth_getBlockByNumber', 'latest', false);
  const chain = {
    url, rpc,
    time: async () => Number((await newest()).timestamp),
    baseFee: async () => BigInt((await newest()).baseFeePerGas),
    balance: async (who) => BigInt(await rpc('eth_getBalance', who, 'latest')),
    /** Those of an event, or of several, and of a channel or an app: null stands for any. */
    logs: (events, id) => rpc('eth_getLogs', {
      fromBlock: '0x0', topics: [events && [events].flat().map((each) => toEventSelector(each)), ...(id ? [id] : [])],
    }),
    /** The words of their data. */
    words: async (events, id) => (await chain.logs(events, id)).map(({ data }) => data.slice(2).match(/.{64}/g).map((word) => BigInt(`0x${word}`))),
    /** From the first key. */
    send: async (to, data) => rpc('eth_sendRawTransaction', await privateKeyToAccount(keys[0]).signTransaction({
      chainId: Number(await rpc('eth_chainId')), nonce: Number(await rpc('eth_getTransactionCount', addresses[0], 'pending')),
      gasPrice: 2n * BigInt(await rpc('eth_gasPrice')), to, data, gas: 200_000n, type: 'legacy',
    })),
  };
  return chain;
}

/** A chain that makes blocks when it is told to. */
async function startAlone(program, beat) {
  const node = await startNode({ program, blockTime: beat });
  const chain = face(node.url);
  const { rpc } = chain;
  return Object.assign(chain, {
    mine: () => rpc('evm_mine'),
    pass: async (seconds) => {
      await rpc('evm_increaseTime', hex(seconds));
      await rpc('evm_mine');
    },
    setBaseFee: async (fee) => {
      await rpc('anvil_setNextBlockBaseFeePerGas', hex(fee));
      await rpc('evm_mine');
    },
    fork: async () => {
      const point = await rpc('evm_snapshot');
      return async () => assert.equal(await rpc('evm_revert', point), true);
    },
    again: async (work) => {
      const back = await chain.fork(), fee = await chain.baseFee();
      try {
        await work();
      } finally {
        await back();
        await chain.setBaseFee(fee); // anvil takes back all but that
      }
    },
    stop: () => node.stop(),
  });
}

/**
 * A layer 2: its blocks come of transactions, its clock follows its parent's, what it asks at least for gas follows
 * what its parent asks, and what its parent takes back, it takes back.
 */
async function startChild(beat) {
  const scratch = mkdtempSync(`${tmpdir()}/varve-chains-`);
  const live = `${scratch}/live`, kept = `${scratch}/kept`;
  const [port, l2Port] = [await freePort(), await freePort()];
  let stack = await startStack({ datadir: live, port, l2Port });
  const chain = face(stack.url);
  const { rpc } = chain;
  const parent = (...call) => stack.node.rpc(...call);
  const send = () => rpc('eth_sendTransaction', { from: beater, to: beater, value: '0x0', gas: hex(21_000), maxFeePerGas: hex(10n ** 13n), maxPriorityFeePerGas: '0x1' });
  /** Until the child has seen the parent's newest block. */
  const caughtUp = async () => {
    const number = Number(await parent('eth_blockNumber'));
    await until(async () => (await rpc('varve_status')).parent.head.number >= number, 30_000, 'the parent\'s block');
  };
  const end = async () => { await stack?.stop(); stack = null; };
  const heart = beat && setInterval(() => { send().catch(() => {}); }, beat);
  let isKept = false;
  return Object.assign(chain, {
    putsBack: true,
    mine: async () => {
      const hash = await send();
      await until(() => rpc('eth_getTransactionReceipt', hash), 30_000, 'a block');
    },
    pass: async (seconds) => {
      const then = await chain.time() + seconds;
      await parent('evm_increaseTime', hex(seconds));
      await parent('evm_mine');
      await caughtUp();
      await until(async () => { await chain.mine(); return await chain.time() >= then; }, 30_000, 'the child\'s time');
    },
    setBaseFee: async (fee) => {
      const { baseFeeScalar } = stack.rollup.child; // of a byte, in millionths of the parent's gas; it is worth 160 gas here
      await until(async () => {
        await parent('anvil_setNextBlockBaseFeePerGas', hex(160_000_000n * fee / BigInt(baseFeeScalar)));
        await parent('evm_mine');
        await caughtUp();
        await chain.mine();
        return await chain.baseFee() >= fee;
      }, 30_000, 'the base fee');
    },
    fork: async () => {
      const point = await parent('evm_snapshot');
      await parent('hardhat_setPrevRandao', toHex(randomBytes(32))); // or the block that takes its place may be the same
      await parent('evm_mine'); // on which what comes now is built
      await caughtUp();
      await chain.mine();
      const { number, hash } = await rpc('eth_getBlockByNumber', 'latest', false);
      return async () => {
        assert.equal(await parent('evm_revert', point), true);
        await until(async () => (await rpc('eth_getBlockByNumber', number, false))?.hash !== hash, 30_000, 'the child\'s reorg');
      };
    },
    again: async (work) => {
      await end();
      if (!isKept) renameSync(live, kept);
      isKept = true;
      execFileSync('cp', ['-r', '--sparse=always', kept, live]);
      stack = await startStack({ datadir: live, port, l2Port });
      try {
        await work();
      } finally {
        await end();
        rmSync(live, { recursive: true });
      }
    },
    stop: async () => {
      clearInterval(heart);
      await end();
      rmSync(scratch, { recursive: true, force: true });
    },
  });
}

const starts = {
  'varve\'s L1': (beat) => startAlone(undefined, beat),
  'varve\'s L2': startChild,
  anvil: (beat) => startAlone(foundry('anvil'), beat),
};

/** Names of all of them. */
export const chains = Object.keys(starts);

/**
 * The chain of that name, with the contracts on it; `beat`: with a block every so many milliseconds, else one for
 * each transaction. Beside what `face` has:
 *
 *   mine()              a block
 *   pass(seconds)       a block, so much later
 *   setBaseFee(wei)     a block with that, or more; those after it come down again
 *   fork()              from here on, what comes is taken back by the function that it gives; `putsBack`: and the
 *                       transactions come again by themselves
 *   again(work)         `work`, on the chain as it was at the first time; afterwards there is nothing but this and stop
 */
export async function startChain(name, beat) {
  const chain = await starts[name](beat);
  try {
    await deploy(chain.url);
  } catch (error) {
    await chain.stop();
    throw error;
  }
  return chain;
}

/** A server before a chain which, while it `holds`, says that transactions are taken, and keeps them. */
export async function startCensor(url) {
  const censor = { holds: false, held: [] };
  const hand = async (one) =>
    (await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(one) })).json();
  const answer = (one) => {
    if (!censor.holds || one.method !== 'eth_sendRawTransaction') return hand(one);
    if (!censor.held.includes(one.params[0])) censor.held.push(one.params[0]);
    return { jsonrpc: '2.0', id: one.id, result: keccak256(one.params[0]) };
  };
  const server = createServer(async (request, response) => {
    let body = '';
    try {
      for await (const part of request) body += part;
      const asked = JSON.parse(body);
      const said = JSON.stringify(Array.isArray(asked) ? await Promise.all(asked.map(answer)) : await answer(asked));
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(said) }).end(said);
    } catch {
      response.destroy();
    }
  }).listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  censor.url = `http://127.0.0.1:${server.address().port}`;
  /** Hands one on, and waits until it is in a block. */
  censor.release = async (raw) => {
    const { error, result } = await hand({ jsonrpc: '2.0', id: 1, method: 'eth_sendRawTransaction', params: [raw] });
    assert.ok(result, error?.message);
    return until(() => ask(url, 'eth_getTransactionReceipt', result), 60_000, 'the receipt of what was held');
  };
  censor.stop = () => new Promise((done) => { server.close(done); server.closeAllConnections(); });
  return censor;
}
