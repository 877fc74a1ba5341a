// Hostile requests to a running node: a proper error each, and the node answers the next one.
import { test, before, after, afterEach, describe } from 'node:test';
import assert from 'node:assert/strict';
import net from 'node:net';
import { addresses, startNode } from '../clients/node.mjs';

let node;
before(async () => { node = await startNode(); });
after(() => node?.stop());
afterEach(async () => assert.match(await node.rpc('eth_blockNumber'), /^0x/));

/** Bytes over a socket of their own; what came back when the server closed or fell silent. */
function raw(bytes, ms = 1_000) {
  return new Promise((done) => {
    const socket = net.connect(node.port, '127.0.0.1');
    let answer = '';
    const finish = () => { clearTimeout(clock); socket.destroy(); done(answer); };
    const clock = setTimeout(finish, ms);
    socket.on('data', (data) => { answer += data; });
    socket.on('end', finish);
    socket.on('error', finish);
    socket.write(bytes);
  });
}

const http = (body, headers = '') => `POST / HTTP/1.1\r\nHost: 127.0.0.1:${node.port}\r\nContent-Type: application/json\r\n` +
  `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n${headers}\r\n${body}`;

describe('JSON-RPC', () => {
  for (const [name, body, code] of [
    ['what is not JSON', '{"jsonrpc":"2.0","id":1,', -32700],
    ['an empty body', '', -32700],
    ['bytes that are not text', Buffer.from([0xff, 0xfe, 0x7b]), -32700],
    ['two values', '{} {}', -32700],
    ['a number', '5', -32600],
    ['an object without a method', '{"jsonrpc":"2.0","id":1}', -32600],
    ['a method that is a number', '{"jsonrpc":"2.0","id":1,"method":5}', -32600],
    ['an empty batch', '[]', -32600],
    ['params that are a word', '{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":"x"}', -32602],
    ['ten thousand brackets', '['.repeat(10_000), -32700],
    ['a number of ten thousand digits', `{"jsonrpc":"2.0","id":1,"method":"eth_getBlockByNumber","params":[${'9'.repeat(10_000)},false]}`, -32602],
    ['an address that is too long', `{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":["0x${'ab'.repeat(21)}","latest"]}`, -32602],
    ['a missing argument', '{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":[]}', -32602],
    ['a block tag that nobody knows', `{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":["${addresses[0]}","newest"]}`, -32602],
  ]) {
    test(`${name} is answered with ${code}`, async () => {
      const answer = JSON.parse((await (await node.post(body)).text()));
      assert.equal(answer.error?.code, code);
      assert.ok(answer.error.message.length > 3);
    });
  }

  test('a batch answers its good items and refuses its bad ones', async () => {
    const answers = await (await node.post('[1,{"jsonrpc":"2.0","id":7,"method":"eth_chainId"},{"id":8},"x"]')).json();
    assert.equal(answers.find((a) => a.id === 7).result, '0x384');
    assert.equal(answers.filter((a) => a.error?.code === -32600).length, 3);
  });

  test('a batch of 1,001 is refused whole', async () => {
    const item = '{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}';
    const answer = await (await node.post(`[${Array(1_001).fill(item).join(',')}]`)).json();
    assert.ok((Array.isArray(answer) ? answer[0] : answer).error);
  });

  test('a notification gets no answer', async () => {
    assert.equal(await (await node.post('{"jsonrpc":"2.0","method":"eth_chainId"}')).text(), '');
  });

  test('an id comes back as it was sent', async () => {
    for (const id of ['"a\\"b"', '18446744073709551615', 'null', '-1.5']) {
      const text = await (await node.post(`{"jsonrpc":"2.0","id":${id},"method":"eth_chainId"}`)).text();
      assert.ok(text.replaceAll(' ', '').includes(`"id":${id}`), text);
    }
  });
});

describe('raw transactions', () => {
  const legacy = 'f86c808504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83';
  for (const [name, hex] of Object.entries({
    'nothing': '0x',
    'a zero byte': '0x00',
    'an unknown type': '0x7fc0',
    'an empty list': '0xc0',
    'a list that promises more than there is': '0xfbffffffff0102',
    'an odd number of digits': '0xabc',
    'no hexadecimal': '0xzz',
    'another chain\'s transaction': `0x${legacy}`,
    'a transaction with a byte too many': `0x${legacy}00`,
    'a transaction with a byte too few': `0x${legacy.slice(0, -2)}`,
    'nested lists, a thousand deep': `0x${'c1'.repeat(1_000)}c0`,
    'a type and nothing after it': '0x02',
  })) {
    test(`${name} is refused with a reason`, async () => {
      const { error } = await node.ask('eth_sendRawTransaction', hex);
      assert.ok(error && error.code < 0 && error.message.length > 3);
    });
  }
});

describe('HTTP', () => {
  const call = '{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}';
  const status = (answer) => Number(answer.match(/^HTTP\/1\.1 (\d+)/)?.[1] ?? 0);

  test('a foreign Host is refused (DNS rebinding)', async () => {
    const answer = await raw(http(call).replace(/Host: .*\r\n/, 'Host: evil.example\r\n'));
    assert.equal(status(answer), 403);
  });
  test('localhost is a good Host', async () => {
    assert.equal(status(await raw(http(call).replace(/Host: .*\r\n/, `Host: localhost:${node.port}\r\n`))), 200);
  });
  test('no Host is refused', async () => {
    assert.ok(status(await raw(http(call).replace(/Host: .*\r\n/, ''))) >= 400);
  });
  test('doubled Content-Length is refused', async () => {
    assert.ok([0, 400].includes(status(await raw(http(call, `Content-Length: ${call.length + 1}\r\n`)))));
  });
  test('Content-Length with chunked is refused', async () => {
    assert.ok([0, 400].includes(status(await raw(http(call, 'Transfer-Encoding: chunked\r\n')))));
  });
  test('a body that is announced as huge is refused', async () => {
    const answer = await raw(http(call).replace(/Content-Length: \d+/, 'Content-Length: 99999999999'));
    assert.ok([0, 400, 413].includes(status(answer)));
  });
  test('a body that never comes leaves the others alone', async () => {
    const slow = raw(http(call).slice(0, -10), 500);
    assert.match(await node.rpc('eth_blockNumber'), /^0x/);
    await slow;
  });
  test('noise is refused', async () => {
    assert.ok([0, 400].includes(status(await raw('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n'))));
  });
  test('headers without end are refused', async () => {
    assert.ok([0, 400, 413, 414, 431].includes(status(await raw(`POST / HTTP/1.1\r\nHost: localhost\r\nX: ${'y'.repeat(1 << 20)}\r\n\r\n`))));
  });
});
