// ethers 6: an OpenZeppelin ERC-20 and ERC-721 deployed and used, every transaction type, events.
import { test, before, after, describe } from 'node:test';
import assert from 'node:assert/strict';
import { ethers } from 'ethers';
import { addresses, artifact, chainId, ether, keys, startNode, until } from './node.mjs';
import { blobWithProofs } from './blob.mjs';

let node, provider, wallet, friend, token;

before(async () => {
  node = await startNode();
  provider = new ethers.JsonRpcProvider(node.url, undefined, { cacheTimeout: -1, polling: true, pollingInterval: 50 });
  wallet = new ethers.Wallet(keys[0], provider);
  friend = new ethers.Wallet(keys[1], provider);
  const { abi, bytecode } = artifact('Token');
  token = await (await new ethers.ContractFactory(abi, bytecode, wallet).deploy(1_000n * ether)).waitForDeployment();
});
after(async () => {
  provider?.destroy();
  await node?.stop();
});

describe('ethers', () => {
  test('the chain says who it is', async () => {
    assert.equal((await provider.getNetwork()).chainId, BigInt(chainId));
    const accounts = await provider.send('eth_accounts', []);
    assert.equal(accounts.length, 10);
    assert.equal(ethers.getAddress(accounts[0]), addresses[0]);
    assert.ok(await provider.getBalance(addresses[9 % 4]) >= 9_000n * ether);
  });

  test('a transfer moves its value and pays for 21,000 gas', async () => {
    const to = ethers.Wallet.createRandom().address;
    const before = await provider.getBalance(friend.address);
    const receipt = await (await friend.sendTransaction({ to, value: ether })).wait();
    assert.equal(receipt.status, 1);
    assert.equal(receipt.gasUsed, 21_000n);
    assert.equal(await provider.getBalance(to), ether);
    assert.equal(await provider.getBalance(friend.address), before - ether - receipt.fee);
    const block = await provider.getBlock(receipt.blockNumber, true);
    assert.equal(block.hash, receipt.blockHash);
    assert.ok(block.transactions.includes(receipt.hash));
    assert.equal(block.prefetchedTransactions[receipt.index].hash, receipt.hash);
  });

  test('an unlocked account signs inside the node', async () => {
    const signer = await provider.getSigner(2);
    const receipt = await (await signer.sendTransaction({ to: addresses[3], value: 5n })).wait();
    assert.equal(receipt.from, addresses[2]);
    assert.equal(receipt.status, 1);
  });

  test('an unlocked account signs a message', async () => {
    const signer = await provider.getSigner(0);
    assert.equal(ethers.verifyMessage('strata', await signer.signMessage('strata')), addresses[0]);
  });

  for (const [type, fields] of [
    [0, async () => ({ gasPrice: (await provider.getFeeData()).gasPrice })],
    [1, async () => ({
      gasPrice: (await provider.getFeeData()).gasPrice,
      accessList: [{ address: addresses[2], storageKeys: [ethers.toBeHex(1, 32)] }],
    })],
    [2, async () => ({ maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 10n ** 9n, accessList: [] })],
  ]) {
    test(`a transaction of type ${type} is included and read back`, async () => {
      const sent = await wallet.sendTransaction({ type, to: addresses[3], value: 7n, ...await fields() });
      const receipt = await sent.wait();
      assert.equal(receipt.type, type);
      assert.equal(receipt.status, 1);
      const read = await provider.getTransaction(sent.hash);
      assert.equal(read.type, type);
      assert.equal(read.from, wallet.address);
      // ethers recomputes hash and sender from the answer's fields
      assert.equal(ethers.Transaction.from(read).hash, sent.hash);
      assert.equal(ethers.Transaction.from(read).from, wallet.address);
    });
  }

  test('a blob transaction (type 3) with cell proofs pays for its blob gas', async () => {
    const blob = blobWithProofs('sent by ethers');
    const { maxFeePerGas, maxPriorityFeePerGas } = await provider.getFeeData();
    const request = ethers.Transaction.from({
      type: 3, chainId, to: addresses[3], nonce: await wallet.getNonce(), gasLimit: 21_000n,
      maxFeePerGas, maxPriorityFeePerGas, maxFeePerBlobGas: 10n ** 10n,
      blobWrapperVersion: 1, blobs: [{ data: blob.data, commitment: blob.commitment, proof: ethers.concat(blob.cellProofs) }],
    });
    const sent = await provider.broadcastTransaction(await wallet.signTransaction(request));
    const receipt = await sent.wait();
    assert.equal(receipt.type, 3);
    assert.equal(receipt.status, 1);
    assert.equal(receipt.blobGasUsed, 131_072n);
    assert.ok(receipt.blobGasPrice > 0n);
    assert.deepEqual((await provider.getTransaction(sent.hash)).blobVersionedHashes, [blob.versionedHash]);
  });

  test('an authorization (type 4) lets an account run a contract\'s code', async () => {
    const { abi, bytecode } = artifact('Probe');
    const probe = await (await new ethers.ContractFactory(abi, bytecode, wallet).deploy()).waitForDeployment();
    const owner = ethers.Wallet.createRandom().connect(provider);
    const authorization = await owner.authorize({ address: await probe.getAddress(), nonce: 0, chainId });
    const receipt = await (await wallet.sendTransaction({
      type: 4, to: owner.address, authorizationList: [authorization], gasLimit: 200_000n,
      data: probe.interface.encodeFunctionData('note', [5, 55, 'delegated']),
    })).wait();
    assert.equal(receipt.type, 4);
    assert.equal(receipt.status, 1);
    assert.equal(receipt.logs[0].address, owner.address);
    assert.equal(await provider.getCode(owner.address), ethers.concat(['0xef0100', await probe.getAddress()]));
    assert.equal(await probe.attach(owner.address).notes(5), 55n);
    assert.equal(await provider.getTransactionCount(owner.address), 1);
  });

  test('an OpenZeppelin ERC-20 keeps its books', async () => {
    const receipt = await (await token.transfer(friend.address, 25n * ether)).wait();
    assert.equal(receipt.logs.length, 1);
    assert.equal(await token.balanceOf(friend.address), 25n * ether);
    await (await token.approve(friend.address, 10n * ether)).wait();
    await (await token.connect(friend).transferFrom(wallet.address, addresses[2], 4n * ether)).wait();
    assert.equal(await token.allowance(wallet.address, friend.address), 6n * ether);
    assert.equal(await token.balanceOf(addresses[2]), 4n * ether);
    const events = await token.queryFilter(token.filters.Transfer(wallet.address), 0, 'latest');
    assert.deepEqual(events.map((e) => e.args.to), [friend.address, addresses[2]]);
    assert.equal(await token.balanceOf(friend.address, { blockTag: receipt.blockNumber - 1 }), 0n);
  });

  test('an OpenZeppelin ERC-721 is minted and handed on', async () => {
    const { abi, bytecode } = artifact('Nft');
    const nft = await (await new ethers.ContractFactory(abi, bytecode, wallet).deploy()).waitForDeployment();
    await (await nft.mint(wallet.address)).wait();
    await (await nft['safeTransferFrom(address,address,uint256)'](wallet.address, friend.address, 1n)).wait();
    assert.equal(await nft.ownerOf(1n), friend.address);
    await assert.rejects(nft.ownerOf(2n), (e) => e.revert?.name === 'ERC721NonexistentToken');
  });

  test('a refused call names its custom error, its reason or its panic', async () => {
    const { abi, bytecode } = artifact('Probe');
    const probe = await (await new ethers.ContractFactory(abi, bytecode, wallet).deploy()).waitForDeployment();
    await assert.rejects(probe.note.estimateGas(1, 101, ''), (e) => {
      const error = probe.interface.parseError(e.data); // ethers itself names it for calls only
      return e.code === 'CALL_EXCEPTION' && error.name === 'TooMuch' && error.args[0] === 101n;
    });
    await assert.rejects(probe.note.staticCall(1, 500, ''), (e) => e.revert.args[0] === 500n);
    await assert.rejects(probe.refuse('because'), (e) => e.reason === 'because');
    await assert.rejects(probe.panic(0), (e) => e.revert.name === 'Panic' && Number(e.revert.args[0]) === 0x12);
    await assert.rejects(token.connect(friend).transfer(addresses[0], 10n ** 30n), (e) => {
      return token.interface.parseError(e.data).name === 'ERC20InsufficientBalance';
    });
  });

  test('a transaction that fails on chain has a receipt with status 0', async () => {
    const { abi, bytecode } = artifact('Probe');
    const probe = await (await new ethers.ContractFactory(abi, bytecode, wallet).deploy()).waitForDeployment();
    const sent = await probe.note(1, 101, '', { gasLimit: 100_000n });
    await assert.rejects(sent.wait(), (e) => e.code === 'CALL_EXCEPTION' && e.receipt.status === 0);
    assert.equal((await provider.getTransactionReceipt(sent.hash)).logs.length, 0);
  });

  test('a wrong nonce and an empty purse are refused with a reason', async () => {
    await assert.rejects(wallet.sendTransaction({ to: addresses[1], nonce: 0, gasLimit: 21_000n }), /nonce/i);
    const pauper = ethers.Wallet.createRandom().connect(provider);
    await assert.rejects(pauper.sendTransaction({ to: addresses[1], value: 1n, gasLimit: 21_000n }), /insufficient|funds/i);
  });

  test('filters over HTTP deliver events once', async () => {
    const seen = [];
    const filter = token.filters.Transfer(null, addresses[1]);
    await token.on(filter, (event) => seen.push(event.log.transactionHash));
    await new Promise((done) => setTimeout(done, 300)); // the provider has made its filter by then
    const sent = await (await token.transfer(addresses[1], 1n)).wait();
    await until(() => seen.length > 0);
    await new Promise((done) => setTimeout(done, 200));
    assert.deepEqual(seen, [sent.hash]);
    await token.off(filter);
  });

  test('blocks and events arrive over WebSocket', async () => {
    const socket = new ethers.WebSocketProvider(node.ws);
    try {
      const blocks = [];
      const events = [];
      await socket.on('block', (number) => blocks.push(number));
      const live = token.connect(socket);
      await live.on('Transfer', (from, to, amount) => events.push([from, to, amount]));
      await socket.send('eth_chainId', []); // both subscriptions stand by the time this is answered
      const receipt = await (await token.transfer(addresses[3], 3n)).wait();
      await until(() => blocks.includes(receipt.blockNumber) && events.length > 0);
      assert.deepEqual(events, [[wallet.address, addresses[3], 3n]]);
      assert.equal((await socket.getBlock('latest')).number, receipt.blockNumber);
    } finally {
      await socket.destroy();
    }
  });

  test('a burst of 200 transactions is included in nonce order', async () => {
    const base = await friend.getNonce();
    const { maxFeePerGas, maxPriorityFeePerGas } = await provider.getFeeData();
    const sent = await Promise.all(Array.from({ length: 200 }, (_, i) => friend.sendTransaction({
      to: addresses[2], value: 1n, nonce: base + i, gasLimit: 21_000n, maxFeePerGas, maxPriorityFeePerGas, chainId, type: 2,
    })));
    const receipts = await Promise.all(sent.map((tx) => tx.wait()));
    assert.ok(receipts.every((r) => r.status === 1));
    for (let i = 1; i < receipts.length; i++) {
      const [a, b] = [receipts[i - 1], receipts[i]];
      assert.ok(a.blockNumber < b.blockNumber || (a.blockNumber === b.blockNumber && a.index < b.index));
    }
    assert.equal(await friend.getNonce(), base + 200);
  });
});
