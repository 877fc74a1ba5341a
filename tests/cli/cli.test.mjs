// Bad input to the program: one clear sentence, a non-zero exit, nothing lost.
import { test, describe } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { addresses, bin, startNode, until } from '../clients/node.mjs';

const scratch = mkdtempSync(`${tmpdir()}/varve-cli-`);
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
let count = 0;
const fresh = (name = 'data') => `${scratch}/${name}-${count++}`;

/** Runs the program until it ends, at most 10 s. */
function run(...args) {
  return new Promise((done) => {
    const child = spawn(bin, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const out = { stdout: '', stderr: '' };
    child.stdout.on('data', (data) => { out.stdout += data; });
    child.stderr.on('data', (data) => { out.stderr += data; });
    const clock = setTimeout(() => child.kill('SIGKILL'), 10_000);
    child.once('exit', (code, signal) => { clearTimeout(clock); done({ code, signal, ...out }); });
  });
}

/** Ends by itself, with a status that says failure, and one sentence that says `what`. */
async function refuses(what, ...args) {
  const { code, signal, stderr } = await run(...args);
  assert.equal(signal, null, `${args.join(' ')} ended by ${signal}: ${stderr}`);
  assert.notEqual(code, 0, `${args.join(' ')} was accepted`);
  const said = stderr.trim().split('\n').filter((line) => line.startsWith('varve: '));
  assert.equal(said.length, 1, `wanted one sentence, got: ${stderr}`);
  assert.match(said[0], what);
}

const data = (folder) => ['--datadir', folder, '--http.port', '0'];

/** A chain of `blocks` blocks in `folder`, its node stopped; gives the last block. */
async function grow(folder, blocks) {
  const node = await startNode({ datadir: folder });
  for (let i = 0; i < blocks; i++) {
    const hash = await node.rpc('eth_sendTransaction', { from: addresses[0], to: addresses[1], value: '0x1' });
    await until(() => node.rpc('eth_getTransactionReceipt', hash)); // so that each has a block of its own
  }
  const last = await node.rpc('eth_getBlockByNumber', 'latest', false);
  assert.equal((await node.stop()).code, 0);
  return last;
}

/** Opens a folder again and gives its head. */
async function reopen(folder) {
  const node = await startNode({ datadir: folder });
  try {
    return await node.rpc('eth_getBlockByNumber', 'latest', false);
  } finally {
    await node.stop();
  }
}

describe('flags', () => {
  for (const [what, ...args] of [
    [/no command "frobnicate"/, 'frobnicate'],
    [/unknown flag "--nope"/, 'up', '--nope'],
    [/unknown flag "extra"/, 'up', 'extra'],
    [/--http.port/, 'up', '--http.port'],
    [/--http.port/, 'up', '--http.port', 'abc'],
    [/--http.port/, 'up', '--http.port', '99999'],
    [/--http.port/, 'up', '--http.port', '-1'],
    [/--gas-limit/, 'up', '--gas-limit', '99999999999999999999'],
    [/--block-time/, 'up', '--block-time', '1.5'],
    [/namespace/, 'up', '--http.api', 'eth,nonsense'],
    [/--log/, 'up', '--log', 'xml'],
    [/--unsafe/, 'up', '--http.addr', '0.0.0.0'],
    [/unknown flag "--nope"/, 'deploy', '--nope'],
    [/"extra" is one word too many|usage/, 'deploy', 'extra'],
    [/--key/, 'deploy', '--out', '/nonexistent/rollup.json'],
    [/--chain-id/, 'deploy', '--chain-id', 'many'],
    [/no command "bridge fly"/, 'bridge', 'fly'],
    [/usage: varve bridge deposit AMOUNT/, 'bridge', 'deposit'],
    [/usage: varve bridge deposit AMOUNT/, 'bridge', 'deposit', '1', '2', '3'],
    [/one word too many/, 'bridge', 'deposit', '1', '2', '3', '4'],
    [/unknown flag "--datadir"/, 'bridge', 'list', '--datadir', 'x'],
    [/--resume/, 'bridge', 'withdraw', '1', '--resume', `0x${'12'.repeat(32)}`],
    [/nonexistent/, 'bridge', 'list', '--rollup', '/nonexistent'],
    [/--rollup FILE/, 'exit', '--key', 'test:0'],
    [/nonexistent/, 'exit', '--rollup', '/nonexistent', '--key', 'test:0'],
    [/no word|usage|one word too many/, 'exit', 'now'],
    [/--role needs --rollup/, 'node', '--role', 'proposer'],
    [/nonexistent/, 'statetest', '/nonexistent'],
    [/nonexistent/, 'blocktest', '/nonexistent'],
    [/nonexistent/, 'bench', 'evm', '/nonexistent'],
  ]) {
    test(`${args.join(' ')} is refused`, () => refuses(what, ...args, ...(args[0] === 'up' ? ['--datadir', fresh()] : [])));
  }

  test('an occupied port is named', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await new Promise((done) => holder.once('listening', done));
    const { port } = holder.address();
    try {
      await refuses(new RegExp(`port ${port} of 127.0.0.1 is taken`), 'up', '--datadir', fresh(), '--http.port', String(port));
    } finally {
      holder.close();
    }
  });
});

