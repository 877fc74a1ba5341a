// Channel daemons, as tests drive them: the program's own commands and JSON-RPC.
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
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
async function launch(words) {
  const child = spawn(bin, ['channel', ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
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
  if (!server.ended) server.child.kill('SIGTERM');
  const end = await server.exit;
  if (scratch) rmSync(scratch, { recursive: true, force: true });
  return end;
}

/** A watchtower on the chains `urls`, paid for by `key`. With `datadir` and `port` of an earlier one it is that one again. */
export async function startTower({ urls, key, datadir, port }) {
  const scratch = datadir ?? scratchFolder();
  port ??= await freePort();
  const server = await launch([
    'tower', ...urls.flatMap((url) => ['--chain', url]), '--key', key, '--datadir', scratch, '--port', String(port),
    '--confirmations', '1', '--poll', '50',
  ]);
  const name = server.line('Tower');
  const tower = {
    name, datadir: scratch, output: server.output, port: Number(name.split(':').at(-1)),
    kill: async (signal = 'SIGKILL') => { server.child.kill(signal); return server.exit; },
    again: () => startTower({ urls, key, datadir: scratch, port: tower.port }),
    stop: () => stop(server, datadir ? undefined : scratch),
  };
  return tower;
}

/**
 * A daemon on the chains `urls`, paid for by `key`. With `datadir` and `port` of an earlier one it is that one again.
 */
export async function startDaemon({ urls, key, datadir, port, args = [], more = [], word = 'node' }) {
  const scratch = datadir ?? scratchFolder();
  port ??= await freePort();
  const server = await launch([
    word, ...urls.flatMap((url) => ['--chain', url]), '--key', key, '--datadir', scratch, '--port', String(port),
    '--http.port', '0', '--confirmations', '1', '--poll', '50', '--challenge', '60', ...args, ...more,
  ]);
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
    again: (changes = {}) => startDaemon({ urls, key, datadir: scratch, port: daemon.port, args, ...changes }),
    stop: () => stop(server, datadir ? undefined : scratch),
  };
  return daemon;
}

export const hex = (value) => `0x${value.toString(16)}`;
