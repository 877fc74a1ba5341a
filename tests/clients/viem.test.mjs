// viem 2: contracts, every transaction type, multicall, filters, subscriptions, errors.
import { test, before, after, describe } from 'node:test';
import assert from 'node:assert/strict';
import {
  createPublicClient, createWalletClient, decodeEventLog, encodeDeployData, encodeFunctionData, getContract,
  getContractAddress, http, keccak256, parseEther, parseGwei, toBlobs, toHex, webSocket, zeroAddress,
} from 'viem';
import { privateKeyToAccount, generatePrivateKey } from 'viem/accounts';
import { addresses, artifact, chainId, ether, isAnvil, keys, predeploys, startNode, until } from './node.mjs';
import { kzg } from './blob.mjs';

const known = predeploys();
const chain = {
  id: chainId, name: 'varve', nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 }, rpcUrls: { default: { http: [] } },
  contracts: { multicall3: { address: known.multicall3.address } },
};
let node, client, wallet, friend, token;

/** Deploys one of contracts/sample and gives viem's handle on it. */
async function deploy(name, args = [], from = wallet) {
  const { abi, bytecode } = artifact(name);
  const hash = await from.deployContract({ abi, bytecode, args });
  const { contractAddress, status } = await client.waitForTransactionReceipt({ hash });
  assert.equal(status, 'success');
  return getContract({ address: contractAddress, abi, client: { public: client, wallet: from } });
}

const receiptOf = (hash) => client.waitForTransactionReceipt({ hash });

before(async () => {
  node = await startNode();
  const transport = http(node.url);
  client = createPublicClient({ chain, transport, pollingInterval: 25, cacheTime: 0 });
  [wallet, friend] = keys.map((key) => createWalletClient({ chain, transport, account: privateKeyToAccount(key) }));
  token = await deploy('Token', [1_000n * ether]);
});
after(() => node?.stop());

