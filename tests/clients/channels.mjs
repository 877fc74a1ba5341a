// Channel daemons, as tests drive them: the program's own commands and JSON-RPC.
import { execFile, spawn } from 'node:child_process';
import { closeSync, cpSync, existsSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import { bin, freePort, keys, until } from './node.mjs';

/** `varve channel` with these words; resolves to { code, out, err }. */
export const command = (...words) => new Promise((done) => {
  execFile(bin, ['channel', ...words], (error, out, err) => done({ code: error ? error.code : 0, out, err }));
});

/** Puts the contracts on a chain. */
export async function deploy(url) {
  const { code, err } = await command('deploy', '--chain', url, '--key', keys[9] ?? keys[0]);
  if (code !== 0) throw new Error(err);
}

/** A server of `varve channel`, once it has said where its data is. */
async function launch(words, env = {}) {
  const child = spawn(bin, ['channel', ...words], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  let output = '';
  const server = { child, ended: null, output: () => output, line: (name) => output.match(new RegExp(`^${name}\\s+(\\S+)$`, 'm'))?.[1] };
  child.stdout.on('data', (data) => { output += data; });
  child.stderr.on('data', (data) => { output += data; });
  server.exit = new Promise((done) => child.once('exit', (code, signal) => { server.ended = { code, signal }; done(server.ended); }));
  await until(() => {
    if (server.ended) throw new Error(`${words[0]} ended with ${JSON.stringify(server.ended)}:\n${output}`);
    return server.line('Data');
  }, 15_000, words[0]);
  return server;
}

const scratchFolder = () => mkdtempSync(`${tmpdir()}/varve-channels-`);

async function stop(server, scratch) {
  if (!server.ended) {
    server.child.kill('SIGTERM');
    server.child.kill('SIGCONT'); // a test that failed may have left it stopped
  }
  const end = await server.exit;
  if (scratch) rmSync(scratch, { recursive: true, force: true });
  return end;
}

/**
 * The moments at which a daemon with this `env` touches files and sockets (tests/durability/points.h), but for what
 * it asks a chain. It ends at the one that is chosen, with the status `ended`.
 */
export function startPoints() {
  const library = `${dirname(bin)}/tests/durability/libpoints.so`;
  if (!existsSync(library)) throw new Error(`${library} is not there, and without it no daemon ends: build it`);
  const folder = scratchFolder();
  const file = `${folder}/points`;
  const fd = openSync(file, 'wx+');
  const put = (at, value) => writeSync(fd, Buffer.from(Uint32Array.of(value).buffer), 0, 4, at);
  put(4, 0);
  put(0, 0);
  return {
    env: { LD_PRELOAD: library, VARVE_POINTS: file, VARVE_POINTS_EXCEPT: 'channel-chain' },
    /** The `at`th from now on, from 1; `how`: 0 before it, 1 halfway through, 2 after it. */
    choose: (at, how) => { put(4, how); put(0, at); },
    /** None. Gives how many were left until the one that was chosen; 0: it has come. */
    stop: () => {
      const left = Buffer.alloc(4);
      readSync(fd, left, 0, 4, 0);
      put(0, 0);
      return left.readUInt32LE();
    },
    close: () => { closeSync(fd); rmSync(folder, { recursive: true }); },
  };
}
startPoints.ended = 99;

/** What a daemon has on the disk, while it runs: once more where a file went during that, as a journal's that is written anew. */
export function copyLive({ datadir }, to) {
  for (let tries = 0; ; tries++) {
    try {
      cpSync(datadir, to, { recursive: true });
      return;
    } catch (error) {
      rmSync(to, { recursive: true, force: true });
      if (error.code !== 'ENOENT' || tries === 100) throw error;
    }
  }
}

/** A watchtower on the chains `urls`, paid for by `key`. With `datadir` and `port` of an earlier one it is that one again. */
export async function startTower({ urls, key, datadir, port, args = [] }) {
  const scratch = datadir ?? scratchFolder();
  port ??= await freePort();
  const server = await launch([
    'tower', ...urls.flatMap((url) => ['--chain', url]), '--key', key, '--datadir', scratch, '--port', String(port),
    '--confirmations', '1', '--poll', '50', ...args,
  ]);
  const name = server.line('Tower');
  const tower = {
    name, pid: server.child.pid, datadir: scratch, output: server.output, port: Number(name.split(':').at(-1)),
    kill: async (signal = 'SIGKILL') => { server.child.kill(signal); return server.exit; },
    again: () => startTower({ urls, key, datadir: scratch, port: tower.port, args }),
    stop: () => stop(server, datadir ? undefined : scratch),
  };
  return tower;
}

/**
 * A daemon on the chains `urls`, paid for by `key`. With `datadir` and `port` of an earlier one it is that one again.
 * Its journal is written anew all the time.
 */
export async function startDaemon({ urls, key, datadir, port, args = [], more = [], word = 'node', env }) {
  const scratch = datadir ?? scratchFolder();
  port ??= await freePort();
  const server = await launch([
    word, ...urls.flatMap((url) => ['--chain', url]), '--key', key, '--datadir', scratch, '--port', String(port),
    '--http.port', '0', '--confirmations', '1', '--poll', '50', '--challenge', '60', '--journal', '1', ...args, ...more,
  ], env);
  const { child, line, output, exit } = server;
  const url = line('JSON-RPC');
  const node = line('Node');
  let id = 0;
  const daemon = {
    url, node, datadir: scratch, pid: child.pid, exit, port: Number(node.split(':').at(-1)), output,
    ask: async (method, params = {}) => {
      const body = JSON.stringify({ jsonrpc: '2.0', id: ++id, method, params: [params] });
      return (await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body })).json();
    },
    rpc: async (method, params) => {
      const answer = await daemon.ask(method, params);
      if (answer.error) throw new Error(`${method}: ${answer.error.message}\n${output().slice(-2000)}`);
      return answer.result;
    },
    channel: async (channel) => (await daemon.rpc('channel_list')).find((each) => each.channel === channel),
    kill: async (signal = 'SIGKILL') => { child.kill(signal); return exit; },
    /** The same daemon, after it has ended. */
    again: (changes = {}) => startDaemon({ urls, key, datadir: scratch, port: daemon.port, args, env, ...changes }),
    stop: () => stop(server, datadir ? undefined : scratch),
  };
  return daemon;
}

export const hex = (value) => `0x${value.toString(16)}`;
