// A parent with a layer 2 on it, and viem's clients for both: what the tests of layer 2 share.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createPublicClient, createWalletClient, defineChain, http, parseAbi } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import {
  chainConfig, getL2TransactionHashes, publicActionsL1, publicActionsL2, walletActionsL1, walletActionsL2,
} from 'viem/op-stack';
import { addresses, freePort, keys, startNode, until } from './node.mjs';

const ether = { name: 'Ether', symbol: 'ETH', decimals: 18 };
const pace = { pollingInterval: 50, cacheTime: 0 };

/** viem's view of a child and its parent: `rollup` is its rollup.json. */
export function clients(rollup, parentUrl, childUrl) {
  const parentId = rollup.parent.chainId;
  const at = (address) => ({ [parentId]: { address } });
  const l1Chain = defineChain({ id: parentId, name: 'parent', nativeCurrency: ether, rpcUrls: { default: { http: [parentUrl] } } });
  const l2Chain = defineChain({
    ...chainConfig, id: rollup.child.chainId, name: 'child', nativeCurrency: ether, sourceId: parentId,
    rpcUrls: { default: { http: [childUrl] } },
    contracts: {
      ...chainConfig.contracts, portal: at(rollup.parent.portal), disputeGameFactory: at(rollup.parent.settlement),
      l1StandardBridge: at(rollup.parent.standardBridge),
    },
  });
  const wallets = (key) => {
    const account = privateKeyToAccount(key);
    return {
      address: account.address,
      l1: createWalletClient({ account, chain: l1Chain, transport: http(), ...pace }).extend(walletActionsL1()),
      l2: createWalletClient({ account, chain: l2Chain, transport: http(), ...pace }).extend(walletActionsL2()),
    };
  };
  return {
    rollup, l1Chain, l2Chain, wallets, user: wallets(keys[0]),
    l1: createPublicClient({ chain: l1Chain, transport: http(), ...pace }).extend(publicActionsL1()),
    l2: createPublicClient({ chain: l2Chain, transport: http(), ...pace }).extend(publicActionsL2()),
  };
}

/** What a child's own methods answer, at `url`. */
export async function ask(url, method, ...params) {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
  const answer = await (await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body })).json();
  if (answer.error) throw new Error(`${method}: ${answer.error.message}`);
  return answer.result;
}

/** anvil, as a parent: withdrawals wait for its clock, which moves with its blocks. */
export const startParent = (program, args = []) => startNode({ program, args: ['--block-time', '1', '--mixed-mining', ...args] });

/** `varve up` with a layer 2, on its own L1 or on `parent`, a node that runs. Ports are free ones where none are given. */
export async function startStack({ parent, datadir, args = [], port, l2Port } = {}) {
  l2Port ??= await freePort(2); // a layer 3 listens on the next one
  const node = await startNode({ args: [...(parent ? ['--parent', parent.url] : []), ...args], port, l2Port, datadir });
  const rollup = JSON.parse(readFileSync(`${node.datadir}/901/rollup.json`, 'utf8'));
  const url = `http://127.0.0.1:${l2Port}`;
  if (!parent) await until(async () => BigInt(await ask(url, 'eth_getBalance', addresses[0], 'latest')) > 0n, 60_000, "the users' ether");
  return { ...clients(rollup, (parent ?? node).url, url), node, url, stop: () => node.stop() };
}

/** A node that has nothing but rollup.json and the parent, when it has derived all that `stack` has on the parent. */
export async function startFollower(stack, parentUrl, args = []) {
  const follower = await startNode({
    word: 'node', args: ['--rollup', `${stack.node.datadir}/901/rollup.json`, '--parent', parentUrl, ...args],
  });
  const { number } = await settled(stack.url);
  await until(async () => (await ask(follower.url, 'varve_status')).safe.number >= number, 60_000, 'the follower');
  return follower;
}

/** Blocks of a child as `url` has them, by hash, up to `last`. */
export async function hashes(url, last) {
  const list = [];
  for (let number = 0; number <= last; number++)
    list.push((await ask(url, 'eth_getBlockByNumber', `0x${number.toString(16)}`, false)).hash);
  return list;
}

/** Waits until everything is on the parent; gives the safe head. */
export const settled = (url, ms = 60_000) => until(async () => {
  const { unsafe, safe } = await ask(url, 'varve_status');
  return unsafe.number === safe.number && unsafe.hash === safe.hash && safe;
}, ms, 'the last batch');

/** Sends a deposit of `mint` to `to` and waits for nothing. */
export const sendDeposit = ({ rollup }, wallet, to, mint) => wallet.l1.writeContract({
  address: rollup.parent.portal, abi: parseAbi(['function depositTransaction(address to, uint256 value, uint64 gasLimit, bool isCreation, bytes data) payable']),
  functionName: 'depositTransaction', args: [to, mint, 100_000n, false, '0x'], value: mint,
});

/** Deposits ETH to `to` and waits for its receipt on the child. */
export async function deposit({ l1, l2, user }, to, mint) {
  const request = await l2.buildDepositTransaction({ account: user.l1.account, mint, to });
  const hash = await user.l1.depositTransaction(request);
  const { logs, status } = await l1.waitForTransactionReceipt({ hash });
  assert.equal(status, 'success');
  const [l2Hash] = getL2TransactionHashes({ logs });
  return l2.waitForTransactionReceipt({ hash: l2Hash });
}

/** Brings the withdrawal of a receipt home through viem's whole protocol. */
export async function bringHome({ l1, l2, l2Chain, user }, receipt) {
  const status = () => l1.getWithdrawalStatus({ receipt, targetChain: l2Chain });
  const sent = async (hash) => assert.equal((await l1.waitForTransactionReceipt({ hash })).status, 'success');
  assert.match(await status(), /^(waiting|ready)-to-prove$/);
  const { output, withdrawal, game } = await l1.waitToProve({ receipt, targetChain: l2Chain });
  const args = await l2.buildProveWithdrawal({ game, output, withdrawal });
  await sent(await user.l1.proveWithdrawal({ ...args, account: user.l1.account, targetChain: l2Chain }));
  assert.equal(await status(), 'waiting-to-finalize');
  await l1.waitToFinalize({ targetChain: l2Chain, withdrawalHash: withdrawal.withdrawalHash });
  await until(async () => await status() === 'ready-to-finalize', 60_000, 'ready-to-finalize');
  await sent(await user.l1.finalizeWithdrawal({ targetChain: l2Chain, withdrawal, account: user.l1.account }));
  assert.equal(await status(), 'finalized');
}