describe('viem', () => {
  test('every predeployed contract has the code that its hash names', async () => {
    for (const [name, { address, keccak256: want }] of Object.entries(known)) {
      const code = await client.getCode({ address });
      assert.ok(code, `${name} is not there`);
      assert.equal(keccak256(code), want, name);
    }
  });

  for (const [type, name, fields] of [
    [0, 'legacy', { gasPrice: parseGwei('3') }],
    [1, 'eip2930', { gasPrice: parseGwei('3'), accessList: [{ address: addresses[2], storageKeys: [toHex(1, { size: 32 })] }] }],
    [2, 'eip1559', {}],
  ]) {
    test(`a transaction of type ${type} is included and read back`, async () => {
      const hash = await wallet.sendTransaction({ type: name, to: addresses[2], value: 1n, ...fields });
      const receipt = await receiptOf(hash);
      assert.equal(receipt.type, name);
      assert.equal(receipt.status, 'success');
      const tx = await client.getTransaction({ hash });
      assert.equal(tx.typeHex, toHex(type));
      assert.equal(tx.from.toLowerCase(), wallet.account.address.toLowerCase());
      assert.deepEqual(await client.getTransaction({ blockHash: receipt.blockHash, index: receipt.transactionIndex }), tx);
    });
  }

  const aborts = isAnvil && 'anvil 1.7.1 aborts when viem asks it to fill a blob transaction';
  test('a blob transaction (type 3) with a blob proof is included', { skip: aborts }, async () => {
    const bytes = (hex) => Buffer.from(hex.slice(2), 'hex');
    const library = {
      blobToKzgCommitment: (blob) => bytes(kzg.blobToKzgCommitment(toHex(blob))),
      computeBlobKzgProof: (blob, commitment) => bytes(kzg.computeBlobProof(toHex(blob), toHex(commitment))),
    };
    const hash = await wallet.sendTransaction({
      blobs: toBlobs({ data: toHex('sent by viem') }), kzg: library, to: zeroAddress, maxFeePerBlobGas: parseGwei('30'),
    });
    const receipt = await receiptOf(hash);
    assert.equal(receipt.type, 'eip4844');
    assert.equal(receipt.blobGasUsed, 131_072n);
    assert.equal((await client.getBlock({ blockHash: receipt.blockHash })).blobGasUsed, 131_072n);
  });

  test('an authorization (type 4) delegates an account', async () => {
    const probe = await deploy('Probe');
    const account = privateKeyToAccount(generatePrivateKey());
    const authorization = await createWalletClient({ chain, transport: http(node.url), account })
      .signAuthorization({ contractAddress: probe.address, executor: wallet.account });
    const receipt = await receiptOf(await wallet.sendTransaction({
      authorizationList: [authorization], to: account.address,
      data: encodeFunctionData({ abi: probe.abi, functionName: 'note', args: [1n, 2n, 'x'] }),
    }));
    assert.equal(receipt.type, 'eip7702');
    assert.equal(receipt.status, 'success');
    assert.equal(await client.getCode({ address: account.address }), `0xef0100${probe.address.slice(2).toLowerCase()}`);
  });

  test('an OpenZeppelin ERC-20 is simulated, written and read', async () => {
    const { request, result } = await client.simulateContract({
      ...token, account: wallet.account, functionName: 'transfer', args: [addresses[1], parseEther('12')],
    });
    assert.equal(result, true);
    const receipt = await receiptOf(await wallet.writeContract(request));
    const { eventName, args } = decodeEventLog({ abi: token.abi, ...receipt.logs[0] });
    assert.equal(eventName, 'Transfer');
    assert.equal(args.value, parseEther('12'));
    assert.equal(await token.read.balanceOf([addresses[1]]), parseEther('12'));
  });

  test('an OpenZeppelin ERC-721 is minted and read', async () => {
    const nft = await deploy('Nft');
    await receiptOf(await nft.write.mint([addresses[3]]));
    assert.equal(await nft.read.ownerOf([1n]), addresses[3]);
  });

  test('multicall reads many values in one call', async () => {
    const results = await client.multicall({
      contracts: [
        { ...token, functionName: 'name' },
        { ...token, functionName: 'totalSupply' },
        { ...token, functionName: 'ownerOf' /* not there */, abi: artifact('Nft').abi, args: [1n] },
      ],
    });
    assert.deepEqual(results.map((r) => r.status), ['success', 'success', 'failure']);
    assert.equal(results[0].result, 'Varve Sample');
    assert.equal(results[1].result, 1_000n * ether);
  });

  test('CREATE2 through the deployment proxy lands at the address that can be foretold', async () => {
    const { abi, bytecode } = artifact('Probe');
    const salt = toHex(7, { size: 32 });
    const address = getContractAddress({ opcode: 'CREATE2', from: known.create2_deployer.address, salt, bytecode });
    const receipt = await receiptOf(await wallet.sendTransaction({
      to: known.create2_deployer.address, data: salt + encodeDeployData({ abi, bytecode }).slice(2),
    }));
    assert.equal(receipt.status, 'success');
    assert.equal(await client.readContract({ address, abi, functionName: 'chain' }), BigInt(chainId));
  });

  test('errors arrive with their names', async () => {
    const probe = await deploy('Probe');
    const named = (want) => (e) => e.walk((inner) => inner.name === 'ContractFunctionRevertedError')?.data?.errorName === want;
    await assert.rejects(probe.simulate.note([1n, 900n, '']), named('TooMuch'));
    await assert.rejects(probe.read.refuse(['no']), (e) => /no/.test(e.shortMessage));
    await assert.rejects(probe.read.panic([0n]), named('Panic'));
    await assert.rejects(probe.write.note([1n, 900n, '']), named('TooMuch'));
    await assert.rejects(client.call({ account: addresses[0], to: probe.address, data: '0x12345678' }));
  });

  test('a call without a recipient gives what its init code gave back', async () => {
    const probe = await deploy('Probe');
    const code = await client.getCode({ address: probe.address });
    const calls = { abi: probe.abi, functionName: 'note', args: [1n, 101n, ''] };
    const { data } = await client.call({ data: '0x602a5f5260205ff3' });
    assert.equal(BigInt(data), 42n);
    await assert.rejects(client.call({ code, data: encodeFunctionData(calls) }), /TooMuch|revert/); // viem's way to call what is not deployed
  });

  test('a revert is answered as code 3 with its data', async () => {
    const probe = await deploy('Probe');
    const data = encodeFunctionData({ abi: probe.abi, functionName: 'note', args: [1n, 101n, ''] });
    for (const method of ['eth_call', 'eth_estimateGas']) {
      const { error } = await node.ask(method, { from: addresses[0], to: probe.address, data }, 'latest');
      assert.equal(error.code, 3);
      assert.match(error.data, /^0x[0-9a-f]{136}$/);
    }
  });

  test('gas estimates suffice and are close', async () => {
    assert.equal(await client.estimateGas({ account: addresses[0], to: addresses[1], value: 1n }), 21_000n);
    const gas = await token.estimateGas.transfer([addresses[2], 5n], { account: wallet.account });
    const { gasUsed, status } = await receiptOf(await token.write.transfer([addresses[2], 5n], { gas }));
    assert.equal(status, 'success');
    assert.ok(gas >= gasUsed && gas < gasUsed * 3n / 2n, `${gas} estimated, ${gasUsed} used`);
  });

  test('fees can be foretold', async () => {
    const { maxFeePerGas, maxPriorityFeePerGas } = await client.estimateFeesPerGas();
    const { baseFeePerGas } = await client.getBlock();
    assert.ok(maxFeePerGas >= baseFeePerGas + maxPriorityFeePerGas);
    const history = await client.getFeeHistory({ blockCount: 4, rewardPercentiles: [25, 75] });
    assert.equal(history.baseFeePerGas.length, history.gasUsedRatio.length + 1);
    assert.equal(history.reward[0].length, 2);
    assert.ok(await client.getBlobBaseFee() >= 1n);
  });

  test('an access list is made for a call', async () => {
    const data = encodeFunctionData({ abi: token.abi, functionName: 'transfer', args: [addresses[1], 1n] });
    const { accessList, gasUsed } = await client.createAccessList({ account: addresses[0], to: token.address, data });
    assert.ok(gasUsed > 21_000n);
    assert.equal(accessList.find((entry) => entry.address.toLowerCase() === token.address.toLowerCase())?.storageKeys.length, 2);
  });

  test('logs are found by address, topic and block range', async () => {
    const probe = await deploy('Probe');
    const first = await receiptOf(await probe.write.note([1n, 1n, 'one']));
    const second = await receiptOf(await probe.write.note([2n, 2n, 'two']));
    const from = first.blockNumber;
    assert.equal((await client.getLogs({ address: probe.address, fromBlock: from, toBlock: 'latest' })).length, 2);
    const keyed = await probe.getEvents.Noted({ key: 2n }, { fromBlock: from, toBlock: second.blockNumber });
    assert.deepEqual(keyed.map((log) => log.args.text), ['two']);
    assert.equal((await client.getLogs({ address: probe.address, blockHash: first.blockHash })).length, 1);
    assert.equal((await probe.getEvents.Noted({ key: [1n, 2n] }, { fromBlock: from })).length, 2);
    assert.equal((await probe.getEvents.Noted({ from: addresses[3] }, { fromBlock: from })).length, 0);
  });

  test('filters give what is new, once, until they are removed', async () => {
    const probe = await deploy('Probe');
    const filter = await client.createContractEventFilter({ abi: probe.abi, address: probe.address, eventName: 'Noted' });
    const blocks = await client.createBlockFilter();
    const receipt = await receiptOf(await probe.write.note([3n, 3n, 'three']));
    assert.deepEqual((await client.getFilterChanges({ filter })).map((log) => log.args.text), ['three']);
    assert.deepEqual(await client.getFilterChanges({ filter }), []);
    assert.equal((await client.getFilterLogs({ filter })).length, 1);
    assert.deepEqual(await client.getFilterChanges({ filter: blocks }), [receipt.blockHash]);
    assert.equal(await client.uninstallFilter({ filter }), true);
    await assert.rejects(client.getFilterChanges({ filter }));
  });

  test('blocks, logs and events arrive over WebSocket', async () => {
    const socket = createPublicClient({ chain, transport: webSocket(node.ws, { reconnect: false }) });
    const blocks = [];
    const events = [];
    const stop = [
      socket.watchBlocks({ onBlock: (block) => blocks.push(block.hash) }),
      socket.watchContractEvent({ ...token, eventName: 'Transfer', onLogs: (logs) => events.push(...logs) }),
    ];
    try {
      await socket.getChainId();
      await new Promise((done) => setTimeout(done, 200)); // subscriptions are made in the background
      const receipt = await receiptOf(await token.write.transfer([addresses[3], 9n]));
      await until(() => blocks.includes(receipt.blockHash) && events.length > 0);
      assert.equal(events.length, 1);
      assert.equal(events[0].transactionHash, receipt.transactionHash);
      assert.equal(events[0].args.value, 9n);
    } finally {
      stop.forEach((end) => end());
      (await socket.transport.getRpcClient()).close();
    }
  });

  test('a call may overlay state', async () => {
    const poor = privateKeyToAccount(generatePrivateKey()).address;
    const { data } = await client.call({
      to: token.address, data: encodeFunctionData({ abi: token.abi, functionName: 'name' }),
      account: poor, value: 0n, stateOverride: [{ address: poor, balance: ether }],
    });
    assert.ok(data.length > 2);
    const { code } = { code: '0x602a60005260206000f3' }; // returns 42
    const answer = await client.call({ to: poor, stateOverride: [{ address: poor, code }] });
    assert.equal(BigInt(answer.data), 42n);
  });

  test('an account may send what it has to the last wei', async () => {
    const account = privateKeyToAccount(generatePrivateKey());
    await receiptOf(await friend.sendTransaction({ to: account.address, value: ether }));
    const gasPrice = await client.getGasPrice();
    const hash = await createWalletClient({ chain, transport: http(node.url), account })
      .sendTransaction({ to: addresses[0], value: ether - 21_000n * gasPrice, gas: 21_000n, gasPrice });
    assert.equal((await receiptOf(hash)).status, 'success');
    assert.equal(await client.getBalance({ address: account.address }), 0n);
  });
});
