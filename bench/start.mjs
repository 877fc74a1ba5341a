#!/usr/bin/env node
// Start and footprint, varve beside anvil:  bench/start.mjs [--pairs 11]
// exec to the first answer; resident memory when idle; size of
// the program with every shared library but libc's own.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync, statSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { freePort } from '../tests/clients/node.mjs';
import { memory, option, pairs, programs, table } from './lib.mjs';

/** Megabytes of a program and of the shared libraries that it loads, without libc, libm and the loader. */
function size(program) {
  let bytes = statSync(program).size;
  const listed = execFileSync('ldd', [program], { encoding: 'utf8' });
  for (const [, path] of listed.matchAll(/=> (\/\S+)/g)) {
    if (!/\/(libc|libm|libpthread|libdl|librt)\.so/.test(path)) bytes += statSync(realpathSync(path)).size;
  }
  return bytes / 1e6;
}

const request = (port) => {
  const body = '{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber","params":[]}';
  return `POST / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
};

/** Resolves when the server has answered one request; asks again at once where nobody listens yet. */
function firstAnswer(port) {
  return new Promise((done) => {
    const attempt = () => {
      const socket = net.connect(port, '127.0.0.1');
      socket.on('connect', () => socket.write(request(port)));
      socket.on('data', (data) => { if (data.includes('"result"')) { socket.destroy(); done(); } });
      socket.on('error', () => setTimeout(attempt, 0.5));
    };
    attempt();
  });
}

const rounds = option('pairs', 11);
const figures = await pairs(rounds, 'anvil', async (side) => {
  const port = await freePort();
  const datadir = mkdtempSync(`${tmpdir()}/varve-bench-`);
  const args = side === 'anvil' ? ['--port', String(port)] : ['up', '--http.port', String(port), '--datadir', datadir];
  const begin = performance.now();
  const child = spawn(programs[side], args, { stdio: 'ignore' });
  await firstAnswer(port);
  const ready = performance.now() - begin;
  await new Promise((done) => setTimeout(done, 1_000));
  const idle = memory(child.pid).now;
  child.kill('SIGKILL');
  await new Promise((done) => child.once('exit', done));
  rmSync(datadir, { recursive: true, force: true });
  return { 'exec to first answer, ms': ready, 'idle memory, MiB': idle, 'size with libraries, MB': size(programs[side]) };
});
table(`start, ${rounds} pairs`, 'anvil', Object.entries(figures));