describe('genesis', () => {
  const good = {
    config: { chainId: 77, londonBlock: 0, terminalTotalDifficulty: 0, shanghaiTime: 0, cancunTime: 0 },
    alloc: { [addresses[0].slice(2)]: { balance: '0x1' } }, difficulty: '0x0', gasLimit: '0x1c9c380', timestamp: '0x1',
  };
  const bad = {
    'nothing at all': '',
    'what is not JSON': '{"config":',
    'an array': '[]',
    'bytes that are not text': Buffer.from([0xff, 0xfe, 0, 1, 2]),
    'no config': JSON.stringify({ ...good, config: undefined }),
    'a config that is a number': JSON.stringify({ ...good, config: 5 }),
    'a chain id beyond 64 bits': JSON.stringify({ ...good, config: { ...good.config, chainId: 2 ** 70 } }),
    'an address that is too short': JSON.stringify({ ...good, alloc: { abcd: { balance: '0x1' } } }),
    'a balance that is no number': JSON.stringify({ ...good, alloc: { [addresses[0].slice(2)]: { balance: 'much' } } }),
    'a balance beyond 256 bits': JSON.stringify({ ...good, alloc: { [addresses[0].slice(2)]: { balance: `0x1${'0'.repeat(64)}` } } }),
    'code that is no hex': JSON.stringify({ ...good, alloc: { [addresses[0].slice(2)]: { balance: '0x1', code: '0xzz' } } }),
    'a gas limit that is a word': JSON.stringify({ ...good, gasLimit: 'high' }),
    'a thousand brackets': '['.repeat(1_000),
  };
  for (const [name, text] of Object.entries(bad)) {
    test(`${name} is refused`, async () => {
      const file = fresh('genesis');
      writeFileSync(file, text);
      await refuses(/./, 'node', '--genesis', file, ...data(fresh()));
    });
  }

  test('a missing file is named', () => refuses(/absent\.json/, 'node', '--genesis', `${scratch}/absent.json`, ...data(fresh())));

  test('no genesis and no chain is said', () => refuses(/--genesis/, 'node', ...data(fresh())));

  test('a folder that holds another chain is refused, and stays whole', async () => {
    const folder = fresh();
    const last = await grow(folder, 2);
    const file = fresh('genesis');
    writeFileSync(file, JSON.stringify(good));
    await refuses(/./, 'node', '--genesis', file, ...data(folder));
    assert.equal((await reopen(folder)).hash, last.hash);
  });
});

describe('data', () => {
  test('a folder in use by another node is refused, which goes on', async () => {
    const folder = fresh();
    const node = await startNode({ datadir: folder });
    try {
      await refuses(/./, 'up', ...data(folder));
      assert.equal(await node.rpc('eth_blockNumber'), '0x0');
    } finally {
      await node.stop();
    }
  });

  test('a file in place of the folder is refused', async () => {
    const file = fresh('file');
    writeFileSync(file, 'not a folder');
    await refuses(new RegExp(file), 'up', ...data(file));
    assert.equal(readFileSync(file, 'utf8'), 'not a folder');
  });

  /** The largest file of a folder is either the log or the state. */
  const files = (folder) => readdirSync(folder).map((name) => ({ name, path: `${folder}/${name}`, size: statSync(`${folder}/${name}`).size }));
  const overwrite = (path, at, bytes) => {
    const file = openSync(path, 'r+');
    writeSync(file, bytes, 0, bytes.length, at);
    closeSync(file);
  };

  test('a stopped node\'s chain is there again', async () => {
    const folder = fresh();
    const last = await grow(folder, 5);
    assert.equal((await reopen(folder)).hash, last.hash);
  });

  test('a torn tail of the log costs no whole block', async () => {
    const folder = fresh();
    const last = await grow(folder, 5);
    const { path, size } = files(folder).find((f) => f.name === 'blocks');
    overwrite(path, size, Buffer.from('half of a record that power cut short'));
    assert.equal((await reopen(folder)).hash, last.hash);
  });

  test('a damaged block is found when it is read; the others stay, and nothing is cut off', async () => {
    const folder = fresh();
    const last = await grow(folder, 8);
    const { path, size } = files(folder).find((f) => f.name === 'blocks');
    const genesis = 16 + 12 + readFileSync(path).readUInt32LE(16); // the first record, which ends there
    overwrite(path, Math.floor((genesis + size) / 2), Buffer.from([0xde, 0xad, 0xbe, 0xef]));
    const before = readFileSync(path);
    const node = await startNode({ datadir: folder });
    try {
      const answers = await Promise.all(Array.from({ length: 9 }, (_, i) => node.ask('eth_getBlockByNumber', `0x${i.toString(16)}`, false)));
      const damaged = answers.filter((answer) => answer.error);
      assert.equal(damaged.length, 1);
      assert.match(damaged[0].error.message, /damaged/);
      assert.equal(answers[8].result.hash, last.hash);
    } finally {
      await node.stop();
    }
    assert.deepEqual(readFileSync(path).subarray(0, size), before);
  });

  test('a state file of noise is found and said', async () => {
    const folder = fresh();
    await grow(folder, 3);
    const { path, size } = files(folder).find((f) => f.name === 'state');
    overwrite(path, 0, Buffer.alloc(Math.min(size, 65_536), 0xa5));
    await refuses(/./, 'up', ...data(folder));
  });

  test('a state file cut short is found and said', async () => {
    const folder = fresh();
    await grow(folder, 3);
    const { path } = files(folder).find((f) => f.name === 'state');
    const file = openSync(path, 'r+');
    ftruncateSync(file, 5_000);
    closeSync(file);
    await refuses(/./, 'up', ...data(folder));
  });
});

