// Load for benchmarks: signed transactions, and sending them over several connections.
import { createRequire } from 'node:module';
import { chainId, keys } from '../tests/clients/node.mjs';

const { ethers } = createRequire(new URL('../tests/clients/package.json', import.meta.url))('ethers');
export { ethers };

export const ACCOUNTS = 100;
export const CONNECTIONS = 8;
export const BATCH = 100;

export const rich = new ethers.Wallet(keys[0]);
export const senders = Array.from({ length: ACCOUNTS }, (_, i) => new ethers.Wallet(ethers.id(`bench sender ${i}`)));

export const sign = (wallet, nonce, fields) => wallet.signTransaction({
  type: 2, chainId, nonce, maxFeePerGas: 200n * 10n ** 9n, maxPriorityFeePerGas: 10n ** 9n, ...fields,
});

/** Sends raw transactions in batches over all connections; a sender always uses the same one. */
export async function submit(connections, list) {
  const lanes = connections.map(() => []);
  list.forEach(({ raw }, i) => lanes[i % ACCOUNTS % CONNECTIONS].push(['eth_sendRawTransaction', [raw]]));
  await Promise.all(lanes.map(async (lane, i) => {
    for (let from = 0; from < lane.length; from += BATCH) await connections[i].batch(lane.slice(from, from + BATCH));
  }));
}

/** Waits until the last transaction of every sender has its receipt. */
export async function receipts(connection, list, ms = 120_000) {
  const deadline = Date.now() + ms;
  let waiting = list.slice(-ACCOUNTS).map(({ hash }) => ['eth_getTransactionReceipt', [hash]]);
  while (waiting.length) {
    const answers = await connection.batch(waiting);
    waiting = waiting.filter((_, i) => answers[i] === null);
    if (Date.now() > deadline) throw new Error(`${waiting.length} senders still wait for a receipt`);
    if (waiting.length) await new Promise((done) => setTimeout(done, 5));
  }
}

/** Counts the transactions since block `from`, and refuses if one is missing or failed. */
export async function count(connection, from, list) {
  const wanted = new Set(list.map(({ hash }) => hash));
  const last = Number(await connection.call('eth_blockNumber'));
  let gas = 0;
  let blocks = 0;
  for (let number = from + 1; number <= last; number++) {
    const found = await connection.call('eth_getBlockReceipts', ethers.toQuantity(number));
    if (found.length) blocks++;
    for (const { transactionHash, status, gasUsed } of found) {
      if (status !== '0x1') throw new Error(`${transactionHash} failed`);
      wanted.delete(transactionHash);
      gas += Number(gasUsed);
    }
  }
  if (wanted.size) throw new Error(`${wanted.size} transactions are in no block`);
  return { gas, blocks };
}
