// What the chain learns of payments: it is scanned whole, inputs and logs, for everything that only the parties should know.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { deploy, hex, startDaemon } from './channels.mjs';
import { ether, startNode } from './node.mjs';

describe('a scan of the chain after payments over a mediator and a close by both', () => {
  let chain;
  const nodes = [];
  const channels = [];
  const amounts = [];
  const secrets = []; // hex without 0x: what must not be found
  before(async () => {
    chain = await startNode();
    await deploy(chain.url);
    for (let i = 0; i < 3; i++) nodes.push(await startDaemon({ urls: [chain.url], key: `test:${i + 1}`, args: ['--margin', '10'] }));
    for (let i = 0; i < 2; i++)
      channels.push((await nodes[i].rpc('channel_open', { peer: nodes[i + 1].node, amount: hex(ether) })).channel);
    const point = (node) => `0x${node.node.slice(0, 66)}`;
    for (const node of nodes) secrets.push(node.node.slice(0, 66), node.node.slice(2, 66));
    for (let i = 0; i < 5; i++) {
      const amount = 0x1badb002dead0n + BigInt(i) * 0x7b1n;
      const { invoice, hash } = await nodes[2].rpc('channel_invoice', { amount: hex(amount), description: 'nobody sees this' });
      const { preimage } = await nodes[0].rpc('channel_pay', { invoice, via: [point(nodes[1])] });
      amounts.push(amount, amount + (amount * 1000n + 999_999n) / 1_000_000n);
      secrets.push(hash.slice(2), preimage.slice(2));
    }
    for (let i = 0; i < 2; i++) await nodes[i].rpc('channel_close', { channel: channels[i] });
    secrets.push(...amounts.map((amount) => amount.toString(16)), Buffer.from('nobody sees this').toString('hex'));
  });
  after(async () => {
    for (const node of nodes) await node.stop();
    await chain?.stop();
  });

  async function transactions() {
    const list = [];
    const last = Number(await chain.rpc('eth_blockNumber'));
    for (let number = 0; number <= last; number++) {
      const block = await chain.rpc('eth_getBlockByNumber', hex(number), true);
      for (const tx of block.transactions) list.push({ ...tx, receipt: await chain.rpc('eth_getTransactionReceipt', tx.hash) });
    }
    return list;
  }

  test('finds no amount of a payment, no hash, no preimage, no node', async () => {
    const all = (await transactions()).map((tx) => tx.input + tx.value + JSON.stringify(tx.receipt.logs)).join(' ').toLowerCase();
    assert.ok(all.length > 3_000, 'there is something to scan');
    for (const secret of secrets) assert.ok(!all.includes(secret.toLowerCase()), `the chain has ${secret}`);
  });

  test('finds in each channel no party but its two owners', async () => {
    const list = await transactions();
    const owners = await Promise.all(nodes.map(async (node) => (await node.rpc('channel_nodeInfo')).account.toLowerCase().slice(2)));
    for (const [i, channel] of channels.entries()) {
      const about = list.filter((tx) => JSON.stringify(tx.receipt.logs).includes(channel.slice(2)));
      assert.ok(about.length >= 2, 'its deposit and its close');
      const seen = about.map((tx) => tx.input + tx.from + JSON.stringify(tx.receipt.logs)).join(' ').toLowerCase();
      for (const [j, owner] of owners.entries())
        if (j !== i && j !== i + 1) assert.ok(!seen.includes(owner), `channel ${i} shows node ${j}`);
    }
  });
});