describe('a full disk', () => {
  let mount = null;
  const tmpfs = () => { // a real one where we may mount; else there is nothing to fill
    if (process.getuid() !== 0) return null;
    mount = fresh('disk');
    try {
      execFileSync('mkdir', ['-p', mount]);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', mount], { stdio: 'ignore' });
      return mount;
    } catch { return null; }
  };

  test('is said, and what was acknowledged is still there when there is room again', async (t) => {
    const disk = tmpfs();
    if (!disk) return t.skip('no tmpfs can be mounted here');
    try {
      const folder = `${disk}/data`;
      const node = await startNode({ datadir: folder });
      let kept = null;
      let refused = null;
      // 20 kB of calldata a transaction: the disk is full after some hundred blocks
      const fill = { from: addresses[0], to: addresses[1], data: `0x${'5a'.repeat(20_000)}` };
      for (let i = 0; i < 2_000 && !refused; i++) {
        try {
          const answer = await node.ask('eth_sendTransaction', fill);
          if (answer.error) { refused = answer.error.message; break; }
          const receipt = await until(() => node.rpc('eth_getTransactionReceipt', answer.result), 2_000);
          kept = { hash: receipt.blockHash, number: receipt.blockNumber };
        } catch (error) { refused = String(error); }
      }
      assert.ok(kept && refused, 'the disk was never full');
      await node.stop();
      assert.match(node.output() + refused, /full|No space|space left/i);
      execFileSync('mount', ['-o', 'remount,size=200m', disk]);
      const again = await startNode({ datadir: folder });
      try {
        assert.equal((await again.rpc('eth_getBlockByNumber', kept.number, false)).hash, kept.hash);
        const hash = await again.rpc('eth_sendTransaction', fill);
        await until(() => again.rpc('eth_getTransactionReceipt', hash));
      } finally {
        await again.stop();
      }
    } finally {
      execFileSync('umount', ['-l', disk]);
    }
  });

  test('from the start is said', async (t) => {
    const disk = tmpfs();
    if (!disk) return t.skip('no tmpfs can be mounted here');
    try {
      try { writeFileSync(`${disk}/ballast`, Buffer.alloc(4 << 20)); } catch { /* that is the point */ }
      await refuses(/full|No space|space/i, 'up', ...data(`${disk}/data`));
    } finally {
      execFileSync('umount', ['-l', disk]);
    }
  });
});

describe('import', () => {
  const genesis = JSON.stringify({
    config: { chainId: 77, londonBlock: 0, terminalTotalDifficulty: 0, shanghaiTime: 0, cancunTime: 0 },
    alloc: {}, difficulty: '0x0', gasLimit: '0x1c9c380', timestamp: '0x1',
  });
  for (const [name, bytes] of Object.entries({
    'noise': Buffer.from('no RLP at all, just words'),
    'a list that promises more than there is': Buffer.from([0xfb, 0xff, 0xff, 0xff, 0xff, 1, 2]),
    'an empty list': Buffer.from([0xc0]),
    'a header of strings': Buffer.from([0xc4, 0xc3, 0x01, 0x02, 0x03]),
  })) {
    test(`${name} is refused`, async () => {
      const [file, blocks] = [fresh('genesis'), fresh('blocks')];
      writeFileSync(file, genesis);
      writeFileSync(blocks, bytes);
      await refuses(/./, 'node', '--genesis', file, '--import', blocks, ...data(fresh()));
    });
  }
});
