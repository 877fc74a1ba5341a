// Starts the node under test on a free port and speaks plain JSON-RPC to it.
//
// VARVE_BIN names the program (build/varve by default). It may be anvil's: these tests were written
// against anvil, and a fact that fails on both is a fault of the test.
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';

export const root = new URL('../../', import.meta.url);
export const bin = process.env.VARVE_BIN ?? fileURLToPath(new URL('build/varve', root));
export const isAnvil = /anvil$/.test(bin);

export const chainId = 900;
export const mnemonic = 'test test test test test test test test test test test junk';
// The first four keys of the mnemonic, m/44'/60'/0'/0/i.
export const keys = [
  '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80',
  '0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d',
  '0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a',
  '0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6',
];
export const addresses = [
  '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266',
  '0x70997970C51812dc3A010C7d01b50e0d17dc79C8',
  '0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC',
  '0x90F79bf6EB2c4f870365E785982E1f101E93b906',
];
export const ether = 10n ** 18n;

/** The program of forge, cast or anvil: the packages for one platform hold nothing else. */
export function foundry(name) {
  return fileURLToPath(new URL(`node_modules/@foundry-rs/${name}-linux-amd64/bin/${name}`, import.meta.url));
}

/** { name: { address, keccak256, code } } of every predeployed contract. */
export function predeploys() {
  const folder = new URL('contracts/predeploys/', root);
  return Object.fromEntries(readdirSync(folder).filter((f) => f.endsWith('.hex')).map((file) => {
    const text = readFileSync(new URL(file, folder), 'utf8');
    const field = (key) => text.match(new RegExp(`^# ${key} (\\S+)$`, 'm'))[1];
    return [file.slice(0, -4), {
      address: field('address'), keccak256: field('keccak256'), code: '0x' + text.replace(/^#.*$/gm, '').replace(/\s/g, ''),
    }];
  }));
}

/** ABI and creation code of one of contracts/sample. */
export function artifact(name) {
  return JSON.parse(readFileSync(new URL(`contracts/artifacts/${name}.json`, root), 'utf8'));
}

/**
 * The first of `count` free ports in a row. They are below those that the system gives to whoever connects: among
 * them, one that was free a moment ago may be the near end of some other test's connection.
 */
export async function freePort(count = 1) {
  const listens = (port) => new Promise((done) => {
    const server = createServer().once('error', () => done(false));
    server.listen(port, '127.0.0.1', () => server.close(() => done(true)));
  });
  for (;;) {
    const first = 10_000 + Math.floor(Math.random() * 22_000);
    const free = await Promise.all(Array.from({ length: count }, (_, i) => listens(first + i)));
    if (free.every(Boolean)) return first;
  }
}

/**
 * Stops a process, all of it. The signal is for one of its threads to act on, and on a busy machine the others go on
 * until that has: a daemon that was to be silent has answered meanwhile.
 */
export async function freeze(pid) {
  process.kill(pid, 'SIGSTOP');
  const stateOf = (task) => readFileSync(`/proc/${pid}/task/${task}/stat`, 'latin1').match(/.*\) (.)/s)[1];
  await until(() => readdirSync(`/proc/${pid}/task`).every((task) => stateOf(task) === 'T'), 30_000, 'the process to stop');
}

/** Asks again every 25 ms until `question` gives something; refuses after `ms`. */
export async function until(question, ms = 10_000, what = 'the awaited thing') {
  const deadline = Date.now() + ms;
  for (;;) {
    const answer = await question();
    if (answer) return answer;
    if (Date.now() > deadline) throw new Error(`${what} did not come within ${ms} ms`);
    await new Promise((done) => setTimeout(done, 25));
  }
}

/**
 * A running dev chain of `program`. Give `blockTime` (ms) for interval mining; without it, each
 * transaction makes a block. Without `datadir`, data goes with the node. `quiet`: nobody reads its output.
 * `l2Port`: with a layer 2 there, for which it then waits. `port`: where another node was, else a free one.
 */
export async function startNode({ program = bin, blockTime, datadir, args = [], word = 'up', quiet = false, l2Port, port } = {}) {
  const isAnvil = /anvil$/.test(program);
  if (!existsSync(program)) throw new Error(`${program} is not there: build it, or name another with VARVE_BIN`);
  port ??= await freePort();
  const scratch = datadir ?? mkdtempSync(`${tmpdir()}/varve-clients-`);
  const argv = isAnvil
    ? ['--port', String(port), '--chain-id', String(chainId), ...(blockTime ? ['--block-time', String(blockTime / 1000)] : [])]
    : [word, '--http.port', String(port), '--datadir', scratch, ...(word === 'up' ? (l2Port ? ['--l2.port', String(l2Port)] : ['--l2', '0']) : []), ...(blockTime ? ['--block-time', String(blockTime)] : [])];
  const child = spawn(program, [...argv, ...args], { stdio: quiet ? 'ignore' : ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let ended = null;
  child.stdout?.on('data', (data) => { output = (output + data).slice(-100_000); });
  child.stderr?.on('data', (data) => { output = (output + data).slice(-100_000); });
  const exit = new Promise((done) => child.once('exit', (code, signal) => { ended = { code, signal }; done(ended); }));

  const url = `http://127.0.0.1:${port}`;
  const post = (body) => fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  const waitFor = l2Port ? `http://127.0.0.1:${l2Port}` : url;
  let id = 0;
  const node = {
    url, port, ws: `ws://127.0.0.1:${port}`, pid: child.pid, datadir: scratch, exit, post,
    output: () => output,
    /** The whole answer object, error or not. */
    ask: async (method, ...params) =>
      (await post(JSON.stringify({ jsonrpc: '2.0', id: ++id, method, params }))).json(),
    /** The result; throws on an error. */
    rpc: async (method, ...params) => {
      const answer = await node.ask(method, ...params);
      if (answer.error) throw Object.assign(new Error(`${method}: ${answer.error.message}`), answer.error);
      return answer.result;
    },
    kill: async (signal) => { child.kill(signal); return exit; },
    stop: async () => {
      if (!ended) child.kill('SIGTERM');
      const end = await exit;
      if (!datadir) rmSync(scratch, { recursive: true, force: true });
      return end;
    },
  };
  await until(async () => {
    if (ended) throw new Error(`${program} ended with ${JSON.stringify(ended)}:\n${output}`);
    try {
      const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_chainId', params: [] });
      return (await fetch(waitFor, { method: 'POST', headers: { 'content-type': 'application/json' }, body })).ok;
    } catch { return null; }
  }, 60_000, 'the first answer');
  if (isAnvil) { // which predeploys only some of them
    for (const { address, code } of Object.values(predeploys())) await node.rpc('anvil_setCode', address, code);
  }
  return node;
}
