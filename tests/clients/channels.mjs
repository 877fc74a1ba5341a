// Channel daemons, as tests drive them: the program's own commands and JSON-RPC.
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { bin, keys, until } from './node.mjs';

/** `varve channel` with these words; resolves to { code, out, err }. */
export const command = (...words) => new Promise((done) => {
  execFile(bin, ['channel', ...words], (error, out, err) => done({ code: error ? error.code : 0, out, err }));
});

/** Puts the contracts on a chain. */
export async function deploy(url) {
  const { code, err } = await command('deploy', '--chain', url, '--key', keys[9] ?? keys[0]);
  if (code !== 0) throw new Error(err);
}

/**
 * A daemon on the chains `urls`, paid for by `key`. With `datadir` and `port` of an earlier one it is that one again.
 */
export async function startDaemon({ urls, key, datadir, port = 0, args = [] }) {
  const scratch = datadir ?? mkdtempSync(`${tmpdir()}/varve-channels-`);
  const child = spawn(bin, [
    'channel', 'node', ...urls.flatMap((url) => ['--chain', url]), '--key', key, '--datadir', scratch, '--port', String(port),
    '--http.port', '0', '--confirmations', '1', '--poll', '50', '--challenge', '60', ...args,
  ], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let ended = null;
  child.stdout.on('data', (data) => { output += data; });
  child.stderr.on('data', (data) => { output += data; });
  const exit = new Promise((done) => child.once('exit', (code, signal) => { ended = { code, signal }; done(ended); }));
  const line = (name) => output.match(new RegExp(`^${name}\\s+(\\S+)$`, 'm'))?.[1];
  await until(() => {
    if (ended) throw new Error(`the daemon ended with ${JSON.stringify(ended)}:\n${output}`);
    return line('Data');
  }, 15_000, 'the daemon');
  const url = line('JSON-RPC');
  const node = line('Node');
  let id = 0;
  const daemon = {
    url, node, datadir: scratch, pid: child.pid, exit, port: Number(node.split(':').at(-1)), output: () => output,
    ask: async (method, params = {}) => {
      const body = JSON.stringify({ jsonrpc: '2.0', id: ++id, method, params: [params] });
      return (await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body })).json();
    },
    rpc: async (method, params) => {
      const answer = await daemon.ask(method, params);
      if (answer.error) throw new Error(`${method}: ${answer.error.message}\n${output.slice(-2000)}`);
      return answer.result;
    },
    channel: async (channel) => (await daemon.rpc('channel_list')).find((each) => each.channel === channel),
    kill: async (signal = 'SIGKILL') => { child.kill(signal); return exit; },
    /** The same daemon, after it has ended. */
    again: (more = {}) => startDaemon({ urls, key, datadir: scratch, port: daemon.port, args, ...more }),
    stop: async () => {
      if (!ended) child.kill('SIGTERM');
      const end = await exit;
      if (!datadir) rmSync(scratch, { recursive: true, force: true });
      return end;
    },
  };
  return daemon;
}

export const hex = (value) => `0x${value.toString(16)}`;
