// What the benchmarks share: alternating pairs of varve and a peer, medians of the pairs' ratios,
// a lean JSON-RPC client, CPU and memory of a server.
import http from 'node:http';
import { readFileSync } from 'node:fs';
import { foundry, bin } from '../tests/clients/node.mjs';

export const programs = { varve: bin, anvil: foundry('anvil') };

/** `--name value` of the command line. */
export function option(name, fallback) {
  const at = process.argv.indexOf(`--${name}`);
  if (at < 0) return fallback;
  const value = process.argv[at + 1];
  return typeof fallback === 'number' ? Number(value) : value;
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * Runs `measure(name)` for both sides in turn, `pairs` times, each pair starting with the other
 * side. Gives { ours, theirs, ratios } per figure: medians, and the median of ours / theirs.
 */
export async function pairs(count, peer, measure) {
  const rounds = [];
  for (let i = 0; i < count; i++) {
    const round = {};
    for (const side of i % 2 ? [peer, 'varve'] : ['varve', peer]) round[side] = await measure(side);
    rounds.push(round);
  }
  const figures = {};
  for (const key of Object.keys(rounds[0].varve)) {
    const usable = rounds.filter((r) => Number.isFinite(r.varve[key]) && Number.isFinite(r[peer]?.[key]));
    figures[key] = {
      ours: median(rounds.map((r) => r.varve[key])),
      theirs: usable.length ? median(usable.map((r) => r[peer][key])) : NaN,
      ratio: usable.length ? median(usable.map((r) => r.varve[key] / r[peer][key])) : NaN,
    };
  }
  return figures;
}

const shown = (value) => (!Number.isFinite(value) ? '–' : Math.abs(value) >= 100
  ? Math.round(value).toLocaleString('en') : value.toPrecision(3));

/** Prints rows of { label: figures of `pairs` } as a table. */
export function table(title, peer, rows) {
  console.log(`\n${title}`);
  const width = Math.max(...rows.map(([label]) => label.length));
  console.log(`${''.padEnd(width)}  ${'varve'.padStart(10)}  ${peer.padStart(10)}  ${'ratio'.padStart(7)}`);
  for (const [label, { ours, theirs, ratio }] of rows) {
    console.log(`${label.padEnd(width)}  ${shown(ours).padStart(10)}  ${shown(theirs).padStart(10)}  ${shown(ratio).padStart(7)}`);
  }
}

/** One keep-alive connection that posts JSON-RPC bodies one after another. */
export class Connection {
  constructor(url) {
    const { hostname, port } = new URL(url);
    this.agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    this.options = { hostname, port, method: 'POST', agent: this.agent, headers: { 'content-type': 'application/json' } };
  }

  post(body) {
    return new Promise((done, refuse) => {
      const request = http.request({ ...this.options, headers: { ...this.options.headers, 'content-length': Buffer.byteLength(body) } }, (answer) => {
        const chunks = [];
        answer.on('data', (chunk) => chunks.push(chunk));
        answer.on('end', () => done(Buffer.concat(chunks)));
      });
      request.on('error', refuse);
      request.end(body);
    });
  }

  async call(method, ...params) {
    const answer = JSON.parse(await this.post(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })));
    if (answer.error) throw new Error(`${method}: ${answer.error.message}`);
    return answer.result;
  }

  /** One HTTP request with many calls; gives their results in order. */
  async batch(calls) {
    const body = JSON.stringify(calls.map(([method, params], id) => ({ jsonrpc: '2.0', id, method, params })));
    const answers = JSON.parse(await this.post(body));
    const failed = answers.find((answer) => answer.error);
    if (failed) throw new Error(failed.error.message);
    return answers.sort((a, b) => a.id - b.id).map((answer) => answer.result);
  }

  close() { this.agent.destroy(); }
}

/** CPU seconds that process `pid` has used; user and system. */
export function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100; // utime and stime, in ticks of 10 ms
}

/** Resident MiB of process `pid`: now, and its peak. */
export function memory(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name) => Number(status.match(new RegExp(`${name}:\\s+(\\d+)`))[1]) / 1024;
  return { now: field('VmRSS'), peak: field('VmHWM') };
}
