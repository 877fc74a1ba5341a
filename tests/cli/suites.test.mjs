// The runners of the official tests: what they say, what they count, how they end.
import { test, describe } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { bin } from '../clients/node.mjs';

const scratch = mkdtempSync(`${tmpdir()}/varve-suites-`);
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));

const run = (...args) => spawnSync(bin, args, { encoding: 'utf8', timeout: 20_000 });
const lastLine = (text) => text.trimEnd().split('\n').at(-1);

const word = (digits) => `0x${digits.padStart(64, '0')}`;
const nobody = '0x00000000000000000000000000000000000000aa';
const emptyRoot = '0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421';
const noLogs = '0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347';

/** A state test on an empty world: its sender has nothing, so the transaction must be refused. */
const stateTest = (fork, hash) => ({
  env: { currentCoinbase: nobody, currentGasLimit: '0x1000000', currentNumber: '0x1', currentTimestamp: '0x1', currentBaseFee: '0x7', currentRandom: word('0'), currentDifficulty: '0x0' },
  pre: {},
  transaction: { nonce: '0x0', gasPrice: '0xa', gasLimit: ['0x5208'], value: ['0x1'], data: ['0x'], to: nobody, sender: nobody },
  config: { chainid: '0x1' },
  post: { [fork]: [{ hash, logs: noLogs, indexes: { data: 0, gas: 0, value: 0 }, expectException: 'TransactionException.INSUFFICIENT_ACCOUNT_FUNDS' }] },
});

describe('suites', () => {
  test('a passing test counts, and the exit code is 0', () => {
    const file = `${scratch}/good.json`;
    writeFileSync(file, JSON.stringify({ good: stateTest('Cancun', emptyRoot), other: stateTest('Osaka', emptyRoot) }));
    const { status, stdout } = run('statetest', file);
    assert.equal(lastLine(stdout), '2 passed, 0 failed');
    assert.equal(status, 0);
  });

  test('a failing test is named with its reason, and the exit code is 1', () => {
    const file = `${scratch}/bad.json`;
    writeFileSync(file, JSON.stringify({ bad: stateTest('Cancun', word('1')), good: stateTest('Prague', emptyRoot) }));
    const { status, stdout } = run('statetest', '--jobs', '2', file);
    assert.match(stdout, /FAIL .*bad\.json\n {2}"bad" "Cancun" #0\n {4}state root is 0x56e8.*, expected 0x0+1\n/);
    assert.equal(lastLine(stdout), '1 passed, 1 failed');
    assert.equal(status, 1);
  });

  test('what is skipped is counted with its reason', () => {
    const file = `${scratch}/skips.json`;
    writeFileSync(file, JSON.stringify({ a: stateTest('Cancun', emptyRoot), b: stateTest('Nowhere', emptyRoot), c: stateTest('Nowhere', emptyRoot) }));
    const all = run('statetest', file);
    assert.match(all.stdout, /^2 skipped: a network that varve does not know$/m);
    assert.equal(lastLine(all.stdout), '1 passed, 0 failed');
    const one = run('statetest', '--fork', 'Cancun', file);
    assert.match(one.stdout, /^2 skipped: another fork than --fork asks for$/m);
    assert.equal(lastLine(one.stdout), '1 passed, 0 failed');
  });

  test('a folder and an archive give the same as their files', () => {
    const folder = `${scratch}/suite`;
    const deep = `${folder}/${'long_name_'.repeat(12)}`; // beyond the 100 bytes of a tar header
    mkdirSync(deep, { recursive: true });
    writeFileSync(`${folder}/one.json`, JSON.stringify({ one: stateTest('Cancun', emptyRoot) }));
    writeFileSync(`${deep}/two.json`, JSON.stringify({ two: stateTest('Osaka', emptyRoot) }));
    writeFileSync(`${folder}/notes.txt`, 'not a test');
    assert.equal(lastLine(run('statetest', folder).stdout), '2 passed, 0 failed');
    execFileSync('sh', ['-c', `tar c -C '${scratch}' suite | zstd -q -o '${scratch}/suite.tar.zst'`]);
    assert.equal(lastLine(run('statetest', `${scratch}/suite.tar.zst`).stdout), '2 passed, 0 failed');
    execFileSync('sh', ['-c', `head -c 100 '${scratch}/suite.tar.zst' > '${scratch}/torn.tar.zst'`]);
    const torn = run('statetest', `${scratch}/torn.tar.zst`);
    assert.match(torn.stderr, /^varve: .*torn\.tar\.zst: not a whole zstd file/);
    assert.equal(torn.status, 1);
  });

  test('what is no test is one sentence and a failure', () => {
    writeFileSync(`${scratch}/broken.json`, '{"a":');
    const broken = run('statetest', `${scratch}/broken.json`);
    assert.match(broken.stdout, /JSON: expected a value at byte 5/);
    assert.equal(broken.status, 1);
    assert.match(run('blocktest', `${scratch}/none`).stderr, /^varve: .*none: No such file or directory\n$/);
    assert.match(run('statetest').stderr, /no path/);
    assert.match(run('statetest', '--jobs', '0', scratch).stderr, /--jobs needs a number/);
    assert.match(run('statetest', '--what').stderr, /unknown option/);
  });
});
